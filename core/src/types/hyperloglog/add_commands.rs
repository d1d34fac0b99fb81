//! PFADD and PFMERGE.
//!
//! Of a string that changes in a few places only those are written to the log: what one element does to 12 KB is two
//! bytes.

use alloc::vec::Vec;

use super::{
    estimate::place,
    layout::{CORRUPTED, HEADER_BYTES, Layout, STALE_AT, STALE_BYTE, fresh, write},
    registers::{dense_register, empty, set_dense_register, sparse_register},
};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::Result,
    types::string::{Expiry, StringChange},
};

const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);

/// The rows of commands that add.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::HyperLogLog, "pfadd", -2, GROW.and(Flags::FAST), Keys::FIRST, pfadd)
        .doc("2.8.9", "O(1) to add every element", "key [element [element ...]]", "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.").accessing(Access::Blind),
    Command::new(Group::HyperLogLog, "pfmerge", -2, GROW, Keys::ALL, pfmerge)
        .doc("2.8.9", "O(N) to merge N HyperLogLogs, but with high constant times", "destkey [sourcekey [sourcekey ...]]", "Merges one or more HyperLogLog values into a single key.").accessing(Access::FirstWithRest),
];

fn pfadd(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let sparse_bytes_max = ctx.config.hll_sparse_bytes_max();
    if let Some(raised) = ctx.data.string(key)?.and_then(|value| value.with_bytes(|bytes| raise(bytes, args.rest()))) {
        ctx.reply.integer(i64::from(!raised.is_empty()));
        raised.into_iter().for_each(|(register, value)| patch(ctx, key, register, value));
        return Ok(());
    }
    let before = ctx.data.string(key)?.map(|value| value.with_bytes(<[u8]>::to_vec));
    let is_new = before.is_none();
    let before = before.unwrap_or_else(fresh);
    let after = add(&before, args.rest(), sparse_bytes_max)?;
    match after {
        Some(after) if !is_new => replace(ctx, key, &before, after),
        after if is_new => set(ctx, key, after.unwrap_or(before)),
        _ => {
            ctx.reply.integer(0);
            return Ok(());
        }
    }
    ctx.reply.integer(1);
    Ok(())
}

/// The registers that a few elements raise in the dense form, each with its value; `None` where the string is of
/// another form, or none, or the elements are many.
fn raise(bytes: &[u8], elements: &[&[u8]]) -> Option<Vec<(usize, u8)>> {
    let layout = Layout::read(bytes).ok().filter(|layout| layout.is_dense && elements.len() <= PATCHES_MAX)?;
    let places = elements.iter().map(|element| place(element));
    Some(places.filter(|(register, value)| *value > dense_register(layout.registers, *register)).collect())
}

/// Raises a register of a dense string where it stands.
fn patch(ctx: &mut Context<'_>, key: &[u8], register: usize, value: u8) {
    let at = HEADER_BYTES + register * 6 / 8;
    let Ok(Some(string)) = ctx.data.string(key) else { return };
    let (flags, before) = string.with_bytes(|bytes| {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        (byte(STALE_AT), [byte(at), byte(at + 1)])
    });
    let shift = register * 6 % 8;
    let word = u16::from_le_bytes(before);
    let held = (word >> shift) as u8 & 0x3f;
    let after = (word & !(0x3f << shift) | u16::from(value.max(held)) << shift).to_le_bytes();
    if flags & STALE_BYTE != STALE_BYTE {
        splice(ctx, key, STALE_AT, &[flags | STALE_BYTE]);
    }
    let differs = |index: &usize| before.get(*index) != after.get(*index);
    if let (Some(first), Some(last)) = ((0..2).find(differs), (0..2).rev().find(differs))
        && let Some(bytes) = after.get(first..=last)
    {
        splice(ctx, key, at + first, bytes);
    }
}

/// The string with these elements in it; nothing if it had them.
///
/// # Errors
/// If it isn't a HyperLogLog.
pub(super) fn add(before: &[u8], elements: &[&[u8]], sparse_bytes_max: usize) -> Result<Option<Vec<u8>>> {
    let layout = Layout::read(before)?;
    let mut raised = Vec::new();
    for element in elements {
        let (register, value) = place(element);
        let held = match layout.is_dense {
            true => dense_register(layout.registers, register),
            false => sparse_register(layout.registers, register).ok_or(CORRUPTED)?,
        };
        if value > held {
            raised.push((register, value));
        }
    }
    if raised.is_empty() {
        return Ok(None);
    }
    if layout.is_dense {
        let mut after = before.to_vec();
        if let Some((header, registers)) = after.split_at_mut_checked(HEADER_BYTES) {
            if let Some(byte) = header.get_mut(STALE_AT) {
                *byte |= STALE_BYTE;
            }
            for (register, value) in raised {
                let held = dense_register(registers, register);
                set_dense_register(registers, register, value.max(held));
            }
        }
        return Ok(Some(after));
    }
    let mut values = layout.values()?;
    for (register, value) in raised {
        if let Some(held) = values.get_mut(register) {
            *held = value.max(*held);
        }
    }
    Ok(Some(write(&values, true, sparse_bytes_max)))
}

fn pfmerge(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let sparse_bytes_max = ctx.config.hll_sparse_bytes_max();
    let mut values = empty();
    let mut is_dense = false;
    for key in args.rest() {
        let Some(value) = ctx.data.string(key)? else { continue };
        let (others, dense) = value.with_bytes(|bytes| {
            let layout = Layout::read(bytes)?;
            Ok((layout.values()?, layout.is_dense))
        })?;
        is_dense |= dense;
        for (value, other) in values.iter_mut().zip(others.iter()) {
            *value = (*value).max(*other);
        }
    }
    let destination = args.word()?;
    let after = write(&values, !is_dense, sparse_bytes_max);
    match ctx.data.string(destination)?.map(|value| value.with_bytes(<[u8]>::to_vec)) {
        Some(before) => replace(ctx, destination, &before, after),
        None => set(ctx, destination, after),
    }
    ctx.reply.ok();
    Ok(())
}

/// Puts a string in the place of another: where they are as long, only what differs.
pub(super) fn replace(ctx: &mut Context<'_>, key: &[u8], before: &[u8], after: Vec<u8>) {
    if before.len() != after.len() {
        return set(ctx, key, after);
    }
    for range in [0..HEADER_BYTES, HEADER_BYTES..after.len()] {
        let (Some(old), Some(new)) = (before.get(range.clone()), after.get(range.clone())) else { continue };
        let differs = |at: &usize| old.get(*at) != new.get(*at);
        let (first, last) = ((0..new.len()).find(differs), (0..new.len()).rev().find(differs));
        if let (Some(first), Some(last)) = (first, last)
            && let Some(bytes) = new.get(first..=last)
        {
            splice(ctx, key, range.start + first, bytes);
        }
    }
}

/// Writes bytes into the string of a key.
pub(super) fn splice(ctx: &mut Context<'_>, key: &[u8], offset: usize, bytes: &[u8]) {
    let splice = StringChange::Splice { offset: offset as u64, bytes: bytes.to_vec().into() };
    ctx.data.apply(&Effect::new(key, Change::String(splice)));
}

/// Makes a string what a key holds; its deadline stays.
fn set(ctx: &mut Context<'_>, key: &[u8], value: Vec<u8>) {
    let set = StringChange::Set { value: Blob::from(value), expiry: Expiry::Keep };
    ctx.data.apply(&Effect::new(key, Change::String(set)));
}

/// Up to so many elements are written one by one; more of them are worth a copy of the whole.
const PATCHES_MAX: usize = 8;
