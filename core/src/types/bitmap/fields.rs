//! BITFIELD: integers of any width at any bit of a string.

use alloc::vec::Vec;

use super::bit_offset;
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    num,
    types::string::StringChange,
};

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Bitmap, "bitfield", -2, Flags::WRITE.and(Flags::DENYOOM), Keys::FIRST, |ctx, args| bitfield(ctx, args, false))
        .doc("3.2.0", "O(1) for each subcommand specified", "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]", "Performs arbitrary bitfield integer operations on strings.").accessing(Access::BitField),
    Command::new(Group::Bitmap, "bitfield_ro", -2, Flags::READ.and(Flags::FAST), Keys::FIRST, |ctx, args| bitfield(ctx, args, true))
        .doc("6.0.0", "O(1) for each subcommand specified", "key [GET encoding offset [GET encoding offset ...]]", "Performs arbitrary read-only bitfield integer operations on strings."),
];

/// One subcommand.
struct Operation {
    field: Field,
    action: Action,
    overflow: Overflow,
}

enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

/// What becomes of a number that doesn't fit.
#[derive(Clone, Copy)]
enum Overflow {
    /// Its lowest bits are kept.
    Wrap,
    /// It becomes the largest or smallest that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// An integer's place in the string.
#[derive(Clone, Copy, Debug)]
struct Field {
    offset: u64,
    /// 1 to 64, unsigned to 63.
    bits: u32,
    signed: bool,
}

fn bitfield(ctx: &mut Context<'_>, args: &mut Args<'_>, read_only: bool) -> Result<()> {
    let key = args.word()?;
    let operations = read_operations(ctx, args, read_only)?;
    ctx.data.string(key)?;
    ctx.reply.array(operations.len());
    for Operation { field, action, overflow } in operations {
        let first = (field.offset >> 3) as usize;
        let last = ((field.offset + u64::from(field.bits) - 1) >> 3) as usize;
        let mut window = [0; 9];
        let mut len = 0;
        if let Some(value) = ctx.data.string(key)? {
            value.with_bytes(|bytes| {
                len = bytes.len();
                let stored = bytes.get(first.min(len)..(last + 1).min(len)).unwrap_or_default();
                window.iter_mut().zip(stored).for_each(|(target, byte)| *target = *byte);
            });
        }
        let stored = window;
        let before = field.read(&window);
        let (fitted, shown) = match action {
            Action::Get => {
                ctx.reply.integer(before);
                continue;
            }
            // As in Redis, what SET is given is already 64 bits: only its width is checked, and what is negative is too
            // large for a field without a sign.
            Action::Set(value) if field.signed => (field.fit(i128::from(value), overflow), before),
            Action::Set(value) => (field.fit(i128::from(value as u64), overflow), before),
            Action::Increment(by) => {
                let fitted = field.fit(i128::from(before) + i128::from(by), overflow);
                (fitted, fitted.unwrap_or(0))
            }
        };
        match fitted {
            Some(value) => {
                field.write(&mut window, value);
                ctx.reply.integer(shown);
            }
            None => ctx.reply.null(),
        }
        // Even where nothing fits the string grows to hold the field, as in Redis.
        if window != stored || len <= last {
            let bytes = window.get(..=last - first).unwrap_or_default();
            let splice = StringChange::Splice { offset: first as u64, bytes: bytes.into() };
            ctx.data.apply(&Effect::new(key, Change::String(splice)));
        }
    }
    Ok(())
}

fn read_operations(ctx: &Context<'_>, args: &mut Args<'_>, read_only: bool) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    while !args.is_empty() {
        if args.take_if("OVERFLOW") {
            overflow = read_overflow(args)?;
            continue;
        }
        let action: fn(i64) -> Action = if args.take_if("GET") {
            |_| Action::Get
        } else if args.take_if("SET") {
            Action::Set
        } else if args.take_if("INCRBY") {
            Action::Increment
        } else {
            return Err(Error::SYNTAX);
        };
        // A type and an offset, and a value.
        if args.len() < if matches!(action(0), Action::Get) { 2 } else { 3 } {
            return Err(Error::SYNTAX);
        }
        let field = Field::take(ctx, args)?;
        let action = match action(0) {
            Action::Get => Action::Get,
            _ => action(args.integer()?),
        };
        operations.push(Operation { field, action, overflow });
    }
    if read_only && operations.iter().any(|operation| !matches!(operation.action, Action::Get)) {
        return Err(Error::new("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    Ok(operations)
}

fn read_overflow(args: &mut Args<'_>) -> Result<Overflow> {
    if args.take_if("WRAP") {
        Ok(Overflow::Wrap)
    } else if args.take_if("SAT") {
        Ok(Overflow::Saturate)
    } else if args.take_if("FAIL") {
        Ok(Overflow::Fail)
    } else if args.is_empty() {
        Err(Error::SYNTAX)
    } else {
        Err(Error::new("ERR Invalid OVERFLOW type specified"))
    }
}

impl Field {
    /// Reads `i8 100` or `u4 #2`: a type, and an offset in bits or in fields.
    fn take(ctx: &Context<'_>, args: &mut Args<'_>) -> Result<Self> {
        let (signed, bits) = match args.word()?.split_first() {
            Some((b'i' | b'I', digits)) => (true, num::parse_i64(digits).filter(|bits| (1..=64).contains(bits))),
            Some((b'u' | b'U', digits)) => (false, num::parse_i64(digits).filter(|bits| (1..=63).contains(bits))),
            _ => (false, None),
        };
        let bits = bits.ok_or(Error::new(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))? as u32;
        let word = args.word()?;
        let (word, unit) = word.strip_prefix(b"#").map_or((word, 1), |word| (word, u64::from(bits)));
        let offset = bit_offset(ctx, word)?.saturating_mul(unit);
        // The last bit has to lie within the longest string as well.
        if (offset.saturating_add(u64::from(bits)) >> 3) >= ctx.limits.bulk_bytes_max as u64 {
            return Err(Error::new("ERR bit offset is not an integer or out of range"));
        }
        Ok(Self { offset, bits, signed })
    }

    /// The number in the window of nine bytes that begins with the field's first.
    fn read(self, window: &[u8; 9]) -> i64 {
        let bits = (window_bits(window) >> self.shift() & self.mask()) as u64;
        let unused = 64 - self.bits;
        if self.signed { (bits << unused) as i64 >> unused } else { bits as i64 }
    }

    /// Puts a number that fits into the window.
    fn write(self, window: &mut [u8; 9], value: i64) {
        let bits =
            window_bits(window) & !(self.mask() << self.shift()) | ((value as u128 & self.mask()) << self.shift());
        let bytes = bits.to_be_bytes();
        window.iter_mut().zip(bytes.iter().skip(7)).for_each(|(target, byte)| *target = *byte);
    }

    /// The number as it is stored, or `None` if it doesn't fit and mustn't be bent.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = match self.signed {
            true => (-(1_i128 << (self.bits - 1)), (1_i128 << (self.bits - 1)) - 1),
            false => (0, (1_i128 << self.bits) - 1),
        };
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Wrap => {
                let low = value as u128 & self.mask();
                let negative = self.signed && low >> (self.bits - 1) & 1 == 1;
                Some(if negative { (low as i128 - (1_i128 << self.bits)) as i64 } else { low as i64 })
            }
        }
    }

    /// How far the field's last bit stands from the window's.
    fn shift(self) -> u32 {
        72 - (self.offset & 7) as u32 - self.bits
    }

    fn mask(self) -> u128 {
        (1 << self.bits) - 1
    }
}

fn window_bits(window: &[u8; 9]) -> u128 {
    window.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_its_neighbours_stay(
            before: [u8; 9], offset in 0_u64..8, bits in 1_u32..=64, signed: bool, value: i64,
        ) {
            prop_assume!(signed || bits < 64);
            let field = Field { offset, bits, signed };
            let value = field.fit(i128::from(value), Overflow::Wrap).expect("wrapping always fits");
            let mut window = before;
            field.write(&mut window, value);
            prop_assert_eq!(field.read(&window), value);
            let outside = !(field.mask() << field.shift()) & ((1 << 72) - 1);
            prop_assert_eq!(window_bits(&window) & outside, window_bits(&before) & outside);
        }

        #[test]
        fn a_number_that_fits_is_never_bent(bits in 1_u32..=63, value: i64) {
            for overflow in [Overflow::Wrap, Overflow::Saturate, Overflow::Fail] {
                let field = Field { offset: 0, bits, signed: true };
                let small = value >> (64 - bits);
                prop_assert_eq!(field.fit(i128::from(small), overflow), Some(small));
            }
        }
    }
}
