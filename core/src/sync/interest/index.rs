//! Who wants a key: the question of fan-out, answered without asking everyone.
//!
//! Keys that are wanted by name stand in a map, prefixes in a tree, and other globs in the same tree under what they
//! literally begin with. So the cost of an answer follows those who want the key, and the globs that begin like it.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use super::{Interest, Pattern, tree::PrefixTree};
use crate::glob;

/// Interests, each under a number.
#[derive(Debug, Default)]
pub(crate) struct InterestIndex {
    exact: BTreeMap<Box<[u8]>, Vec<usize>>,
    prefixes: PrefixTree<Watcher>,
}

/// Who stands under a prefix, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watcher {
    id: usize,
    /// Only for keys that match this; for all if `None`.
    glob: Option<Box<[u8]>>,
}

impl InterestIndex {
    /// Adds an interest under a number that no other has.
    pub(crate) fn insert(&mut self, id: usize, interest: &Interest) {
        for pattern in &interest.patterns {
            match pattern {
                Pattern::Exact(key) => self.exact.entry(key.clone()).or_default().push(id),
                _ => self.prefixes.insert(prefix_of(pattern), Watcher { id, glob: glob_of(pattern) }),
            }
        }
    }

    /// Removes the interest that was added under a number.
    pub(crate) fn remove(&mut self, id: usize, interest: &Interest) {
        for pattern in &interest.patterns {
            match pattern {
                Pattern::Exact(key) => {
                    if let Some(ids) = self.exact.get_mut(key) {
                        ids.retain(|other| *other != id);
                        if ids.is_empty() {
                            self.exact.remove(key);
                        }
                    }
                }
                _ => {
                    self.prefixes.remove(prefix_of(pattern), &Watcher { id, glob: glob_of(pattern) });
                }
            }
        }
    }

    /// Visits the numbers of those who want a key, some perhaps more than once.
    pub(crate) fn visit(&self, key: &[u8], mut visit: impl FnMut(usize)) {
        self.exact.get(key).into_iter().flatten().for_each(|id| visit(*id));
        self.prefixes.visit(key, |watcher| {
            if watcher.glob.as_ref().is_none_or(|pattern| glob::matches(pattern, key)) {
                visit(watcher.id);
            }
        });
    }
}

fn prefix_of(pattern: &Pattern) -> &[u8] {
    match pattern {
        Pattern::Everything => &[],
        Pattern::Exact(bytes) | Pattern::Prefix(bytes) => bytes,
        Pattern::Glob(bytes) => glob::literal_prefix(bytes),
    }
}

fn glob_of(pattern: &Pattern) -> Option<Box<[u8]>> {
    match pattern {
        Pattern::Glob(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_those_whose_interest_has_the_key(
            interests in prop::collection::vec(prop::collection::vec("[ab*?\\\\\\[\\]]{0,5}", 1..4), 1..12),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            keys in prop::collection::vec("[ab\\[*]{0,5}", 1..20),
        ) {
            let mut index = InterestIndex::default();
            let mut present: BTreeMap<usize, Interest> = interests
                .iter()
                .map(|globs| Interest::new(globs.iter().map(|glob| glob.as_bytes())))
                .enumerate()
                .collect();
            present.iter().for_each(|(id, interest)| index.insert(*id, interest));
            for which in removed {
                let id = which.index(interests.len());
                if let Some(interest) = present.remove(&id) {
                    index.remove(id, &interest);
                }
            }
            for key in &keys {
                let mut found = vec![];
                index.visit(key.as_bytes(), |id| found.push(id));
                found.sort_unstable();
                found.dedup();
                let expected: Vec<usize> =
                    present.iter().filter(|(_, interest)| interest.contains(key.as_bytes())).map(|(id, _)| *id).collect();
                prop_assert_eq!(found, expected, "{:?}", key);
            }
        }
    }
}
