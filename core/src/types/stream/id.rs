//! The ids of a stream's entries: a moment in milliseconds, and a number within it.

use core::ops::Deref;

use serde::{Deserialize, Serialize};

/// Names an entry of a stream, and its place: ids only ever grow.
///
/// ```
/// use sanderling_core::types::stream::StreamId;
/// let id = StreamId::parse(b"5-1", 0).unwrap();
/// assert_eq!(id, StreamId { ms: 5, seq: 1 });
/// assert_eq!(&*id.next().unwrap().text(), b"5-2");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// Milliseconds, of the clock or of the client's choice.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// Before every entry: no entry has this id.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The last id that there can be.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The id after this one; `None` after the last.
    pub const fn next(self) -> Option<Self> {
        match (self.ms.checked_add(1), self.seq.checked_add(1)) {
            (_, Some(seq)) => Some(Self { seq, ..self }),
            (Some(ms), None) => Some(Self { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The id before this one; `None` before the first.
    pub const fn previous(self) -> Option<Self> {
        match (self.ms.checked_sub(1), self.seq.checked_sub(1)) {
            (_, Some(seq)) => Some(Self { seq, ..self }),
            (Some(ms), None) => Some(Self { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    /// Reads `ms-seq`, or `ms` with `missing_seq` for the number.
    pub fn parse(word: &[u8], missing_seq: u64) -> Option<Self> {
        if word.len() > WORD_BYTES_MAX {
            return None;
        }
        // To C a text ends with the first NUL.
        let text = word.split(|byte| *byte == 0).next()?;
        match text.iter().position(|byte| *byte == b'-') {
            Some(at) => Some(Self { ms: parse_number(text.get(..at)?)?, seq: parse_number(text.get(at + 1..)?)? }),
            None => Some(Self { ms: parse_number(text)?, seq: missing_seq }),
        }
    }

    /// The id as clients see it.
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; ID_BYTES_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

/// Reads half of an id as C does: after spaces and a plus sign, with zeros in front.
fn parse_number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    digits.first().filter(|byte| byte.is_ascii_digit())?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// The longest word that is looked at.
const WORD_BYTES_MAX: usize = 127;

/// An id in decimal, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; ID_BYTES_MAX],
    len: usize,
}

/// Two numbers of up to twenty digits, and what stands between them.
const ID_BYTES_MAX: usize = 41;

impl IdText {
    fn push(&mut self, part: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + part.len()) {
            place.copy_from_slice(part);
            self.len += part.len();
        }
    }
}

impl Deref for IdText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0..3_u64, Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn neighbours_and_texts_lead_back(ms in number(), seq in number()) {
            let id = StreamId { ms, seq };
            prop_assert_eq!(StreamId::parse(&id.text(), 7), Some(id));
            prop_assert_eq!(id.next().map_or(Some(id), StreamId::previous), Some(id));
            prop_assert_eq!(id.previous().map_or(Some(id), StreamId::next), Some(id));
            prop_assert!(id.next().is_none_or(|next| next > id));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        assert_eq!(StreamId::parse(b"7", 9), Some(StreamId { ms: 7, seq: 9 }));
        assert_eq!(StreamId::parse(b" 7-+01\0x", 9), Some(StreamId { ms: 7, seq: 1 }));
        for word in ["", "-", "a", "1-", "-1", "1-*", "1-2-3", "18446744073709551616", "1 ", "-1-1", "++1", " ", "\0"] {
            assert_eq!(StreamId::parse(word.as_bytes(), 0), None, "{word}");
        }
    }
}
