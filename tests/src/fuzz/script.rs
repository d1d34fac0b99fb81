//! Inputs as scripts: numbers and blocks of bytes, read as far as they go.
//!
//! ```text
//! number: u8 | u16 LE | u64 LE        block: length u16 LE | bytes
//! ```
//! Reading past the end gives zeros and nothing, so any bytes are a script.

use super::INPUT_BYTES_MAX;

/// Reads a script.
#[derive(Debug)]
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.get(..INPUT_BYTES_MAX).unwrap_or(bytes))
    }

    /// What happens next; `None` at the end.
    pub(super) fn next(&mut self) -> Option<u8> {
        (!self.0.is_empty()).then(|| self.byte())
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// A number, mostly a small one, now and then any, or one at the upper end.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => u64::from(small) % 8,
            byte @ 200..230 => u64::MAX - u64::from(byte) % 3,
            _ => self.take(8).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        }
    }

    /// Bytes with their length before them.
    pub(super) fn block(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        self.take(length)
    }

    /// One of some things.
    pub(super) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Writes a script.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptWriter(pub(super) Vec<u8>);

impl ScriptWriter {
    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    /// Writes a block. One that is too long for a block is cut.
    pub(super) fn block(&mut self, bytes: &[u8]) -> &mut Self {
        let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
        self.0.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }
}
