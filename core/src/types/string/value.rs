//! A string's value: bytes, or an integer where the bytes are the canonical form of one.

use alloc::{borrow::Cow, vec::Vec};

use crate::{blob::Blob, num};

/// The value of a string key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Str {
    /// The canonical decimal form of this number: what counters hold, in 8 bytes.
    Integer(i64),
    /// Any bytes.
    Bytes(Vec<u8>),
}

impl Str {
    /// Makes a value from bytes, as an integer where they are the canonical form of one.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // No 64-bit integer has more than 20 digits and sign.
        match (bytes.len() <= 20).then(|| num::parse_i64(bytes)).flatten() {
            Some(value) => Self::Integer(value),
            None => Self::Bytes(bytes.to_vec()),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Integer(value) => itoa::Buffer::new().format(*value).len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing has ever been here.
    pub(super) fn is_vacant(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.capacity() == 0)
    }

    /// Calls `read` with the bytes. Cost: O(1); no allocation.
    pub fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Integer(value) => read(itoa::Buffer::new().format(*value).as_bytes()),
            Self::Bytes(bytes) => read(bytes),
        }
    }

    /// The bytes, borrowed where they are kept as bytes.
    pub fn to_blob(&self) -> Blob<'_> {
        match self {
            Self::Integer(value) => itoa::Buffer::new().format(*value).as_bytes().to_vec().into(),
            Self::Bytes(bytes) => Blob(Cow::Borrowed(bytes)),
        }
    }

    /// The value as an integer, if its bytes are the canonical form of one.
    pub fn to_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Bytes(bytes) => num::parse_i64(bytes),
        }
    }

    /// What `OBJECT ENCODING` calls the layout.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Integer(_) => "int",
            // A HyperLogLog is made to be changed in place.
            Self::Bytes(bytes) if bytes.starts_with(b"HYLL") => "raw",
            // Redis embeds strings up to 44 bytes in the object until they are changed in place, which leaves room here.
            Self::Bytes(bytes) if bytes.len() <= 44 && bytes.capacity() == bytes.len() => "embstr",
            Self::Bytes(_) => "raw",
        }
    }

    /// The bytes, to change them in place.
    pub(super) fn make_bytes(&mut self) -> &mut Vec<u8> {
        if let Self::Integer(value) = self {
            let mut bytes = Vec::with_capacity(24);
            bytes.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            *self = Self::Bytes(bytes);
        }
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(_) => unreachable!("an integer was just turned into bytes"),
        }
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}
