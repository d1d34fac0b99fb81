//! Decoding of replies into a tree: for clients, tests and the bridge to JavaScript.

use alloc::{string::String, vec::Vec};

use crate::{limits::REPLY_DEPTH_MAX, num};

/// A decoded RESP2 or RESP3 reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A status, `+OK`.
    Simple(String),
    /// An error's text, its code first.
    Error(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A binary-safe string.
    Bulk(Vec<u8>),
    /// The absence of a value, in any of its three forms.
    Null,
    /// A sequence.
    Array(Vec<Self>),
    /// Pairs in the order in which they came.
    Map(Vec<(Self, Self)>),
    /// A set, in the order in which it came.
    Set(Vec<Self>),
    /// A message that answers no request.
    Push(Vec<Self>),
    /// A floating-point number.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// Text for people to read.
    Verbatim(String),
    /// An integer of any size, in decimal.
    BigNumber(String),
}

/// Reads one reply from the front of `bytes`: the value and its length, or `None` if it isn't whole yet.
///
/// # Errors
/// What is wrong with the bytes, if they can't be a reply.
pub fn decode_value(bytes: &[u8]) -> Result<Option<(Value, usize)>, &'static str> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.value(0) {
        Ok(value) => Ok(Some((value, cursor.at))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Invalid(reason)) => Err(reason),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

enum Stop {
    Incomplete,
    Invalid(&'static str),
}

impl Cursor<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Stop> {
        if depth > REPLY_DEPTH_MAX {
            return Err(Stop::Invalid("a reply nested too deeply"));
        }
        let kind = *self.bytes.get(self.at).ok_or(Stop::Incomplete)?;
        self.at += 1;
        Ok(match kind {
            b'+' => Value::Simple(self.text()?),
            b'-' => Value::Error(self.text()?),
            b'(' => Value::BigNumber(self.text()?),
            b':' => Value::Integer(self.integer()?),
            b'_' => self.line().map(|_| Value::Null)?,
            b',' => {
                let line = self.line()?;
                let number = if line == b"nan" { Some(f64::NAN) } else { num::parse_f64(line) };
                Value::Double(number.ok_or(Stop::Invalid("a double that isn't a number"))?)
            }
            b'#' => match self.line()? {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err(Stop::Invalid("a boolean that is neither t nor f")),
            },
            b'$' => self.bulk()?.map_or(Value::Null, |bytes| Value::Bulk(bytes.to_vec())),
            b'!' => Value::Error(self.bulk()?.map(lossy).unwrap_or_default()),
            b'=' => {
                Value::Verbatim(self.bulk()?.map(|text| lossy(text.get(4..).unwrap_or_default())).unwrap_or_default())
            }
            b'*' => match self.integer()? {
                -1 => Value::Null,
                count => Value::Array(self.values(count, depth)?),
            },
            b'~' => self.integer().and_then(|count| self.values(count, depth)).map(Value::Set)?,
            b'>' => self.integer().and_then(|count| self.values(count, depth)).map(Value::Push)?,
            b'|' => {
                let count = self.integer()?;
                for _ in 0..2 * self.checked(count)? {
                    self.value(depth + 1)?;
                }
                // What is said about a reply is passed over.
                self.value(depth + 1)?
            }
            b'%' => {
                let count = self.integer()?;
                let mut pairs = Vec::new();
                for _ in 0..self.checked(count)? {
                    pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
                }
                Value::Map(pairs)
            }
            _ => return Err(Stop::Invalid("a reply of an unknown kind")),
        })
    }

    fn values(&mut self, count: i64, depth: usize) -> Result<Vec<Value>, Stop> {
        let mut values = Vec::new();
        for _ in 0..self.checked(count)? {
            values.push(self.value(depth + 1)?);
        }
        Ok(values)
    }

    fn checked(&self, count: i64) -> Result<usize, Stop> {
        usize::try_from(count).map_err(|_| Stop::Invalid("a negative length"))
    }

    fn bulk(&mut self) -> Result<Option<&[u8]>, Stop> {
        let bytes = match self.integer()? {
            -1 => return Ok(None),
            bytes => self.checked(bytes)?,
        };
        let end = self.at.checked_add(bytes).ok_or(Stop::Invalid("a length that is too large"))?;
        let content = self.bytes.get(self.at..end).ok_or(Stop::Incomplete)?;
        match self.bytes.get(end..end + 2) {
            Some(b"\r\n") => self.at = end + 2,
            Some(_) => return Err(Stop::Invalid("a string that doesn't end where it says")),
            None => return Err(Stop::Incomplete),
        }
        Ok(Some(content))
    }

    fn integer(&mut self) -> Result<i64, Stop> {
        num::parse_i64(self.line()?).ok_or(Stop::Invalid("an integer that isn't one"))
    }

    fn text(&mut self) -> Result<String, Stop> {
        self.line().map(lossy)
    }

    fn line(&mut self) -> Result<&[u8], Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::Incomplete)?;
        self.at += end + 2;
        Ok(rest.get(..end).unwrap_or_default())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::{Protocol, Reply};
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            "[a-z ]{0,8}".prop_map(Value::Simple),
            "ERR [a-z ]{0,8}".prop_map(Value::Error),
            any::<i64>().prop_map(Value::Integer),
            prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::Bulk),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            prop::num::f64::NORMAL.prop_map(Value::Double),
            "[a-z]{0,8}".prop_map(Value::Verbatim),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Set),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    fn write(value: &Value, reply: &mut Reply<'_>) {
        match value {
            Value::Simple(text) => reply.simple(text),
            Value::Error(text) => reply.error(&crate::error::Error::owned(text.as_str())),
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Null => reply.null(),
            Value::Boolean(value) => reply.boolean(*value),
            Value::Double(value) => reply.double(*value),
            Value::Verbatim(text) => reply.verbatim(text),
            Value::Array(values) => {
                reply.array(values.len());
                values.iter().for_each(|value| write(value, reply));
            }
            Value::Set(values) | Value::Push(values) => {
                reply.set(values.len());
                values.iter().for_each(|value| write(value, reply));
            }
            Value::Map(pairs) => {
                reply.map(pairs.len());
                pairs.iter().for_each(|(key, value)| {
                    write(key, reply);
                    write(value, reply);
                });
            }
            Value::BigNumber(_) => unreachable!("not generated"),
        }
    }

    proptest! {
        #[test]
        fn replies_round_trip_and_any_prefix_is_incomplete(value in any_value()) {
            let mut bytes = Vec::new();
            write(&value, &mut Reply::new(&mut bytes, Protocol::Resp3));
            let len = bytes.len();
            prop_assert_eq!(decode_value(&bytes).unwrap(), Some((value, len)));
            for end in 0..len {
                prop_assert_eq!(decode_value(&bytes[..end]).unwrap(), None);
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..60)) {
            let _ = decode_value(&bytes);
        }
    }
}
