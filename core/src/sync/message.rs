//! The messages between replica and hub, each one binary WebSocket frame of postcard.
//!
//! Variants and fields are appended, never moved: position is the wire tag, and the version in the handshake says
//! what the other side knows.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::history::{LogId, ResumeToken};
use crate::{
    blob::Blob,
    env::{Env, UnixMillis},
    format::{ClientId, ClientSeq, LogSeq},
};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "sanderling.v1";

/// The version of the messages below.
pub const VERSION: u16 = 1;

/// From a replica to the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHub<'a> {
    /// The first message.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// Commands to be executed, in the order in which the replica ran them.
    #[serde(borrow)]
    Push(Vec<PushedCommand<'a>>),
    /// A question for the time, and a sign of life.
    Ping {
        /// The replica's own clock; comes back unread.
        sent: UnixMillis,
    },
}

/// Who a replica is, what it wants, and what it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// The version that the replica speaks.
    pub version: u16,
    /// The logical database that it mirrors.
    pub db: u8,
    /// Its identity now, then those of earlier runs whose commands it still holds; each with the highest of its
    /// commands that was acknowledged.
    pub clients: Vec<(ClientId, ClientSeq)>,
    /// Globs of the keys that it holds.
    #[serde(borrow)]
    pub interest: Vec<Blob<'a>>,
    /// Where it was; `None` for a replica that has nothing.
    pub resume: Option<ResumeToken>,
}

/// A command that ran on a replica, or a transaction of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushedCommand<'a> {
    /// Who ran it.
    pub client: ClientId,
    /// Its number there.
    pub seq: ClientSeq,
    /// The time and the seed that it ran with.
    pub env: Env,
    /// The calls, each a name and its arguments; more than one is a transaction.
    #[serde(borrow)]
    pub calls: Vec<Vec<Blob<'a>>>,
}

/// From the hub to a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToReplica<'a> {
    /// The answer to `Hello`.
    Welcome(Welcome),
    /// A part of a snapshot: the payload of a chunk.
    #[serde(borrow)]
    Chunk(Blob<'a>),
    /// The snapshot is whole: it shows the log up to `Welcome::seq`.
    SnapshotEnd,
    /// What happened.
    #[serde(borrow)]
    Batch(Batch<'a>),
    /// The answer to `Ping`.
    Pong {
        /// The replica's clock, as it came.
        sent: UnixMillis,
        /// The hub's clock.
        now: UnixMillis,
    },
}

/// What the hub answers first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that will be spoken.
    pub version: u16,
    /// The log that positions refer to from now on.
    pub log: LogId,
    /// Resumed: the position that the replica named. Otherwise: the position that the snapshot shows.
    pub seq: LogSeq,
    /// The hub's clock.
    pub now: UnixMillis,
    /// Whether batches go on from where the replica was; otherwise a snapshot follows.
    pub resumed: bool,
    /// The highest command that took effect for each of the replica's identities, in `Hello`'s order.
    pub pushed: Vec<ClientSeq>,
    /// The longest message that the hub accepts, in bytes.
    pub message_bytes_max: u32,
}

/// Records of the log, restricted to what concerns a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch<'a> {
    /// The position up to which the replica knows everything after this batch.
    pub through: LogSeq,
    /// What concerns it, in order.
    #[serde(borrow)]
    pub items: Vec<Item<'a>>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item<'a> {
    /// The replica's own command behind it: the index of the identity in `Hello` and the number.
    pub origin: Option<(u32, ClientSeq)>,
    /// What the hub replied to that command, in RESP3; `None` if nobody remembers.
    #[serde(borrow)]
    pub reply: Option<Blob<'a>>,
    /// The effects: a run of (database, effect) pairs as in a record.
    #[serde(borrow)]
    pub effects: Blob<'a>,
}

/// Why the hub ends a connection; sent as the WebSocket's close code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The replica speaks a version that the hub doesn't.
    UnsupportedVersion(u16),
    /// A message that can't be read, or in the wrong place.
    Malformed(&'static str),
    /// A limit was passed.
    LimitPassed(&'static str),
    /// The same client has connected anew.
    Replaced,
    /// A command's number leaves a gap: the one expected is given.
    Gap(ClientSeq),
    /// The replica is too far behind: come back and resume.
    FellBehind,
    /// The server is going down: come back later.
    ShuttingDown,
}

impl CloseReason {
    /// The WebSocket close code, from the range for applications.
    pub const fn code(&self) -> u16 {
        match self {
            Self::UnsupportedVersion(_) => 4000,
            Self::Malformed(_) => 4001,
            Self::LimitPassed(_) => 4002,
            Self::Replaced => 4003,
            Self::Gap(_) => 4100,
            Self::FellBehind => 4101,
            Self::ShuttingDown => 4102,
        }
    }

    /// Whether a replica closed with `code` should connect again. Codes from 4000 to 4099 say no: it would only be
    /// closed again.
    pub const fn may_retry(code: u16) -> bool {
        !(code >= 4000 && code < 4100)
    }

    /// The reason in words, at most 123 bytes as the protocol demands.
    pub fn text(&self) -> String {
        use alloc::format;
        match self {
            Self::UnsupportedVersion(version) => {
                format!("version {version} isn't spoken here; this server speaks version {VERSION}")
            }
            Self::Malformed(what) => format!("malformed message: {what}"),
            Self::LimitPassed(what) => format!("limit passed: {what}"),
            Self::Replaced => "the same client has connected anew".into(),
            Self::Gap(expected) => format!("gap in pushed commands: expected {}", expected.0),
            Self::FellBehind => "too far behind: reconnect to resume".into(),
            Self::ShuttingDown => "the server is shutting down".into(),
        }
    }
}

impl<'a> ToHub<'a> {
    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, Vec::new()).unwrap_or_default()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong, if the bytes aren't exactly one message.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        decode(bytes)
    }
}

impl<'a> ToReplica<'a> {
    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, Vec::new()).unwrap_or_default()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong, if the bytes aren't exactly one message.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        decode(bytes)
    }
}

fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, &'static str> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err("bytes after its end"),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err("it is cut short"),
        Err(_) => Err("its content isn't what its kind demands"),
    }
}
