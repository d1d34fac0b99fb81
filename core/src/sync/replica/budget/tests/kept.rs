//! What isn't known stays so: over a restart, whatever was stored when, and in other tabs, whoever leads them.

use alloc::{format, string::String, vec::Vec};

use proptest::prelude::*;

use super::{super::super::SyncError, KEYS, World, make};
use crate::{
    format::ClientId,
    hash::Rng,
    keyspace::Entry,
    resp::Value,
    sync::{Eviction, Replica, replica::index::Touch},
};

/// What a replica says that it doesn't know.
fn unknown(replica: &Replica) -> Vec<u8> {
    postcard::to_extend(&replica.holes.unknown(), Vec::new()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is stored, at whatever moment, loads as what it was.
    #[test]
    fn what_is_unknown_comes_back_exactly(seed in any::<u64>().no_shrink(), bytes_max in 2_000_usize..60_000) {
        let mut rng = Rng::new(seed);
        let mut world = World::with(Eviction::Lru, bytes_max);
        let mut was_sparse = false;
        for key in 0..4 * KEYS {
            world.pair.call_server(&format!("SET k:{key} {}", "x".repeat(100)));
        }
        world.pair.exchange();
        for _ in 0..300 {
            let key = format!("k:{}", rng.below(4 * KEYS));
            match rng.below(12) {
                0..4 => world.pair.call_server(&format!("SET {key} {}", "x".repeat(100))),
                4 => world.pair.call_server(&format!("DEL {key}")),
                5..7 => drop(world.pair.replica.fetch(&[key.as_bytes()])),
                7 => drop(world.pair.replica.forget(key.as_bytes())),
                8 => drop(world.pair.call(&format!("SET {key} y"))),
                9 if rng.below(10) == 0 => world.pair.call_server("FLUSHDB"),
                10 if rng.below(4) == 0 => world.pair.replica.store.begin_generation(),
                10 if rng.below(4) == 0 => world.pair.replica.start_storing(),
                11 if rng.below(10) == 0 => {
                    world.hang_up();
                    world.pair.replica.token = None;
                    world.connect();
                }
                _ => world.pair.exchange(),
            }
            world.drain();
            if rng.below(3) == 0 {
                world.save();
                let mut twin = make(9, Eviction::Lru);
                let pairs: Vec<_> = world.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                twin.load(&pairs).unwrap();
                prop_assert_eq!(unknown(&twin), unknown(&world.pair.replica));
                prop_assert!(twin.poll_store().is_none(), "what was loaded needn't be stored");
                was_sparse |= twin.holes.is_sparse();
            }
        }
        if bytes_max < 4_000 {
            prop_assert!(was_sparse, "a budget of {} bytes is reached", bytes_max);
        }
    }
}

/// Of a store that lacks a part nothing is loaded: what isn't known would be taken for what isn't there.
#[test]
fn what_is_unknown_is_not_lost_with_a_part_of_the_store() {
    let mut world = World::with(Eviction::Lru, usize::MAX);
    for key in 0..20 {
        world.pair.call_server(&format!("SET k:{key} x"));
    }
    world.pair.exchange();
    world.save();
    for key in 0..5 {
        assert!(world.pair.replica.forget(format!("k:{key}").as_bytes()));
        world.save();
    }
    for gone in world.store.keys() {
        let left = world.store.iter().filter(|(key, _)| *key != gone);
        let pairs: Vec<_> = left.map(|(key, value)| (key.clone(), value.clone())).collect();
        assert!(make(9, Eviction::Lru).load(&pairs).is_err(), "{}", gone.escape_ascii());
    }
}

/// Commands that are salvaged change nothing of what is unknown.
#[test]
fn a_sparse_replica_that_salvages_commands_stays_sparse() {
    let mut world = World::new(Eviction::Lru);
    for key in 0..2_000 {
        world.pair.call_server(&format!("SET k:{key} {}", "x".repeat(50)));
    }
    world.pair.exchange();
    world.drain();
    assert!(world.pair.replica.holes.is_sparse());
    let before = unknown(&world.pair.replica);
    let mut other = make(7, Eviction::Lru);
    other.execute(world.pair.env(), &[b"SET", b"k:1", b"mine"], &mut Vec::new());
    other.execute(world.pair.env(), &[b"APPEND", b"k:1", b"!"], &mut Vec::new());
    let pairs: Vec<_> = other
        .poll_store()
        .unwrap()
        .ops
        .into_iter()
        .filter_map(|op| if let crate::sync::StoreOp::Put(key, value) = op { Some((key, value)) } else { None })
        .collect();
    assert_eq!(world.pair.replica.salvage(&pairs), 2);
    assert_eq!(unknown(&world.pair.replica), before);
    world.restart();
    assert!(world.pair.replica.holes.is_sparse());
    assert!(!world.pair.replica.is_known(b"absent"));
    assert_eq!(world.pair.call("GET k:1"), Value::Bulk(b"mine!".to_vec()));
}

/// A leader, whose connection is that of the world, and tabs that follow it.
struct Tabs {
    world: World,
    tabs: Vec<Replica>,
    lead: Vec<u8>,
}

impl Tabs {
    fn new(leader_bytes_max: usize, budgets: &[Option<usize>]) -> Self {
        let mut world = World::with(Eviction::Lru, leader_bytes_max);
        world.hang_up();
        let (env, ids) = (world.pair.env(), (0..budgets.len()).map(|index| ClientId([100 + index as u8; 16])));
        let (lead, loaded) = world.pair.replica.lead(env, &[], &ids.collect::<Vec<_>>());
        loaded.unwrap();
        let mut tabs = Self { world, tabs: Vec::new(), lead };
        for (index, budget) in budgets.iter().enumerate() {
            let mut tab = make(100 + index as u8, Eviction::Lru);
            tab.budget = None;
            if let Some(bytes_max) = budget {
                tab.limit_memory(*bytes_max, Eviction::Lru);
            }
            tab.follow();
            tabs.tabs.push(tab);
        }
        tabs
    }

    fn join(&mut self) -> Result<(), SyncError> {
        for tab in &mut self.tabs {
            tab.handle_told(&self.lead)?;
            tab.handle_told(&self.world.pair.replica.state())?;
        }
        Ok(())
    }

    fn pump(&mut self) -> Result<(), SyncError> {
        self.world.pair.exchange();
        self.world.drain();
        for _ in 0..4 {
            for tab in &mut self.tabs {
                while let Some(commands) = tab.poll_commands() {
                    self.world.pair.replica.handle_commands(&commands)?;
                }
            }
            self.world.pair.exchange();
            while let Some(news) = self.world.pair.replica.poll_news() {
                for tab in &mut self.tabs {
                    if tab.handle_told(&news)? {
                        tab.handle_told(&self.world.pair.replica.state())?;
                    }
                }
            }
        }
        for tab in &mut self.tabs {
            while tab.shrink() {}
            while tab.poll_event().is_some() {}
        }
        Ok(())
    }

    /// Whatever a tab knows is what the server has.
    fn check(&mut self) -> Result<(), TestCaseError> {
        self.world.check_content()?;
        let server = self.world.pair.engine.keyspace().db(0);
        let digest = |entry: Option<Entry<'_>>| entry.map(Entry::digest);
        for (index, tab) in self.tabs.iter_mut().enumerate() {
            tab.settle();
            prop_assert_eq!(tab.status().pending, 0);
            for number in 0..KEYS {
                let key = format!("k:{number}");
                if tab.is_known(key.as_bytes()) {
                    let found = digest(tab.engine().keyspace().db(0).find(key.as_bytes()));
                    prop_assert_eq!(found, digest(server.find(key.as_bytes())), "tab {}: {}", index, key);
                }
            }
        }
        Ok(())
    }
}

fn call(tab: &mut Replica, env: crate::Env, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    tab.execute(env, &words, &mut Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Tabs forget on their own, and none takes for absent what another one has forgotten, or had no room for.
    #[test]
    fn tabs_with_budgets_of_their_own_are_never_wrong(
        seed in any::<u64>().no_shrink(),
        leader in prop_oneof![Just(3_000_usize), Just(10_000), Just(usize::MAX)],
    ) {
        let mut rng = Rng::new(seed);
        let mut tabs = Tabs::new(leader, &[None, Some(3_000), Some(12_000)]);
        let line = |rng: &mut Rng| -> String {
            let key = format!("k:{}", rng.below(KEYS));
            match rng.below(5) {
                0 | 1 => format!("SET {key} {}", "x".repeat(rng.index(200))),
                2 => format!("DEL {key}"),
                _ => format!("APPEND {key} y"),
            }
        };
        if rng.below(2) == 0 {
            tabs.join().unwrap();
        }
        (0..300).for_each(|_| tabs.world.pair.call_server(&line(&mut rng)));
        tabs.world.connect();
        tabs.pump().unwrap();
        tabs.join().unwrap();
        tabs.check()?;
        for _ in 0..60 {
            for _ in 0..4 {
                let env = tabs.world.pair.env();
                match rng.below(8) {
                    0..3 => tabs.world.pair.call_server(&line(&mut rng)),
                    3 => drop(tabs.world.pair.call(&line(&mut rng))),
                    4..6 => {
                        let at = rng.index(tabs.tabs.len());
                        call(&mut tabs.tabs[at], env, &line(&mut rng));
                    }
                    6 => {
                        let key = format!("k:{}", rng.below(KEYS));
                        tabs.world.pair.replica.fetch(&[key.as_bytes()]);
                    }
                    _ => {
                        // It comes back, and is brought up to date by what it has, or by everything anew.
                        tabs.world.hang_up();
                        if rng.below(2) == 0 {
                            tabs.world.pair.replica.token = None;
                        }
                        (0..20).for_each(|_| tabs.world.pair.call_server(&line(&mut rng)));
                        tabs.world.connect();
                    }
                }
            }
            tabs.pump().unwrap();
            tabs.check()?;
        }
        // What a tab doesn't know the leader's connection brings.
        for number in 0..KEYS {
            let key = format!("k:{number}");
            prop_assert!(tabs.world.pair.replica.fetch(&[key.as_bytes()]));
            tabs.pump().unwrap();
            prop_assert!(tabs.tabs[0].is_known(key.as_bytes()), "{} was fetched", key);
        }
        tabs.check()?;
        // Any of them can lead, and what it doesn't know it goes on not knowing.
        let env = tabs.world.pair.env();
        tabs.world.hang_up();
        let mut next = tabs.tabs.remove(rng.index(3));
        next.take_back(&Touch::everything());
        let before = unknown(&next);
        next.lead(env, &[], &[]).1.unwrap();
        prop_assert_eq!(unknown(&next), before);
        tabs.world.pair.replica = next;
        tabs.world.store.clear();
        tabs.world.save();
        let mut twin = make(9, Eviction::Lru);
        let pairs: Vec<_> = tabs.world.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        twin.load(&pairs).unwrap();
        prop_assert_eq!(unknown(&twin), unknown(&tabs.world.pair.replica));
        tabs.world.connect();
        tabs.world.pair.exchange();
        tabs.world.drain();
        tabs.world.check_content()?;
    }
}
