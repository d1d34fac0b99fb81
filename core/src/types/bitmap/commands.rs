//! SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP.

use alloc::{vec, vec::Vec};

use super::{bit_offset, take_unit};
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    num,
    types::string::{Expiry, StringChange},
};

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The family's rows, those on fields apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Bitmap, "bitcount", -2, Flags::READ, Keys::FIRST, bitcount)
        .doc("2.6.0", "O(N)", "key [start end [BYTE | BIT]]", "Counts the number of set bits (population counting) in a string."),
    Command::new(Group::Bitmap, "bitop", -4, WRITE, Keys::Range { first: 2, last: -1, step: 1 }, bitop)
        .doc("2.6.0", "O(N)", "<AND | OR | XOR | NOT> destkey key [key ...]", "Performs bitwise operations on multiple strings, and stores the result.").accessing(Access::FirstFromRest),
    Command::new(Group::Bitmap, "bitpos", -3, Flags::READ, Keys::FIRST, bitpos)
        .doc("2.8.7", "O(N)", "key bit [start [end [BYTE | BIT]]]", "Finds the first set (1) or clear (0) bit in a string."),
    Command::new(Group::Bitmap, "getbit", 3, Flags::READ.and(Flags::FAST), Keys::FIRST, getbit)
        .doc("2.2.0", "O(1)", "key offset", "Returns a bit value by offset."),
    Command::new(Group::Bitmap, "setbit", 4, WRITE, Keys::FIRST, setbit)
        .doc("2.2.0", "O(1)", "key offset value", "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist."),
];

fn setbit(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let offset = bit_offset(ctx, args.word()?)?;
    let bit = match args.word()? {
        b"0" => 0,
        b"1" => 1,
        _ => return Err(Error::new("ERR bit is not an integer or out of range")),
    };
    let place = (offset >> 3) as usize;
    let byte = ctx.data.string(key)?.and_then(|value| value.with_bytes(|bytes| bytes.get(place).copied()));
    let shift = 7 - (offset & 7);
    let changed = byte.unwrap_or(0) & !(1 << shift) | (bit << shift);
    // A bit that has the value already changes nothing, unless the string has to grow to have it.
    if byte != Some(changed) {
        let splice = StringChange::Splice { offset: place as u64, bytes: vec![changed].into() };
        ctx.data.apply(&Effect::new(key, Change::String(splice)));
    }
    ctx.reply.integer(i64::from(byte.unwrap_or(0) >> shift & 1));
    Ok(())
}

fn getbit(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let offset = bit_offset(ctx, args.word()?)?;
    let place = (offset >> 3) as usize;
    let byte = ctx.data.string(key)?.and_then(|value| value.with_bytes(|bytes| bytes.get(place).copied()));
    ctx.reply.integer(i64::from(byte.unwrap_or(0) >> (7 - (offset & 7)) & 1));
    Ok(())
}

fn bitcount(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let Some(value) = ctx.data.string(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let range = match args.len() {
        0 => None,
        2 | 3 => {
            let (start, end) = (args.integer()?, args.integer()?);
            // Such a range is empty in whatever unit, even one that there isn't.
            if start < 0 && end < 0 && start > end {
                ctx.reply.integer(0);
                return Ok(());
            }
            Some((start, end, take_unit(args)?))
        }
        _ => return Err(Error::SYNTAX),
    };
    let count = value.with_bytes(|bytes| {
        let (from, to) = match range {
            None => (0, bytes.len() as u64 * 8),
            Some((start, end, bits)) => bit_range(bytes.len(), start, end, bits),
        };
        count_ones(bytes, from, to)
    });
    ctx.reply.integer(count as i64);
    Ok(())
}

fn bitpos(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let bit = match args.integer()? {
        0 => false,
        1 => true,
        _ => return Err(Error::new("ERR The bit argument must be 1 or 0.")),
    };
    let Some(value) = ctx.data.string(key)? else {
        ctx.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    if args.len() > 3 {
        return Err(Error::SYNTAX);
    }
    let start = if args.is_empty() { 0 } else { args.integer()? };
    // The unit is looked at before the end.
    let end = args.take();
    let bits = take_unit(args)?;
    let end = end.map(|end| num::parse_i64(end).ok_or(Error::NOT_AN_INTEGER)).transpose()?;
    let position = value.with_bytes(|bytes| {
        let (from, to) = bit_range(bytes.len(), start, end.unwrap_or(-1), bits);
        if from >= to {
            return -1;
        }
        match find_bit(bytes, bit, from, to) {
            Some(position) => position as i64,
            // To the right of the string all bits are clear, unless the caller has named where to stop.
            None if !bit && end.is_none() => to as i64,
            None => -1,
        }
    });
    ctx.reply.integer(position);
    Ok(())
}

fn bitop(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let not = args.take_if("NOT");
    let combine: fn(u8, u8) -> u8 = if not {
        |one, _| one
    } else if args.take_if("AND") {
        |one, other| one & other
    } else if args.take_if("OR") {
        |one, other| one | other
    } else if args.take_if("XOR") {
        |one, other| one ^ other
    } else {
        return Err(Error::SYNTAX);
    };
    if not && args.len() != 2 {
        return Err(Error::new("ERR BITOP NOT must be called with a single source key."));
    }
    let destination = args.word()?;
    let mut sources = Vec::with_capacity(args.len());
    for key in args.rest() {
        sources.push(ctx.data.string(key)?.map(|value| value.to_blob().to_vec()).unwrap_or_default());
    }
    let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
    let mut result: Vec<u8> = Vec::new();
    for (index, mut bytes) in sources.into_iter().enumerate() {
        bytes.resize(longest, 0);
        if index == 0 {
            result = bytes;
        } else {
            result.iter_mut().zip(bytes).for_each(|(one, other)| *one = combine(*one, other));
        }
    }
    if not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    ctx.data.settle(destination);
    ctx.reply.count(result.len());
    if result.is_empty() {
        ctx.data.apply(&Effect::delete(destination));
    } else {
        let set = StringChange::Set { value: result.into(), expiry: Expiry::Clear };
        ctx.data.apply(&Effect::new(destination, Change::String(set)));
    }
    Ok(())
}

/// The bits from `start` to `end`, both included and from the end where negative, as a half-open range.
fn bit_range(len: usize, start: i64, end: i64, bits: bool) -> (u64, u64) {
    let unit = if bits { 1 } else { 8 };
    let total = len as i64 * 8 / unit;
    let absolute = |position: i64| if position < 0 { position.saturating_add(total).max(0) } else { position };
    let (start, end) = (absolute(start), absolute(end).min(total - 1));
    if start > end {
        return (0, 0);
    }
    ((start * unit) as u64, ((end + 1) * unit) as u64)
}

/// Cost: O(n) in the bytes of the range.
fn count_ones(bytes: &[u8], from: u64, to: u64) -> u64 {
    let (first, last) = ((from >> 3) as usize, (to.div_ceil(8)) as usize);
    let Some(range) = bytes.get(first..last) else { return 0 };
    let mut count: u64 = range.iter().map(|byte| u64::from(byte.count_ones())).sum();
    // What stands in the outer bytes but outside the range is taken off again.
    if let Some(byte) = range.first() {
        count -= u64::from((byte & !(0xff_u8 >> (from & 7))).count_ones());
    }
    if to & 7 != 0
        && let Some(byte) = range.last()
    {
        count -= u64::from((byte & (0xff_u8 >> (to & 7))).count_ones());
    }
    count
}

/// The first bit of a value in the range. Cost: O(n) in its bytes, one look a byte.
fn find_bit(bytes: &[u8], bit: bool, from: u64, to: u64) -> Option<u64> {
    let skip = if bit { 0x00 } else { 0xff };
    let mut position = from;
    while position < to {
        let byte = *bytes.get((position >> 3) as usize)?;
        if position & 7 == 0 && byte == skip && position + 8 <= to {
            position += 8;
            continue;
        }
        if (byte >> (7 - (position & 7)) & 1 == 1) == bit {
            return Some(position);
        }
        position += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counting_and_finding_agree_with_looking_at_each_bit(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 1..40),
            ends: (prop::sample::Index, prop::sample::Index),
            bit: bool,
        ) {
            let total = bytes.len() * 8;
            let from = ends.0.index(total);
            let to = from + 1 + ends.1.index(total - from);
            let (from, to) = (from as u64, to as u64);
            let at = |position: u64| bytes[(position / 8) as usize] >> (7 - position % 8) & 1 == 1;
            prop_assert_eq!(count_ones(&bytes, from, to), (from..to).filter(|&position| at(position)).count() as u64);
            prop_assert_eq!(find_bit(&bytes, bit, from, to), (from..to).find(|&position| at(position) == bit));
        }

        #[test]
        fn a_range_never_leaves_the_string(len in 0_usize..50, start in -500_i64..500, end in -500_i64..500, bits: bool) {
            let (from, to) = bit_range(len, start, end, bits);
            prop_assert!(from <= to && to <= len as u64 * 8);
        }
    }
}
