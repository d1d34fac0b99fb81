//! Frames: what makes bytes on a disk or in a browser's store trustworthy.
//!
//! ```text
//!  0      2      3      4               8               12
//!  | "SD" | ver  | kind | length u32 LE | CRC-32 u32 LE | payload (length bytes)
//! ```
//! The CRC (IEEE 802.3) covers the first eight bytes and the payload, so that a flipped length is noticed as well.

use alloc::vec::Vec;
use core::fmt;

use super::crc::crc32;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Log records, one after the other.
    Records = 1,
    /// A snapshot's chunk of keys.
    Chunk = 2,
    /// A snapshot's or a log's head: which log, which position.
    Head = 3,
    /// The last frame of a snapshot: without it the snapshot isn't whole.
    End = 4,
    /// Commands that a replica has executed and the server hasn't acknowledged.
    Pending = 5,
    /// Keys of a replica whose values were forgotten to save memory.
    Forgotten = 6,
    /// Libraries of functions.
    Libraries = 7,
}

/// A frame whose CRC holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it holds.
    pub kind: FrameKind,
    /// The content.
    pub payload: &'a [u8],
}

/// Why bytes aren't a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// They end before the frame does.
    Truncated,
    /// They don't begin as a frame does.
    BadMagic,
    /// A later release wrote them; this one reads version 1.
    UnknownVersion(u8),
    /// A kind that this release doesn't know.
    UnknownKind(u8),
    /// The content isn't what was written.
    BadChecksum,
}

/// Bytes before a frame's payload.
pub const FRAME_HEADER_BYTES: usize = 12;

const MAGIC: [u8; 2] = *b"SD";
const VERSION: u8 = 1;

/// Appends a frame to `out`.
pub fn encode_frame(kind: FrameKind, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut head = [0; 8];
    for (target, byte) in head.iter_mut().zip(MAGIC.into_iter().chain([VERSION, kind as u8]).chain(length)) {
        *target = byte;
    }
    out.extend_from_slice(&head);
    out.extend_from_slice(&checksum(&head, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Reads the frame at the front of `bytes`: the frame and what follows it.
///
/// # Errors
/// [`FrameError`]; nothing of a frame that isn't sound is handed out.
pub fn split_frame(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), FrameError> {
    let magic_seen = bytes.get(..bytes.len().min(2)).unwrap_or_default();
    if !MAGIC.starts_with(magic_seen) {
        return Err(FrameError::BadMagic);
    }
    let (head, rest) = bytes.split_first_chunk::<8>().ok_or(FrameError::Truncated)?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(FrameError::Truncated)?;
    let [_, _, version, kind, length @ ..] = *head;
    if version != VERSION {
        return Err(FrameError::UnknownVersion(version));
    }
    let length = u32::from_le_bytes(length) as usize;
    let (payload, rest) = rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
    if checksum(head, payload) != u32::from_le_bytes(*crc) {
        return Err(FrameError::BadChecksum);
    }
    let kind = match kind {
        1 => FrameKind::Records,
        2 => FrameKind::Chunk,
        3 => FrameKind::Head,
        4 => FrameKind::End,
        5 => FrameKind::Pending,
        6 => FrameKind::Forgotten,
        7 => FrameKind::Libraries,
        other => return Err(FrameError::UnknownKind(other)),
    };
    Ok((Frame { kind, payload }, rest))
}

fn checksum(head: &[u8; 8], payload: &[u8]) -> u32 {
    crc32(&[head, payload])
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the frame is cut short"),
            Self::BadMagic => f.write_str("no frame begins here"),
            Self::UnknownVersion(version) => {
                write!(f, "the frame has version {version}, and this release reads version {VERSION}: use a newer one")
            }
            Self::UnknownKind(kind) => write!(f, "the frame is of kind {kind}, which this release doesn't know"),
            Self::BadChecksum => f.write_str("the checksum doesn't match: the content was damaged"),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_round_trip_and_refuse_any_cut_or_flipped_bit(
            payload in prop::collection::vec(any::<u8>(), 0..80), bit in any::<prop::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            encode_frame(FrameKind::Records, &payload, &mut bytes);
            let (frame, rest) = split_frame(&bytes).unwrap();
            prop_assert_eq!((frame.kind, frame.payload, rest.len()), (FrameKind::Records, &payload[..], 0));
            for end in 0..bytes.len() {
                prop_assert_eq!(split_frame(&bytes[..end]), Err(FrameError::Truncated));
            }
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(split_frame(&bytes).is_err());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = split_frame(&bytes);
        }
    }
}
