//! `cmsgpack`: values in MessagePack, in the choices that Redis's library of that name makes.
//!
//! The format is described at <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::api::{Answer, Failure, native};
use super::convert;

/// The library's functions.
pub(super) fn functions(lua: &Lua) -> Result<Table> {
    let cmsgpack = lua.create_table()?;
    cmsgpack.raw_set("pack", native(lua, pack)?)?;
    cmsgpack.raw_set("unpack", native(lua, |lua, args| unpack(lua, &args, Some((0, 0))))?)?;
    let one = |lua: &Lua, args: MultiValue| {
        let offset = integer(lua, &args, 1, 0)?;
        unpack(lua, &args, Some((1, offset)))
    };
    cmsgpack.raw_set("unpack_one", native(lua, one)?)?;
    cmsgpack.raw_set("unpack_limit", native(lua, |lua, args| unpack(lua, &args, None))?)?;
    cmsgpack.raw_set("_NAME", "cmsgpack")?;
    cmsgpack.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    Ok(cmsgpack)
}

fn pack(lua: &Lua, args: MultiValue) -> Answer {
    if args.is_empty() {
        return Err(Failure::Text("bad argument #0 to 'pack' (MessagePack pack needs input.)".into()));
    }
    let mut out = Vec::new();
    for value in &args {
        encode(value, 0, &mut out)?;
    }
    Ok(MultiValue::from_vec(vec![Value::String(lua.create_string(out)?)]))
}

fn encode(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            match text.len() {
                length @ 0..=31 => out.push(0xa0 | length as u8),
                length @ 32..=0xff => out.extend([0xd9, length as u8]),
                length @ 0x100..=0xffff => extend(out, 0xda, &(length as u16).to_be_bytes()),
                length => extend(out, 0xdb, &(length as u32).to_be_bytes()),
            }
            out.extend_from_slice(&text);
        }
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => encode_integer(*number, out),
        Value::Number(number) if (*number as i64) as f64 == *number => encode_integer(*number as i64, out),
        Value::Number(number) => {
            let short = *number as f32;
            match f64::from(short) == *number {
                true => extend(out, 0xca, &short.to_be_bytes()),
                false => extend(out, 0xcb, &number.to_be_bytes()),
            }
        }
        // What is nested too deeply, perhaps in itself, is cut off.
        Value::Table(table) if depth < DEPTH_MAX => encode_table(table, depth, out)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

fn encode_integer(number: i64, out: &mut Vec<u8>) {
    if let Ok(number) = u64::try_from(number) {
        match number {
            0..=0x7f => out.push(number as u8),
            0x80..=0xff => out.extend([0xcc, number as u8]),
            0x100..=0xffff => extend(out, 0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => extend(out, 0xce, &(number as u32).to_be_bytes()),
            _ => extend(out, 0xcf, &number.to_be_bytes()),
        }
    } else {
        match number {
            -32.. => out.push(number as i8 as u8),
            -128.. => out.extend([0xd0, number as i8 as u8]),
            -0x8000.. => extend(out, 0xd1, &(number as i16).to_be_bytes()),
            -0x8000_0000.. => extend(out, 0xd2, &(number as i32).to_be_bytes()),
            _ => extend(out, 0xd3, &number.to_be_bytes()),
        }
    }
}

fn encode_table(table: &Table, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let count = convert::count(table)?;
    let index = |key: &Value| match key {
        Value::Integer(at) => usize::try_from(*at).ok().filter(|at| (1..=count).contains(at)),
        _ => None,
    };
    // As many different places as there are keys, none beyond that: they are 1 to the count.
    if table.pairs::<Value, Value>().all(|pair| pair.is_ok_and(|(key, _)| index(&key).is_some())) {
        length(count, 0x90, 0xdc, out);
        for at in 1..=count {
            encode(&table.raw_get::<Value>(at)?, depth + 1, out)?;
        }
        return Ok(());
    }
    length(count, 0x80, 0xde, out);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        encode(&key, depth + 1, out)?;
        encode(&value, depth + 1, out)?;
    }
    Ok(())
}

/// Writes how many elements follow: in the first byte, or in two bytes or four after it.
fn length(count: usize, short: u8, long: u8, out: &mut Vec<u8>) {
    match count {
        0..=15 => out.push(short | count as u8),
        16..=0xffff => extend(out, long, &(count as u16).to_be_bytes()),
        _ => extend(out, long + 1, &(count as u32).to_be_bytes()),
    }
}

fn extend(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend_from_slice(bytes);
}

/// Reads values: all of them, or so many from an offset on, after the offset at which to go on.
fn unpack(lua: &Lua, args: &MultiValue, known: Option<(i64, i64)>) -> Answer {
    let text = args.front().cloned().unwrap_or(Value::Nil);
    let text = lua.coerce_string(text)?;
    let text = text.ok_or_else(|| Failure::Text("bad argument #1 (string expected)".into()))?;
    let data = text.as_bytes();
    let (limit, offset) = match known {
        Some(known) => known,
        None => (integer(lua, args, 1, -1)?, integer(lua, args, 2, 0)?),
    };
    let (Ok(limit), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        return Err(Failure::Text(format!("Invalid request to unpack with offset of {offset} and limit of {limit}.")));
    };
    let Some(rest) = data.get(start..) else {
        return Err(Failure::Text(format!("Start offset {start} greater than input length {}.", data.len())));
    };
    let all = limit == 0 && start == 0;
    let mut reader = Reader { lua, rest };
    let mut values = Vec::new();
    while !reader.rest.is_empty() && (all || values.len() < limit) {
        values.push(reader.value(0)?);
    }
    if !all {
        let next = if reader.rest.is_empty() { -1 } else { (data.len() - reader.rest.len()) as i64 };
        values.insert(0, Value::Integer(next));
    }
    Ok(MultiValue::from_vec(values))
}

fn integer(lua: &Lua, args: &MultiValue, at: usize, default: i64) -> std::result::Result<i64, Failure> {
    match args.get(at) {
        None | Some(Value::Nil) => Ok(default),
        Some(value) => {
            let number = lua.coerce_number(value.clone())?;
            number
                .map(|number| number as i64)
                .ok_or_else(|| Failure::Text(format!("bad argument #{} (number expected)", at + 1)))
        }
    }
}

struct Reader<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> std::result::Result<Value, Failure> {
        if depth > DECODE_DEPTH_MAX {
            return Err(Failure::Text("too many nested values in input.".into()));
        }
        let [kind] = self.array()?;
        Ok(match kind {
            0x00..=0x7f => Value::Integer(i64::from(kind)),
            0xe0..=0xff => Value::Integer(i64::from(kind as i8)),
            0x80..=0x8f => self.map(usize::from(kind & 15), depth)?,
            0x90..=0x9f => self.list(usize::from(kind & 15), depth)?,
            0xa0..=0xbf => self.text(usize::from(kind & 31))?,
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xca => Value::Number(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Value::Number(f64::from_be_bytes(self.array()?)),
            0xcc => Value::Integer(i64::from(u8::from_be_bytes(self.array()?))),
            0xcd => Value::Integer(i64::from(u16::from_be_bytes(self.array()?))),
            0xce => Value::Integer(i64::from(u32::from_be_bytes(self.array()?))),
            0xcf => Value::Number(u64::from_be_bytes(self.array()?) as f64),
            0xd0 => Value::Integer(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => Value::Integer(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Value::Integer(i64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => Value::Number(i64::from_be_bytes(self.array()?) as f64),
            0xc4 | 0xd9 => self.one_byte().and_then(|length| self.text(length))?,
            0xc5 | 0xda => self.two_bytes().and_then(|length| self.text(length))?,
            0xc6 | 0xdb => self.four_bytes().and_then(|length| self.text(length))?,
            0xdc => self.two_bytes().and_then(|count| self.list(count, depth))?,
            0xdd => self.four_bytes().and_then(|count| self.list(count, depth))?,
            0xde => self.two_bytes().and_then(|count| self.map(count, depth))?,
            0xdf => self.four_bytes().and_then(|count| self.map(count, depth))?,
            _ => return Err(Failure::Text("Bad data format in input.".into())),
        })
    }

    fn list(&mut self, count: usize, depth: usize) -> std::result::Result<Value, Failure> {
        // Each element takes a byte at least: more room than there are bytes is never needed.
        let table = self.lua.create_table_with_capacity(count.min(self.rest.len()), 0)?;
        for at in 1..=count {
            table.raw_set(at, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, count: usize, depth: usize) -> std::result::Result<Value, Failure> {
        let table = self.lua.create_table_with_capacity(0, count.min(self.rest.len() / 2))?;
        for _ in 0..count {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            match key {
                Value::Nil => return Err(Failure::Text("Bad data format in input.".into())),
                Value::Number(number) if number.is_nan() => {
                    return Err(Failure::Text("Bad data format in input.".into()));
                }
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }

    fn text(&mut self, length: usize) -> std::result::Result<Value, Failure> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(missing)?;
        self.rest = rest;
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn one_byte(&mut self) -> std::result::Result<usize, Failure> {
        Ok(usize::from(u8::from_be_bytes(self.array()?)))
    }

    fn two_bytes(&mut self) -> std::result::Result<usize, Failure> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn four_bytes(&mut self) -> std::result::Result<usize, Failure> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    fn array<const BYTES: usize>(&mut self) -> std::result::Result<[u8; BYTES], Failure> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(missing)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

fn missing() -> Failure {
    Failure::Text("Missing bytes in input.".into())
}

/// How deep tables are written.
const DEPTH_MAX: usize = 16;

/// How deep they are read.
const DECODE_DEPTH_MAX: usize = 200;
