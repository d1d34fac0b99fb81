//! LZF, by which Redis compresses strings: runs of literal bytes, and repetitions of what came before.
//!
//! ```text
//! | 000nnnnn | n + 1 bytes                        literal
//! | nnnooooo | oooooooo                           n + 2 bytes from o + 1 bytes back, n from 1 to 6
//! | 111ooooo | nnnnnnnn | oooooooo                n + 9 bytes from there
//! ```

use alloc::{vec, vec::Vec};

/// Compresses bytes; `None` where that wouldn't save at least four of them. Cost: O(length).
pub(super) fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let size_max = bytes.len().checked_sub(4)?;
    // Where three bytes with this hash stood last, plus one. A short text needs no large table, which has to be cleared.
    let mut places = vec![0_usize; bytes.len().next_power_of_two().clamp(64, 1 << 14)];
    let mut out = Vec::new();
    let (mut at, mut literals) = (0, 0);
    while let Some(here) = bytes.get(at..).filter(|here| here.len() >= SHORTEST) {
        let place = places.get_mut(slot(here, bytes.len()))?;
        let from = core::mem::replace(place, at + 1).checked_sub(1);
        let length = from.filter(|from| at - from <= BACK_MAX).map_or(0, |from| common(bytes, from, at));
        if length < SHORTEST {
            at += 1;
            continue;
        }
        put_literals(bytes.get(literals..at)?, &mut out);
        let (back, more) = (at - from? - 1, length - 2);
        out.push(((more.min(7) << 5) | (back >> 8)) as u8);
        if more >= 7 {
            out.push((more - 7) as u8);
        }
        out.push(back as u8);
        at += length;
        literals = at;
        if out.len() > size_max {
            return None;
        }
    }
    put_literals(bytes.get(literals..)?, &mut out);
    (out.len() <= size_max).then_some(out)
}

/// Undoes it. The result has exactly `length` bytes.
pub(super) fn unpack(mut packed: &[u8], length: usize) -> Option<Vec<u8>> {
    // Three bytes become 264 at most, whatever is claimed.
    let mut out: Vec<u8> = Vec::with_capacity(length.min(packed.len().saturating_mul(LONGEST / 3)));
    while let Some((&control, rest)) = packed.split_first() {
        let control = usize::from(control);
        if control < 32 {
            let (literal, rest) = rest.split_at_checked(control + 1)?;
            out.extend_from_slice(literal);
            packed = rest;
        } else {
            let (more, rest) = match control >> 5 {
                7 => rest.split_first().map(|(more, rest)| (usize::from(*more), rest))?,
                _ => (0, rest),
            };
            let (&low, rest) = rest.split_first()?;
            let back = ((control & 31) << 8) + usize::from(low) + 1;
            let from = out.len().checked_sub(back)?;
            let count = (control >> 5) + more + 2;
            if count <= back {
                out.extend_from_within(from..from + count);
            } else {
                // It repeats itself: each byte may be one that has just been written.
                for at in from..from + count {
                    out.push(*out.get(at)?);
                }
            }
            packed = rest;
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

fn put_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(32) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

/// How many bytes from two places on are the same.
fn common(bytes: &[u8], from: usize, at: usize) -> usize {
    let (one, other) = (bytes.get(from..).unwrap_or_default(), bytes.get(at..).unwrap_or_default());
    one.iter().zip(other).take(LONGEST).take_while(|(one, other)| one == other).count()
}

/// The place in the table for the three bytes at the front, for a text of `length` bytes.
fn slot(here: &[u8], length: usize) -> usize {
    let [one, two, three] = here.first_chunk().copied().unwrap_or_default();
    let hash = u32::from_le_bytes([one, two, three, 0]).wrapping_mul(0x9e37_79b1) >> 18;
    hash as usize & (length.next_power_of_two().clamp(64, 1 << 14) - 1)
}

/// The least that is worth a repetition.
const SHORTEST: usize = 3;
/// The most that one repetition repeats.
const LONGEST: usize = 264;
/// The farthest that one reaches back.
const BACK_MAX: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(words in prop::collection::vec(prop::collection::vec(0_u8..4, 0..300), 1..8), times in 1_usize..60) {
            let text = words.concat().repeat(times);
            if let Some(packed) = pack(&text) {
                prop_assert!(packed.len() + 4 <= text.len());
                prop_assert_eq!(unpack(&packed, text.len() + 1), None);
                prop_assert_eq!(unpack(&packed, text.len()), Some(text));
            }
        }

        #[test]
        fn anything_else_is_refused_or_bounded(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0_usize..2000) {
            if let Some(unpacked) = unpack(&bytes, length) {
                prop_assert_eq!(unpacked.len(), length);
            }
            prop_assert_eq!(unpack(&bytes, usize::MAX), None);
        }
    }

    #[test]
    fn what_redis_packed_is_read() {
        // "aaaaaaaaaa": a literal `a`, then nine bytes from one byte back.
        assert_eq!(unpack(&[0, b'a', 0xe0, 0, 0], 10).unwrap(), b"aaaaaaaaaa");
        assert_eq!(unpack(&[0, b'a', 0xe0, 0, 9], 10), None);
    }

    #[test]
    fn repetition_packs_well_and_noise_does_not() {
        assert!(pack(&[7; 100_000]).unwrap().len() < 1500);
        let mut rng = crate::hash::Rng::new(1);
        let noise: Vec<u8> = (0..1000).map(|_| rng.next_u64() as u8).collect();
        assert_eq!(pack(&noise), None);
    }
}
