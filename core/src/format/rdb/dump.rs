//! The envelope of what is carried from server to server: a version and a checksum behind it.

use alloc::vec::Vec;

use super::{
    Type, VERSION, VERSION_MAX, VERSION_TIMED,
    crc64::crc64,
    load::load,
    read::{Malformed, Reader, Result},
    save::save,
};
use crate::{effect::StoredValue, keyspace::Value};

/// Writes a value as `DUMP` gives it.
pub fn dump(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::from([0]);
    let kind = save(value, &mut out);
    if let Some(first) = out.first_mut() {
        *first = kind as u8;
    }
    seal(if kind == Type::HashTimed { VERSION_TIMED } else { VERSION }, &mut out);
    out
}

/// Reads a value as `RESTORE` gets it, [unsealed](unseal) already; what is compressed may become `unpacked_bytes_max`
/// bytes.
///
/// # Errors
/// As [`load`], and if something follows the value.
pub fn restore(content: &[u8], unpacked_bytes_max: usize) -> Result<StoredValue<'_>> {
    let mut reader = Reader::new(content, unpacked_bytes_max);
    let kind = Type::of(reader.byte()?).ok_or(Malformed("a value of an unknown type"))?;
    let value = load(kind, &mut reader)?;
    if reader.rest().is_empty() { Ok(value) } else { Err(Malformed("something follows the value")) }
}

/// Appends version and checksum.
pub fn seal(version: u16, out: &mut Vec<u8>) {
    out.extend(version.to_le_bytes());
    out.extend(crc64(out).to_le_bytes());
}

/// The content before version and checksum; `None` if the version is newer than what can be read, or the checksum isn't
/// that of the content.
pub fn unseal(payload: &[u8]) -> Option<&[u8]> {
    let (sealed, crc) = payload.split_last_chunk()?;
    let (content, version) = sealed.split_last_chunk()?;
    let is_sound = u16::from_le_bytes(*version) <= VERSION_MAX && crc64(sealed) == u64::from_le_bytes(*crc);
    is_sound.then_some(content)
}
