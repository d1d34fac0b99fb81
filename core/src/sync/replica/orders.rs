//! Ascending numbers of commands. Mostly there is one, which needs no memory of its own.

use alloc::collections::VecDeque;

/// Numbers, each once, in their order.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The least.
    first: Option<u64>,
    /// The others; none if there is no first.
    rest: VecDeque<u64>,
}

impl Orders {
    /// Holds one number.
    pub(super) const fn one(order: u64) -> Self {
        Self { first: Some(order), rest: VecDeque::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The least.
    pub(super) const fn first(&self) -> Option<u64> {
        self.first
    }

    /// The greatest.
    pub(super) fn last(&self) -> Option<u64> {
        self.rest.back().copied().or(self.first)
    }

    /// All, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.first.into_iter().chain(self.rest.iter().copied())
    }

    /// Those from a number on and before another, ascending. Cost: O(log n + found).
    pub(super) fn between(&self, from: u64, before: u64) -> impl Iterator<Item = u64> {
        let behind = |order: u64| self.rest.partition_point(|other| *other < order);
        let (start, end) = (behind(from), behind(before));
        let first = self.first.filter(|first| (from..before).contains(first));
        first.into_iter().chain(self.rest.range(start..end.max(start)).copied())
    }

    /// Adds a number. Mostly it is the greatest. It must not be there.
    pub(super) fn insert(&mut self, order: u64) {
        match self.first {
            None => self.first = Some(order),
            Some(first) if order < first => {
                self.rest.push_front(first);
                self.first = Some(order);
            }
            Some(_) if self.rest.back().is_none_or(|last| *last < order) => self.rest.push_back(order),
            Some(_) => {
                let at = self.rest.partition_point(|other| *other < order);
                self.rest.insert(at, order);
            }
        }
    }

    /// Removes a number, if it is there. Mostly it is the least or the greatest.
    pub(super) fn remove(&mut self, order: u64) {
        if self.first == Some(order) {
            self.first = self.rest.pop_front();
        } else if self.rest.back() == Some(&order) {
            self.rest.pop_back();
        } else if let Ok(at) = self.rest.binary_search(&order) {
            self.rest.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, vec::Vec};

    use proptest::prelude::*;

    use super::Orders;

    proptest! {
        #[test]
        fn they_are_a_set(steps in prop::collection::vec((any::<bool>(), 0_u64..12), 0..60)) {
            let (mut orders, mut model) = (Orders::default(), BTreeSet::new());
            for (adds, order) in steps {
                if !adds {
                    orders.remove(order);
                    model.remove(&order);
                } else if model.insert(order) {
                    orders.insert(order);
                }
                prop_assert_eq!(orders.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!((orders.first(), orders.last()), (model.first().copied(), model.last().copied()));
                prop_assert_eq!(orders.is_empty(), model.is_empty());
                for (from, before) in [(0, order), (order, 12), (order, order), (3, u64::MAX)] {
                    let between = model.iter().copied().filter(|other| (from..before).contains(other));
                    prop_assert_eq!(orders.between(from, before).collect::<Vec<_>>(), between.collect::<Vec<_>>());
                }
            }
        }
    }
}
