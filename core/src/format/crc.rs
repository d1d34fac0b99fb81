//! The CRC-32 of zlib, PNG and Ethernet: polynomial EDB88320, reflected.
//!
//! Two ways to the same number. The fast one takes sixteen bytes a step with 16 KB of tables, which no compression makes
//! smaller; the small one takes one byte a step with 1 KB, for a module that is downloaded before it runs.

/// Returns the checksum of the parts as if they stood in one run.
#[cfg(not(feature = "small"))]
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

/// Returns the checksum of the parts as if they stood in one run.
#[cfg(feature = "small")]
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    bytewise(parts)
}

#[cfg(any(feature = "small", test))]
fn bytewise(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        let index = usize::from(crc.to_le_bytes()[0] ^ byte);
        crc = (crc >> 8) ^ TABLE.get(index).copied().unwrap_or_default();
    }
    !crc
}

#[cfg(any(feature = "small", test))]
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "the index stays below 256 by the loop's condition")]
        {
            table[index] = crc;
        }
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_give_the_same_number(head in prop::array::uniform8(any::<u8>()), rest in any::<Vec<u8>>()) {
            prop_assert_eq!(super::bytewise(&[&head, &rest]), super::crc32(&[&head, &rest]));
        }
    }

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(super::bytewise(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
