//! What must hold: a plain account of who asked for what, compared with what the data says.

use std::collections::{BTreeMap, BTreeSet};

use sanderling_core::Engine;

/// What is known of a command that a replica ran, named by a token that no other has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// Its replica was told that it took effect.
    pub(super) acknowledged: bool,
    /// Its replica was killed before it had stored the command, so it may be lost.
    pub(super) may_be_lost: bool,
}

/// Every token, by the replica that made it, in order.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    tokens: BTreeMap<usize, Vec<u64>>,
    fates: BTreeMap<u64, Fate>,
    /// A crash took back what was acknowledged: commands of an earlier run may come after those of a later one.
    may_be_reordered: bool,
    next: u64,
}

impl Oracle {
    /// A new token for a command of a replica.
    pub(super) fn issue(&mut self, node: usize) -> u64 {
        self.next += 1;
        self.tokens.entry(node).or_default().push(self.next);
        self.fates.insert(self.next, Fate::default());
        self.next
    }

    pub(super) fn acknowledge(&mut self, token: u64) {
        self.fates.get_mut(&token).expect("an issued token").acknowledged = true;
    }

    pub(super) fn may_be_lost(&mut self, token: u64) {
        self.fates.get_mut(&token).expect("an issued token").may_be_lost = true;
    }

    /// A crash took back what replicas were told is there.
    pub(super) fn all_may_be_lost(&mut self) {
        self.may_be_reordered = true;
        self.fates.values_mut().for_each(|fate| *fate = Fate { acknowledged: false, may_be_lost: true });
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.fates.values().filter(|fate| fate.acknowledged).count()
    }

    /// Checks a replica's ledger: every token at most once and in order, and none missing that mustn't be.
    pub(super) fn check_ledger(&self, node: usize, ledger: &[u64], settled: bool) {
        let issued = self.tokens.get(&node).map(Vec::as_slice).unwrap_or_default();
        let mut rest = issued.iter();
        for (index, token) in ledger.iter().enumerate() {
            let is_next = match self.may_be_reordered {
                false => rest.any(|issued| issued == token),
                true => issued.contains(token) && !ledger.iter().take(index).any(|before| before == token),
            };
            assert!(is_next, "token {token} of replica {node} stands twice or out of order: {ledger:?} of {issued:?}");
        }
        for token in issued {
            let fate = self.fates[token];
            let must = fate.acknowledged || settled && !fate.may_be_lost;
            assert!(!must || ledger.contains(token), "token {token} of replica {node} is missing: {fate:?}");
        }
    }
}

/// A database's content in one comparable form: keys with the digest of value and deadline.
pub(super) type Content = BTreeMap<Vec<u8>, u64>;

/// The content of database 0, restricted to the wanted keys.
pub(super) fn content(engine: &Engine, wanted: impl Fn(&[u8]) -> bool) -> Content {
    let entries = engine.keyspace().db(0).iter().filter(|entry| wanted(entry.key));
    entries.map(|entry| (entry.key.to_vec(), entry.digest())).collect()
}

/// Panics with the keys in which two contents differ, if they do.
pub(super) fn check_same(found: &Content, expected: &Content, what: impl FnOnce() -> String) {
    if found != expected {
        let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        let differs = keys.into_iter().filter(|key| found.get(*key) != expected.get(*key));
        let differs: Vec<String> = differs.map(|key| key.escape_ascii().to_string()).collect();
        panic!("{}: they differ in {}", what(), differs.join(" "));
    }
}
