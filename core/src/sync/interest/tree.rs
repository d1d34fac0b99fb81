//! A radix tree: values under prefixes, found by the keys that begin with them.
//!
//! ```text
//!  ""  ─ "user:" ─┬─ "4" ─┬─ "2:"      who wants user:42:*
//!                 │       └─ "7:"      who wants user:47:*
//!                 └─ "99:"
//! ```
//! A lookup walks down along the key and passes every prefix of it: its cost follows the length of the key and the number
//! of values found, not the number of prefixes (D. Morrison, "PATRICIA", 1968).

use alloc::{boxed::Box, vec::Vec};

/// Values under prefixes.
#[derive(Clone, Debug)]
pub(super) struct PrefixTree<T> {
    root: Node<T>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// What leads here from the node above.
    label: Box<[u8]>,
    values: Vec<T>,
    /// In the order of their labels' first bytes, no two of which are the same.
    children: Vec<Self>,
}

impl<T> Default for PrefixTree<T> {
    fn default() -> Self {
        Self { root: Node::new(&[]) }
    }
}

impl<T: PartialEq> PrefixTree<T> {
    /// Adds a value under a prefix.
    pub(super) fn insert(&mut self, prefix: &[u8], value: T) {
        self.root.insert(prefix, value);
    }

    /// Removes a value from under a prefix; returns whether it was there.
    pub(super) fn remove(&mut self, prefix: &[u8], value: &T) -> bool {
        self.root.remove(prefix, value)
    }

    /// Visits the values under every prefix of `key`, the shortest first.
    pub(super) fn visit(&self, key: &[u8], mut visit: impl FnMut(&T)) {
        let (mut node, mut rest) = (&self.root, key);
        loop {
            node.values.iter().for_each(&mut visit);
            let Some(child) = node.find(rest).ok().and_then(|at| node.children.get(at)) else { return };
            let Some(after) = rest.strip_prefix(&*child.label) else { return };
            (node, rest) = (child, after);
        }
    }
}

impl<T> Node<T> {
    fn new(label: &[u8]) -> Self {
        Self { label: label.into(), values: Vec::new(), children: Vec::new() }
    }

    /// Where the child is, or would be, that begins as `rest` does.
    fn find(&self, rest: &[u8]) -> Result<usize, usize> {
        match rest.first() {
            Some(first) => self.children.binary_search_by_key(&Some(first), |child| child.label.first()),
            None => Err(0),
        }
    }
}

impl<T: PartialEq> Node<T> {
    fn insert(&mut self, rest: &[u8], value: T) {
        if rest.is_empty() {
            // Most prefixes have one value, and a vector would make room for four.
            self.values.reserve_exact(usize::from(self.values.is_empty()));
            return self.values.push(value);
        }
        let at = match self.find(rest) {
            Ok(at) => at,
            Err(at) => {
                self.children.insert(at, Self::new(rest));
                at
            }
        };
        let Some(child) = self.children.get_mut(at) else { return };
        let common = child.label.iter().zip(rest).take_while(|(one, other)| one == other).count();
        if common < child.label.len() {
            child.split(common);
        }
        child.insert(rest.get(common..).unwrap_or_default(), value);
    }

    /// Puts a node between this one and its first `at` bytes.
    fn split(&mut self, at: usize) {
        let (upper, lower) = self.label.split_at_checked(at).unwrap_or_default();
        let lower = Self {
            label: lower.into(),
            values: core::mem::take(&mut self.values),
            children: core::mem::take(&mut self.children),
        };
        self.label = upper.into();
        self.children = alloc::vec![lower];
    }

    fn remove(&mut self, rest: &[u8], value: &T) -> bool {
        if rest.is_empty() {
            let found = self.values.iter().position(|other| other == value);
            return found.map(|at| self.values.swap_remove(at)).is_some();
        }
        let Ok(at) = self.find(rest) else { return false };
        let Some(child) = self.children.get_mut(at) else { return false };
        let Some(after) = rest.strip_prefix(&*child.label) else { return false };
        let removed = child.remove(after, value);
        if child.values.is_empty() && child.children.is_empty() {
            self.children.remove(at);
        } else if child.values.is_empty() && child.children.len() == 1 {
            child.join();
        }
        removed
    }

    /// Takes in the only child of a node without values.
    fn join(&mut self) {
        let Some(child) = self.children.pop() else { return };
        self.label = [&*self.label, &*child.label].concat().into();
        (self.values, self.children) = (child.values, child.children);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};
    use proptest::prelude::*;

    impl<T> PrefixTree<T> {
        fn nodes(&self) -> usize {
            fn count<T>(node: &Node<T>) -> usize {
                1 + node.children.iter().map(count).sum::<usize>()
            }
            count(&self.root)
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_list_finds(
            steps in prop::collection::vec(("[ab]{0,4}", 0..3_u8, any::<bool>()), 0..60),
            keys in prop::collection::vec("[ab]{0,6}", 1..10),
        ) {
            let (mut tree, mut list): (_, Vec<(String, u8)>) = (PrefixTree::default(), vec![]);
            for (prefix, value, add) in steps {
                if add {
                    tree.insert(prefix.as_bytes(), value);
                    list.push((prefix, value));
                } else {
                    let at = list.iter().position(|entry| *entry == (prefix.clone(), value));
                    prop_assert_eq!(tree.remove(prefix.as_bytes(), &value), at.is_some());
                    at.map(|at| list.remove(at));
                }
                for key in &keys {
                    let mut found = vec![];
                    tree.visit(key.as_bytes(), |value| found.push(*value));
                    let mut expected: Vec<u8> =
                        list.iter().filter(|(prefix, _)| key.starts_with(prefix)).map(|(_, value)| *value).collect();
                    found.sort();
                    expected.sort();
                    prop_assert_eq!(found, expected);
                }
                // No node but the root is without values or a choice.
                prop_assert!(tree.nodes() <= 1 + 2 * list.len());
            }
        }
    }
}
