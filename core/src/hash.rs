//! Hashing and pseudo-randomness: the same numbers on every machine.
//!
//! Whatever depends on a hash (the order of `SCAN`, the place of a key in a table) has to agree between a 32-bit tab and
//! a 64-bit server that were given the same seed. This module knows no source of entropy: a seed comes from the shell.
//!
//! The hash is rapidhash V3 (<https://github.com/Nicoshev/rapidhash>). Its published constants let anybody construct keys
//! that collide under every seed, so they are masked with bits derived from the seed; who doesn't know the seed can't
//! aim at a bucket.

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, RapidSecrets, rapidhash_v3_inline};

/// Hashes `bytes` under `seed`, equally on every target.
///
/// Cost: O(length), a few nanoseconds for a short key.
#[inline]
#[must_use]
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    // A wasm module pays for every unrolled loop in download time; the result is the same with and without.
    const COMPACT: bool = cfg!(target_family = "wasm");
    rapidhash_v3_inline::<true, COMPACT, false>(bytes, &secrets(seed))
}

/// A small deterministic generator: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
///
/// It is not for secrets: whoever sees one number can compute the next.
///
/// ```
/// use sanderling_core::hash::Rng;
/// let (mut a, mut b) = (Rng::new(7), Rng::new(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert!(a.below(10) < 10);
/// ```
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Starts the sequence that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next number of the sequence.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_RATIO);
        mix(self.state)
    }

    /// Returns a number below `bound`, every one equally likely; 0 when `bound` is 0.
    ///
    /// The method is Lemire's ("Fast random integer generation in an interval", 2019): one multiplication, and a second
    /// try in the rare case that would favour small numbers.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        loop {
            let product = self.next_u64() as u128 * bound as u128;
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Returns an index into something of `count` elements, every one equally likely; 0 when `count` is 0.
    pub const fn index(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }
}

/// rapidhash's constants, masked so that they are as unknown as the seed.
#[inline(always)]
const fn secrets(seed: u64) -> RapidSecrets {
    let mask = mix(seed ^ GOLDEN_RATIO);
    let [a, b, c, d, e, f, g] = DEFAULT_RAPID_SECRETS.secrets;
    RapidSecrets {
        seed: mask.rotate_left(23) ^ seed,
        secrets: [
            a ^ mask,
            b ^ mask.rotate_left(9),
            c ^ mask.rotate_left(18),
            d ^ mask.rotate_left(27),
            e ^ mask.rotate_left(36),
            f ^ mask.rotate_left(45),
            g ^ mask.rotate_left(54),
        ],
    }
}

#[inline(always)]
const fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{Rng, *};

    /// These numbers are part of the behaviour: a change reorders every `SCAN` and must be deliberate.
    #[test]
    fn the_hash_is_the_same_everywhere() {
        let long: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
        let hashes: Vec<u64> =
            [0, 1, 3, 4, 8, 16, 17, 48, 112, 113, 224, 1000].iter().map(|&length| hash(42, &long[..length])).collect();
        assert_eq!(hashes, GOLDEN_HASHES);
    }

    #[test]
    fn the_generator_is_the_published_one() {
        let mut rng = Rng::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    /// A product with zero swallows the other half of the key, whatever the seed, if the constant is known.
    #[test]
    fn keys_made_of_the_published_constants_do_not_collide() {
        let constant = DEFAULT_RAPID_SECRETS.secrets[1].to_le_bytes();
        let hashes: alloc::collections::BTreeSet<u64> =
            (0..100_u64).map(|n| hash(7, &[constant, n.to_le_bytes()].concat())).collect();
        assert_eq!(hashes.len(), 100);
    }

    #[test]
    fn below_is_fair() {
        let mut rng = Rng::new(1);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[rng.index(6)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
    }

    proptest! {
        #[test]
        fn below_stays_below(seed: u64, bound in 1_u64..) {
            prop_assert!(Rng::new(seed).below(bound) < bound);
        }

        #[test]
        fn the_seed_and_every_bit_count(seed: u64, mut bytes in prop::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, bit in 0..8_u8) {
            let before = hash(seed, &bytes);
            prop_assert_ne!(before, hash(seed ^ 1, &bytes));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_ne!(before, hash(seed, &bytes));
        }
    }

    const GOLDEN_HASHES: [u64; 12] = [
        0xaeda_f0bb_80b1_704b,
        0x5d2b_0576_ce12_6d90,
        0xab9c_7da0_a362_12fc,
        0x0d13_bce2_4f4a_debf,
        0x4923_f5ad_1e59_0aed,
        0x00d5_4e48_c8db_80c9,
        0x8e7f_ebcf_6217_b72c,
        0xf789_ddbf_a003_e2b8,
        0xa30b_1936_6930_6c68,
        0x57b0_8f69_e8c2_27c6,
        0x8a51_2754_2786_d4cf,
        0x87ed_43ed_2558_02d5,
    ];
}
