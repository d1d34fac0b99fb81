//! The hash index of a large sorted set: from a member to its number, in five bytes and some air.
//!
//! It is linear hashing (Litwin, 1980) over small tables: with every few hundred members one shard, the next in turn, is
//! split in two. So no insertion waits until a million members have moved, and how full the shards are on average never
//! changes, while one table that doubles is half empty half of the time. Unlike [`crate::table`] it keeps no hashes,
//! has no order and is not scanned: the members have numbers for that.
//!
//! It never reads members: who looks up says which number is meant, and computes the hash of one.

use alloc::vec::Vec;

use hashbrown::HashTable;

/// The numbers of members, by the hash of the member.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    shards: Vec<HashTable<u32>>,
    len: usize,
    /// What the shards' tables take.
    bytes: usize,
}

impl Numbers {
    /// Returns the number under `hash` for which `eq` holds. Cost: O(1).
    pub(super) fn find(&self, hash: u64, mut eq: impl FnMut(u32) -> bool) -> Option<u32> {
        self.shards.get(shard_of(hash, self.shards.len()))?.find(hash, |number| eq(*number)).copied()
    }

    /// Adds a number that is not there yet; `rehash` gives the hash of any that is.
    ///
    /// Cost: O(1), and once in [`SHARD_LEN_MEAN`] calls the move of one shard.
    pub(super) fn insert(&mut self, hash: u64, number: u32, rehash: impl Fn(u32) -> u64) {
        if self.len >= self.shards.len() * SHARD_LEN_MEAN {
            self.split_next(&rehash);
        }
        let at = shard_of(hash, self.shards.len());
        if let Some(shard) = self.shards.get_mut(at) {
            let before = shard.allocation_size();
            shard.insert_unique(hash, number, |number| rehash(*number));
            self.bytes = self.bytes - before + shard.allocation_size();
            self.len += 1;
        }
    }

    /// Removes the number under `hash` for which `eq` holds, and returns it. Cost: as [`Self::insert`].
    pub(super) fn remove(
        &mut self,
        hash: u64,
        mut eq: impl FnMut(u32) -> bool,
        rehash: impl Fn(u32) -> u64,
    ) -> Option<u32> {
        let at = shard_of(hash, self.shards.len());
        let found = self.shards.get_mut(at)?.find_entry(hash, |number| eq(*number));
        let (number, _) = found.ok()?.remove();
        self.len -= 1;
        if self.shards.len() > 1 && self.len < self.shards.len() * SHARD_LEN_MEAN / 4 {
            self.merge_last(&rehash);
        }
        Some(number)
    }

    /// Returns the bytes on the heap. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.shards.capacity() * size_of::<HashTable<u32>>() + self.bytes
    }

    /// What the shards' tables take, counted anew; and as it was kept.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> (usize, usize) {
        (self.shards.iter().map(HashTable::allocation_size).sum(), self.bytes)
    }

    fn split_next(&mut self, rehash: &impl Fn(u32) -> u64) {
        let count = self.shards.len();
        if count == self.shards.capacity() {
            // A shard's own place is small; doubling the places would not be.
            self.shards.reserve_exact((count / 4).max(1));
        }
        self.shards.push(HashTable::new());
        let Some(from) = parent_of(count).and_then(|parent| self.shards.get_mut(parent)) else { return };
        let old = core::mem::take(from);
        let before = old.allocation_size();
        let mut stay = HashTable::with_capacity(old.len() / 2);
        let mut go = HashTable::with_capacity(old.len() / 2);
        for number in old {
            let hash = rehash(number);
            let target = if shard_of(hash, count + 1) == count { &mut go } else { &mut stay };
            target.insert_unique(hash, number, |number| rehash(*number));
        }
        self.bytes = self.bytes - before + stay.allocation_size() + go.allocation_size();
        *from = stay;
        if let Some(last) = self.shards.last_mut() {
            *last = go;
        }
    }

    fn merge_last(&mut self, rehash: &impl Fn(u32) -> u64) {
        let Some(last) = self.shards.pop() else { return };
        let parent = parent_of(self.shards.len()).and_then(|parent| self.shards.get_mut(parent));
        if let Some(parent) = parent {
            let before = parent.allocation_size() + last.allocation_size();
            for number in last {
                parent.insert_unique(rehash(number), number, |number| rehash(*number));
            }
            self.bytes = self.bytes - before + parent.allocation_size();
        }
    }
}

/// Returns the shard of a hash among `count`: as many bits as address them all, or one fewer where that is too far.
///
/// The upper half of the hash decides, since the tables use the lower.
fn shard_of(hash: u64, count: usize) -> usize {
    let bits = (hash >> 32) as usize;
    let mask = count.next_power_of_two() - 1;
    let shard = bits & mask;
    if shard < count { shard } else { bits & (mask >> 1) }
}

/// Returns the shard that is split to make the one at `index`; none for the first.
fn parent_of(index: usize) -> Option<usize> {
    Some(index - (1 << index.checked_ilog2()?))
}

/// How many numbers a shard holds on average. One that is next to be split holds twice as many, which just fits the
/// 1,024 places of a table.
const SHARD_LEN_MEAN: usize = 420;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    fn hash_of(number: u32) -> u64 {
        hash(9, &number.to_le_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn numbers_are_found_until_they_are_removed(runs in prop::collection::vec((0..20_000_u32, 0..6_000_u32, any::<bool>()), 1..8)) {
            let (mut numbers, mut model) = (Numbers::default(), BTreeSet::new());
            for (from, count, is_insertion) in runs {
                for number in from..from + count {
                    if is_insertion && model.insert(number) {
                        numbers.insert(hash_of(number), number, hash_of);
                    } else if !is_insertion {
                        let removed = numbers.remove(hash_of(number), |other| other == number, hash_of);
                        prop_assert_eq!(removed.is_some(), model.remove(&number));
                    }
                }
                for number in 0..26_000 {
                    let found = numbers.find(hash_of(number), |other| other == number);
                    prop_assert_eq!(found.is_some(), model.contains(&number));
                }
                let (counted, kept) = numbers.counted_bytes();
                prop_assert_eq!(counted, kept);
                let fits = numbers.allocated_bytes() <= model.len() * 12 + 64 * 1024;
                prop_assert!(fits, "{} bytes for {}", numbers.allocated_bytes(), model.len());
            }
        }
    }

    #[test]
    fn no_insertion_moves_more_than_a_shard_and_a_number_takes_eleven_bytes_at_most() {
        let mut numbers = Numbers::default();
        let mut most = 0;
        for number in 0..100_000 {
            let moved = core::cell::Cell::new(0);
            numbers.insert(hash_of(number), number, |other| {
                moved.set(moved.get() + 1);
                hash_of(other)
            });
            most = most.max(moved.get());
            if number % 1_000 == 999 {
                let per_number = numbers.allocated_bytes() as f64 / f64::from(number + 1);
                assert!(per_number < 11.0, "{per_number} bytes for each of {number}");
            }
        }
        assert!(most <= 6 * SHARD_LEN_MEAN, "{most} numbers were moved at once");
    }
}
