//! `bit`: operations on the 32 bits of a number, as in LuaJIT's BitOp.

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};

use super::api::{Answer, Failure, native};

/// The library's functions.
pub(super) fn functions(lua: &Lua) -> Result<Table> {
    let bit = lua.create_table()?;
    let add = |name: &'static str, run: fn(&Lua, &'static str, &MultiValue) -> Answer| {
        bit.raw_set(name, native(lua, move |lua, args| run(lua, name, &args))?)
    };
    add("tobit", |lua, name, args| number(lua, bits(lua, name, args, 0)?))?;
    add("bnot", |lua, name, args| number(lua, !bits(lua, name, args, 0)?))?;
    add("bswap", |lua, name, args| number(lua, bits(lua, name, args, 0)?.swap_bytes()))?;
    add("band", |lua, name, args| folded(lua, name, args, |one, other| one & other))?;
    add("bor", |lua, name, args| folded(lua, name, args, |one, other| one | other))?;
    add("bxor", |lua, name, args| folded(lua, name, args, |one, other| one ^ other))?;
    add("lshift", |lua, name, args| shifted(lua, name, args, |bits, by| bits << by))?;
    add("rshift", |lua, name, args| shifted(lua, name, args, |bits, by| bits >> by))?;
    add("arshift", |lua, name, args| shifted(lua, name, args, |bits, by| ((bits as i32) >> by) as u32))?;
    add("rol", |lua, name, args| shifted(lua, name, args, u32::rotate_left))?;
    add("ror", |lua, name, args| shifted(lua, name, args, u32::rotate_right))?;
    add("tohex", tohex)?;
    Ok(bit)
}

fn number(lua: &Lua, bits: u32) -> Answer {
    Ok((bits as i32).into_lua_multi(lua)?)
}

fn folded(lua: &Lua, name: &'static str, args: &MultiValue, join: fn(u32, u32) -> u32) -> Answer {
    let mut all = bits(lua, name, args, 0)?;
    for at in 1..args.len() {
        all = join(all, bits(lua, name, args, at)?);
    }
    number(lua, all)
}

fn shifted(lua: &Lua, name: &'static str, args: &MultiValue, shift: fn(u32, u32) -> u32) -> Answer {
    // Only the five bits count that say by how much 32 bits can be moved.
    let by = bits(lua, name, args, 1)? & 31;
    number(lua, shift(bits(lua, name, args, 0)?, by))
}

fn tohex(lua: &Lua, name: &'static str, args: &MultiValue) -> Answer {
    let bits_of = bits(lua, name, args, 0)?;
    let digits = if args.len() > 1 { bits(lua, name, args, 1)? as i32 } else { 8 };
    let shout = digits < 0;
    let digits = digits.unsigned_abs().min(8) as usize;
    let hex = if shout { format!("{bits_of:08X}") } else { format!("{bits_of:08x}") };
    Ok(hex.get(8 - digits..).unwrap_or_default().into_lua_multi(lua)?)
}

/// The lowest 32 bits of an argument, which is rounded.
fn bits(lua: &Lua, name: &'static str, args: &MultiValue, at: usize) -> std::result::Result<u32, Failure> {
    let value = args.get(at).cloned().unwrap_or(Value::Nil);
    let type_name = if at < args.len() { value.type_name() } else { "no value" };
    let wrong = || Failure::Text(format!("bad argument #{} to '{name}' (number expected, got {type_name})", at + 1));
    Ok(low_bits(lua.coerce_number(value)?.ok_or_else(wrong)?))
}

fn low_bits(number: f64) -> u32 {
    let rounded = number.round_ties_even();
    // Exact, since 2^32 divides every number that is too large to have a fraction.
    (rounded % 4_294_967_296.0) as i64 as u32
}

#[cfg(test)]
mod tests {
    use super::low_bits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_low_bits_are_those_of_the_integer(number in -(1_i64 << 52)..1 << 52) {
            prop_assert_eq!(low_bits(number as f64), number as u32);
        }
    }

    #[test]
    fn halves_go_to_the_even_side() {
        assert_eq!([low_bits(0.5), low_bits(1.5), low_bits(2.5), low_bits(-1.0)], [0, 2, 2, u32::MAX]);
    }
}
