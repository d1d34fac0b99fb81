//! One key with its value and its deadline, as those see it who don't know how it is kept.

use alloc::boxed::Box;

use crate::{
    env::UnixMillis,
    table::allocation,
    types::{
        hash::{Hash, HashRef},
        list::List,
        set::Set,
        stream::Stream,
        string::{Str, StrBuf},
        zset::ZSet,
    },
};

/// A key, its value and when it expires, borrowed from a database.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: Value<'a>,
    /// When the key expires; never if `None`.
    pub expires_at: Option<UnixMillis>,
    /// How aged it is.
    pub(crate) stamp: super::aging::Stamp,
    /// What the entry takes in the table and on the heap.
    pub(super) bytes: usize,
    /// Whether a string has been changed in place, so that it has room for more.
    pub(super) is_raw: bool,
}

impl Entry<'_> {
    /// Estimates the bytes that the entry takes in memory: its place in the table, the key and the value.
    pub fn allocated_bytes(&self) -> usize {
        self.bytes
    }

    /// What `OBJECT ENCODING` calls the value's layout.
    pub fn encoding(&self) -> &'static str {
        match self.value {
            Value::String(Str::Integer(_)) => "int",
            // A HyperLogLog is made to be changed in place.
            Value::String(Str::Bytes(bytes)) if bytes.starts_with(b"HYLL") => "raw",
            // Redis embeds strings up to 44 bytes in the object until they are changed in place, which leaves room here.
            Value::String(Str::Bytes(bytes)) if bytes.len() <= 44 && !self.is_raw => "embstr",
            Value::String(Str::Bytes(_)) => "raw",
            Value::List(value) => value.encoding(),
            Value::Set(value) => value.encoding(),
            Value::Hash(value) => value.encoding(),
            Value::ZSet(value) => value.encoding(),
            Value::Stream(_) => "stream",
        }
    }

    /// Whether nothing of it is there at `now`: its deadline has passed, or those of all fields of a hash.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.is_due(now) || matches!(self.value, Value::Hash(hash) if hash.is_all_due(now))
    }

    /// Whether the key's own deadline lies at or before `now`.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A key, its value and when it expires, taken out of a database.
#[derive(Debug)]
pub struct EntryBuf {
    /// The key.
    pub key: Box<[u8]>,
    /// The value.
    pub value: ValueBuf,
    /// When the key expires; never if `None`.
    pub expires_at: Option<UnixMillis>,
}

/// A value of any type, where it lies.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Bytes, or an integer kept as one.
    String(Str<'a>),
    /// A deque of byte strings.
    List(&'a List),
    /// Distinct byte strings.
    Set(&'a Set),
    /// Fields with values.
    Hash(HashRef<'a>),
    /// Distinct byte strings ordered by score.
    ZSet(&'a ZSet),
    /// A log of entries, with the groups that read it.
    Stream(&'a Stream),
}

/// A value of any type by itself. Large ones are boxed, so that a string isn't as wide as the widest type.
#[derive(Debug)]
pub enum ValueBuf {
    /// Bytes, or an integer kept as one.
    String(StrBuf),
    /// A deque of byte strings.
    List(Box<List>),
    /// Distinct byte strings.
    Set(Box<Set>),
    /// Fields with values.
    Hash(Hash),
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

impl Value<'_> {
    /// When the next part of the value expires by itself: a field of a hash.
    #[inline]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        if let Self::Hash(hash) = self { hash.next_expiry() } else { None }
    }

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
}

impl ValueBuf {
    /// The value, borrowed.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::String(value) => Value::String(value.as_str()),
            Self::List(value) => Value::List(value),
            Self::Set(value) => Value::Set(value),
            Self::Hash(value) => Value::Hash(value.borrowed()),
            Self::ZSet(value) => Value::ZSet(value),
            Self::Stream(value) => Value::Stream(value),
        }
    }

    /// As [`Value::next_expiry`].
    #[inline]
    pub(super) fn next_expiry(&self) -> Option<UnixMillis> {
        self.as_value().next_expiry()
    }

    /// What the value takes on the heap, beside its own place. Cost: O(1).
    #[cfg_attr(feature = "small", inline(never))]
    pub fn heap_bytes(&self) -> usize {
        let (own, content) = match self {
            Self::String(StrBuf::Integer(_)) => (0, 0),
            Self::String(StrBuf::Bytes(bytes)) => (0, allocation(bytes.capacity())),
            Self::List(value) => (size_of::<List>(), value.allocated_bytes()),
            Self::Set(value) => (size_of::<Set>(), value.allocated_bytes()),
            Self::Hash(value) => (0, value.allocated_bytes()),
            Self::ZSet(value) => (size_of::<ZSet>(), value.allocated_bytes()),
            Self::Stream(value) => (size_of::<Stream>(), value.allocated_bytes()),
        };
        allocation(own) + content
    }
}
