//! From a replica to the hub.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Features, decode, encode, packed};
use crate::{
    blob::Blob,
    compress,
    env::UnixMillis,
    format::{ClientId, ClientSeq},
    sync::history::ResumeToken,
};

/// A message from a replica to the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHub<'a> {
    /// The first message.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// Commands to be executed, in the order in which the replica ran them.
    #[serde(borrow)]
    Push(Push<'a>),
    /// A question for the time, and a sign of life.
    Ping {
        /// The replica's own clock; comes back unread.
        sent: UnixMillis,
    },
    /// Another message, compressed.
    #[serde(borrow)]
    Packed(Blob<'a>),
    /// The answer to [`Start::Digest`](super::Start::Digest): the sums of the digests of the replica's keys, by the
    /// topmost `bits` bits of the keys' [places](crate::sync::bucket_of).
    Digests {
        /// How many bits name a bucket; the sums are 2 to that power.
        bits: u8,
        /// The sum of each bucket.
        sums: Vec<u64>,
    },
    /// The interest changes: some patterns come, some go.
    Subscribe {
        /// Comes back in the answer.
        id: u32,
        /// Globs that are added.
        #[serde(borrow)]
        add: Vec<Blob<'a>>,
        /// Globs that go, each as it was added.
        #[serde(borrow)]
        remove: Vec<Blob<'a>>,
    },
    /// Asks for the values of keys in the interest that the replica has dropped.
    Fetch {
        /// The keys.
        #[serde(borrow)]
        keys: Vec<Blob<'a>>,
    },
    /// The hub may send so many bytes more.
    Credit {
        /// How many.
        bytes: u32,
    },
    /// A call that is to run on the server, now and once at most: what it does isn't predicted here.
    Call {
        /// Comes back with the reply.
        id: u32,
        /// Name and arguments.
        #[serde(borrow)]
        call: Vec<Blob<'a>>,
    },
    /// A new token for this connection.
    Renew {
        /// As the first one.
        #[serde(borrow)]
        token: Blob<'a>,
    },
    /// Channels that are listened to from now on, or not any more.
    Listen {
        /// Channels that are added.
        #[serde(borrow)]
        join: Vec<Blob<'a>>,
        /// Channels that go.
        #[serde(borrow)]
        leave: Vec<Blob<'a>>,
    },
    /// A message to all who listen to a channel.
    Publish {
        /// The channel.
        #[serde(borrow)]
        channel: Blob<'a>,
        /// The message.
        #[serde(borrow)]
        payload: Blob<'a>,
    },
    /// A key that lives as long as this connection; `None` ends it.
    Presence {
        /// The key.
        #[serde(borrow)]
        key: Blob<'a>,
        /// Its value, a string.
        #[serde(borrow)]
        value: Option<Blob<'a>>,
    },
    /// Another identity, which gets the next index after those of `Hello`: commands of another replica, which this one
    /// brings. [`Joined`](super::ToReplica::Joined) answers; pushes needn't wait for that.
    Join {
        /// The identity.
        client: ClientId,
        /// The highest of its commands that was acknowledged.
        acknowledged: ClientSeq,
    },
}

/// Who a replica is, what it wants, and what it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// The newest version that the replica speaks. Stays the first field in all versions.
    pub version: u16,
    /// The oldest version that it speaks.
    pub oldest: u16,
    /// What it can do beyond that.
    pub features: Features,
    /// The logical database that it mirrors.
    pub db: u8,
    /// Its identity now, then those of earlier runs whose commands it still holds; each with the highest of its
    /// commands that was acknowledged. The hub takes the first ones, as many as it likes.
    pub clients: Vec<(ClientId, ClientSeq)>,
    /// Globs of the keys that it holds. The hub takes the first ones, as many as it announces.
    #[serde(borrow)]
    pub interest: Vec<Blob<'a>>,
    /// Where it was; `None` for a replica that has nothing.
    pub resume: Option<ResumeToken>,
    /// Bytes that the hub may send before it is given [credit](ToHub::Credit); 0: as many as it likes.
    pub credit: u32,
}

/// Commands of one client, in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push<'a> {
    /// Who ran them: an index among the identities in `Hello`.
    pub client: u32,
    /// The number of the first; the others follow without a gap.
    pub first: ClientSeq,
    /// What they did when the replica ran them, as one [guess](crate::sync::Guess) for all.
    pub guess: u64,
    /// The commands.
    #[serde(borrow)]
    pub commands: Vec<PushedCommand<'a>>,
}

/// A command that ran on a replica, or a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushedCommand<'a> {
    /// The calls, each a name and its arguments: one, or any number in a transaction.
    #[serde(borrow)]
    pub calls: Vec<Vec<Blob<'a>>>,
    /// What must hold for it to run.
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    /// Whether it is a transaction: its reply is an array, as that of `EXEC`. One without calls does nothing, and takes
    /// the place of a command that couldn't be sent.
    pub transaction: bool,
}

/// A key whose value must be what the replica saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition<'a> {
    /// The key.
    #[serde(borrow)]
    pub key: Blob<'a>,
    /// The [digest](crate::keyspace::Entry::digest) of key, value and deadline; 0 if there was no such key.
    pub digest: u64,
}

impl<'a> ToHub<'a> {
    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The wire form, packed where that is worth it and among the common features.
    pub fn encode_for(&self, features: Features) -> Vec<u8> {
        let encoded = encode(self);
        match features.has(Features::PACKING).then(|| packed(&encoded)).flatten() {
            Some(packed) => encode(&ToHub::Packed(packed.into())),
            None => encoded,
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong, if the bytes aren't exactly one message.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        match postcard::take_from_bytes(bytes) {
            // A newer replica may say more in its hello.
            Ok((Self::Hello(hello), _)) => Ok(Self::Hello(hello)),
            _ => decode(bytes),
        }
    }

    /// Unpacks what a packed message holds, at most `bytes_max` bytes; `None` for one that isn't packed.
    ///
    /// # Errors
    /// What is wrong, if it can't be unpacked.
    pub fn unpacked(&self, bytes_max: usize) -> Result<Option<Vec<u8>>, &'static str> {
        match self {
            ToHub::Packed(bytes) => compress::unpack(bytes, bytes_max).map(Some),
            _ => Ok(None),
        }
    }
}
