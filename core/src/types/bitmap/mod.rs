//! Bitmaps: strings seen as arrays of bits, the first bit the highest of the first byte.
//!
//! A bitmap has no value of its own: it is a [`crate::types::string::Str`], and what changes it is a splice.

mod commands;
mod fields;

pub use commands::COMMANDS;
pub use fields::COMMANDS as FIELD_COMMANDS;

use crate::{
    command::{Args, Context},
    error::{Error, Result},
};

/// Reads the position of a bit, which must lie within the longest string that there may be.
fn bit_offset(ctx: &Context<'_>, word: &[u8]) -> Result<u64> {
    const REFUSED: Error = Error::new("ERR bit offset is not an integer or out of range");
    let offset = crate::num::parse_i64(word).and_then(|offset| u64::try_from(offset).ok()).ok_or(REFUSED)?;
    if offset >> 3 < ctx.limits.bulk_bytes_max as u64 { Ok(offset) } else { Err(REFUSED) }
}

/// Reads the unit of a range, bytes where nothing is said. Returns whether it is bits.
fn take_unit(args: &mut Args<'_>) -> Result<bool> {
    let bits = args.take_if("BIT");
    if !bits && !args.is_empty() && !args.take_if("BYTE") {
        return Err(Error::SYNTAX);
    }
    args.end()?;
    Ok(bits)
}
