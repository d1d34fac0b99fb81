//! A run: the server, its replicas, and what befalls them.

use sanderling_core::{
    Engine, EngineOptions, Env, SessionId,
    format::Record,
    hash::Rng,
    keyspace::Value as Stored,
    resp::Value,
    sync::{Grant, Hub, HubOptions, LogId, PeerId},
};

use super::{
    disk::{Disk, Entry},
    node::{Connection, Node},
    oracle::{Oracle, content},
};

/// The shape of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Replicas.
    pub replicas: usize,
    /// Things that happen before everything is let settle.
    pub steps: usize,
}

/// What occurred, so that an oracle that never had anything to judge is seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Commands that replicas were told took effect.
    pub acknowledged: u64,
    /// Commands run again by rebases.
    pub reruns: u64,
    /// Replies that turned out differently.
    pub corrections: u64,
    /// Snapshots that replicas took.
    pub resyncs: u64,
    /// Connections that went on where they were.
    pub connections: u64,
    /// Connections cut with messages under way.
    pub cuts: u64,
    /// Server crashes, and appends lost in them.
    pub server_crashes: u64,
    /// Appends that were lost in them.
    pub appends_lost: u64,
    /// Replicas killed and opened again.
    pub replica_crashes: u64,
}

impl Report {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.reruns += other.reruns;
        self.corrections += other.corrections;
        self.resyncs += other.resyncs;
        self.connections += other.connections;
        self.cuts += other.cuts;
        self.server_crashes += other.server_crashes;
        self.appends_lost += other.appends_lost;
        self.replica_crashes += other.replica_crashes;
    }
}

/// Runs the simulation that follows from `seed`.
///
/// # Panics
/// If a promise is broken; the message says which.
pub fn run(seed: u64, options: Options) -> Report {
    let mut world = World::new(seed, options);
    for _ in 0..options.steps {
        world.step();
    }
    world.settle();
    world.report()
}

struct World {
    rng: Rng,
    now_ms: u64,
    engine: Engine,
    hub: Hub,
    disk: Disk,
    /// A RESP client of the server.
    client: SessionId,
    nodes: Vec<Node>,
    oracle: Oracle,
    report: Report,
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut rng = Rng::new(seed);
        let now_ms = 1_700_000_000_000;
        let nodes = (0..options.replicas).map(|index| {
            let interest: &[&str] = match rng.below(3) {
                0 => &["*"],
                1 => &["k:*", "ledger:*"],
                _ => &["k:[0-3]", "ledger:?"],
            };
            let interest = interest.iter().map(|glob| glob.as_bytes().to_vec()).collect();
            let skew_ms = rng.below(120_000);
            Node::new(index, interest, skew_ms, now_ms + skew_ms)
        });
        let nodes = nodes.collect();
        let (engine, hub, client, disk) = start(Disk::default(), &mut rng, now_ms);
        Self { rng, now_ms, engine, hub, disk, client, nodes, oracle: Oracle::default(), report: Report::default() }
    }

    fn step(&mut self) {
        self.now_ms += self.rng.below(20);
        let node = self.rng.index(self.nodes.len());
        match self.rng.below(100) {
            0..30 => self.call_replica(node),
            30..40 => self.call_server(),
            40..60 => self.deliver_up(node),
            60..80 => self.deliver_down(node),
            80..86 => self.sync_disk(),
            86..90 => self.nodes[node].store(),
            90..96 => self.connect(node),
            96 => self.cut(node),
            97 => self.now_ms += self.rng.below(5_000),
            98 if self.rng.below(4) == 0 => self.crash_server(),
            99 if self.rng.below(2) == 0 => self.crash_replica(node),
            _ => self.expire(),
        }
        self.pump();
    }

    /// Hands on what the state machines gave out, as shells do.
    fn pump(&mut self) {
        if self.hub.has_log() {
            let log = self.hub.take_log();
            self.disk.append(Entry::Records(log));
        }
        while let Some((peer, message)) = self.hub.poll_transmit() {
            let connection = self.nodes.iter_mut().filter_map(|node| node.connection.as_mut());
            if let Some(connection) = connection.into_iter().find(|connection| connection.peer == peer) {
                connection.down.push_back(message);
            }
        }
        while let Some((peer, reason)) = self.hub.poll_close() {
            assert!(
                sanderling_core::sync::CloseReason::may_retry(reason.code()) || reason.code() == 4003,
                "the hub closed an honest replica's connection for good: {reason:?}"
            );
            self.hang_up(peer);
        }
        for node in &mut self.nodes {
            for token in node.drain() {
                self.oracle.acknowledge(token);
            }
        }
    }

    fn env(&mut self, skew_ms: u64) -> Env {
        Env::new(self.now_ms + skew_ms, self.rng.next_u64())
    }

    /// A user writes in a tab: an entry in the ledger of its own, together with something that others write, too.
    fn call_replica(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let key = format!("k:{}", self.rng.below(4));
        let words = random_command(&mut self.rng, &key);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let node = &mut self.nodes[index];
        if self.rng.below(3) == 0 {
            // A command by itself; nothing but convergence to check.
            let (reply, seq) = node.call(env, &words);
            if let (b"SET", Value::Simple(_)) = (words[0], &reply) {
                let (read, _) = node.call(env, &[b"GET", key.as_bytes()]);
                assert_eq!(read, Value::Bulk(words[2].to_vec()), "a replica reads its own write");
            }
            if let Some(seq) = seq {
                node.waiting.push_back((seq, 0));
            }
            node.waiting.retain(|(_, token)| *token != 0);
            return;
        }
        let token = self.oracle.issue(index);
        let (ledger, token_text) = (format!("ledger:{index}"), token.to_string());
        let entry: [&[u8]; 3] = [b"RPUSH", ledger.as_bytes(), token_text.as_bytes()];
        let (_, seq) = match self.rng.below(3) {
            0 => {
                node.call(env, &[b"MULTI"]);
                node.call(env, &words);
                node.call(env, &entry);
                node.call(env, &[b"EXEC"])
            }
            _ => node.call(env, &entry),
        };
        node.waiting.push_back((seq.unwrap_or_else(|| panic!("the ledger entry with {words:?} isn't pushed")), token));
        let (last, _) = node.call(env, &[b"LINDEX", ledger.as_bytes(), b"-1"]);
        assert_eq!(last, Value::Bulk(token_text.into_bytes()), "a replica reads its own write");
    }

    /// Somebody writes with redis-cli.
    fn call_server(&mut self) {
        let env = self.env(0);
        let key = format!("k:{}", self.rng.below(6));
        let words = random_command(&mut self.rng, &key);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.engine.execute(env, self.client, &words, &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
    }

    fn expire(&mut self) {
        let env = self.env(0);
        self.engine.expire(env, 10);
        self.hub.commit(&mut self.engine, env.now);
    }

    fn sync_disk(&mut self) {
        self.disk.sync();
        self.hub.handle_durable(self.hub.seq());
    }

    fn connect(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        if node.connection.is_some() {
            return;
        }
        self.report.connections += 1;
        let peer = self.hub.open_peer(Grant::everything());
        node.connection = Some(Connection { peer, up: Default::default(), down: Default::default() });
        node.replica.handle_connected(env);
    }

    fn deliver_up(&mut self, index: usize) {
        let env = self.env(0);
        if let Some(connection) = &mut self.nodes[index].connection
            && let Some(message) = connection.up.pop_front()
        {
            self.hub.handle_message(&mut self.engine, env, connection.peer, &message);
        }
    }

    fn deliver_down(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        if let Some(connection) = &mut node.connection
            && let Some(message) = connection.down.pop_front()
        {
            node.replica.handle_message(env, &message).expect("an honest hub's message is taken");
        }
    }

    /// The connection breaks; what is under way is lost. Whether the hub notices now or later is left open by the
    /// next connection, which replaces this one.
    fn cut(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if let Some(connection) = node.connection.take() {
            self.report.cuts += u64::from(!connection.up.is_empty() || !connection.down.is_empty());
            node.replica.handle_disconnected();
            if self.rng.below(2) == 0 {
                self.hub.close_peer(&mut self.engine, connection.peer);
            }
        }
    }

    fn hang_up(&mut self, peer: PeerId) {
        self.hub.close_peer(&mut self.engine, peer);
        for node in &mut self.nodes {
            if node.connection.as_ref().is_some_and(|connection| connection.peer == peer) {
                node.connection = None;
                node.replica.handle_disconnected();
            }
        }
    }

    fn crash_server(&mut self) {
        self.report.server_crashes += 1;
        let mut disk = core::mem::take(&mut self.disk);
        let lost = self.rng.below(disk.unsynced() as u64 + 1) as usize;
        self.report.appends_lost += lost as u64;
        disk.lose(lost);
        (self.engine, self.hub, self.client, self.disk) = start(disk, &mut self.rng, self.now_ms);
        for node in &mut self.nodes {
            if node.connection.take().is_some() {
                node.replica.handle_disconnected();
            }
        }
    }

    fn crash_replica(&mut self, index: usize) {
        self.report.replica_crashes += 1;
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        self.report.reruns += node.replica.status().reruns;
        if let Some(connection) = node.connection.take() {
            self.hub.close_peer(&mut self.engine, connection.peer);
        }
        // What wasn't stored may be lost, unless it has reached the server; nobody was told that it's safe.
        for (_, token) in &node.waiting {
            self.oracle.may_be_lost(*token);
        }
        node.restart(env.now.0);
    }

    /// Lets everything arrive, and compares.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.sync_disk();
            for index in 0..self.nodes.len() {
                self.connect(index);
                while self.nodes[index].connection.as_ref().is_some_and(|connection| !connection.up.is_empty()) {
                    self.deliver_up(index);
                }
                self.pump();
                while self.nodes[index].connection.as_ref().is_some_and(|connection| !connection.down.is_empty()) {
                    self.deliver_down(index);
                }
                self.pump();
            }
            let quiet = self.nodes.iter().all(|node| {
                let connection = node.connection.as_ref();
                connection.is_some_and(|connection| connection.up.is_empty() && connection.down.is_empty())
                    && node.replica.status().pending == 0
            });
            if quiet && self.hub.durable() == self.hub.seq() && !self.hub.has_log() {
                return self.compare();
            }
        }
        panic!("the run doesn't settle: {:?}", self.nodes.iter().map(|node| node.replica.status()).collect::<Vec<_>>());
    }

    fn compare(&mut self) {
        for node in &self.nodes {
            let expected = content(&self.engine, &node.interest);
            let found = content(node.replica.engine(), &node.interest);
            assert_eq!(found, expected, "replica {} differs from the server", node.index);
            let ledger = ledger(&self.engine, node.index);
            self.oracle.check_ledger(node.index, &ledger, true);
        }
        // A tab that is closed now comes back with the same, before it has heard from anyone.
        for index in 0..self.nodes.len() {
            self.nodes[index].store();
            let now_ms = self.now_ms;
            self.nodes[index].restart(now_ms);
            let node = &self.nodes[index];
            let expected = content(&self.engine, &node.interest);
            assert_eq!(
                content(node.replica.engine(), &node.interest),
                expected,
                "replica {index} stored something else"
            );
        }
    }

    fn report(mut self) -> Report {
        self.report.acknowledged = self.oracle.acknowledged() as u64;
        for node in &self.nodes {
            self.report.reruns += node.replica.status().reruns;
            self.report.corrections += node.corrections;
            self.report.resyncs += node.resyncs;
        }
        self.report
    }
}

/// Starts a server on a disk, whatever is on it.
fn start(mut disk: Disk, rng: &mut Rng, now_ms: u64) -> (Engine, Hub, SessionId, Disk) {
    let env = Env::new(now_ms, rng.next_u64());
    let mut engine = Engine::new(EngineOptions { seed: rng.next_u64(), ..EngineOptions::default() });
    let mut hub = Hub::new(HubOptions::default());
    for entry in disk.entries() {
        match entry {
            Entry::Head(head) if hub.seq().0 == 0 => hub.restore_head(head).expect("a head"),
            Entry::Head(head) => hub.restore_history(head).expect("a head"),
            Entry::Records(bytes) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let (record, after) = Record::decode(rest).expect("a record");
                    hub.recover_record(&mut engine, &record).expect("a record in its place");
                    rest = after;
                }
            }
        }
    }
    hub.begin_epoch(LogId(rng.next_u64()));
    disk.append(Entry::Head(hub.head()));
    disk.sync();
    engine.journal_mut().enable(true);
    let client = engine.open_session("127.0.0.1:1", env);
    (engine, hub, client, disk)
}

fn ledger(engine: &Engine, node: usize) -> Vec<u64> {
    match engine.keyspace().db(0).find(format!("ledger:{node}").as_bytes()).map(|entry| &entry.value) {
        Some(Stored::List(list)) => {
            let number = |element: &[u8]| String::from_utf8_lossy(element).parse().expect("a token");
            list.iter().map(number).collect()
        }
        _ => Vec::new(),
    }
}

fn random_command(rng: &mut Rng, key: &str) -> Vec<String> {
    let value = rng.below(20);
    let text = match rng.below(24) {
        0 => format!("SET {key} {value}"),
        1 => format!("SET {key} {value} NX"),
        2 => format!("SET {key} {value} PX {}", 50 + rng.below(3000)),
        3..6 => format!("INCRBY {key} {value}"),
        6 => format!("APPEND {key} {value}"),
        7 => format!("DEL {key}"),
        8 => format!("PEXPIRE {key} {}", 50 + rng.below(3000)),
        9 => format!("PERSIST {key}"),
        10 => format!("LPUSH {key} {value} a"),
        11 => format!("RPUSH {key} {value}"),
        12 => format!("LPOP {key}"),
        13 => format!("LREM {key} 1 a"),
        14 => format!("SETRANGE {key} {} x", rng.below(6)),
        15 => format!("RENAME {key} k:{}", rng.below(4)),
        16 => format!("GETDEL {key}"),
        17 => format!("LTRIM {key} 0 3"),
        18 => format!("LSET {key} 0 {value}"),
        19 => format!("SADD {key} {value}"),
        20 => format!("SPOP {key}"),
        21 => format!("HSET {key} f{} {value}", rng.below(4)),
        22 => format!("ZADD {key} {value} m{}", rng.below(4)),
        _ => format!("GETEX {key} PX {}", 50 + rng.below(3000)),
    };
    text.split(' ').map(str::to_owned).collect()
}
