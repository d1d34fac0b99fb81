//! A RESP2/RESP3 reply and its decoder.
//!
//! Deliberately not core's codec: a mistake that core's encoder and decoder share must not hide from the suites.

use std::fmt;

/// One reply, as it came over the wire.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Simple(String),
    /// `-ERR …`, without the dash.
    Error(String),
    /// `:1`
    Int(i64),
    /// `$3`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` and RESP3's `_`, which redis-cli shows alike.
    Nil,
    /// `*2`
    Array(Vec<Reply>),
    /// `%1`
    Map(Vec<(Reply, Reply)>),
    /// `~2`
    Set(Vec<Reply>),
    /// `>2`
    Push(Vec<Reply>),
    /// `,3.14`, kept as the text that was sent.
    Double(String),
    /// `#t`
    Bool(bool),
    /// `(12345678901234567890`
    BigNumber(String),
    /// `=15`, with its three-letter format.
    Verbatim(String, Vec<u8>),
}

impl Reply {
    /// Makes a bulk string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    /// Makes the simple string `OK`.
    pub fn ok() -> Self {
        Self::Simple("OK".into())
    }

    /// Makes an array of bulk strings.
    pub fn bulks<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(items.into_iter().map(Self::bulk).collect())
    }

    /// Returns the error's text, if this is one.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer.
    ///
    /// # Panics
    /// When the reply is of another kind.
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(n) => *n,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    /// Returns a simple, bulk or verbatim string as text.
    ///
    /// # Panics
    /// When the reply is of another kind.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) => text.clone(),
            Self::Bulk(bytes) | Self::Verbatim(_, bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("expected a string, got {other:?}"),
        }
    }

    /// Returns the elements of an array, set or push.
    ///
    /// # Panics
    /// When the reply is of another kind.
    pub fn items(&self) -> &[Reply] {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::notation::render(self))
    }
}

/// Decodes the reply that starts at `bytes[0]` and says how long it is; `None` while it is incomplete.
///
/// # Errors
/// When the bytes cannot be the start of a reply; the text names what was found.
pub fn decode(bytes: &[u8]) -> Result<Option<(Reply, usize)>, String> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.reply() {
        Ok(reply) => Ok(Some((reply, cursor.at))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Malformed(why)) => Err(why),
    }
}

enum Stop {
    Incomplete,
    Malformed(String),
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn reply(&mut self) -> Result<Reply, Stop> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| Stop::Malformed("an empty line".into()))?;
        Ok(match kind {
            "+" => Reply::Simple(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Int(number(rest)?),
            "," => Reply::Double(rest.into()),
            "(" => Reply::BigNumber(rest.into()),
            "#" => Reply::Bool(rest == "t"),
            "_" => Reply::Nil,
            "$" | "*" if rest == "-1" => Reply::Nil,
            "$" => Reply::Bulk(self.body(number(rest)?)?.to_vec()),
            "!" => Reply::Error(String::from_utf8_lossy(self.body(number(rest)?)?).into_owned()),
            "=" => {
                let body = self.body(number(rest)?)?;
                let (format, text) = body.split_at_checked(4).ok_or_else(|| Stop::Malformed(line.clone()))?;
                Reply::Verbatim(String::from_utf8_lossy(&format[..3]).into_owned(), text.to_vec())
            }
            "*" => Reply::Array(self.items(number(rest)?)?),
            "~" => Reply::Set(self.items(number(rest)?)?),
            ">" => Reply::Push(self.items(number(rest)?)?),
            "%" => {
                let count: usize = number(rest)?;
                let pairs: Result<_, Stop> = (0..count).map(|_| Ok((self.reply()?, self.reply()?))).collect();
                Reply::Map(pairs?)
            }
            _ => {
                return Err(Stop::Malformed(format!("a line of no known kind: {line:?}")));
            }
        })
    }

    fn items(&mut self, count: usize) -> Result<Vec<Reply>, Stop> {
        (0..count).map(|_| self.reply()).collect()
    }

    fn line(&mut self) -> Result<String, Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::Incomplete)?;
        self.at += end + 2;
        // An error may quote bytes that are no text.
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn body(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let end = self.at + length;
        if self.bytes.len() < end + 2 {
            return Err(Stop::Incomplete);
        }
        if &self.bytes[end..end + 2] != b"\r\n" {
            return Err(Stop::Malformed("a string without CRLF at its end".into()));
        }
        let body = &self.bytes[self.at..end];
        self.at = end + 2;
        Ok(body)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Stop> {
    text.parse().map_err(|_| Stop::Malformed(format!("not a number: {text:?}")))
}
