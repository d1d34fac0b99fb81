//! `cjson`: values as JSON, in the choices that Lua CJSON 2.1 makes, its settings included.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};

use super::api::{Answer, Failure, Shared, native};
use super::json_reader::Reader;

/// What a copy of the library was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Whether an array with too many holes is written as an object; else it is an error.
    sparse_convert: bool,
    /// From how many holes an element on there are too many; 0 is from no number on.
    sparse_ratio: usize,
    /// Up to which index there never are.
    sparse_safe: usize,
    encode_depth_max: usize,
    pub(super) decode_depth_max: usize,
    precision: u8,
    keep_buffer: bool,
    invalid_numbers: Invalid,
    pub(super) decode_invalid_numbers: bool,
}

/// What becomes of infinities and of what is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            precision: 14,
            keep_buffer: true,
            invalid_numbers: Invalid::Refused,
            decode_invalid_numbers: true,
        }
    }
}

/// The functions of a copy of the library, with settings of its own.
pub(super) fn functions(lua: &Lua, shared: &Rc<Shared>) -> Result<Table> {
    let cjson = lua.create_table()?;
    cjson.raw_set("null", shared.null.clone())?;
    let settings = Rc::new(RefCell::new(Settings::default()));
    let (state, own) = (Rc::clone(shared), Rc::clone(&settings));
    let encode = move |lua: &Lua, args: MultiValue| {
        let value = only(args)?;
        let settings = *own.borrow();
        let mut writer = Writer { shared: &state, settings, out: Vec::new() };
        writer.value(&value, 0)?;
        Ok(lua.create_string(writer.out)?.into_lua_multi(lua)?)
    };
    cjson.raw_set("encode", native(lua, encode)?)?;
    let (state, own) = (Rc::clone(shared), Rc::clone(&settings));
    let decode = move |lua: &Lua, args: MultiValue| {
        let value = only(args)?;
        let text = lua.coerce_string(value)?;
        let text = text.ok_or_else(|| Failure::Text("bad argument #1 to 'decode' (string expected)".into()))?;
        let settings = *own.borrow();
        let value = Reader::new(lua, &text.as_bytes(), settings, &state.null).document()?;
        Ok(value.into_lua_multi(lua)?)
    };
    cjson.raw_set("decode", native(lua, decode)?)?;
    let set = |name: &'static str, change: fn(&Lua, &mut Settings, &mut MultiValue) -> Answer| {
        let own = Rc::clone(&settings);
        let set = move |lua: &Lua, mut args: MultiValue| change(lua, &mut own.borrow_mut(), &mut args);
        cjson.raw_set(name, native(lua, set)?)
    };
    set("encode_max_depth", |lua, settings, args| {
        settings.encode_depth_max = integer(lua, args, settings.encode_depth_max, 1, i32::MAX as usize)?;
        Ok(settings.encode_depth_max.into_lua_multi(lua)?)
    })?;
    set("decode_max_depth", |lua, settings, args| {
        settings.decode_depth_max = integer(lua, args, settings.decode_depth_max, 1, i32::MAX as usize)?;
        Ok(settings.decode_depth_max.into_lua_multi(lua)?)
    })?;
    set("encode_number_precision", |lua, settings, args| {
        settings.precision = integer(lua, args, usize::from(settings.precision), 1, 17)? as u8;
        Ok(settings.precision.into_lua_multi(lua)?)
    })?;
    set("encode_keep_buffer", |lua, settings, args| {
        if let Some(Value::Boolean(keep)) = args.pop_front() {
            settings.keep_buffer = keep;
        }
        Ok(settings.keep_buffer.into_lua_multi(lua)?)
    })?;
    set("encode_sparse_array", |lua, settings, args| {
        if let Some(Value::Boolean(convert)) = args.pop_front() {
            settings.sparse_convert = convert;
        }
        settings.sparse_ratio = integer(lua, args, settings.sparse_ratio, 0, i32::MAX as usize)?;
        settings.sparse_safe = integer(lua, args, settings.sparse_safe, 0, i32::MAX as usize)?;
        Ok((settings.sparse_convert, settings.sparse_ratio, settings.sparse_safe).into_lua_multi(lua)?)
    })?;
    set("encode_invalid_numbers", |lua, settings, args| {
        match args.pop_front() {
            None => {}
            Some(Value::Boolean(true)) => settings.invalid_numbers = Invalid::Written,
            Some(Value::Boolean(false)) => settings.invalid_numbers = Invalid::Refused,
            Some(Value::String(word)) if *word.as_bytes() == *b"null" => settings.invalid_numbers = Invalid::Null,
            Some(Value::String(word)) if *word.as_bytes() == *b"on" => settings.invalid_numbers = Invalid::Written,
            Some(Value::String(word)) if *word.as_bytes() == *b"off" => settings.invalid_numbers = Invalid::Refused,
            Some(_) => return Err(Failure::Text("bad argument #1 (invalid option)".into())),
        }
        Ok(match settings.invalid_numbers {
            Invalid::Refused => false.into_lua_multi(lua)?,
            Invalid::Written => true.into_lua_multi(lua)?,
            Invalid::Null => "null".into_lua_multi(lua)?,
        })
    })?;
    set("decode_invalid_numbers", |lua, settings, args| {
        if let Some(Value::Boolean(allowed)) = args.pop_front() {
            settings.decode_invalid_numbers = allowed;
        }
        Ok(settings.decode_invalid_numbers.into_lua_multi(lua)?)
    })?;
    Ok(cjson)
}

/// The one argument of a function.
fn only(args: MultiValue) -> std::result::Result<Value, Failure> {
    let [value] = <[Value; 1]>::try_from(args.into_vec()).map_err(|_| Failure::Text("expected 1 argument".into()))?;
    Ok(value)
}

/// Reads a number of an option between two bounds; without one it stays what it is.
fn integer(
    lua: &Lua,
    args: &mut MultiValue,
    now: usize,
    min: usize,
    max: usize,
) -> std::result::Result<usize, Failure> {
    let Some(value) = args.pop_front().filter(|value| !value.is_nil()) else { return Ok(now) };
    let number = lua.coerce_number(value)?.map(|number| number as i64).and_then(|number| usize::try_from(number).ok());
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| Failure::Text(format!("bad argument #1 (expected integer between {min} and {max})")))
}

struct Writer<'a> {
    shared: &'a Shared,
    settings: Settings,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> std::result::Result<(), Failure> {
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            value if *value == self.shared.null => self.out.extend_from_slice(b"null"),
            Value::Boolean(value) => self.out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Value::Integer(number) => self.number(*number as f64)?,
            Value::Number(number) => self.number(*number)?,
            Value::String(text) => self.text(&text.as_bytes()),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => {
                return Err(Failure::Text(format!("Cannot serialise {}: type not supported", other.type_name())));
            }
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> std::result::Result<(), Failure> {
        if number.is_finite() {
            let digits = self.shared.number(self.settings.precision, number)?;
            self.out.extend_from_slice(&digits);
            return Ok(());
        }
        let word: &[u8] = match self.settings.invalid_numbers {
            Invalid::Refused => {
                return Err(Failure::Text("Cannot serialise number: must not be NaN or Inf".into()));
            }
            Invalid::Null => b"null",
            Invalid::Written if number.is_nan() => b"nan",
            Invalid::Written if number > 0.0 => b"inf",
            Invalid::Written => b"-inf",
        };
        self.out.extend_from_slice(word);
        Ok(())
    }

    fn text(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for &byte in text {
            let escape = match byte {
                b'"' => b'"',
                b'\\' => b'\\',
                b'/' => b'/',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x08 => b'b',
                0x0c => b'f',
                0..=0x1f | 0x7f => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend([b'\\', escape]);
        }
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, depth: usize) -> std::result::Result<(), Failure> {
        if depth > self.settings.encode_depth_max.min(DEPTH_MAX) {
            return Err(Failure::Text(format!("Cannot serialise, excessive depth ({depth})")));
        }
        match self.array_length(table)? {
            0 => self.object(table, depth),
            length => self.array(table, length, depth),
        }
    }

    /// How long a table is as an array; 0 if it is none, or empty.
    fn array_length(&self, table: &Table) -> std::result::Result<usize, Failure> {
        let (mut last, mut count) = (0, 0);
        for pair in table.pairs::<Value, Value>() {
            let index = match pair?.0 {
                Value::Integer(index) => usize::try_from(index).unwrap_or(0),
                _ => 0,
            };
            if index == 0 {
                return Ok(0);
            }
            last = last.max(index);
            count += 1;
        }
        let Settings { sparse_convert, sparse_ratio, sparse_safe, .. } = self.settings;
        if sparse_ratio > 0 && last > sparse_safe && last > sparse_ratio.saturating_mul(count) {
            return match sparse_convert {
                true => Ok(0),
                false => Err(Failure::Text("Cannot serialise table: excessively sparse array".into())),
            };
        }
        Ok(last)
    }

    fn array(&mut self, table: &Table, length: usize, depth: usize) -> std::result::Result<(), Failure> {
        self.out.push(b'[');
        for at in 1..=length {
            if at > 1 {
                self.out.push(b',');
            }
            self.value(&table.raw_get::<Value>(at)?, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> std::result::Result<(), Failure> {
        self.out.push(b'{');
        let mut first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            match key {
                Value::String(key) => self.text(&key.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.number(key.as_number().or(key.as_integer().map(|key| key as f64)).unwrap_or(0.0))?;
                    self.out.push(b'"');
                }
                _ => {
                    let text = "Cannot serialise table: table key must be a number or string";
                    return Err(Failure::Text(text.into()));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// How deep tables are written and read, whatever is asked for: the stack is finite.
pub(super) const DEPTH_MAX: usize = 200;
