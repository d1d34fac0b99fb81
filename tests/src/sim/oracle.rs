//! What must hold: a plain account of who asked for what, compared with what the data says.

use std::collections::BTreeMap;

use sanderling_core::{
    Engine,
    effect::{StoredValue, stored_value},
    glob,
};

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

    pub(super) fn acknowledged(&self) -> usize {
        self.fates.values().filter(|fate| fate.acknowledged).count()
    }

    /// Checks a replica's ledger: every token at most once and in order, and none missing that mustn't be.
    pub(super) fn check_ledger(&self, node: usize, ledger: &[u64], settled: bool) {
        let issued = self.tokens.get(&node).map(Vec::as_slice).unwrap_or_default();
        let mut rest = issued.iter();
        for token in ledger {
            assert!(
                rest.any(|issued| issued == token),
                "token {token} of replica {node} stands twice or out of order: {ledger:?} of {issued:?}"
            );
        }
        for token in issued {
            let fate = self.fates[token];
            let must = fate.acknowledged || settled && !fate.may_be_lost;
            assert!(!must || ledger.contains(token), "token {token} of replica {node} is missing: {fate:?}");
        }
    }
}

/// A database's content in one comparable form, restricted to the keys that match one of `globs`.
pub(super) fn content(engine: &Engine, globs: &[Vec<u8>]) -> BTreeMap<Vec<u8>, String> {
    let wanted = |key: &[u8]| globs.iter().any(|pattern| glob::matches(pattern, key));
    engine
        .keyspace()
        .db(0)
        .iter()
        .filter(|entry| wanted(&entry.key))
        .map(|entry| {
            let mut value = stored_value(&entry.value);
            match &mut value {
                StoredValue::Set(members) => members.sort(),
                StoredValue::Hash(pairs) => pairs.sort(),
                _ => {}
            }
            (entry.key.to_vec(), format!("{value:?} until {:?}", entry.expires_at))
        })
        .collect()
}
