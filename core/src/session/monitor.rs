//! `MONITOR`: sessions that are told of every call.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{SessionId, Sessions, Woken};

/// The sessions that are told.
pub(crate) type Monitors = BTreeSet<SessionId>;

impl Sessions {
    /// Hands a line to all who are told of calls.
    pub(crate) fn tell_monitors(&mut self, line: &[u8]) {
        for session in &self.monitors {
            if self.slab.get(session.0).is_some_and(|session| !session.killed) {
                self.pubsub.messages.push_back(Woken { session: *session, reply: line.to_vec() });
            }
        }
    }
}

/// Writes a word in quotes, what isn't printable escaped as redis-cli reads it.
pub(crate) fn quote(word: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    out.push(b'"');
    for &byte in word {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            7 => out.extend(b"\\a"),
            8 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend([b'\\', b'x', digit(byte >> 4), digit(byte)]),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_as_redis_does() {
        let mut line = alloc::vec::Vec::new();
        super::quote(b"a\x01\n\"\\\xc3\xa9 \x07\x08\r\t\x7f", &mut line);
        assert_eq!(line, br#""a\x01\n\"\\\xc3\xa9 \a\b\r\t\x7f""#);
    }
}
