//! `FUNCTION DUMP`'s string: Redis's, so that libraries can be carried from one kind of server to the other.
//!
//! ```text
//!  (0xf5 | length | code)*  | RDB version u16 LE | CRC-64 u64 LE of all before
//! ```
//! Redis compresses long texts by LZF; here they are written as they are, and read in both ways.

use sanderling_core::error::{Error, Result};

/// Writes libraries.
pub(super) fn write<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in codes {
        out.push(FUNCTION);
        match code.len() {
            length @ 0..=0x3f => out.push(length as u8),
            length @ 0x40..=0x3fff => out.extend([0x40 | (length >> 8) as u8, length as u8]),
            length => {
                out.push(0x80);
                out.extend((length as u32).to_be_bytes());
            }
        }
        out.extend_from_slice(code);
    }
    out.extend(VERSION.to_le_bytes());
    out.extend(crc64(&out).to_le_bytes());
    out
}

/// Reads libraries.
///
/// # Errors
/// Redis's texts for what isn't whole or isn't of libraries.
pub(super) fn read(payload: &[u8]) -> Result<Vec<Vec<u8>>> {
    const WRONG: Error = Error::new("ERR DUMP payload version or checksum are wrong");
    let (rest, crc) = payload.split_last_chunk::<8>().ok_or(WRONG)?;
    let crc = u64::from_le_bytes(*crc);
    let (mut rest, version) = rest.split_last_chunk::<2>().ok_or(WRONG)?;
    // As in Redis a checksum of 0 says that there is none.
    let is_sound = crc == 0 || payload.get(..payload.len() - 8).map(crc64) == Some(crc);
    if u16::from_le_bytes(*version) > VERSION_MAX || !is_sound {
        return Err(WRONG);
    }
    let mut codes = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        if *kind != FUNCTION {
            return Err(Error::new("ERR given type is not a function"));
        }
        let (code, after) = text(after).ok_or(Error::new("ERR failed loading functions payload"))?;
        codes.push(code);
        rest = after;
    }
    Ok(codes)
}

/// The text at the front of `bytes`, and what follows it.
fn text(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    if let Some((&LZF, rest)) = bytes.split_first() {
        let (packed, rest) = length(rest)?;
        let (unpacked, rest) = length(rest)?;
        let (packed, rest) = rest.split_at_checked(packed)?;
        return (unpacked <= CODE_BYTES_MAX).then(|| unpack(packed, unpacked)).flatten().map(|code| (code, rest));
    }
    let (length, rest) = length(bytes)?;
    let (code, rest) = rest.split_at_checked(length)?;
    Some((code.to_vec(), rest))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    Some(match first {
        0..=0x3f => (usize::from(first), rest),
        0x40..=0x7f => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(first & 0x3f) << 8 | usize::from(low), rest)
        }
        0x80 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*length) as usize, rest)
        }
        _ => return None,
    })
}

/// Undoes LZF: runs of literal bytes, and repetitions of what came before.
fn unpack(mut packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
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
            for at in from..from + (control >> 5) + more + 2 {
                out.push(*out.get(at)?);
            }
            packed = rest;
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// The CRC-64 of Redis: polynomial ad93d23594c935a9, reflected.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        let index = usize::from((crc as u8) ^ byte);
        (crc >> 8) ^ TABLE.get(index).copied().unwrap_or_default()
    })
}

static TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// What stands before a library.
const FUNCTION: u8 = 245;
/// What stands before a compressed text.
const LZF: u8 = 0xc3;
/// The version that is written: Redis 7.0's.
const VERSION: u16 = 10;
/// The newest that is read: libraries are written alike in all that have them.
const VERSION_MAX: u16 = 12;
/// The longest text that is unpacked.
const CODE_BYTES_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn libraries_round_trip(codes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
            let payload = write(codes.iter().map(|code| &**code));
            prop_assert_eq!(read(&payload).unwrap(), codes);
        }

        #[test]
        fn garbage_is_refused(mut payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&payload);
            // Without a checksum the content itself is looked at.
            payload.extend([10, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let _ = read(&payload);
        }
    }

    #[test]
    fn the_checksum_is_that_of_redis() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn compressed_texts_are_read() {
        // "aaaaaaaaaa": a literal `a`, then nine bytes from one byte back.
        assert_eq!(unpack(&[0, b'a', 0xe0, 0, 0], 10).unwrap(), b"aaaaaaaaaa");
        assert_eq!(unpack(&[0, b'a', 0xe0, 0, 9], 10), None);
    }
}
