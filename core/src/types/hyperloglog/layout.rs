//! The whole string: a header of 16 bytes, then the registers.
//!
//! ```text
//!  HYLL   the form: 0 dense, 1 sparse   3 bytes of 0   the count, 8 bytes, the lowest first   registers
//! ```
//! The highest bit of the count says that it is no longer right.

use alloc::{boxed::Box, vec::Vec};

use super::registers::{DENSE_BYTES, Registers, empty, read_dense, read_sparse, write_dense, write_sparse};
use crate::error::{Error, Result};

/// A string that is a HyperLogLog.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    pub(super) is_dense: bool,
    /// The count, if it is right.
    pub(super) count: Option<u64>,
    pub(super) registers: &'a [u8],
}

impl<'a> Layout<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it isn't one.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let other = || Error::new("WRONGTYPE Key is not a valid HyperLogLog string value.");
        let (header, registers) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(other)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (form, count) = rest.split_at(4);
        let is_dense = match form.first() {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(other()),
        };
        if magic != MAGIC || is_dense && registers.len() != DENSE_BYTES {
            return Err(other());
        }
        let count = u64::from_le_bytes(count.try_into().unwrap_or([u8::MAX; 8]));
        Ok(Self { is_dense, count: (count & STALE == 0).then_some(count), registers })
    }

    /// The values of the registers.
    ///
    /// # Errors
    /// If they aren't as many as there have to be.
    pub(super) fn values(&self) -> Result<Box<Registers>> {
        match self.is_dense {
            true => Ok(read_dense(self.registers)),
            false => read_sparse(self.registers).ok_or(CORRUPTED),
        }
    }
}

/// The string of registers without a count: sparse if it `may_be_sparse` and is no longer than `sparse_bytes_max` then.
pub(super) fn write(registers: &Registers, may_be_sparse: bool, sparse_bytes_max: usize) -> Vec<u8> {
    let sparse = may_be_sparse.then(|| write_sparse(registers, sparse_bytes_max)).flatten();
    let mut bytes = header(sparse.is_none());
    match sparse {
        Some(runs) => bytes.extend_from_slice(&runs),
        None => bytes.extend_from_slice(&write_dense(registers)),
    }
    bytes
}

/// The string before anything was added.
pub(super) fn fresh() -> Vec<u8> {
    write(&empty(), true, usize::MAX)
}

fn header(is_dense: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[u8::from(!is_dense), 0, 0, 0]);
    bytes.extend_from_slice(&STALE.to_le_bytes());
    bytes
}

pub(super) const CORRUPTED: Error = Error::new("INVALIDOBJ Corrupted HLL object detected");
/// Where the registers begin.
pub(super) const HEADER_BYTES: usize = 16;
/// Where the count begins.
pub(super) const COUNT_AT: usize = 8;
/// Where the byte is that says whether the count is right, and what it is when it isn't.
pub(super) const STALE_AT: usize = 15;
pub(super) const STALE_BYTE: u8 = 0x80;
const STALE: u64 = 1 << 63;
const MAGIC: &[u8] = b"HYLL";
