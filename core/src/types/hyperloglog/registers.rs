//! The registers in their two forms.
//!
//! ```text
//!  dense    six bits each, the lowest bits of a byte first
//!  sparse   00nnnnnn            n + 1 registers of 0
//!           01nnnnnn nnnnnnnn   n + 1 registers of 0
//!           1vvvvvnn            n + 1 registers of v + 1
//! ```

use alloc::{boxed::Box, vec, vec::Vec};

/// The values of all registers.
pub(super) type Registers = [u8; REGISTERS];

/// How many there are.
pub(super) const REGISTERS: usize = 1 << 14;
/// What they take at six bits each.
pub(super) const DENSE_BYTES: usize = REGISTERS * 6 / 8;
/// The highest value that a run can have.
const RUN_VALUE_MAX: u8 = 32;

/// Registers of 0.
pub(super) fn empty() -> Box<Registers> {
    let zeros: Box<[u8]> = vec![0; REGISTERS].into();
    // As long as was asked for.
    zeros.try_into().unwrap_or_else(|_| Box::new([0; REGISTERS]))
}

/// A run in the sparse form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) value: u8,
    pub(super) len: usize,
    /// It takes two bytes.
    pub(super) is_long: bool,
}

/// The runs of a sparse form; nothing behind the first that isn't whole.
pub(super) fn runs(mut bytes: &[u8]) -> impl Iterator<Item = Run> {
    core::iter::from_fn(move || {
        let (first, rest) = bytes.split_first()?;
        let low = usize::from(first & 0x3f);
        let run = match first >> 6 {
            0 => Run { value: 0, len: low + 1, is_long: false },
            1 => {
                let (second, rest) = rest.split_first()?;
                bytes = rest;
                return Some(Run { value: 0, len: (low << 8 | usize::from(*second)) + 1, is_long: true });
            }
            _ => Run { value: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1, is_long: false },
        };
        bytes = rest;
        Some(run)
    })
}

/// Reads the sparse form; nothing if it isn't of just so many registers.
pub(super) fn read_sparse(bytes: &[u8]) -> Option<Box<Registers>> {
    let mut registers = empty();
    let (mut at, mut read) = (0, 0);
    for Run { value, len, is_long } in runs(bytes) {
        registers.get_mut(at..at + len)?.fill(value);
        at += len;
        read += 1 + usize::from(is_long);
    }
    (at == REGISTERS && read == bytes.len()).then_some(registers)
}

/// Reads one register of the sparse form.
pub(super) fn sparse_register(bytes: &[u8], register: usize) -> Option<u8> {
    let mut end = 0;
    runs(bytes).find_map(|run| {
        end += run.len;
        (register < end).then_some(run.value)
    })
}

/// The sparse form; nothing if a value is too high for it, or it would be longer than `bytes_max`.
pub(super) fn write_sparse(registers: &Registers, bytes_max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for run in registers.chunk_by(|one, other| one == other) {
        let value = *run.first()?;
        let mut left = run.len();
        if value > RUN_VALUE_MAX {
            return None;
        }
        while left > 0 {
            let len = left.min(if value > 0 { 4 } else { REGISTERS });
            match (value, len - 1) {
                (0, low @ 0..64) => bytes.push(low as u8),
                (0, low) => bytes.extend_from_slice(&[0x40 | (low >> 8) as u8, low as u8]),
                (_, low) => bytes.push(0x80 | (value - 1) << 2 | low as u8),
            }
            left -= len;
        }
        if bytes.len() > bytes_max {
            return None;
        }
    }
    Some(bytes)
}

/// Reads one register of the dense form.
pub(super) fn dense_register(bytes: &[u8], register: usize) -> u8 {
    let (at, shift) = (register * 6 / 8, register * 6 % 8);
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or_default());
    ((byte(at) | byte(at + 1) << 8) >> shift) as u8 & 0x3f
}

/// Changes one register of the dense form.
pub(super) fn set_dense_register(bytes: &mut [u8], register: usize, value: u8) {
    let (at, shift) = (register * 6 / 8, register * 6 % 8);
    let (mask, bits) = (0x3f_u16 << shift, u16::from(value) << shift);
    for (at, shift) in [(at, 0), (at + 1, 8)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *byte & !((mask >> shift) as u8) | (bits >> shift) as u8;
        }
    }
}

/// Reads the dense form.
pub(super) fn read_dense(bytes: &[u8]) -> Box<Registers> {
    let mut registers = empty();
    let groups = bytes.chunks_exact(3).zip(registers.chunks_exact_mut(4));
    for (group, registers) in groups {
        if let ([a, b, c], [first, second, third, fourth]) = (group, registers) {
            *first = a & 0x3f;
            *second = a >> 6 | (b & 0x0f) << 2;
            *third = b >> 4 | (c & 0x03) << 4;
            *fourth = c >> 2;
        }
    }
    registers
}

/// The dense form.
pub(super) fn write_dense(registers: &Registers) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DENSE_BYTES);
    for group in registers.chunks_exact(4) {
        if let [a, b, c, d] = group {
            bytes.extend_from_slice(&[a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2]);
        }
    }
    bytes
}
