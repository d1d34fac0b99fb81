//! Compression of what is long and travels: LZ4 blocks, with their length in front.
//!
//! It knows nothing of what it packs. What comes from outside is unpacked within a bound, or refused.

use alloc::vec::Vec;

/// Packs bytes. Cost: O(length), some hundred megabytes a second.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress_prepend_size(bytes)
}

/// Unpacks what [`pack`] made, at most `bytes_max` bytes.
///
/// # Errors
/// What is wrong, if the bytes aren't such a block or would become longer.
pub fn unpack(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, &'static str> {
    let (length, block) = packed.split_first_chunk::<4>().ok_or("a packed message is cut short")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > bytes_max {
        return Err("a packed message is longer than the limit");
    }
    match lz4_flex::block::decompress(block, length) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        _ => Err("a packed message can't be unpacked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(word in prop::collection::vec(any::<u8>(), 0..50), count in 0..200_usize) {
            let bytes = word.repeat(count);
            let packed = pack(&bytes);
            prop_assert_eq!(unpack(&packed, bytes.len()).unwrap(), bytes.clone());
            if !bytes.is_empty() {
                prop_assert!(unpack(&packed, bytes.len() - 1).is_err());
            }
        }

        #[test]
        fn anything_else_is_refused_or_bounded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(unpacked) = unpack(&bytes, 1000) {
                prop_assert!(unpacked.len() <= 1000);
            }
        }
    }

    #[test]
    fn repetition_packs_well() {
        assert!(pack(&vec![7; 100_000]).len() < 1000);
    }
}
