//! JSON read into Lua values.

use mlua::{Lua, Value};

use super::api::Failure;
use super::cjson::{DEPTH_MAX, Settings};

/// Reads one document.
pub(super) struct Reader<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    settings: Settings,
    null: &'a Value,
}

type Read<T> = Result<T, Failure>;

impl<'a> Reader<'a> {
    pub(super) fn new(lua: &'a Lua, text: &'a [u8], settings: Settings, null: &'a Value) -> Self {
        Self { lua, text, at: 0, settings, null }
    }

    /// The value that the text holds, which must be all.
    ///
    /// # Errors
    /// What was expected instead of what, and where.
    pub(super) fn document(mut self) -> Read<Value> {
        if matches!(self.text, [0, _, ..] | [_, 0, ..]) {
            return Err(Failure::Text("JSON parser does not support UTF-16 or UTF-32".into()));
        }
        let value = self.value(0)?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.expected("the end")),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Ok(Value::String(self.lua.create_string(self.string()?)?)),
            Some(b't') if self.take_word(b"true") => Ok(Value::Boolean(true)),
            Some(b'f') if self.take_word(b"false") => Ok(Value::Boolean(false)),
            Some(b'n') if self.take_word(b"null") => Ok(self.null.clone()),
            _ => match self.number() {
                Some(number) => Ok(Value::Number(number)),
                None => Err(self.expected("value")),
            },
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.check_depth(depth)?;
        self.at += 1;
        let table = self.lua.create_table()?;
        if self.take(b'}') {
            return Ok(Value::Table(table));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("object key string"));
            }
            let key = self.lua.create_string(self.string()?)?;
            if !self.take(b':') {
                return Err(self.expected("colon"));
            }
            table.raw_set(key, self.value(depth)?)?;
            if self.take(b'}') {
                return Ok(Value::Table(table));
            }
            if !self.take(b',') {
                return Err(self.expected("comma or object end"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.check_depth(depth)?;
        self.at += 1;
        let table = self.lua.create_table()?;
        if self.take(b']') {
            return Ok(Value::Table(table));
        }
        for at in 1_usize.. {
            table.raw_set(at, self.value(depth)?)?;
            if self.take(b']') {
                break;
            }
            if !self.take(b',') {
                return Err(self.expected("comma or array end"));
            }
        }
        Ok(Value::Table(table))
    }

    fn check_depth(&self, depth: usize) -> Read<()> {
        match depth > self.settings.decode_depth_max.min(DEPTH_MAX) {
            false => Ok(()),
            true => {
                let place = self.at + 1;
                Err(Failure::Text(format!("Found too many nested data structures ({depth}) at character {place}")))
            }
        }
    }

    /// Reads a string, whose quotation mark is the next byte.
    fn string(&mut self) -> Read<Vec<u8>> {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.at) else {
                return Err(self.found("unexpected end of string", self.text.len()));
            };
            self.at += 1;
            match byte {
                b'"' => return Ok(out),
                b'\\' => {
                    let escape = self.text.get(self.at).copied();
                    self.at += 1;
                    match escape {
                        Some(byte @ (b'"' | b'\\' | b'/')) => out.push(byte),
                        Some(b'b') => out.push(8),
                        Some(b'f') => out.push(12),
                        Some(b'n') => out.push(b'\n'),
                        Some(b'r') => out.push(b'\r'),
                        Some(b't') => out.push(b'\t'),
                        Some(b'u') => {
                            let character = self.unicode();
                            let character =
                                character.ok_or_else(|| self.found("invalid unicode escape code", start))?;
                            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        _ => return Err(self.found("invalid escape code", self.at.saturating_sub(2))),
                    }
                }
                0..=0x1f => return Err(self.found("invalid token", start)),
                _ => out.push(byte),
            }
        }
    }

    /// Reads the four digits after `\u`, and those of a second half where the first asks for it.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first);
        }
        if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
            return None;
        }
        self.at += 2;
        let second = self.hex()?;
        let both = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
        both.then(|| 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff)).and_then(char::from_u32)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| Some((number << 4) | char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<f64> {
        let rest = self.text.get(self.at..)?;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let word = rest.get(..rest.iter().take_while(|byte| is_part(byte)).count())?;
        let text = std::str::from_utf8(word).ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let lenient = self.settings.decode_invalid_numbers;
        let starts_with_digit = digits.starts_with(|first: char| first.is_ascii_digit());
        let number = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            let number = u64::from_str_radix(hex, 16).ok().filter(|_| lenient)? as f64;
            if text.len() == digits.len() { number } else { -number }
        } else if starts_with_digit {
            let leading_zero =
                digits.len() > 1 && digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
            text.parse().ok().filter(|_| lenient || !leading_zero)?
        } else if lenient && ["inf", "infinity", "nan"].iter().any(|word| digits.eq_ignore_ascii_case(word)) {
            text.parse().ok()?
        } else {
            return None;
        };
        self.at += word.len();
        Some(number)
    }

    /// The next byte that isn't blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self, word: &[u8]) -> bool {
        let is_next = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// What stands at the next place, by the names that Lua CJSON gives it.
    fn expected(&mut self, what: &str) -> Failure {
        let found = match self.peek() {
            None => "T_END",
            Some(b'{') => "T_OBJ_BEGIN",
            Some(b'}') => "T_OBJ_END",
            Some(b'[') => "T_ARR_BEGIN",
            Some(b']') => "T_ARR_END",
            Some(b',') => "T_COMMA",
            Some(b':') => "T_COLON",
            Some(b'"') => "T_STRING",
            Some(b'0'..=b'9' | b'-') => match self.number() {
                Some(_) => "T_NUMBER",
                None => "invalid number",
            },
            Some(_) => "invalid token",
        };
        Failure::Text(format!("Expected {what} but found {found} at character {}", self.at + 1))
    }

    fn found(&self, what: &str, at: usize) -> Failure {
        Failure::Text(format!("Expected value but found {what} at character {}", at + 1))
    }
}
