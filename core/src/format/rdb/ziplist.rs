//! What Redis wrote before listpacks: ziplists and zipmaps; and arrays of integers, which it still writes. Only read.
//!
//! ```text
//! ziplist: | bytes u32 | place of the last entry u32 | count u16 | entry … | 0xff |
//!   entry: | size of the one before, in 1 or 5 bytes | encoding, with what it holds |
//! zipmap:  | count u8 | (length, field, length, free u8, value, free bytes) … | 0xff |
//! intset:  | bytes an integer u32 | count u32 | integer … |                         all little-endian
//! ```

use alloc::vec::Vec;

use super::{
    listpack::{int_blob, int24},
    read::{CUT, Malformed, Reader, Result},
};
use crate::blob::Blob;

/// Reads all entries of a ziplist.
pub(super) fn ziplist(bytes: &[u8]) -> Result<Vec<Blob<'_>>> {
    let mut reader = Reader::new(bytes, 0);
    let size = u32::from_le_bytes(reader.array()?);
    let tail = u32::from_le_bytes(reader.array()?);
    let count = u16::from_le_bytes(reader.array()?);
    if usize::try_from(size) != Ok(bytes.len()) {
        return Err(Malformed("a ziplist of another size than it says"));
    }
    let mut entries = Vec::new();
    let (mut before, mut last) = (0, bytes.len() - reader.rest().len());
    while reader.rest() != [END] {
        let start = reader.rest().len();
        last = bytes.len() - start;
        let size_before = match reader.byte()? {
            0xfe => usize::try_from(u32::from_le_bytes(reader.array()?)).map_err(|_| CUT)?,
            0xff => return Err(CUT),
            size => usize::from(size),
        };
        if size_before != before {
            return Err(Malformed("an entry of a ziplist of another size than the next one says"));
        }
        entries.push(ziplist_entry(&mut reader)?);
        before = start - reader.rest().len();
    }
    if usize::try_from(tail) != Ok(last) || count != u16::MAX && usize::from(count) != entries.len() {
        return Err(Malformed("a ziplist whose header doesn't fit"));
    }
    Ok(entries)
}

fn ziplist_entry<'a>(reader: &mut Reader<'a>) -> Result<Blob<'a>> {
    let first = reader.byte()?;
    let value = match first {
        0..=0x3f => return Ok(reader.take(usize::from(first))?.into()),
        0x40..=0x7f => {
            let length = u16::from_be_bytes([first & 0x3f, reader.byte()?]);
            return Ok(reader.take(usize::from(length))?.into());
        }
        0x80 => {
            let length = u32::from_be_bytes(reader.array()?);
            return Ok(reader.take(usize::try_from(length).map_err(|_| CUT)?)?.into());
        }
        0xc0 => i64::from(i16::from_le_bytes(reader.array()?)),
        0xd0 => i64::from(i32::from_le_bytes(reader.array()?)),
        0xe0 => i64::from_le_bytes(reader.array()?),
        0xf0 => int24(reader.array()?),
        0xfe => i64::from(i8::from_le_bytes(reader.array()?)),
        0xf1..=0xfd => i64::from(first & 0xf) - 1,
        _ => return Err(Malformed("an entry of a ziplist of an unknown encoding")),
    };
    Ok(int_blob(value))
}

/// Reads all fields and values of a zipmap, by turns.
pub(super) fn zipmap(bytes: &[u8]) -> Result<Vec<Blob<'_>>> {
    let mut reader = Reader::new(bytes, 0);
    let count = reader.byte()?;
    let mut entries = Vec::new();
    while reader.rest() != [END] {
        let field = zipmap_length(&mut reader)?;
        entries.push(reader.take(field)?.into());
        let value = zipmap_length(&mut reader)?;
        let free = reader.byte()?;
        entries.push(reader.take(value)?.into());
        reader.take(usize::from(free))?;
    }
    if count < 0xfe && usize::from(count) != entries.len() / 2 {
        return Err(Malformed("a zipmap of another count than it says"));
    }
    Ok(entries)
}

fn zipmap_length(reader: &mut Reader<'_>) -> Result<usize> {
    match reader.byte()? {
        0xfe => usize::try_from(u32::from_le_bytes(reader.array()?)).map_err(|_| CUT),
        0xff => Err(CUT),
        length => Ok(usize::from(length)),
    }
}

/// Reads all integers of an array, which ascend.
pub(super) fn intset(bytes: &[u8]) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes, 0);
    let width = u32::from_le_bytes(reader.array()?);
    let count = usize::try_from(u32::from_le_bytes(reader.array()?)).map_err(|_| CUT)?;
    let read: fn(&mut Reader<'_>) -> Result<i64> = match width {
        2 => |reader| Ok(i64::from(i16::from_le_bytes(reader.array()?))),
        4 => |reader| Ok(i64::from(i32::from_le_bytes(reader.array()?))),
        8 => |reader| Ok(i64::from_le_bytes(reader.array()?)),
        _ => return Err(Malformed("an array of integers of an unknown width")),
    };
    let mut integers = Vec::new();
    while !reader.rest().is_empty() {
        integers.push(read(&mut reader)?);
    }
    if integers.len() != count || !integers.is_sorted_by(|one, other| one < other) {
        return Err(Malformed("an array of integers that isn't as it says"));
    }
    Ok(integers)
}

/// What stands behind the last entry.
const END: u8 = 0xff;
