//! One key with its value and its deadline.

use alloc::boxed::Box;

use crate::{
    env::UnixMillis,
    types::{hash::Hash, list::List, set::Set, string::Str, zset::ZSet},
};

/// A key, its value and when it expires.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Box<[u8]>,
    /// The value.
    pub value: Value,
    /// When the key expires; never if `None`.
    pub expires_at: Option<UnixMillis>,
}

impl Entry {
    /// Estimates the bytes that the entry takes in memory: its place in the table, the key and the value.
    pub fn allocated_bytes(&self) -> usize {
        // A table keeps about a fifth of its places free.
        size_of::<Self>() * 5 / 4 + self.key.len() + self.value.allocated_bytes()
    }

    /// Whether the deadline lies at or before `now`.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A value of any type. Collections are boxed, so that a table of strings isn't as wide as the widest type.
#[derive(Debug)]
pub enum Value {
    /// Bytes, or an integer kept as one.
    String(Str),
    /// A deque of byte strings.
    List(Box<List>),
    /// Distinct byte strings.
    Set(Box<Set>),
    /// Fields with values.
    Hash(Box<Hash>),
    /// Distinct byte strings ordered by score.
    ZSet(Box<ZSet>),
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    String,
    /// A deque.
    List,
    /// Distinct members.
    Set,
    /// Fields with values.
    Hash,
    /// Members ordered by score.
    ZSet,
}

impl Kind {
    /// The name that `TYPE` answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::ZSet => "zset",
        }
    }
}

impl Value {
    /// The value's type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::Hash(_) => Kind::Hash,
            Self::ZSet(_) => Kind::ZSet,
        }
    }

    /// Estimates the bytes that the value takes beside its place in the entry.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::String(Str::Integer(_)) => 0,
            Self::String(Str::Bytes(bytes)) => bytes.capacity(),
            Self::List(value) => size_of::<List>() + value.allocated_bytes(),
            Self::Set(value) => size_of::<Set>() + value.allocated_bytes(),
            Self::Hash(value) => size_of::<Hash>() + value.allocated_bytes(),
            Self::ZSet(value) => size_of::<ZSet>() + value.allocated_bytes(),
        }
    }

    /// What `OBJECT ENCODING` calls the value's layout.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(value) => value.encoding(),
            Self::List(value) => value.encoding(),
            Self::Set(value) => value.encoding(),
            Self::Hash(value) => value.encoding(),
            Self::ZSet(value) => value.encoding(),
        }
    }
}
