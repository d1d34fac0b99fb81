//! The messages between replica and hub, each one binary WebSocket frame of postcard.
//!
//! Variants and fields are appended, never moved: position is the wire tag, and the versions in the handshake say
//! what the other side knows. `www/docs/protocol.md` is the specification; this is its notation.

mod close;
mod down;
mod up;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{blob::Blob, compress};

pub use close::CloseReason;
pub use down::{Batch, Item, LoadScope, ServerLimits, Start, ToReplica, Welcome};
pub use up::{Condition, Hello, Push, PushedCommand, ToHub};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "sanderling.v1";

/// The newest version of the messages that this release speaks.
pub const VERSION: u16 = 1;

/// The oldest.
pub const OLDEST_VERSION: u16 = 1;

/// What a side can do beyond the version's common ground, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features(pub u32);

impl Features {
    /// It reads packed messages.
    pub const PACKING: Self = Self(1);
    /// All that this release can do.
    pub const ALL: Self = Self::PACKING;

    /// Whether all of `other` is among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What both sides can do.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Encodes a message and packs it if it is long and the other side reads that.
fn encode(message: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(message, Vec::new()).unwrap_or_default()
}

fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, &'static str> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err("bytes after its end"),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err("it is cut short"),
        Err(_) => Err("its content isn't what its kind demands"),
    }
}

/// Returns the packed form of an encoded message where that is worth it.
fn packed(encoded: &[u8]) -> Option<Vec<u8>> {
    if encoded.len() < PACKED_BYTES_MIN {
        return None;
    }
    let packed = compress::pack(encoded);
    (packed.len() + packed.len() / 8 < encoded.len()).then_some(packed)
}

/// Messages shorter than this travel as they are: packing costs more than it saves.
const PACKED_BYTES_MIN: usize = 1024;

impl<'a> From<&'a crate::session::Queued> for Vec<Blob<'a>> {
    fn from(call: &'a crate::session::Queued) -> Self {
        call.0.iter().map(|word| Blob::from(&**word)).collect()
    }
}
