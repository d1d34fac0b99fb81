//! Redis's serialisation: what `DUMP` gives and `RESTORE` takes, and what the keys of an RDB file are made of.
//!
//! ```text
//! dump:  | type u8 | body … | RDB version u16 LE | CRC-64 u64 LE of all before |
//! ```
//! Written is what Redis 7.0 reads (RDB version 10), but for hashes whose fields have deadlines: those are written as
//! Redis 7.4 does (version 12), which an older one refuses. Read is what every version up to 12 writes.
//!
//! Bytes may come from anywhere. All of a value is looked at before any of it is believed: lengths against what is there,
//! packed sequences entry by entry in both directions, members for doubles, groups for what is pending in them. What is
//! small doesn't become large: counts don't allocate, and what unpacking may yield is [bounded](Reader::new). It knows
//! neither keys nor deadlines of keys, nor how values lie in memory: it reads into and writes from
//! [`StoredValue`](crate::effect::StoredValue) and the values' own iterators.

mod crc64;
mod dump;
mod listpack;
mod load;
mod lzf;
mod read;
mod save;
mod stream;
#[cfg(test)]
mod tests;
mod write;
mod ziplist;

pub use crc64::crc64;
pub use dump::{dump, restore, seal, unseal};
pub use load::load;
pub use read::{Malformed, Reader};
pub use save::save;
pub use write::{put_length, put_string};

/// How a value is encoded: the byte in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A string.
    String = 0,
    /// Elements one after the other.
    List = 1,
    /// Members one after the other.
    Set = 2,
    /// Members with scores in decimal.
    ZSet = 3,
    /// Fields and values by turns.
    Hash = 4,
    /// Members with scores as doubles.
    ZSet2 = 5,
    /// A zipmap, as Redis before 2.6 wrote.
    HashZipmap = 9,
    /// A ziplist, as Redis before 3.2 wrote.
    ListZiplist = 10,
    /// A sorted array of integers.
    SetIntset = 11,
    /// A ziplist, as Redis before 7.0 wrote.
    ZSetZiplist = 12,
    /// A ziplist, as Redis before 7.0 wrote.
    HashZiplist = 13,
    /// Ziplists, as Redis before 7.0 wrote.
    ListQuicklist = 14,
    /// Listpacks and groups, as Redis before 7.0 wrote.
    Stream = 15,
    /// A listpack.
    HashListpack = 16,
    /// A listpack.
    ZSetListpack = 17,
    /// Listpacks, and long elements by themselves.
    ListQuicklist2 = 18,
    /// With what was added, deleted and read.
    Stream2 = 19,
    /// A listpack, as Redis writes from 7.2 on.
    SetListpack = 20,
    /// With when a consumer was active, as Redis writes from 7.2 on.
    Stream3 = 21,
    /// Fields with values and deadlines, as Redis writes from 7.4 on.
    HashTimed = 24,
    /// The same as a listpack.
    HashTimedListpack = 25,
}

impl Type {
    /// The type with this number, if it can be read: modules' values can't, nor what only previews of releases wrote.
    pub fn of(number: u8) -> Option<Self> {
        const ALL: [Type; 21] = [
            Type::String,
            Type::List,
            Type::Set,
            Type::ZSet,
            Type::Hash,
            Type::ZSet2,
            Type::HashZipmap,
            Type::ListZiplist,
            Type::SetIntset,
            Type::ZSetZiplist,
            Type::HashZiplist,
            Type::ListQuicklist,
            Type::Stream,
            Type::HashListpack,
            Type::ZSetListpack,
            Type::ListQuicklist2,
            Type::Stream2,
            Type::SetListpack,
            Type::Stream3,
            Type::HashTimed,
            Type::HashTimedListpack,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// The version that is written: that of Redis 7.0.
pub const VERSION: u16 = 10;
/// The version of what Redis knows from 7.4 on.
pub const VERSION_TIMED: u16 = 12;
/// The newest version that is read.
pub const VERSION_MAX: u16 = 12;
