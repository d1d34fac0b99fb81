//! `struct`: values as bytes by a format, as in the library of that name by Roberto Ierusalimschy.
//!
//! ```text
//!  >  <  =   the order of bytes from here on: highest first, lowest first, this machine's
//!  ! !n      alignment from here on, to n bytes at most
//!  x         a byte of padding
//!  b h i l   an integer of 1, 2, 4, 8 bytes, or of n with `in`; unsigned in capitals; T is L
//!  f d       a float of 4 or 8 bytes
//!  s         a text up to a zero byte
//!  c cn c0   a text of 1 byte, of n, or of all its bytes; when reading, of as many as the number before says
//! ```

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};

use super::api::{Answer, Failure, native};

/// The library's functions.
pub(super) fn functions(lua: &Lua) -> Result<Table> {
    let pack_table = lua.create_table()?;
    pack_table.raw_set("pack", native(lua, pack)?)?;
    pack_table.raw_set("unpack", native(lua, unpack)?)?;
    pack_table.raw_set("size", native(lua, size)?)?;
    Ok(pack_table)
}

/// One step of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    option: u8,
    /// Bytes; 0 where the value decides.
    size: usize,
    big_endian: bool,
    /// What the value's place is to be a multiple of.
    alignment: usize,
}

/// Reads a format from left to right.
struct Format<'a> {
    rest: &'a [u8],
    big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text, big_endian: cfg!(target_endian = "big"), alignment: 1 }
    }

    fn next(&mut self) -> std::result::Result<Option<Item>, Failure> {
        while let Some((&option, rest)) = self.rest.split_first() {
            self.rest = rest;
            let size = match option {
                b' ' => continue,
                b'>' => {
                    self.big_endian = true;
                    continue;
                }
                b'<' => {
                    self.big_endian = false;
                    continue;
                }
                b'=' => {
                    self.big_endian = cfg!(target_endian = "big");
                    continue;
                }
                b'!' => {
                    let alignment = self.number(8)?;
                    if !alignment.is_power_of_two() {
                        return Err(Failure::Text("alignment is not a power of 2".into()));
                    }
                    self.alignment = alignment;
                    continue;
                }
                b'x' | b'b' | b'B' => 1,
                b'h' | b'H' => 2,
                b'l' | b'L' | b'T' | b'd' => 8,
                b'f' => 4,
                b's' => 0,
                b'c' => self.number(1)?,
                b'i' | b'I' => {
                    let size = self.number(4)?;
                    if size > INTEGER_BYTES_MAX {
                        let text = format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}");
                        return Err(Failure::Text(text));
                    }
                    size
                }
                other => return Err(Failure::Text(format!("invalid format option '{}'", char::from(other)))),
            };
            let aligned = if matches!(option, b'c' | b's' | b'x') { 1 } else { size.clamp(1, self.alignment) };
            return Ok(Some(Item { option, size, big_endian: self.big_endian, alignment: aligned }));
        }
        Ok(None)
    }

    fn number(&mut self, default: usize) -> std::result::Result<usize, Failure> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(digits).unwrap_or_default();
        self.rest = rest;
        if digits.is_empty() {
            return Ok(default);
        }
        let number = sanderling_core::num::parse_i64(digits).and_then(|number| i32::try_from(number).ok());
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| Failure::Text("integral size overflow".into()))
    }
}

impl Item {
    /// Bytes to pass over so that a value at `at` is aligned.
    fn padding(self, at: usize) -> usize {
        // An odd size, `i3`, is aligned as the power of two below it: there is no other place that fits.
        let to = if self.alignment.is_power_of_two() { self.alignment } else { 1 };
        at.wrapping_neg() & (to - 1)
    }
}

fn pack(lua: &Lua, args: MultiValue) -> Answer {
    let mut values = Arguments { lua, args, at: 0, name: "pack" };
    let text = values.text()?;
    let mut format = Format::new(&text);
    let mut out = Vec::new();
    while let Some(item) = format.next()? {
        let padding = item.padding(out.len());
        out.resize(out.len() + padding, 0);
        match item.option {
            b'x' => out.push(0),
            b'f' => {
                let bytes = (values.number()? as f32).to_le_bytes();
                extend(&mut out, &bytes, item.big_endian);
            }
            b'd' => {
                let bytes = values.number()?.to_le_bytes();
                extend(&mut out, &bytes, item.big_endian);
            }
            b's' | b'c' => {
                let text = values.text()?;
                let size = if item.size == 0 { text.len() } else { item.size };
                let text = text.get(..size).ok_or_else(|| values.wrong("string too short"))?;
                out.extend_from_slice(text);
                if item.option == b's' {
                    out.push(0);
                }
            }
            _ => {
                let number = values.number()?;
                let bits = if number < 0.0 { number as i64 as u64 } else { number as u64 };
                let fill = if number < 0.0 { 0xff } else { 0 };
                let mut bytes = [fill; INTEGER_BYTES_MAX];
                bytes.iter_mut().zip(bits.to_le_bytes()).for_each(|(to, from)| *to = from);
                extend(&mut out, bytes.get(..item.size).unwrap_or_default(), item.big_endian);
            }
        }
    }
    Ok(lua.create_string(out)?.into_lua_multi(lua)?)
}

/// Adds a value whose lowest byte stands first.
fn extend(out: &mut Vec<u8>, bytes: &[u8], big_endian: bool) {
    match big_endian {
        true => out.extend(bytes.iter().rev()),
        false => out.extend_from_slice(bytes),
    }
}

fn unpack(lua: &Lua, args: MultiValue) -> Answer {
    let mut arguments = Arguments { lua, args, at: 0, name: "unpack" };
    let (format, data) = (arguments.text()?, arguments.text()?);
    let mut at = match arguments.args.is_empty() {
        true => 0,
        false => match arguments.number()? {
            from if from >= 1.0 => from as usize - 1,
            _ => return Err(arguments.wrong("offset must be 1 or greater")),
        },
    };
    let short = || Failure::Text("bad argument #2 to 'unpack' (data string too short)".into());
    let mut format = Format::new(&format);
    let mut values: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        at += item.padding(at);
        let rest = data.get(at..).ok_or_else(short)?;
        let field = rest.get(..item.size).ok_or_else(short)?;
        at += item.size;
        match item.option {
            b'x' => {}
            b'f' => values.push(Value::Number(f64::from(f32::from_le_bytes(lowest_first(field, item.big_endian))))),
            b'd' => values.push(Value::Number(f64::from_le_bytes(lowest_first(field, item.big_endian)))),
            b's' => {
                let end = memchr::memchr(0, rest);
                let end = end.ok_or_else(|| Failure::Text("unfinished string in data".into()))?;
                values.push(Value::String(lua.create_string(rest.get(..end).unwrap_or_default())?));
                at += end + 1;
            }
            b'c' if item.size == 0 => {
                let length = match values.pop() {
                    Some(Value::Number(length)) => length as usize,
                    _ => return Err(Failure::Text("format 'c0' needs a previous size".into())),
                };
                values.push(Value::String(lua.create_string(rest.get(..length).ok_or_else(short)?)?));
                at += length;
            }
            b'c' => values.push(Value::String(lua.create_string(field)?)),
            option => {
                let bits = u64::from_le_bytes(lowest_first(field, item.big_endian));
                let unused = 64 - 8 * item.size.clamp(1, 8) as u32;
                let number = match option.is_ascii_lowercase() {
                    true => ((bits << unused) as i64 >> unused) as f64,
                    false => bits as f64,
                };
                values.push(Value::Number(number));
            }
        }
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(MultiValue::from_vec(values))
}

/// The lowest bytes of a field, the lowest first.
fn lowest_first<const BYTES: usize>(field: &[u8], big_endian: bool) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let place = |(to, from): (&mut u8, &u8)| *to = *from;
    match big_endian {
        true => bytes.iter_mut().zip(field.iter().rev()).for_each(place),
        false => bytes.iter_mut().zip(field).for_each(place),
    }
    bytes
}

fn size(lua: &Lua, args: MultiValue) -> Answer {
    let mut arguments = Arguments { lua, args, at: 0, name: "size" };
    let text = arguments.text()?;
    let mut format = Format::new(&text);
    let mut size = 0_usize;
    while let Some(item) = format.next()? {
        if item.size == 0 {
            let what = if item.option == b's' { "variable-size format in string" } else { "variable-length format" };
            return Err(arguments.wrong(what));
        }
        size = size.saturating_add(item.padding(size)).saturating_add(item.size);
    }
    Ok((size as f64).into_lua_multi(lua)?)
}

/// Arguments, read from left to right.
struct Arguments<'a> {
    lua: &'a Lua,
    args: MultiValue,
    /// How many were read.
    at: usize,
    name: &'static str,
}

impl Arguments<'_> {
    fn take(&mut self) -> Value {
        self.at += 1;
        self.args.pop_front().unwrap_or(Value::Nil)
    }

    fn text(&mut self) -> std::result::Result<Vec<u8>, Failure> {
        let value = self.take();
        let text = self.lua.coerce_string(value)?;
        text.map(|text| text.as_bytes().to_vec()).ok_or_else(|| self.wrong("string expected"))
    }

    fn number(&mut self) -> std::result::Result<f64, Failure> {
        let value = self.take();
        self.lua.coerce_number(value)?.ok_or_else(|| self.wrong("number expected"))
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::Text(format!("bad argument #{} to '{}' ({why})", self.at, self.name))
    }
}

/// The longest integer.
const INTEGER_BYTES_MAX: usize = 32;
