//! Buckets of keys and the digests of each, by which hub and replica find out which keys differ.
//!
//! A key's bucket is the topmost bits of a hash that is the same everywhere; the digests of a bucket's keys add up. Two
//! sides compare some hundred sums and send only the keys of buckets that differ, as in a hash tree of one level.

use alloc::{vec, vec::Vec};

use crate::{hash::hash, keyspace::Entry};

/// The sums of the digests of some keys, by bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    bits: u8,
    sums: Vec<u64>,
}

impl Buckets {
    /// No key in any of 2 to the power of `bits` buckets; at most [`BITS_MAX`] bits.
    pub fn new(bits: u8) -> Self {
        let bits = bits.min(BITS_MAX);
        Self { bits, sums: vec![0; 1 << bits] }
    }

    /// Adds a key. Cost: O(size of the value).
    pub fn add(&mut self, entry: Entry<'_>) {
        self.add_digest(entry.key, entry.digest());
    }

    /// Adds a key whose [digest](Entry::digest) is known. Cost: O(length of the key).
    pub fn add_digest(&mut self, key: &[u8], digest: u64) {
        if let Some(sum) = self.sums.get_mut(bucket_of(key, self.bits) as usize) {
            *sum = sum.wrapping_add(digest);
        }
    }

    /// The sums.
    pub fn sums(&self) -> &[u64] {
        &self.sums
    }

    /// The buckets, ascending, whose sums aren't `other`'s.
    pub fn differing(&self, other: &[u64]) -> Vec<u32> {
        let differs = |index: &usize| self.sums.get(*index) != other.get(*index);
        (0..self.sums.len()).filter(differs).filter_map(|index| u32::try_from(index).ok()).collect()
    }
}

/// The bucket of a key among 2 to the power of `bits`.
pub fn bucket_of(key: &[u8], bits: u8) -> u32 {
    let place = hash(SEED, key);
    // A shift by all bits isn't defined; without bits there is one bucket.
    place.checked_shr(u64::BITS - u32::from(bits.min(BITS_MAX))).map_or(0, |bucket| bucket as u32)
}

/// How many bits to tell `keys` keys apart with: some 16 keys in each bucket.
pub fn bits_for(keys: usize) -> u8 {
    let buckets = (keys / KEYS_PER_BUCKET).next_power_of_two();
    u8::try_from(buckets.trailing_zeros()).unwrap_or(BITS_MAX).clamp(BITS_MIN, BITS_MAX)
}

/// How many bits to tell `keys` keys apart with where `peers` replicas may compare them at once: the more there are, the
/// fewer, so that the sums of all of them, theirs and ours, have a bound.
pub(super) fn bits_among(keys: usize, peers: usize) -> u8 {
    let buckets = SUMS_BYTES_MAX / (2 * size_of::<u64>()) / peers.max(1);
    let most = buckets.checked_ilog2().and_then(|bits| u8::try_from(bits).ok());
    bits_for(keys).min(most.unwrap_or(0))
}

/// Bytes of the sums of all replicas that compare at once.
const SUMS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The most bits: 65,536 buckets, whose sums take half a megabyte.
pub const BITS_MAX: u8 = 16;
const BITS_MIN: u8 = 4;
const KEYS_PER_BUCKET: usize = 16;
const SEED: u64 = 0x21c4_98b7_6f03_aa5d;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_bucket_whatever_the_count() {
        for bits in 0..=BITS_MAX {
            let bucket = bucket_of(b"key", bits);
            assert!(bucket < 1 << bits);
            assert_eq!(bucket, bucket_of(b"key", BITS_MAX) >> (BITS_MAX - bits));
        }
    }

    #[test]
    fn bits_follow_the_count_of_keys() {
        assert_eq!([0, 100, 100_000, 1 << 40].map(bits_for), [BITS_MIN, BITS_MIN, 13, BITS_MAX]);
    }

    #[test]
    fn the_sums_of_many_replicas_have_a_bound() {
        assert_eq!([0, 1, 100].map(|peers| bits_among(100_000, peers)), [13; 3]);
        assert_eq!([1, 10_000, 1 << 40].map(|peers| bits_among(10_000_000, peers)), [16, 10, 0]);
        for peers in [1, 7, 300, 10_000, 1_000_000] {
            assert!(peers * (16 << bits_among(usize::MAX, peers)) <= SUMS_BYTES_MAX);
        }
    }
}
