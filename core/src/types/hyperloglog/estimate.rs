//! What an element adds, and what the registers say of how many there were.
//!
//! The estimator is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017): from how many
//! registers have each value, without tables of corrections.

use super::registers::{REGISTERS, Registers};

/// The register of an element, and the value that it has at least: one more than the zeros before the first one in what
/// the register's number left of the hash.
pub(super) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let register = hash as usize % REGISTERS;
    let rest = hash >> REGISTER_BITS | 1 << HASH_BITS;
    (register, rest.trailing_zeros() as u8 + 1)
}

/// About how many different elements there were.
pub(super) fn count(registers: &Registers) -> u64 {
    // Neighbours often have the same value: counted apart, they don't wait for each other.
    let mut histograms = [[0_u32; 64]; 4];
    for group in registers.chunks_exact(histograms.len()) {
        for (value, histogram) in group.iter().zip(&mut histograms) {
            if let Some(count) = histogram.get_mut(usize::from(*value & 63)) {
                *count += 1;
            }
        }
    }
    let mut histogram = [0_u32; 64];
    for part in &histograms {
        histogram.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
    }
    let all = REGISTERS as f64;
    let of = |value: usize| f64::from(histogram.get(value).copied().unwrap_or_default());
    let highest = HASH_BITS as usize;
    let mut sum = all * tau((all - of(highest + 1)) / all);
    for value in (1..=highest).rev() {
        sum = (sum + of(value)) * 0.5;
    }
    sum += all * sigma(of(0) / all);
    libm::round(ALPHA * all * all / sum) as u64
}

/// What the registers that nothing has touched say.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// What the registers that are full say.
fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = libm::sqrt(root);
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// Austin Appleby's MurmurHash64A, with the seed that Redis uses.
fn murmur(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MIX);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut block = u64::from_le_bytes(word.try_into().unwrap_or_default()).wrapping_mul(MIX);
        block ^= block >> 47;
        hash = (hash ^ block.wrapping_mul(MIX)).wrapping_mul(MIX);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let block = rest.iter().rev().fold(0, |block: u64, byte| block << 8 | u64::from(*byte));
        hash = (hash ^ block).wrapping_mul(MIX);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(MIX);
    hash ^ hash >> 47
}

/// The bits of a hash that choose the register, and those that are left.
const REGISTER_BITS: u32 = 14;
const HASH_BITS: u32 = 64 - REGISTER_BITS;
const SEED: u64 = 0xadc8_3b19;
const MIX: u64 = 0xc6a4_a793_5bd1_e995;
/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;
