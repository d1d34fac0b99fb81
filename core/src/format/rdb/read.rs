//! Reading the parts that values are made of: numbers, lengths, strings.

use alloc::vec::Vec;
use core::fmt;

use super::lzf;
use crate::{blob::Blob, num::IntText};

/// What is wrong with bytes that aren't a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Malformed {}

/// The result of reading.
pub(super) type Result<T> = core::result::Result<T, Malformed>;

/// A cursor over bytes from outside.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Bytes that may still come of what is shorter than they are.
    room: usize,
}

impl<'a> Reader<'a> {
    /// Reads from `bytes`. What is compressed, or said once for many, may become `unpacked_bytes_max` bytes in all.
    pub fn new(bytes: &'a [u8], unpacked_bytes_max: usize) -> Self {
        Self { bytes, room: unpacked_bytes_max }
    }

    /// The bytes that weren't read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or(CUT)?;
        self.bytes = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or(CUT)?;
        self.bytes = rest;
        Ok(*head)
    }

    /// Reads a byte.
    ///
    /// # Errors
    /// If there is none.
    pub fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Reads a length or another number that is never negative.
    ///
    /// # Errors
    /// If there is none, or a string begins here that is written in another way.
    pub fn length(&mut self) -> Result<u64> {
        match self.length_or_kind()? {
            Ok(length) => Ok(length),
            Err(_) => Err(Malformed("a special string stands where a length is due")),
        }
    }

    /// Reads how many elements follow, each of which takes `bytes_min` bytes or more.
    pub(super) fn count(&mut self, bytes_min: usize) -> Result<usize> {
        let count = usize::try_from(self.length()?).map_err(|_| CUT)?;
        let fits = count.checked_mul(bytes_min).is_some_and(|bytes| bytes <= self.bytes.len());
        if fits { Ok(count) } else { Err(CUT) }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If it is cut short, or compressed and not to be unpacked.
    pub fn string(&mut self) -> Result<Blob<'a>> {
        let text = |value: i64| Ok(Blob::from(IntText::new(value).as_bytes().to_vec()));
        match self.length_or_kind()? {
            Ok(length) => Ok(self.take(usize::try_from(length).map_err(|_| CUT)?)?.into()),
            Err(0) => text(i64::from(i8::from_le_bytes(self.array()?))),
            Err(1) => text(i64::from(i16::from_le_bytes(self.array()?))),
            Err(2) => text(i64::from(i32::from_le_bytes(self.array()?))),
            Err(3) => self.compressed().map(Blob::from),
            Err(_) => Err(Malformed("a string of an unknown encoding")),
        }
    }

    fn compressed(&mut self) -> Result<Vec<u8>> {
        let (packed, length) = (self.length()?, self.length()?);
        let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        self.spend(length)?;
        let packed = self.take(usize::try_from(packed).map_err(|_| CUT)?)?;
        lzf::unpack(packed, length).ok_or(Malformed("a compressed string can't be unpacked"))
    }

    /// Notes that so many bytes come of what is shorter.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<()> {
        self.room = self.room.checked_sub(bytes).ok_or(TOO_LARGE)?;
        Ok(())
    }

    /// Reads a length, or the kind of a string that is written in another way.
    fn length_or_kind(&mut self) -> Result<core::result::Result<u64, u8>> {
        let first = self.byte()?;
        Ok(Ok(match first {
            0..=0x3f => u64::from(first),
            0x40..=0x7f => u64::from(u16::from_be_bytes([first & 0x3f, self.byte()?])),
            0x80 => u64::from(u32::from_be_bytes(self.array()?)),
            0x81 => u64::from_be_bytes(self.array()?),
            0x82..=0xbf => return Err(Malformed("a length of an unknown form")),
            0xc0.. => return Ok(Err(first & 0x3f)),
        }))
    }
}

pub(super) const CUT: Malformed = Malformed("the value is cut short");
const TOO_LARGE: Malformed = Malformed("the value would be too large");
