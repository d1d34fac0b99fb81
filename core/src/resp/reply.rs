//! Writing of replies straight into a connection's output buffer, in RESP2 or RESP3.
//!
//! A handler says what it means (a map, a double, a null); what that looks like to a RESP2 client is decided here.

use alloc::vec::Vec;

use crate::{
    error::{Error, Result},
    limits::REPLY_BYTES_MAX,
    num::{self, Extended},
};

/// The protocol version that a connection speaks: 2 until it sends `HELLO 3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every client understands.
    #[default]
    Resp2,
    /// With maps, sets, doubles, booleans, nulls of their own and push messages.
    Resp3,
}

impl Protocol {
    /// The number that `HELLO` names it by.
    pub const fn version(self) -> u8 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}

/// The output buffer of a connection, as a command handler sees it.
///
/// A handler announces an aggregate's length and then writes that many elements (a map: twice that many).
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    /// Writes to the end of `out`, in the form of `protocol`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The version that is written.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Goes on in another version: `HELLO` does, in the middle of a reply to itself.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short status without line ends.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.line_end();
    }

    /// An error. Line ends in the text, which may quote a client's bytes, become blanks.
    pub fn error(&mut self, error: &Error) {
        self.out.push(b'-');
        let text = error.text().bytes();
        self.out.extend(text.map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.line_end();
    }

    /// A 64-bit integer.
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A count of elements or bytes.
    pub fn count(&mut self, count: usize) {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A binary-safe string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.line_end();
    }

    /// An integer as a string, where Redis answers one.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A cursor as a string.
    pub fn bulk_unsigned(&mut self, value: u64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A string, or null for `None`.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// What is written already.
    #[cfg(feature = "server")]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The absence of a value.
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The absence of an array, which RESP2 tells apart from that of a string.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Starts an array of `count` elements.
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count as i64);
    }

    /// Starts a map of `count` pairs; in RESP2 a flat array of twice that many elements.
    pub fn map(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', 2 * count as i64),
            Protocol::Resp3 => self.header(b'%', count as i64),
        }
    }

    /// Starts a set of `count` elements; in RESP2 an array.
    pub fn set(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count as i64),
            Protocol::Resp3 => self.header(b'~', count as i64),
        }
    }

    /// Starts a message that answers no request; in RESP2 an array.
    pub fn push(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', count as i64),
            Protocol::Resp3 => self.header(b'>', count as i64),
        }
    }

    /// A floating-point number; in RESP2 a string.
    pub fn double(&mut self, value: f64) {
        match self.protocol {
            Protocol::Resp2 => {
                let mut text = Vec::with_capacity(24);
                num::write_f64(&mut text, value);
                self.bulk(&text);
            }
            Protocol::Resp3 => {
                self.out.push(b',');
                num::write_f64(self.out, value);
                self.line_end();
            }
        }
    }

    /// A number with all its decimals: a double for who speaks RESP3, else a string.
    pub fn extended(&mut self, value: Extended) {
        let text = value.to_text();
        match self.protocol {
            Protocol::Resp2 => self.bulk(&text),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.out.extend_from_slice(&text);
                self.line_end();
            }
        }
    }

    /// A truth value; in RESP2 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, _) => self.integer(i64::from(value)),
            (Protocol::Resp3, true) => self.out.extend_from_slice(b"#t\r\n"),
            (Protocol::Resp3, false) => self.out.extend_from_slice(b"#f\r\n"),
        }
    }

    /// An integer of any size, in decimal; in RESP2 a string.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b'(');
                self.out.extend_from_slice(digits.as_bytes());
                self.line_end();
            }
        }
    }

    /// Starts `count` pairs that say something about the reply after them. Only RESP3 has them: returns whether they
    /// are to be written.
    pub fn attributes(&mut self, count: usize) -> bool {
        let wanted = self.protocol == Protocol::Resp3;
        if wanted {
            self.header(b'|', count as i64);
        }
        wanted
    }

    /// Text for people to read; in RESP2 a string.
    pub fn verbatim(&mut self, text: &str) {
        self.verbatim_as(*b"txt", text.as_bytes());
    }

    /// Text in a format of three letters, such as `mkd`; in RESP2 a string.
    pub fn verbatim_as(&mut self, format: [u8; 3], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len() as i64 + 4);
                self.out.extend_from_slice(&format);
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.line_end();
            }
        }
    }

    /// Starts, before what was written after `position`, an array of `count` elements: for one whose length is known only
    /// once it is written. Cost: O(bytes after `position`).
    pub fn array_around(&mut self, position: usize, count: usize) {
        self.insert(position, |reply| reply.array(count));
    }

    /// Writes something before what was written after `position`. Cost: O(bytes after `position`).
    pub fn insert(&mut self, position: usize, write: impl FnOnce(&mut Self)) {
        let end = self.out.len();
        write(self);
        let inserted = self.out.len() - end;
        if let Some(written) = self.out.get_mut(position..) {
            written.rotate_right(inserted);
        }
    }

    /// Bytes written to the buffer so far, as a mark for [`Reply::truncate`].
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Takes back what was written after `position`, if that is more than a reply may repeat.
    ///
    /// # Errors
    /// [`Error::REPLY_TOO_LONG`], if it was.
    pub fn bounded(&mut self, position: usize) -> Result<()> {
        if self.out.len() - position <= REPLY_BYTES_MAX {
            return Ok(());
        }
        self.truncate(position);
        Err(Error::REPLY_TOO_LONG)
    }

    fn header(&mut self, kind: u8, value: i64) {
        self.out.push(kind);
        num::write_i64(self.out, value);
        self.line_end();
    }

    fn line_end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}
