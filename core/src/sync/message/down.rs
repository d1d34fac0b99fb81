//! From the hub to a replica.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Features, decode, encode, packed};
use crate::{
    blob::Blob,
    compress,
    env::UnixMillis,
    format::{ClientSeq, LogSeq},
    limits::Limits,
    sync::history::LogId,
};

/// A message from the hub to a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToReplica<'a> {
    /// The answer to `Hello`.
    Welcome(Welcome),
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
    /// Another message, compressed.
    #[serde(borrow)]
    Packed(Blob<'a>),
    /// Keys are about to come, and these are the ones.
    LoadBegin(LoadScope),
    /// Some of those keys: a run of effects that put them in place.
    #[serde(borrow)]
    Chunk(Blob<'a>),
    /// All have come. Keys of the scope that weren't among them don't exist.
    LoadEnd {
        /// The position up to which the replica knows everything now.
        through: LogSeq,
    },
    /// The values of fetched keys, as of this place in the order.
    Fetched {
        /// The position up to which the replica knows everything now.
        through: LogSeq,
        /// A run of effects that put the keys in place, or delete those that don't exist.
        #[serde(borrow)]
        effects: Blob<'a>,
    },
    /// The patterns of a `Subscribe` that go are gone: from here on nothing comes that only they wanted.
    Unsubscribed {
        /// The id of the `Subscribe`.
        id: u32,
    },
    /// A `Subscribe` was refused and changed nothing, or what it asked for can't be read.
    NotSubscribed {
        /// The id of the `Subscribe`.
        id: u32,
        /// Why, as a RESP3 error.
        #[serde(borrow)]
        error: Blob<'a>,
    },
    /// The reply to a `Call`, in RESP3.
    Reply {
        /// The id of the `Call`.
        id: u32,
        /// The reply.
        #[serde(borrow)]
        reply: Blob<'a>,
    },
    /// A message on a channel that is listened to.
    Message {
        /// The channel.
        #[serde(borrow)]
        channel: Blob<'a>,
        /// The message.
        #[serde(borrow)]
        payload: Blob<'a>,
    },
    /// The answer to `Join`.
    Joined {
        /// The index of the identity.
        client: u32,
        /// The highest of its commands that took effect.
        pushed: ClientSeq,
        /// By this position the replica has been told of everything that `pushed` counts.
        head: LogSeq,
    },
    /// The token doesn't allow something that has no answer of its own: a channel, or a key of presence.
    Declined {
        /// Which, as a RESP3 error.
        #[serde(borrow)]
        error: Blob<'a>,
    },
}

/// What the hub answers first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that will be spoken.
    pub version: u16,
    /// What both sides can do beyond it.
    pub features: Features,
    /// The log that positions refer to from now on.
    pub log: LogId,
    /// What the replica's token must say of its rights.
    pub scope: u64,
    /// Where batches go on from: the position that the replica named if it resumes, the hub's own otherwise.
    pub seq: LogSeq,
    /// The hub's own position: by then a replica that resumes has been told of everything that `pushed` counts.
    pub head: LogSeq,
    /// The hub's clock.
    pub now: UnixMillis,
    /// How the replica catches up.
    pub start: Start,
    /// The highest command that took effect for each of the replica's identities, in `Hello`'s order; of more than the
    /// hub takes at once the rest is left out, and waits for another connection.
    pub pushed: Vec<ClientSeq>,
    /// What the hub accepts.
    pub limits: ServerLimits,
}

/// How a replica catches up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// Batches go on from its token.
    Resume,
    /// Too much has happened since: it [says what it has](super::ToHub::Digests), in so many bits, and gets what
    /// differs.
    Digest {
        /// How many bits name a bucket.
        bits: u8,
    },
    /// It has nothing, and gets everything.
    Load,
}

/// What the hub accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerLimits {
    /// The longest message, in bytes, packed or not.
    pub message_bytes_max: u32,
    /// The most patterns of an interest.
    pub patterns_max: u32,
    /// The most calls that wait for their reply.
    pub calls_max: u32,
    /// The most changes of interest under way: one that adds counts, and one that removes, so a `Subscribe` that does
    /// both counts twice. The start counts as one.
    pub steps_max: u32,
    /// The most keys of presence.
    pub presence_max: u32,
    /// The most channels that are listened to.
    pub channels_max: u32,
    /// The most keys asked for with `Fetch` that haven't come yet.
    pub fetches_max: u32,
    /// The most identities of one connection, those that joined included.
    pub clients_max: u32,
}

impl ServerLimits {
    /// What a replica supposes of a hub that it hasn't heard.
    pub const USUAL: Self = Self {
        message_bytes_max: Limits::DEFAULT.sync_message_bytes_max as u32,
        patterns_max: Limits::DEFAULT.interest_patterns_max as u32,
        calls_max: Limits::DEFAULT.peer_calls_max as u32,
        steps_max: Limits::DEFAULT.peer_steps_max as u32,
        presence_max: Limits::DEFAULT.peer_presence_max as u32,
        channels_max: Limits::DEFAULT.peer_channels_max as u32,
        fetches_max: Limits::DEFAULT.peer_fetches_max as u32,
        clients_max: Limits::DEFAULT.peer_clients_max as u32,
    };
}

/// The keys of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadScope {
    /// Every key of the interest.
    Everything,
    /// The keys of the interest in these buckets, of which there are 2 to the power of `bits`.
    Buckets {
        /// As in the digests.
        bits: u8,
        /// Their numbers, ascending.
        buckets: Vec<u32>,
    },
    /// The keys that a `Subscribe` added to the interest.
    Added {
        /// Its id.
        id: u32,
    },
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

/// What one record means for a replica. Effects are a run of (database, effect) pairs, as in a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Item<'a> {
    /// Something that others did.
    #[serde(borrow)]
    Foreign(Blob<'a>),
    /// One of the replica's own commands took effect, or failed.
    Own {
        /// The index of the identity in `Hello`.
        client: u32,
        /// The command.
        seq: ClientSeq,
        /// What the hub replied, in RESP3; `None` if nobody remembers.
        #[serde(borrow)]
        reply: Option<Blob<'a>>,
        /// What it did.
        #[serde(borrow)]
        effects: Blob<'a>,
    },
    /// All of the replica's own commands up to this one did and replied just what was guessed when they were pushed.
    AsGuessed {
        /// The index of the identity in `Hello`.
        client: u32,
        /// The last of them.
        through: ClientSeq,
    },
    /// Something that happened to keys of the load that is going on, after they had been sent.
    #[serde(borrow)]
    Loading(Blob<'a>),
}

impl<'a> ToReplica<'a> {
    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The wire form, packed where that is worth it and among the common features.
    pub fn encode_for(&self, features: Features) -> Vec<u8> {
        let encoded = encode(self);
        match features.has(Features::PACKING).then(|| packed(&encoded)).flatten() {
            Some(packed) => encode(&ToReplica::Packed(packed.into())),
            None => encoded,
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong, if the bytes aren't exactly one message.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        decode(bytes)
    }

    /// Unpacks what a packed message holds, at most `bytes_max` bytes; `None` for one that isn't packed.
    ///
    /// # Errors
    /// What is wrong, if it can't be unpacked.
    pub fn unpacked(&self, bytes_max: usize) -> Result<Option<Vec<u8>>, &'static str> {
        match self {
            ToReplica::Packed(bytes) => compress::unpack(bytes, bytes_max).map(Some),
            _ => Ok(None),
        }
    }
}
