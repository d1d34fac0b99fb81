//! The formats that travel and stay: frames, log records, snapshot chunks.
//!
//! The same bytes go to disk, to IndexedDB and over the wire. Everything is little-endian or postcard's varints,
//! versioned, and checked by a CRC before it is believed.

mod chunk;
mod crc;
mod frame;
mod journal;
#[cfg(feature = "server")]
pub mod rdb;
mod record;

pub use chunk::{ChunkReader, ChunkWriter};
pub use frame::{FRAME_HEADER_BYTES, Frame, FrameError, FrameKind, encode_frame, split_frame};
pub use journal::Journal;
pub use record::{ClientId, ClientSeq, LogSeq, Origin, Record, RecordHeader, effects};
