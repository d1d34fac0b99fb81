//! A string's value: bytes, or an integer where the bytes are the canonical form of one.

use alloc::{borrow::Cow, vec::Vec};

use crate::{blob::Blob, num};

/// The value of a string key, where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Str<'a> {
    /// The canonical decimal form of this number: what counters hold, in 8 bytes.
    Integer(i64),
    /// Any bytes.
    Bytes(&'a [u8]),
}

/// The value of a string key by itself, to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrBuf {
    /// The canonical decimal form of this number.
    Integer(i64),
    /// Any bytes.
    Bytes(Vec<u8>),
}

impl<'a> Str<'a> {
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

    /// Calls `read` with the bytes. Cost: O(1); no allocation.
    pub fn with_bytes<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Integer(value) => read(itoa::Buffer::new().format(*value).as_bytes()),
            Self::Bytes(bytes) => read(bytes),
        }
    }

    /// The bytes, borrowed where they are kept as bytes.
    pub fn to_blob(&self) -> Blob<'a> {
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
}

impl StrBuf {
    /// Makes a value from bytes, as an integer where they are the canonical form of one.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::integer_of(bytes).map_or_else(|| Self::Bytes(bytes.to_vec()), Self::Integer)
    }

    /// The integer of which the bytes are the canonical form, if they are.
    pub(crate) fn integer_of(bytes: &[u8]) -> Option<i64> {
        // No 64-bit integer has more than 20 digits and sign.
        (bytes.len() <= 20).then(|| num::parse_i64(bytes)).flatten()
    }

    /// The value, borrowed.
    pub fn as_str(&self) -> Str<'_> {
        match self {
            Self::Integer(value) => Str::Integer(*value),
            Self::Bytes(bytes) => Str::Bytes(bytes),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_str().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

impl Default for StrBuf {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}
