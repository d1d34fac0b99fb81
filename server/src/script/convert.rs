//! Replies as Lua values and Lua values as replies, by Redis's rules.
//!
//! ```text
//!  reply                RESP2               RESP3                  and back
//!  integer              number              number                 a number, cut to an integer
//!  string               string              string                 a string
//!  status, error        {ok=…}, {err=…}     the same               a status, an error
//!  null                 false               nil                    null
//!  array                table               table                  up to the first nil
//!  map, set             (arrays)            {map={…}}, {set={…}}   the same
//!  double, big number   (strings)           {double=…}, {big_number=…}
//!  boolean              (1 and 0)           true, false            1 and null, or a boolean
//! ```

use mlua::{Lua, Result, Table, Value};
use sanderling_core::error::Error;
use sanderling_core::resp::{Protocol, Reply};

/// Makes a Lua value of the reply at the front of `bytes`.
///
/// # Errors
/// If memory is short.
pub(super) fn to_lua(lua: &Lua, bytes: &[u8], protocol: Protocol) -> Result<Value> {
    Replies { lua, bytes, protocol }.value(0)
}

/// Makes the table that stands for an error.
///
/// # Errors
/// If memory is short.
pub(super) fn error_table(lua: &Lua, text: impl AsRef<[u8]>) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

struct Replies<'a> {
    lua: &'a Lua,
    /// What isn't read yet.
    bytes: &'a [u8],
    protocol: Protocol,
}

impl<'a> Replies<'a> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        let line = self.line();
        let (kind, rest) = line.split_first().unwrap_or((&b'_', &[]));
        let lua = self.lua;
        Ok(match kind {
            b':' => Value::Number(integer(rest) as f64),
            b'+' => Value::Table(single(lua, "ok", lua.create_string(rest)?)?),
            b'-' => Value::Table(error_table(lua, rest)?),
            b'$' => match usize::try_from(integer(rest)) {
                Ok(length) => Value::String(lua.create_string(self.take(length))?),
                Err(_) => Value::Boolean(false),
            },
            b'=' => {
                let text = self.take(usize::try_from(integer(rest)).unwrap_or(0));
                let (format, text) = text.split_at_checked(4).unwrap_or((b"txt:", text));
                let verbatim = lua.create_table_with_capacity(0, 2)?;
                verbatim.raw_set("string", lua.create_string(text)?)?;
                verbatim.raw_set("format", lua.create_string(format.get(..3).unwrap_or_default())?)?;
                Value::Table(single(lua, "verbatim_string", verbatim)?)
            }
            b'*' | b'>' if integer(rest) < 0 => Value::Boolean(false),
            b'*' | b'>' => {
                let count = usize::try_from(integer(rest)).unwrap_or(0);
                let table = lua.create_table_with_capacity(count, 0)?;
                for at in 1..=count {
                    let value = self.inner(depth)?;
                    table.raw_set(at, value)?;
                }
                Value::Table(table)
            }
            b'%' => {
                let count = usize::try_from(integer(rest)).unwrap_or(0);
                let table = lua.create_table_with_capacity(0, count)?;
                for _ in 0..count {
                    let (key, value) = (self.inner(depth)?, self.inner(depth)?);
                    set_keyed(&table, key, value)?;
                }
                Value::Table(single(lua, "map", table)?)
            }
            b'~' => {
                let count = usize::try_from(integer(rest)).unwrap_or(0);
                let table = lua.create_table_with_capacity(0, count)?;
                for _ in 0..count {
                    let member = self.inner(depth)?;
                    set_keyed(&table, member, Value::Boolean(true))?;
                }
                Value::Table(single(lua, "set", table)?)
            }
            b'|' => {
                // What is said about a reply is passed over.
                for _ in 0..2 * integer(rest) {
                    self.inner(depth)?;
                }
                self.inner(depth)?
            }
            b',' => {
                let number = sanderling_core::num::parse_f64(rest).unwrap_or(f64::NAN);
                Value::Table(single(lua, "double", number)?)
            }
            b'(' => Value::Table(single(lua, "big_number", lua.create_string(rest)?)?),
            b'#' => Value::Boolean(rest == b"t"),
            _ if self.protocol == Protocol::Resp2 => Value::Boolean(false),
            _ => Value::Nil,
        })
    }

    fn inner(&mut self, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX { Ok(Value::Nil) } else { self.value(depth + 1) }
    }

    fn line(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\r', self.bytes).unwrap_or(self.bytes.len());
        let line = self.bytes.get(..end).unwrap_or_default();
        self.bytes = self.bytes.get(end + 2..).unwrap_or_default();
        line
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let text = self.bytes.get(..length).unwrap_or_default();
        self.bytes = self.bytes.get(length.saturating_add(2)..).unwrap_or_default();
        text
    }
}

fn integer(digits: &[u8]) -> i64 {
    sanderling_core::num::parse_i64(digits).unwrap_or(0)
}

fn single(lua: &Lua, name: &str, value: impl mlua::IntoLua) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(name, value)?;
    Ok(table)
}

/// Nil and not-a-number can't be keys.
fn set_keyed(table: &Table, key: Value, value: Value) -> Result<()> {
    match key {
        Value::Nil => Ok(()),
        Value::Number(number) if number.is_nan() => Ok(()),
        key => table.raw_set(key, value),
    }
}

/// Writes what a script returned. `protocol` is the version that the script works in.
pub(super) fn write(reply: &mut Reply<'_>, value: &Value, protocol: Protocol) -> Result<()> {
    write_value(reply, value, protocol, 0)
}

fn write_value(reply: &mut Reply<'_>, value: &Value, protocol: Protocol, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        reply.error(&Error::new("ERR reached lua stack limit"));
        return Ok(());
    }
    match value {
        Value::String(text) => reply.bulk(&text.as_bytes()),
        Value::Integer(number) => reply.integer(*number),
        // As a cast does in C.
        Value::Number(number) => reply.integer(*number as i64),
        Value::Boolean(value) if protocol == Protocol::Resp3 => reply.boolean(*value),
        Value::Boolean(true) => reply.integer(1),
        Value::Table(table) => return write_table(reply, table, protocol, depth),
        _ => reply.null(),
    }
    Ok(())
}

fn write_table(reply: &mut Reply<'_>, table: &Table, protocol: Protocol, depth: usize) -> Result<()> {
    if let Value::String(text) = table.raw_get("err")? {
        reply.error(&Error::owned(error_text(&text.as_bytes())));
        return Ok(());
    }
    if let Value::String(text) = table.raw_get("ok")? {
        let text = String::from_utf8_lossy(&text.as_bytes()).replace(['\r', '\n'], " ");
        reply.simple(&text);
        return Ok(());
    }
    match table.raw_get("double")? {
        Value::Number(number) => {
            reply.double(number);
            return Ok(());
        }
        Value::Integer(number) => {
            reply.double(number as f64);
            return Ok(());
        }
        _ => {}
    }
    if let Value::Table(map) = table.raw_get("map")? {
        reply.map(count(&map)?);
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            write_value(reply, &key, protocol, depth + 1)?;
            write_value(reply, &value, protocol, depth + 1)?;
        }
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get("set")? {
        reply.set(count(&set)?);
        for pair in set.pairs::<Value, Value>() {
            write_value(reply, &pair?.0, protocol, depth + 1)?;
        }
        return Ok(());
    }
    if let Value::String(digits) = table.raw_get("big_number")? {
        let digits = String::from_utf8_lossy(&digits.as_bytes()).replace(['\r', '\n'], " ");
        reply.big_number(&digits);
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
        && let (Value::String(text), Value::String(format)) = (verbatim.raw_get("string")?, verbatim.raw_get("format")?)
    {
        let mut kind = *b"txt";
        kind.iter_mut().zip(format.as_bytes().iter()).for_each(|(to, from)| *to = *from);
        reply.verbatim_as(kind, &text.as_bytes());
        return Ok(());
    }
    let mut length = 0;
    while table.raw_get::<Value>(length + 1)? != Value::Nil {
        length += 1;
    }
    reply.array(length);
    (1..=length).try_for_each(|at| write_value(reply, &table.raw_get(at)?, protocol, depth + 1))
}

/// How many pairs a table has. They are gone through twice rather than kept: what is kept of Lua's outside has bounds.
pub(super) fn count(table: &Table) -> Result<usize> {
    table.pairs::<Value, Value>().try_fold(0, |count, pair| pair.map(|_| count + 1))
}

/// What an error says, without the mark before it and without what would end its line.
pub(super) fn error_text(text: &[u8]) -> String {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    String::from_utf8_lossy(text).into_owned()
}

/// How deep values of replies may be nested: deeper than a client reads them.
const DEPTH_MAX: usize = 128;
