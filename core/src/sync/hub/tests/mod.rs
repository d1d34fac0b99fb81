//! The hub against the plainest replica: whatever happens, a replica shows what the server had at the same position.

mod hostile;
mod many;
mod mirror;
mod pauses;
mod scripts;
mod talks;

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use mirror::{Content, Mirror, content, difference};
use proptest::prelude::*;

use crate::{
    Engine, EngineOptions, Env, SessionId,
    format::LogSeq,
    hash::Rng,
    limits::Limits,
    sync::{CloseReason, Grant, Hub, HubOptions, LogId, Start},
};

/// A server, and replicas of it.
struct World {
    rng: Rng,
    now: u64,
    engine: Engine,
    hub: Hub,
    client: SessionId,
    mirrors: Vec<Mirror>,
    /// What the server held after each record.
    history: BTreeMap<LogSeq, Content>,
    checks: usize,
}

impl World {
    fn new(seed: u64, backlog_bytes_max: usize, interests: &[&[&str]]) -> Self {
        let mut engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
        engine.journal_mut().enable(true);
        let limits = Limits { backlog_bytes_max, ..Limits::DEFAULT };
        let mut hub = Hub::new(HubOptions { limits, slice_keys: 3, digest_keys_min: 4 });
        hub.begin_epoch(LogId(1));
        let client = engine.open_session("127.0.0.1:1", Env::new(0, 0));
        let mirrors = (1..).zip(interests).map(|(number, globs)| Mirror::new(number, globs)).collect();
        let history = BTreeMap::from([(LogSeq(0), Content::new())]);
        Self { rng: Rng::new(seed), now: 1_000_000, engine, hub, client, mirrors, history, checks: 0 }
    }

    fn env(&mut self) -> Env {
        Env::new(self.now, self.rng.next_u64())
    }

    fn call(&mut self, line: &str) {
        let env = self.env();
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.engine.execute(env, self.client, &words, &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
        self.record();
    }

    fn record(&mut self) {
        // A key that a command found expired and removed is a record, too: several may have come at once.
        let now = content(&self.engine);
        self.history.insert(self.hub.seq(), now);
    }

    fn sync_disk(&mut self) {
        self.hub.handle_durable(self.hub.seq());
    }

    fn connect(&mut self, index: usize) {
        if self.mirrors[index].peer.is_none() {
            let peer = self.hub.open_peer(Grant::everything());
            self.mirrors[index].connect(peer, 0);
        }
    }

    fn cut(&mut self, index: usize) {
        let env = self.env();
        if let Some(peer) = self.mirrors[index].peer {
            self.hub.close_peer(&mut self.engine, env, peer);
            self.mirrors[index].disconnect();
            self.record();
        }
    }

    fn deliver_up(&mut self, index: usize) {
        let env = self.env();
        let mirror = &mut self.mirrors[index];
        if let (Some(peer), Some(message)) = (mirror.peer, mirror.up.pop_front()) {
            self.hub.handle_message(&mut self.engine, env, peer, &message);
            self.record();
        }
    }

    fn deliver_down(&mut self, index: usize) {
        if let Some(message) = self.mirrors[index].down.pop_front() {
            self.mirrors[index].take(&message);
            self.check(index);
        }
    }

    /// What a replica shows is what the server had at its position, as far as it wants it.
    fn check(&mut self, index: usize) {
        let mirror = &self.mirrors[index];
        let Some(position) = mirror.position() else { return };
        self.checks += 1;
        let (found, interest) = (mirror.content(), mirror.interest());
        let mut expected = self.history[&position].clone();
        expected.retain(|key, _| interest.contains(key));
        assert!(found == expected, "replica {index} at {position:?} differs in {}", difference(&found, &expected));
    }

    /// Lets one message at most out, or all.
    fn pump(&mut self, all: bool) {
        self.hub.begin_round();
        while let Some((peer, message)) = self.hub.poll_transmit(&self.engine) {
            let mirror = self.mirrors.iter_mut().find(|mirror| mirror.peer == Some(peer));
            mirror.expect("messages go to those who are connected").down.push_back(message);
            if !all {
                break;
            }
        }
        while let Some((peer, reason)) = self.hub.poll_close() {
            assert_eq!(reason, CloseReason::FellBehind, "the only reason that there is here");
            let index = self.mirrors.iter().position(|mirror| mirror.peer == Some(peer)).expect("one of them");
            self.cut(index);
        }
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            self.sync_disk();
            for index in 0..self.mirrors.len() {
                self.connect(index);
                self.deliver_up(index);
                self.pump(true);
                self.deliver_down(index);
            }
            if self.mirrors.iter().all(Mirror::is_settled) && self.hub.ready.is_empty() {
                break;
            }
        }
        let server = content(&self.engine);
        for (index, mirror) in self.mirrors.iter().enumerate() {
            assert!(mirror.is_settled(), "replica {index} doesn't settle");
            let interest = mirror.interest();
            let mut expected = server.clone();
            expected.retain(|key, _| interest.contains(key));
            let found = mirror.content();
            assert!(found == expected, "in the end replica {index} differs in {}", difference(&found, &expected));
        }
    }
}

fn random_command(rng: &mut Rng) -> String {
    let key = ["a", "ab", "abc", "b", "bb", "bc", "c", "d"][rng.index(8)];
    let key = format!("{key}{}", rng.below(4));
    let value = rng.below(100);
    match rng.below(20) {
        0 if rng.below(8) == 0 => "FLUSHDB".into(),
        0..3 => format!("SET {key} {value}"),
        3..5 => format!("DEL {key}"),
        5 => format!("RENAME {key} {}{}", ["a", "b"][rng.index(2)], rng.below(4)),
        6..10 => format!("RPUSH {key} {value}"),
        10 => format!("LPOP {key}"),
        11..14 => format!("HSET {key} {} {value}", rng.below(3)),
        14 => format!("SADD {key} {value}"),
        15 => format!("SPOP {key}"),
        16 => format!("PEXPIRE {key} {}", 1 + rng.below(200_000)),
        17 => format!("APPEND {key} {value}"),
        18 => format!("SET other:{key} {value}"),
        _ => format!("MSET {key} 1 b{} {value}", rng.below(4)),
    }
}

fn run(seed: u64, steps: usize) -> (usize, Vec<Start>) {
    let mut rng = Rng::new(seed);
    let interests: [&[&str]; 5] = [&["*"], &["a*"], &["a0", "b1", "ab2"], &["[ab]?", "c*"], &["a*", "ab*"]];
    let backlog = if rng.below(2) == 0 { 400 } else { 1 << 20 };
    let mut world = World::new(seed, backlog, &interests);
    for _ in 0..rng.below(400) {
        world.call(&random_command(&mut rng));
    }
    for _ in 0..steps {
        let index = rng.index(interests.len());
        match rng.below(30) {
            0..8 => world.call(&random_command(&mut rng)),
            8..10 => world.connect(index),
            10..14 => world.deliver_up(index),
            14..22 => world.deliver_down(index),
            22..24 => world.sync_disk(),
            24 => {
                let upto = LogSeq(world.hub.durable().0 + rng.below(world.hub.seq().0 - world.hub.durable().0 + 1));
                world.hub.handle_durable(upto);
            }
            25 if rng.below(3) == 0 => world.cut(index),
            26 if world.mirrors[index].peer.is_some() => {
                let globs = ["b*", "abc*", "d1", "*0", "a1"];
                let add = &globs[..rng.index(3)];
                world.mirrors[index].subscribe(add, rng.index(2));
            }
            27 => {
                if let Some(peer) = world.mirrors[index].peer {
                    world.hub.handle_writable(peer, rng.below(3) > 0);
                }
            }
            _ => world.now += rng.below(5_000),
        }
        world.pump(rng.below(4) == 0);
    }
    for mirror in &world.mirrors {
        mirror.peer.into_iter().for_each(|peer| world.hub.handle_writable(peer, true));
    }
    world.settle();
    (world.checks, world.mirrors.into_iter().flat_map(|mirror| mirror.starts).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_replica_shows_what_the_server_had_at_its_position(seed in any::<u64>().no_shrink()) {
        run(seed, 600);
    }
}

/// The runs above are worth what they reach.
#[test]
fn the_runs_reach_every_way_to_start() {
    let (mut checks, mut starts) = (0, vec![]);
    for seed in 0..20 {
        let (more, ways) = run(seed, 600);
        checks += more;
        starts.extend(ways);
    }
    assert!(checks > 1000, "{checks}");
    let count = |wanted: fn(&Start) -> bool| starts.iter().filter(|start| wanted(start)).count();
    let counts = [
        count(|start| matches!(start, Start::Resume)),
        count(|start| matches!(start, Start::Digest { .. })),
        count(|start| matches!(start, Start::Load)),
    ];
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
}
