//! One key with its value and its deadline.

use alloc::boxed::Box;

use crate::{
    env::UnixMillis,
    types::{hash::Hash, list::List, set::Set, stream::Stream, string::Str, zset::ZSet},
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
        // Beside each entry a table keeps its hash and a slot of the index, and about a fifth of its places free.
        (size_of::<Self>() + size_of::<u64>() + size_of::<u16>()) * 5 / 4 + self.heap_bytes()
    }

    /// What key and value take on the heap. Cost: O(1).
    pub(crate) fn heap_bytes(&self) -> usize {
        allocation(self.key.len()) + self.value.heap_bytes()
    }

    /// Reads a byte of the key and one of a string's value, wherever they lie.
    pub(crate) fn touched(&self) -> usize {
        let of_key = self.key.first().copied().unwrap_or_default();
        let of_value = match &self.value {
            Value::String(Str::Bytes(bytes)) => bytes.first().copied().unwrap_or_default(),
            _ => 0,
        };
        usize::from(of_key) + usize::from(of_value)
    }

    /// Whether nothing of it is there at `now`: its deadline has passed, or those of all fields of a hash.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.is_due(now) || matches!(&self.value, Value::Hash(hash) if hash.is_all_due(now))
    }

    /// Whether the key's own deadline lies at or before `now`.
    pub fn is_due(&self, now: UnixMillis) -> bool {
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
    /// A log of entries, with the groups that read it.
    Stream(Box<Stream>),
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
    /// A log.
    Stream,
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
            Self::Stream => "stream",
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
            Self::Stream(_) => Kind::Stream,
        }
    }

    /// What the value takes on the heap, beside its place in the entry. Cost: O(1).
    #[cfg_attr(feature = "small", inline(never))]
    pub fn heap_bytes(&self) -> usize {
        let (own, content) = match self {
            Self::String(Str::Integer(_)) => (0, 0),
            Self::String(Str::Bytes(bytes)) => (0, bytes.capacity()),
            Self::List(value) => (size_of::<List>(), value.allocated_bytes()),
            Self::Set(value) => (size_of::<Set>(), value.allocated_bytes()),
            Self::Hash(value) => (size_of::<Hash>(), value.allocated_bytes()),
            Self::ZSet(value) => (size_of::<ZSet>(), value.allocated_bytes()),
            Self::Stream(value) => (size_of::<Stream>(), value.allocated_bytes()),
        };
        allocation(own) + allocation(content)
    }

    /// When the next part of the value expires by itself: a field of a hash.
    #[inline]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        if let Self::Hash(hash) = self { hash.next_expiry() } else { None }
    }

    /// What `OBJECT ENCODING` calls the value's layout.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(value) => value.encoding(),
            Self::List(value) => value.encoding(),
            Self::Set(value) => value.encoding(),
            Self::Hash(value) => value.encoding(),
            Self::ZSet(value) => value.encoding(),
            Self::Stream(_) => "stream",
        }
    }
}

/// What an allocation of so many bytes takes: allocators keep a word beside it, and round up.
const fn allocation(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + size_of::<usize>()).next_multiple_of(2 * size_of::<usize>()),
    }
}
