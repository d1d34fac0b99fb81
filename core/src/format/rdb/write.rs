//! Writing the parts that values are made of: lengths and strings.

use alloc::vec::Vec;

use super::lzf;
use crate::num::parse_i64;

/// Appends a length or another number that is never negative.
pub fn put_length(length: u64, out: &mut Vec<u8>) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend((0x4000 | length as u16).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(0x80);
        out.extend(length.to_be_bytes());
    } else {
        out.push(0x81);
        out.extend(length.to_be_bytes());
    }
}

/// Appends a string: a number in binary where it is one that fits, and compressed where that makes it shorter.
pub fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    // No 32-bit integer has more than 11 digits and sign.
    let number = (bytes.len() <= 11).then(|| parse_i64(bytes)).flatten().and_then(|number| i32::try_from(number).ok());
    if let Some(number) = number {
        if let Ok(number) = i8::try_from(number) {
            out.push(0xc0);
            out.extend(number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            out.push(0xc1);
            out.extend(number.to_le_bytes());
        } else {
            out.push(0xc2);
            out.extend(number.to_le_bytes());
        }
    } else if let Some(packed) = (bytes.len() > 20).then(|| lzf::pack(bytes)).flatten() {
        out.push(0xc3);
        put_length(packed.len() as u64, out);
        put_length(bytes.len() as u64, out);
        out.extend(packed);
    } else {
        put_length(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}
