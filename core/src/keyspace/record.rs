//! How an entry lies in the table: key, deadline and a short string in one run of bytes.
//!
//! ```text
//! │ flags │ stamp │ deadline, if there is one │ length of the key │ key │ payload │
//!    1       3              8                        1 or more             bytes of a string; 8 of an integer;
//!                                                                          4: which object it is
//! ```
//!
//! The stamp says how [aged](super::aging) it is. A record never leaves memory, so this is no format.

use super::aging::Stamp;
use crate::{env::UnixMillis, table::Keyed, types::packed::encode_length};

/// The records of a database's table.
#[derive(Debug, Clone)]
pub(super) struct Layout;

impl Keyed for Layout {
    #[inline]
    fn key(record: &[u8]) -> &[u8] {
        let start = if record.first().is_some_and(|flags| flags & HAS_DEADLINE != 0) { 12 } else { 4 };
        match record.get(start) {
            Some(length) if *length < 0x80 => {
                record.get(start + 1..start + 1 + usize::from(*length)).unwrap_or_default()
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
            let (deadline, after) = rest.split_first_chunk()?;
            expires_at = Some(UnixMillis(u64::from_le_bytes(*deadline)));
            rest = after;
        }
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (key, payload) = rest.split_at_checked(length)?;
        let payload = match flags & PAYLOAD {
            INTEGER => Payload::Integer(i64::from_le_bytes(payload.try_into().ok()?)),
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
            Payload::Object(index) => {
                let [a, b, c, d] = index.to_le_bytes();
                (OBJECT, [a, b, c, d, 0, 0, 0, 0])
            }
        };
        let payload = match &self.payload {
            Payload::Bytes(bytes) => bytes,
            Payload::Integer(_) => &number[..],
            Payload::Object(_) => number.get(..4).unwrap_or_default(),
        };
        let mut head = smallhead::Head::new();
        head.push(&[flags | if self.expires_at.is_some() { HAS_DEADLINE } else { 0 }]);
        head.push(&self.stamp);
        if let Some(at) = self.expires_at {
            head.push(&at.0.to_le_bytes());
        }
        let (length, size) = encode_length(self.key.len());
        head.push(length.get(..size).unwrap_or_default());
        head.push(self.key);
        put(head.bytes(), payload)
    }

    /// The bytes that a record with this key takes at most, beside a payload of bytes.
    pub(super) const fn overhead(key: &[u8]) -> usize {
        1 + 3 + 8 + 2 + key.len()
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
const HAS_DEADLINE: u8 = 0b100;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_apart_again(
            key in prop::collection::vec(any::<u8>(), 0..400),
            expires_at in prop::option::of(any::<u64>().prop_map(UnixMillis)),
            value in prop::collection::vec(any::<u8>(), 0..40),
            number: i64,
            which in 0..3,
        ) {
            let payload = match which {
                0 => Payload::Bytes(&value),
                1 => Payload::Integer(number),
                _ => Payload::Object(number as u32),
            };
            let bytes: Vec<u8> = Record { key: &key, stamp: [1, 2, 3], expires_at, payload }.write(|head, tail| [head, tail].concat());
            let parsed = Record::parse(&bytes);
            prop_assert_eq!((parsed.key, parsed.stamp, parsed.expires_at), (&key[..], [1, 2, 3], expires_at));
            prop_assert_eq!(Layout::key(&bytes), &key[..]);
            match (parsed.payload, payload) {
                (Payload::Bytes(one), Payload::Bytes(other)) => prop_assert_eq!(one, other),
                (Payload::Integer(one), Payload::Integer(other)) => prop_assert_eq!(one, other),
                (Payload::Object(one), Payload::Object(other)) => prop_assert_eq!(one, other),
                (one, other) => prop_assert!(false, "{one:?} instead of {other:?}"),
            }
            for end in 0..bytes.len() {
                let _ = Record::parse(&bytes[..end]);
            }
        }
    }
}
