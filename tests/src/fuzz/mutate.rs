//! A mutator: small damage to inputs, the same for the same seed.
//!
//! It knows nothing of what the bytes mean. What it does is what general fuzzers do: flip, overwrite, insert, remove,
//! repeat, and join the beginning of one input to the end of another.

use sanderling_core::hash::Rng;

/// Returns a changed copy of one of the inputs.
pub fn mutated(rng: &mut Rng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let Some(mut bytes) = pick(rng, inputs).cloned() else { return Vec::new() };
    let rounds_max = 1 + rng.below(6);
    for _ in 0..1 + rng.below(rounds_max) {
        mutate(rng, &mut bytes, inputs);
    }
    bytes
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
    let at = rng.index(bytes.len() + 1);
    let length_max = 2 << rng.index(6);
    let run = at..(at + 1 + rng.index(length_max)).min(bytes.len());
    match rng.below(11) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        2 if at < bytes.len() => bytes[at] = rng.below(256) as u8,
        3 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(if rng.below(2) == 0 { 1 } else { 255 }),
        // Ends of varints, and of what a number may be.
        4 => {
            let number: &[u8] = match rng.below(5) {
                0 => &[0xff; 9],
                1 => &[0xff, 0xff, 0xff, 0xff, 0x0f],
                2 => &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                3 => &[0x80, 0x80, 0x80, 0x80, 0x08],
                _ => &[0; 8],
            };
            let end = (at + number.len()).min(bytes.len());
            bytes.splice(at..end, number.iter().copied());
        }
        5 => drop(bytes.splice(at..at, (0..1 + rng.index(8)).map(|_| rng.below(256) as u8).collect::<Vec<u8>>())),
        6 if !run.is_empty() => drop(bytes.drain(run)),
        7 if !run.is_empty() => {
            let repeated = bytes[run].to_vec();
            bytes.splice(at..at, repeated);
        }
        8 => bytes.truncate(at),
        _ => {
            let other = pick(rng, inputs).map(Vec::as_slice).unwrap_or_default();
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.index(other.len() + 1)..]);
        }
    }
}

fn pick<'a>(rng: &mut Rng, inputs: &'a [Vec<u8>]) -> Option<&'a Vec<u8>> {
    (!inputs.is_empty()).then(|| &inputs[rng.index(inputs.len())])
}
