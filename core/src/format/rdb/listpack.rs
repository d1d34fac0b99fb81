//! Listpacks: short strings and integers back to back, which Redis keeps and writes as they are.
//!
//! ```text
//! | bytes u32 LE | count u16 LE | entry … | 0xff |
//! entry: | encoding, with what it holds | size of that, to walk backwards |
//! ```
//! A count of 0xffff says that one has to count.

use alloc::vec::Vec;

use super::read::{CUT, Malformed, Reader, Result};
use crate::{
    blob::Blob,
    num::{IntText, parse_i64},
};

/// Writes a listpack.
#[derive(Debug)]
pub(super) struct ListpackWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl ListpackWriter {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::from([0; HEADER]), count: 0 }
    }

    /// The bytes that it has by now.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends an entry; a text that is an integer's becomes one.
    pub(super) fn push(&mut self, entry: &[u8]) {
        if let Some(value) = (entry.len() <= 20).then(|| parse_i64(entry)).flatten() {
            return self.push_int(value);
        }
        let start = self.bytes.len();
        match entry.len() {
            length @ 0..=0x3f => self.bytes.push(0x80 | length as u8),
            length @ 0x40..=0xfff => self.bytes.extend((0xe000 | length as u16).to_be_bytes()),
            length => {
                self.bytes.push(0xf0);
                self.bytes.extend((length as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(entry);
        self.close(start);
    }

    /// Appends an integer.
    pub(super) fn push_int(&mut self, value: i64) {
        let start = self.bytes.len();
        let bytes = value.to_le_bytes();
        let mut put = |encoding: u8, size: usize| {
            self.bytes.push(encoding);
            self.bytes.extend(bytes.iter().take(size));
        };
        match value {
            0..=127 => self.bytes.push(value as u8),
            -4096..=4095 => self.bytes.extend((0xc000 | (value as u16 & 0x1fff)).to_be_bytes()),
            -0x8000..=0x7fff => put(0xf1, 2),
            -0x80_0000..=0x7f_ffff => put(0xf2, 3),
            -0x8000_0000..=0x7fff_ffff => put(0xf3, 4),
            _ => put(0xf4, 8),
        }
        self.close(start);
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let size = (self.bytes.len() as u32).to_le_bytes();
        let count = u16::try_from(self.count).unwrap_or(u16::MAX).to_le_bytes();
        for (place, byte) in self.bytes.iter_mut().zip(size.into_iter().chain(count)) {
            *place = byte;
        }
        self.bytes
    }

    fn close(&mut self, start: usize) {
        let (size, count) = size_back(self.bytes.len() - start);
        self.bytes.extend(size.iter().take(count));
        self.count += 1;
    }
}

/// Reads all entries of a listpack, every byte of which has to be as it should.
pub(super) fn entries(listpack: &[u8]) -> Result<Vec<Blob<'_>>> {
    let mut reader = Reader::new(listpack, 0);
    let size = u32::from_le_bytes(reader.array()?);
    let count = u16::from_le_bytes(reader.array()?);
    if usize::try_from(size) != Ok(listpack.len()) {
        return Err(Malformed("a listpack of another size than it says"));
    }
    let mut entries = Vec::new();
    while reader.rest() != [END] {
        let start = reader.rest().len();
        entries.push(entry(&mut reader)?);
        let (size, bytes) = size_back(start - reader.rest().len());
        if Some(reader.take(bytes)?) != size.get(..bytes) {
            return Err(Malformed("an entry of a listpack of another size than it says"));
        }
    }
    if count != u16::MAX && usize::from(count) != entries.len() {
        return Err(Malformed("a listpack of another count than it says"));
    }
    Ok(entries)
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<Blob<'a>> {
    let first = reader.byte()?;
    let value = match first {
        0..=0x7f => i64::from(first),
        0x80..=0xbf => return Ok(reader.take(usize::from(first & 0x3f))?.into()),
        // Thirteen bits, the highest of which is the sign.
        0xc0..=0xdf => i64::from((u16::from_be_bytes([first, reader.byte()?]) << 3).cast_signed() >> 3),
        0xe0..=0xef => {
            let length = u16::from_be_bytes([first & 0xf, reader.byte()?]);
            return Ok(reader.take(usize::from(length))?.into());
        }
        0xf0 => {
            let length = u32::from_le_bytes(reader.array()?);
            return Ok(reader.take(usize::try_from(length).map_err(|_| CUT)?)?.into());
        }
        0xf1 => i64::from(i16::from_le_bytes(reader.array()?)),
        0xf2 => int24(reader.array()?),
        0xf3 => i64::from(i32::from_le_bytes(reader.array()?)),
        0xf4 => i64::from_le_bytes(reader.array()?),
        _ => return Err(Malformed("an entry of a listpack of an unknown encoding")),
    };
    Ok(int_blob(value))
}

/// An integer as text.
pub(super) fn int_blob<'a>(value: i64) -> Blob<'a> {
    IntText::new(value).as_bytes().to_vec().into()
}

/// Three bytes with a sign.
pub(super) fn int24([one, two, three]: [u8; 3]) -> i64 {
    i64::from(i32::from_le_bytes([0, one, two, three]) >> 8)
}

/// The size of an entry as it stands behind it, and in how many bytes. At the highest of each it takes one byte more
/// than it would have to: so Redis counts, and walks.
fn size_back(size: usize) -> ([u8; 5], usize) {
    let count = match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    let mut bytes = [0; 5];
    for (place, byte) in bytes.iter_mut().take(count).enumerate() {
        let seven = (size >> (7 * (count - 1 - place))) & 0x7f;
        *byte = seven as u8 | if place > 0 { 0x80 } else { 0 };
    }
    (bytes, count)
}

/// Size and count.
const HEADER: usize = 6;
/// What stands behind the last entry.
const END: u8 = 0xff;

#[cfg(test)]
mod tests {
    use alloc::vec;
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            2 => prop::collection::vec(any::<u8>(), 0..90),
            2 => (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| int_blob(value >> shift).to_vec()),
            1 => prop::sample::select(vec![63_usize, 64, 4095, 4096, 16_380, 16_381, 16_382, 70_000]).prop_map(|length| vec![b'x'; length]),
        ]
    }

    proptest! {
        #[test]
        fn listpacks_round_trip_and_refuse_any_cut(wanted in prop::collection::vec(entry(), 0..30)) {
            let mut writer = ListpackWriter::new();
            wanted.iter().for_each(|entry| writer.push(entry));
            let bytes = writer.finish();
            let read = entries(&bytes).unwrap();
            prop_assert!(read.iter().map(|entry| &**entry).eq(wanted.iter().map(Vec::as_slice)));
            prop_assert!(entries(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn what_redis_writes_is_what_is_written() {
        // Redis 7.0's listpack of "a", 1, -1 and 300.
        let mut writer = ListpackWriter::new();
        [b"a".as_slice(), b"1", b"-1", b"300"].iter().for_each(|entry| writer.push(entry));
        let wanted = [22, 0, 0, 0, 4, 0, 0x81, b'a', 2, 1, 1, 0xdf, 0xff, 2, 0xc1, 0x2c, 2, 0xff];
        let bytes = writer.finish();
        assert_eq!(bytes[4..], wanted[4..]);
        assert_eq!(usize::from(bytes[0]), bytes.len());
    }
}
