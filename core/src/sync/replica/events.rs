//! What a replica tells its shell.

use core::fmt;

use alloc::vec::Vec;

use crate::format::{ClientSeq, LogSeq};

/// Something that the replica's user should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection's state changed.
    State(State),
    /// A command took effect, as predicted.
    Acknowledged(ClientSeq),
    /// A command took effect, but the server's reply differs from the one that its caller was given.
    Corrected {
        /// The command.
        seq: ClientSeq,
        /// The server's reply, in RESP3.
        reply: Vec<u8>,
    },
    /// The server refused a command; what it had done here was taken back.
    Refused {
        /// The command.
        seq: ClientSeq,
        /// The server's error, in RESP3.
        reply: Vec<u8>,
    },
    /// The data was brought up to date by other means than the log: everything may have changed.
    Resynced,
    /// A change of interest is done: the added keys are known, the removed ones gone.
    Subscribed {
        /// What [`Replica::subscribe`](super::Replica::subscribe) returned.
        id: u32,
    },
    /// The server refused a change of interest.
    NotSubscribed {
        /// What [`Replica::subscribe`](super::Replica::subscribe) returned.
        id: u32,
        /// Why, in RESP3.
        error: Vec<u8>,
    },
    /// Something that has no answer of its own couldn't be done: listening, publishing, presence, part of the interest.
    Declined {
        /// Why, in RESP3.
        error: Vec<u8>,
    },
    /// The values of forgotten keys are there again.
    Fetched {
        /// The keys.
        keys: Vec<Vec<u8>>,
    },
    /// The reply to a call on the server.
    Reply {
        /// What [`Replica::call`](super::Replica::call) returned.
        id: u32,
        /// The reply, in RESP3; an error that begins with `LOST` if there is none.
        reply: Vec<u8>,
    },
    /// A message on a channel.
    Message {
        /// The channel.
        channel: Vec<u8>,
        /// The message.
        payload: Vec<u8>,
    },
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Offline,
    /// The hub hasn't answered yet.
    Connecting,
    /// A snapshot is coming in.
    Loading,
    /// Up to date but for what is on its way.
    Live,
}

impl State {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Loading => "loading",
            Self::Live => "live",
        }
    }
}

/// How a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The connection.
    pub state: State,
    /// The position in the log that it shows; `None` before the first snapshot.
    pub seq: Option<LogSeq>,
    /// Commands that the hub hasn't answered, those of other tabs included.
    pub pending: usize,
    /// The last of this run's commands that the hub has answered.
    pub acknowledged: ClientSeq,
    /// Bytes of messages received.
    pub bytes_in: u64,
    /// Bytes of messages sent.
    pub bytes_out: u64,
    /// Commands that were run again by rebases.
    pub reruns: u64,
    /// Commands that were taken back by rebases.
    pub taken_back: u64,
}

/// Why a connection can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncError {
    /// A message that can't be read.
    Malformed(&'static str),
    /// A message in the wrong place.
    Unexpected(&'static str),
    /// The hub speaks another version.
    UnsupportedVersion(u16),
    /// Nothing was heard for too long.
    Silent,
    /// What is next to be pushed belongs to an earlier run that this connection has no room for: the next one has.
    OtherIdentities,
}

impl SyncError {
    /// Whether connecting again may help.
    pub const fn may_retry(self) -> bool {
        !matches!(self, Self::UnsupportedVersion(_))
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the server sent a malformed message: {what}"),
            Self::Unexpected(what) => write!(f, "the server sent {what}"),
            Self::UnsupportedVersion(version) => {
                write!(f, "the server speaks version {version} of the protocol; this release speaks {}", super::VERSION)
            }
            Self::OtherIdentities => f.write_str("commands of other runs are next, on another connection"),
            Self::Silent => f.write_str("the server has been silent for too long"),
        }
    }
}

impl core::error::Error for SyncError {}
