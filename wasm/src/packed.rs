//! Lists of byte strings in one run of bytes: how arguments, keys and stored pairs cross the boundary.
//!
//! ```text
//! list:  (length u32 | bytes)*                        little-endian
//! call:  count u32 | list of that many
//! batch: strict u8 | (kind u8 | key | value)*         kind 0: put, 1: delete, 2: delete all that begin so
//! ```
//! JavaScript wrote what is read here, but a mistake there must not become a panic: readers end early or answer `None`.

use sanderling_core::sync::{StoreBatch, StoreOp};

/// Appends a byte string with its length.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Takes a byte string off the front of `bytes`.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_u32(bytes)?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// Calls `run` with the words of a call, `None` if `bytes` are not one.
pub(crate) fn with_words<R>(mut bytes: &[u8], run: impl FnOnce(&[&[u8]]) -> R) -> Option<R> {
    let count = take_u32(&mut bytes)?;
    let mut few: [&[u8]; FEW_WORDS] = [&[]; FEW_WORDS];
    if let Some(words) = few.get_mut(..count) {
        for word in words.iter_mut() {
            *word = take(&mut bytes)?;
        }
        return Some(run(words));
    }
    let words: Option<Vec<&[u8]>> = (0..count).map(|_| take(&mut bytes)).collect();
    Some(run(&words?))
}

/// Appends a batch for the store.
pub(crate) fn push_batch(out: &mut Vec<u8>, batch: &StoreBatch) {
    out.push(u8::from(batch.strict));
    for op in &batch.ops {
        let (kind, key, value): (u8, &[u8], &[u8]) = match op {
            StoreOp::Put(key, value) => (0, key, value),
            StoreOp::Delete(key) => (1, key, &[]),
            StoreOp::DeletePrefix(prefix) => (2, prefix, &[]),
        };
        out.push(kind);
        push(out, key);
        push(out, value);
    }
}

fn take_u32(bytes: &mut &[u8]) -> Option<usize> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*length) as usize)
}

/// Calls of up to this many words are read without allocating.
const FEW_WORDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = u32::try_from(words.len()).unwrap().to_le_bytes().to_vec();
        words.iter().for_each(|word| push(&mut bytes, word));
        bytes
    }

    #[test]
    fn a_call_of_any_length_is_read_as_it_was_written() {
        for count in [0, 1, 2, FEW_WORDS - 1, FEW_WORDS, FEW_WORDS + 1, 100] {
            let words: Vec<Vec<u8>> = (0..count).map(|index| vec![7; index]).collect();
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            assert_eq!(with_words(&call(&words), |read| read == words), Some(true), "{count}");
        }
    }

    #[test]
    fn a_call_cut_anywhere_is_refused() {
        for count in [3, FEW_WORDS + 3] {
            let bytes = call(&vec![&b"word"[..]; count]);
            for end in 0..bytes.len() {
                assert_eq!(with_words(&bytes[..end], |_| ()), None, "{count} words cut at {end}");
            }
        }
    }
}
