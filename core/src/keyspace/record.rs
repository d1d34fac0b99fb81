//! How an entry lies in the table: key, deadline and a short string or a small hash in one run of bytes.
//!
//! ```text
//! │ flags │ stamp │ deadline, if there is one │ length of the key, if it is 31 or more │ key │ payload │
//!    1       3         5, or 13 if it is far                1 or more                           bytes of a string; 8 of
//!    │                                                                                          an integer; 4: which
//!    │ length of the key, or 31 │ has a deadline │ what the payload is │                        object it is
//!                 5                     1                  2              bits
//! ```
//!
//! The stamp says how [aged](super::aging) it is. A deadline counts milliseconds from 2020 on, which 40 bits do for 34
//! years; any other stands whole behind a mark. A record never leaves memory, so this is no format.

use super::aging::Stamp;
use crate::{
    env::UnixMillis,
    table::Keyed,
    types::packed::{PackedRef, decode_length, encode_length},
};

/// The records of a database's table.
#[derive(Debug, Clone)]
pub(super) struct Layout;

impl Keyed for Layout {
    #[inline]
    fn key(record: &[u8]) -> &[u8] {
        match record.split_first_chunk() {
            Some(([flags, _, _, _], rest)) if flags & HAS_DEADLINE == 0 && flags >> KEY_SHIFT < KEY_LONG => {
                rest.get(..usize::from(flags >> KEY_SHIFT)).unwrap_or_default()
            }
            _ => Record::parse(record).key,
        }
    }
}

/// A record's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) stamp: Stamp,
    pub(super) expires_at: Option<UnixMillis>,
    pub(super) payload: Payload<'a>,
}

/// What a key holds, as far as the record says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'a> {
    Bytes(&'a [u8]),
    Integer(i64),
    /// The fields and values of a small hash.
    Fields(PackedRef<'a>),
    /// Anything else, by its number among the objects.
    Object(u32),
}

impl<'a> Record<'a> {
    /// Reads a record; one that is none is an empty string under the empty key.
    #[inline]
    pub(super) fn parse(record: &'a [u8]) -> Self {
        Self::try_parse(record).unwrap_or(Self {
            key: &[],
            stamp: [0; 3],
            expires_at: None,
            payload: Payload::Bytes(&[]),
        })
    }

    #[inline]
    fn try_parse(record: &'a [u8]) -> Option<Self> {
        let (&flags, rest) = record.split_first()?;
        let (&stamp, mut rest) = rest.split_first_chunk()?;
        let mut expires_at = None;
        if flags & HAS_DEADLINE != 0 {
            let (&[a, b, c, d, e], after) = rest.split_first_chunk()?;
            rest = after;
            let mut at = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) + EPOCH_MS;
            if at == FAR {
                let (far, after) = rest.split_first_chunk()?;
                at = u64::from_le_bytes(*far);
                rest = after;
            }
            expires_at = Some(UnixMillis(at));
        }
        let mut length = usize::from(flags >> KEY_SHIFT);
        if length == usize::from(KEY_LONG) {
            (length, rest) = decode_length(rest)?;
        }
        let (key, payload) = rest.split_at_checked(length)?;
        let payload = match flags & PAYLOAD {
            INTEGER => Payload::Integer(i64::from_le_bytes(payload.try_into().ok()?)),
            FIELDS => {
                let (&count, fields) = payload.split_first()?;
                Payload::Fields(PackedRef::new(fields, u32::from(count)))
            }
            OBJECT => Payload::Object(u32::from_le_bytes(payload.try_into().ok()?)),
            _ => Payload::Bytes(payload),
        };
        Some(Self { key, stamp, expires_at, payload })
    }

    /// Calls `put` with the bytes of the record in two parts.
    pub(super) fn write<R>(&self, put: impl FnOnce(&[u8], &[u8]) -> R) -> R {
        let (flags, number) = match &self.payload {
            Payload::Bytes(_) => (BYTES, [0; 8]),
            Payload::Integer(value) => (INTEGER, value.to_le_bytes()),
            // Two bytes a field at least: a byte counts those of a record.
            Payload::Fields(fields) => (FIELDS, [fields.len() as u8, 0, 0, 0, 0, 0, 0, 0]),
            Payload::Object(index) => {
                let [a, b, c, d] = index.to_le_bytes();
                (OBJECT, [a, b, c, d, 0, 0, 0, 0])
            }
        };
        let payload = match &self.payload {
            Payload::Bytes(bytes) => bytes,
            Payload::Integer(_) => &number[..],
            Payload::Fields(fields) => fields.bytes(),
            Payload::Object(_) => number.get(..4).unwrap_or_default(),
        };
        let is_long = self.key.len() >= usize::from(KEY_LONG);
        let key_bits = if is_long { KEY_LONG } else { self.key.len() as u8 };
        let mut head = smallhead::Head::new();
        head.push(&[key_bits << KEY_SHIFT | flags | if self.expires_at.is_some() { HAS_DEADLINE } else { 0 }]);
        head.push(&self.stamp);
        if let Some(at) = self.expires_at {
            let is_near = (EPOCH_MS..FAR).contains(&at.0);
            let [a, b, c, d, e, ..] = (if is_near { at.0 } else { FAR } - EPOCH_MS).to_le_bytes();
            head.push(&[a, b, c, d, e]);
            if !is_near {
                head.push(&at.0.to_le_bytes());
            }
        }
        if is_long {
            let (length, size) = encode_length(self.key.len());
            head.push(length.get(..size).unwrap_or_default());
        }
        head.push(self.key);
        if let Payload::Fields(_) = &self.payload {
            head.push(number.get(..1).unwrap_or_default());
        }
        put(head.bytes(), payload)
    }

    /// The bytes that a record with this key takes beside a payload of bytes: a few more only with a deadline that is far.
    pub(super) const fn overhead(key: &[u8]) -> usize {
        1 + 3 + 5 + 2 + key.len()
    }

    /// Where the stamp of a record stands.
    pub(super) fn stamp_mut(record: &mut [u8]) -> Option<&mut Stamp> {
        record.get_mut(1..)?.first_chunk_mut()
    }
}

/// What stands before a payload: on the stack where the key is short.
mod smallhead {
    use alloc::vec::Vec;

    pub(super) struct Head {
        stack: [u8; STACK],
        len: usize,
        heap: Vec<u8>,
    }

    impl Head {
        pub(super) const fn new() -> Self {
            Self { stack: [0; STACK], len: 0, heap: Vec::new() }
        }

        pub(super) fn push(&mut self, bytes: &[u8]) {
            match self.stack.get_mut(self.len..self.len + bytes.len()) {
                Some(place) if self.heap.is_empty() => {
                    place.copy_from_slice(bytes);
                    self.len += bytes.len();
                }
                _ => {
                    if self.heap.is_empty() {
                        self.heap.extend_from_slice(self.stack.get(..self.len).unwrap_or_default());
                    }
                    self.heap.extend_from_slice(bytes);
                }
            }
        }

        pub(super) fn bytes(&self) -> &[u8] {
            if self.heap.is_empty() { self.stack.get(..self.len).unwrap_or_default() } else { &self.heap }
        }
    }

    const STACK: usize = 96;
}

const PAYLOAD: u8 = 0b11;
const BYTES: u8 = 0;
const INTEGER: u8 = 1;
const OBJECT: u8 = 2;
const FIELDS: u8 = 3;
const HAS_DEADLINE: u8 = 0b100;
const KEY_SHIFT: u32 = 3;

/// The key is this long or longer, and its length follows.
const KEY_LONG: u8 = 31;

/// The beginning of 2020, from which deadlines count.
const EPOCH_MS: u64 = 1_577_836_800_000;

/// The first deadline that 40 bits don't reach.
const FAR: u64 = EPOCH_MS + (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_apart_again(
            key in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..400)],
            expires_at in prop::option::of(prop_oneof![any::<u64>(), EPOCH_MS - 2..EPOCH_MS + 2, FAR - 2..FAR + 2].prop_map(UnixMillis)),
            value in prop::collection::vec(any::<u8>(), 0..40),
            number: i64,
            which in 0..4,
        ) {
            let payload = match which {
                0 => Payload::Bytes(&value),
                1 => Payload::Integer(number),
                2 => Payload::Fields(PackedRef::new(&value, u32::from(number as u8))),
                _ => Payload::Object(number as u32),
            };
            let bytes: Vec<u8> = Record { key: &key, stamp: [1, 2, 3], expires_at, payload }.write(|head, tail| [head, tail].concat());
            let parsed = Record::parse(&bytes);
            prop_assert_eq!((parsed.key, parsed.stamp, parsed.expires_at), (&key[..], [1, 2, 3], expires_at));
            prop_assert_eq!(Layout::key(&bytes), &key[..]);
            match (parsed.payload, payload) {
                (Payload::Bytes(one), Payload::Bytes(other)) => prop_assert_eq!(one, other),
                (Payload::Integer(one), Payload::Integer(other)) => prop_assert_eq!(one, other),
                (Payload::Fields(one), Payload::Fields(other)) => {
                    prop_assert_eq!((one.bytes(), one.len()), (other.bytes(), other.len()));
                }
                (Payload::Object(one), Payload::Object(other)) => prop_assert_eq!(one, other),
                (one, other) => prop_assert!(false, "{one:?} instead of {other:?}"),
            }
            for end in 0..bytes.len() {
                let _ = Record::parse(&bytes[..end]);
            }
        }
    }
}
