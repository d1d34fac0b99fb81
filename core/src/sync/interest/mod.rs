//! Interest sets: which keys a replica holds.

mod index;
mod tree;

use alloc::{boxed::Box, vec::Vec};

pub(crate) use index::InterestIndex;

use crate::{
    blob::Blob,
    effect::{Change, Effect},
    glob,
    hash::hash,
};

/// The keys that match one of a few globs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interest {
    patterns: Vec<Pattern>,
}

/// A glob, sorted by how it is checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    Everything,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Glob(Box<[u8]>),
}

impl Interest {
    /// Makes the set of keys that match one of `globs`.
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { patterns: globs.into_iter().map(Pattern::new).collect() }
    }

    /// Makes the set from a message's globs.
    pub fn from_blobs(globs: &[Blob<'_>]) -> Self {
        Self::new(globs.iter().map(|glob| &**glob))
    }

    /// Makes the set of all keys.
    pub fn everything() -> Self {
        Self::new([b"*".as_slice()])
    }

    /// Whether all keys are in the set, whatever they are called.
    pub fn is_everything(&self) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Everything => true,
            Pattern::Glob(glob) => glob::is_everything(glob),
            Pattern::Exact(_) | Pattern::Prefix(_) => false,
        })
    }

    /// Whether this very glob is one of the set's. A glob that matches less may be missing.
    pub fn has_glob(&self, glob: &[u8]) -> bool {
        self.patterns.contains(&Pattern::new(glob))
    }

    /// Whether a key is in the set.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Everything => true,
            Pattern::Exact(exact) => **exact == *key,
            Pattern::Prefix(prefix) => key.starts_with(prefix),
            Pattern::Glob(glob) => glob::matches(glob, key),
        })
    }

    /// The keys, if all are wanted by name.
    pub(crate) fn named_keys(&self) -> Option<Vec<&[u8]>> {
        fn name(pattern: &Pattern) -> Option<&[u8]> {
            match pattern {
                Pattern::Exact(key) => Some(key),
                _ => None,
            }
        }
        self.patterns.iter().map(name).collect()
    }

    /// One number for the patterns, whatever their order: 0 for all keys.
    pub fn fingerprint(&self) -> u64 {
        if self.is_everything() {
            return 0;
        }
        let of = |pattern: &Pattern| match pattern {
            Pattern::Everything => hash(1, b""),
            Pattern::Exact(bytes) => hash(2, bytes),
            Pattern::Prefix(bytes) => hash(3, bytes),
            Pattern::Glob(bytes) => hash(4, bytes),
        };
        self.patterns.iter().map(of).fold(self.patterns.len() as u64, u64::wrapping_add).max(1)
    }

    /// Whether an effect concerns a key in the set, or all keys.
    pub fn concerns(&self, effect: &Effect<'_>) -> bool {
        matches!(effect.change, Change::Flush) || self.contains(&effect.key)
    }
}

impl Pattern {
    fn new(glob: &[u8]) -> Self {
        let prefix = glob::literal_prefix(glob);
        match glob.get(prefix.len()..) {
            Some(b"*") if prefix.is_empty() => Self::Everything,
            // A prefix that had escapes isn't literal in the pattern: leave it to the matcher.
            Some(b"*") => Self::Prefix(prefix.into()),
            _ if glob::is_literal(glob) => Self::Exact(glob.into()),
            _ => Self::Glob(glob.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_contains_all_and_has_no_other_glob(globs in prop::collection::vec("[a*]{0,3}", 0..4), key: Vec<u8>) {
            let set = Interest::new(globs.iter().map(|glob| glob.as_bytes()));
            prop_assert!(!set.is_everything() || set.contains(&key));
            prop_assert!(Interest::everything().is_everything());
            prop_assert_eq!(set.is_everything(), globs.iter().any(|glob| glob::is_everything(glob.as_bytes())));
            for glob in ["", "a", "a*", "*", "aa", "**"] {
                prop_assert_eq!(set.has_glob(glob.as_bytes()), globs.iter().any(|own| own == glob));
            }
        }

        #[test]
        fn the_shortcuts_agree_with_the_matcher(glob in "[ab*?\\\\\\[\\]^-]{0,6}", key in "[ab*?\\\\]{0,6}") {
            prop_assert_eq!(
                Interest::new([glob.as_bytes()]).contains(key.as_bytes()),
                glob::matches(glob.as_bytes(), key.as_bytes())
            );
        }
    }
}
