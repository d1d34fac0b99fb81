//! Changes to a string, and how they are taken back.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::StrBuf;
use crate::{blob::Blob, env::UnixMillis, limits::STRING_BYTES_MAX};

/// A change to a string. Variants are appended, never moved: their position is their wire tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StringChange<'a> {
    /// The key holds this string now, whatever it held before.
    Set {
        /// The new value.
        #[serde(borrow)]
        value: Blob<'a>,
        /// What becomes of the deadline.
        expiry: Expiry,
    },
    /// Bytes come to the end.
    #[serde(borrow)]
    Append(Blob<'a>),
    /// Bytes from `offset` on are overwritten; a gap before them is filled with zeros.
    Splice {
        /// Where the first byte goes.
        offset: u64,
        /// The bytes.
        #[serde(borrow)]
        bytes: Blob<'a>,
    },
}

/// What becomes of a key's deadline when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiry {
    /// It has none any more.
    Clear,
    /// It keeps the one that it had.
    Keep,
    /// It has this one.
    At(UnixMillis),
}

impl Expiry {
    /// The deadline after the change, given the one before.
    pub fn after(self, before: Option<UnixMillis>) -> Option<UnixMillis> {
        match self {
            Self::Clear => None,
            Self::Keep => before,
            Self::At(at) => Some(at),
        }
    }
}

/// Takes back an append or a splice: the bytes that were overwritten, and the length before.
#[derive(Debug)]
pub struct StringUndo {
    was_integer: bool,
    len: usize,
    offset: usize,
    overwritten: Vec<u8>,
}

impl StrBuf {
    /// Makes a change in place. `Set` replaces the whole entry and is handled where entries are.
    ///
    /// Nothing happens, and `None` is returned, where the change would blow the string up to more than any command may
    /// ask for: a few bytes from a corrupt or hostile source must not cost gigabytes.
    pub(crate) fn apply(&mut self, change: &StringChange<'_>) -> Option<StringUndo> {
        if let StringChange::Splice { offset, bytes } = change
            && offset.checked_add(bytes.len() as u64).is_none_or(|end| end > STRING_BYTES_MAX as u64)
        {
            return None;
        }
        let was_integer = matches!(self, Self::Integer(_));
        let bytes = self.make_bytes();
        let len = bytes.len();
        Some(match change {
            StringChange::Set { value, .. } => {
                let overwritten = core::mem::replace(bytes, value.to_vec());
                StringUndo { was_integer, len, offset: 0, overwritten }
            }
            StringChange::Append(tail) => {
                bytes.extend_from_slice(tail);
                StringUndo { was_integer, len, offset: len, overwritten: Vec::new() }
            }
            StringChange::Splice { offset, bytes: new } => {
                // It fits: it ends within the limit.
                let offset = *offset as usize;
                let end = offset + new.len();
                let overwritten = bytes.get(offset.min(len)..end.min(len)).unwrap_or_default().to_vec();
                if end > bytes.len() {
                    bytes.resize(end, 0);
                }
                if let Some(target) = bytes.get_mut(offset..end) {
                    target.copy_from_slice(new);
                }
                StringUndo { was_integer, len, offset: offset.min(len), overwritten }
            }
        })
    }

    /// Takes back what `apply` did.
    pub(crate) fn undo(&mut self, undo: StringUndo) {
        let bytes = self.make_bytes();
        bytes.truncate(undo.len);
        if let Some(target) = bytes.get_mut(undo.offset..undo.offset + undo.overwritten.len()) {
            target.copy_from_slice(&undo.overwritten);
        }
        if undo.was_integer {
            *self = Self::from_bytes(self.make_bytes());
        }
    }
}
