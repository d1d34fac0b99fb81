//! A run: the server, its replicas, and what befalls them.

use sanderling_core::{
    Env,
    hash::Rng,
    keyspace::Value as Stored,
    resp::Value,
    sync::{CloseReason, Item, LoadScope, Message, PeerId, Start, SyncError, ToReplica},
};

use super::{
    commands,
    node::{Connection, Node},
    oracle::{Oracle, check_same, content},
    report::Report,
    server::Server,
};

/// The shape of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Replicas.
    pub replicas: usize,
    /// Things that happen before everything is let settle.
    pub steps: usize,
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

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) now_ms: u64,
    pub(super) server: Server,
    pub(super) nodes: Vec<Node>,
    pub(super) oracle: Oracle,
    pub(super) report: Report,
    /// Databases are flushed now and then. Then there are no ledgers.
    pub(super) is_flushing: bool,
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut rng = Rng::new(seed);
        let now_ms = 1_700_000_000_000;
        let nodes = (0..options.replicas).map(|index| Node::new(index, &mut rng, now_ms)).collect();
        let mut server = Server::new(&mut rng, now_ms);
        let is_flushing = rng.below(4) == 0;
        for _ in 0..rng.below(80) {
            let words = commands::random_of_operator(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            server.call(Env::new(now_ms, rng.next_u64()), &words);
        }
        Self { rng, now_ms, server, nodes, oracle: Oracle::default(), report: Report::default(), is_flushing }
    }

    fn step(&mut self) {
        self.now_ms += self.rng.below(20);
        let index = self.rng.index(self.nodes.len());
        match self.rng.below(114) {
            0..30 => self.call_replica(index),
            30..40 => self.call_server(),
            40..60 => self.deliver_up(index),
            60..80 => self.deliver_down(index),
            80..86 => self.server.sync_disk(&mut self.rng),
            86..90 => self.nodes[index].store(),
            90..95 => self.connect(index),
            95 => self.cut(index),
            96 => self.now_ms += self.rng.below(5_000),
            97 => self.jump_clock(index),
            98 if self.rng.below(4) == 0 => self.crash_server(),
            99 if self.rng.below(2) == 0 => self.crash_replica(index),
            100 => self.change_interest(index),
            101 => self.stall(index),
            102 | 103 => self.read(index),
            104 => self.burst_calls(index),
            105 => self.burst_interest(index),
            106 => self.burst_talk(index),
            107 => self.call_too_long(index),
            108..110 => self.lock(index),
            110 => self.delete_and_unsubscribe(index),
            113 if self.rng.below(2) == 0 => self.change_rights(index),
            111..114 if self.is_flushing => self.flush_while_loading(index),
            111 if self.rng.below(4) == 0 => self.crash_often(index),
            _ => self.server.expire(Env::new(self.now_ms, self.rng.next_u64())),
        }
        let all = self.rng.below(3) == 0;
        self.pump(all);
    }

    /// Hands on what the state machines gave out, as shells do: one message, or all.
    pub(super) fn pump(&mut self, all: bool) {
        self.server.note();
        self.server.hub.begin_round();
        while let Some((peer, message)) = self.server.hub.poll_transmit(&self.server.engine) {
            self.inspect(peer, &message);
            let connections = self.nodes.iter_mut().filter_map(|node| node.connection.as_mut());
            if let Some(connection) = connections.into_iter().find(|connection| connection.peer == peer) {
                connection.down.push_back(message);
            }
            if !all {
                break;
            }
        }
        while let Some((peer, reason)) = self.server.hub.poll_close() {
            match reason {
                CloseReason::FellBehind => self.report.note("replicas that fell behind"),
                CloseReason::Replaced => self.report.note("connections replaced"),
                CloseReason::RightsChanged => self.report.note("connections closed for other rights"),
                _ => panic!("the hub closed an honest replica's connection: {reason:?}"),
            }
            self.hang_up(peer);
        }
        for node in &mut self.nodes {
            for token in node.drain(&mut self.report) {
                self.oracle.acknowledge(token);
            }
        }
    }

    /// Looks at what the server sends: nothing that a crash could take back, nothing that isn't allowed.
    fn inspect(&mut self, peer: PeerId, bytes: &Message) {
        let message = ToReplica::decode(bytes).expect("a hub sends messages");
        if let Some(bytes) = message.unpacked(1 << 24).expect("a packed message unpacks") {
            self.report.note("packed messages");
            return self.inspect(peer, &bytes.into());
        }
        let node = self.nodes.iter().find(|node| node.connection.as_ref().is_some_and(|own| own.peer == peer));
        let restricted = node.is_some_and(|node| node.is_restricted);
        if restricted {
            let leaks = bytes.windows(7).any(|window| window == b"secret:");
            assert!(!leaks, "a replica is sent what it may not read: {message:?}");
            self.report.note("secrets withheld");
        }
        let through = match &message {
            ToReplica::Batch(batch) => {
                self.report.note("batches");
                let guessed = batch.items.iter().filter(|item| matches!(item, Item::AsGuessed { .. })).count();
                self.report.note_many("acknowledgements as guessed", guessed as u64);
                batch.through
            }
            ToReplica::LoadEnd { through } | ToReplica::Fetched { through, .. } => *through,
            ToReplica::LoadBegin(LoadScope::Added { .. }) => return self.report.note("loads by subscription"),
            ToReplica::Unsubscribed { .. } => return self.report.note("unsubscriptions"),
            ToReplica::Welcome(welcome) => {
                return self.report.note(match welcome.start {
                    Start::Resume => "starts by resume",
                    Start::Digest { .. } => "starts by digest",
                    Start::Load => "starts by load",
                });
            }
            _ => return,
        };
        let synced = self.server.synced;
        assert!(through <= synced, "a replica is shown {through:?}, and a crash may go back to {synced:?}");
    }

    pub(super) fn env(&mut self, skew_ms: u64) -> Env {
        Env::new(self.now_ms + skew_ms, self.rng.next_u64())
    }

    /// A user writes in a tab: an entry in the ledger of its own, together with something that others write, too.
    pub(super) fn call_replica(&mut self, index: usize) {
        if self.rng.below(6) == 0 {
            return self.lock(index);
        }
        let env = self.env(self.nodes[index].skew_ms);
        let key = match self.rng.below(6) {
            0 => format!("bulk:{}", self.rng.below(20)),
            _ => format!("k:{}", self.rng.below(4)),
        };
        let words = commands::random(&mut self.rng, &key);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let node = &mut self.nodes[index];
        if self.is_flushing || key.starts_with("bulk") || self.rng.below(3) == 0 {
            // A command by itself; nothing but convergence to check.
            let (reply, _) = node.call(env, &words);
            if let (b"SET", Value::Simple(_)) = (words[0], &reply) {
                let (read, _) = node.call(env, &[b"GET", key.as_bytes()]);
                assert_eq!(read, Value::Bulk(words[2].to_vec()), "a replica reads its own write");
            }
            return;
        }
        let target = if words[0] == b"RENAME" { String::from_utf8_lossy(words[2]).into_owned() } else { key.clone() };
        if [format!("ledger:{index}"), key, target].iter().any(|key| self.misses(index, key)) {
            return;
        }
        let node = &mut self.nodes[index];
        let token = self.oracle.issue(index);
        let (ledger, token_text) = (format!("ledger:{index}"), token.to_string());
        let entry: [&[u8]; 3] = [b"RPUSH", ledger.as_bytes(), token_text.as_bytes()];
        let is_transaction = self.rng.below(3) == 0;
        match is_transaction {
            true => self.run_transaction(index, env, &words, &entry),
            false => {
                let (reply, seq) = node.call(env, &entry);
                assert!(seq.is_some(), "the ledger entry isn't pushed: {reply:?}");
            }
        }
        let node = &mut self.nodes[index];
        node.pushed_last().token = token;
        let (last, _) = node.call(env, &[b"LINDEX", ledger.as_bytes(), b"-1"]);
        assert_eq!(last, Value::Bulk(token_text.into_bytes()), "a replica reads its own write");
    }

    /// Somebody looks at a few keys in a tab, and asks for those that were forgotten.
    fn read(&mut self, index: usize) {
        for _ in 0..3 {
            let key = match self.rng.below(3) {
                0 => format!("k:{}", self.rng.below(10)),
                _ => format!("bulk:{}", self.rng.below(40)),
            };
            self.misses(index, &key);
        }
    }

    /// Whether a replica with a budget doesn't know a key any more; then it asks for it.
    pub(super) fn misses(&mut self, index: usize, key: &str) -> bool {
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        if !node.has_budget() {
            return false;
        }
        let (reply, _) = node.call(env, &[b"EXISTS", key.as_bytes()]);
        let misses = matches!(&reply, Value::Error(text) if text.starts_with("UNKNOWN"));
        if misses {
            self.report.note("reads of unknown keys");
            node.fetch(key.as_bytes());
        }
        misses
    }

    /// Somebody writes with redis-cli.
    fn call_server(&mut self) {
        let env = self.env(0);
        let words = commands::random_of_operator(&mut self.rng);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        // The ledgers are emptied by nobody, so a replica's tokens stay.
        if words[0].starts_with(b"FLUSH") && !self.is_flushing {
            return self.flush_all_but_ledgers(env);
        }
        self.server.call(env, &words);
    }

    fn flush_all_but_ledgers(&mut self, env: Env) {
        let keys: Vec<Vec<u8>> = self.server.history.last_key_value().map_or_else(Vec::new, |(_, content)| {
            content.keys().filter(|key| !key.starts_with(b"ledger:")).cloned().collect()
        });
        let words: Vec<&[u8]> = [b"DEL".as_slice()].into_iter().chain(keys.iter().map(Vec::as_slice)).collect();
        self.server.call(env, &words);
    }

    fn jump_clock(&mut self, index: usize) {
        self.report.note("clock jumps");
        self.nodes[index].skew_ms = self.rng.below(300_000);
    }

    fn connect(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        if node.connection.is_some() {
            return;
        }
        let peer = self.server.hub.open_peer(node.grant());
        node.connection = Some(Connection { peer, up: Default::default(), down: Default::default() });
        node.replica.handle_connected(env);
    }

    pub(super) fn deliver_up(&mut self, index: usize) {
        let env = self.env(0);
        if let Some(connection) = &mut self.nodes[index].connection
            && let Some(message) = connection.up.pop_front()
        {
            self.server.hub.handle_message(&mut self.server.engine, env, connection.peer, &message);
            self.server.note();
        }
    }

    pub(super) fn deliver_down(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        if let Some(connection) = &mut node.connection
            && let Some(message) = connection.down.pop_front()
        {
            match node.replica.handle_message(env, &message) {
                Ok(()) => {}
                Err(SyncError::OtherIdentities) => {
                    self.report.note("connections for other identities");
                    return self.cut(index);
                }
                Err(error) => panic!("replica {index} doesn't take an honest hub's message: {error}"),
            }
            self.check_position(index);
            if self.rng.below(4) == 0 {
                self.check_own_writes(index);
            }
        }
    }

    /// A replica with nothing pending shows what the server held at its position.
    fn check_position(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let Some(seq) = node.settled_at() else { return };
        self.report.note("positions compared");
        let Some(history) = self.server.history.get(&seq) else {
            panic!("replica {index} shows {seq:?}, at which the server never stood")
        };
        let node = &mut self.nodes[index];
        let mut expected = history.clone();
        expected.retain(|key, _| node.holds(key));
        check_same(&node.content(), &expected, || format!("replica {index} and the server at {seq:?}"));
    }

    /// What a replica wrote and nobody has answered shows on top of whatever the server says.
    fn check_own_writes(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let ledger = format!("ledger:{index}");
        let node = &mut self.nodes[index];
        let (shown, _) = node.call(env, &[b"LRANGE", ledger.as_bytes(), b"0", b"-1"]);
        // What it is to show it has asked for.
        if node.has_budget() && matches!(&shown, Value::Error(text) if text.starts_with("UNKNOWN")) {
            return;
        }
        let Value::Array(shown) = shown else { panic!("a ledger is a list, not {shown:?}") };
        for token in node.waiting.iter().map(|waiting| waiting.token).filter(|token| *token != 0) {
            self.report.note("own writes looked for");
            let entry = Value::Bulk(token.to_string().into_bytes());
            assert!(shown.contains(&entry), "replica {index} doesn't show its own write {token}: {shown:?}");
        }
    }

    pub(super) fn change_interest(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        self.nodes[index].change_interest(env, &mut self.rng);
    }

    /// The replica's token is exchanged for one that lets it read more, or less.
    fn change_rights(&mut self, index: usize) {
        self.report.note("rights changed");
        let node = &mut self.nodes[index];
        node.is_restricted = !node.is_restricted;
        if let Some(connection) = &node.connection {
            self.server.hub.handle_grant(connection.peer, Ok(node.grant()));
        }
    }

    /// The replica's socket takes nothing for a while, or takes everything again.
    fn stall(&mut self, index: usize) {
        if let Some(connection) = &self.nodes[index].connection {
            self.server.hub.handle_writable(connection.peer, self.rng.below(2) == 0);
        }
    }

    /// The connection breaks; what is under way is lost. Whether the hub notices now or later is left open by the
    /// next connection, which replaces this one.
    pub(super) fn cut(&mut self, index: usize) {
        let env = self.env(0);
        let node = &mut self.nodes[index];
        if let Some(connection) = node.connection.take() {
            self.report.note("cuts");
            node.replica.handle_disconnected();
            if self.rng.below(2) == 0 {
                self.server.close(env, connection.peer);
            }
        }
    }

    fn hang_up(&mut self, peer: PeerId) {
        let env = self.env(0);
        self.server.close(env, peer);
        for node in &mut self.nodes {
            if node.connection.as_ref().is_some_and(|connection| connection.peer == peer) {
                node.connection = None;
                node.replica.handle_disconnected();
            }
        }
    }

    fn crash_server(&mut self) {
        self.report.note("server crashes");
        let loss = self.server.crash(&mut self.rng, self.now_ms);
        self.report.note_many("appends lost", loss.appends as u64);
        self.report.note_many("torn appends", loss.is_torn.into());
        if self.server.is_lax && loss.appends > 0 {
            self.report.note("crashes that took back what was seen");
            self.oracle.all_may_be_lost();
            self.nodes.iter_mut().for_each(|node| node.may_go_back = true);
        }
        for node in &mut self.nodes {
            if node.connection.take().is_some() {
                node.replica.handle_disconnected();
            }
        }
    }

    pub(super) fn crash_replica(&mut self, index: usize) {
        self.report.note("replica crashes");
        let env = self.env(self.nodes[index].skew_ms);
        let node = &mut self.nodes[index];
        self.report.note_many("reruns", node.replica.status().reruns);
        if let Some(connection) = node.connection.take() {
            self.server.close(env, connection.peer);
        }
        // What wasn't stored may be lost, unless it has reached the server; nobody was told that it's safe.
        for token in node.waiting.iter().map(|waiting| waiting.token).filter(|token| *token != 0) {
            self.oracle.may_be_lost(token);
        }
        node.restart(env.now.0);
    }

    /// Lets everything arrive, and compares.
    fn settle(&mut self) {
        self.end_presence();
        for _ in 0..1000 {
            self.serve_calls();
            self.server.sync_disk(&mut self.rng);
            for index in 0..self.nodes.len() {
                self.connect(index);
                if let Some(connection) = &self.nodes[index].connection {
                    self.server.hub.handle_writable(connection.peer, true);
                }
                while self.nodes[index].connection.as_ref().is_some_and(|connection| !connection.up.is_empty()) {
                    self.deliver_up(index);
                }
                self.pump(true);
                while self.nodes[index].connection.as_ref().is_some_and(|connection| !connection.down.is_empty()) {
                    self.deliver_down(index);
                }
                self.pump(true);
            }
            let quiet = self.nodes.iter_mut().all(|node| node.is_quiet());
            if quiet && self.server.synced == self.server.hub.seq() && !self.server.hub.has_log() {
                return self.compare();
            }
        }
        panic!("the run doesn't settle: {:?}", self.nodes.iter().map(|node| node.replica.status()).collect::<Vec<_>>());
    }

    fn compare(&mut self) {
        for index in 0..self.nodes.len() {
            self.compare_with_server(index, "replica");
            let ledger = self.ledger(index);
            self.oracle.check_ledger(index, &ledger, true);
        }
        // A tab that is closed now comes back with the same, before it has heard from anyone.
        for index in 0..self.nodes.len() {
            self.nodes[index].store();
            let now_ms = self.now_ms;
            self.nodes[index].restart(now_ms);
            self.compare_with_server(index, "the store of replica");
        }
    }

    fn compare_with_server(&mut self, index: usize, what: &str) {
        let node = &mut self.nodes[index];
        let found = node.content();
        let expected = content(&self.server.engine, |key| node.holds(key));
        check_same(&found, &expected, || format!("{what} {index} and the server in the end"));
    }

    fn ledger(&self, index: usize) -> Vec<u64> {
        let key = format!("ledger:{index}");
        match self.server.engine.keyspace().db(0).find(key.as_bytes()).map(|entry| entry.value) {
            Some(Stored::List(list)) => {
                let number = |element: &[u8]| String::from_utf8_lossy(element).parse().expect("a token");
                list.iter().map(number).collect()
            }
            _ => Vec::new(),
        }
    }

    fn report(mut self) -> Report {
        self.report.note_many("acknowledged", self.oracle.acknowledged() as u64);
        for node in &self.nodes {
            self.report.note_many("reruns", node.replica.status().reruns);
        }
        self.report
    }
}
