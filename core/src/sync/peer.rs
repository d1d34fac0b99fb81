//! One connected replica, as the hub sees it.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::{grant::Grant, interest::Interest};
use crate::{
    format::{ClientId, ClientSeq, LogSeq},
    session::SessionId,
};

/// Names a connected replica of a hub until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub usize);

/// A connection of a replica.
#[derive(Debug)]
pub(super) struct Peer {
    /// What it may do.
    pub(super) grant: Grant,
    /// Messages that go out before anything else: `Welcome`, `Pong`.
    pub(super) outbox: VecDeque<Vec<u8>>,
    /// What it follows; `None` until it has said hello.
    pub(super) following: Option<Following>,
    /// It stands in the hub's queue of peers that have something to send.
    pub(super) queued: bool,
    /// The shell can take another message for it.
    pub(super) writable: bool,
}

impl Peer {
    /// A connection that has said nothing yet.
    pub(super) fn new(grant: Grant) -> Self {
        Self { grant, outbox: VecDeque::new(), following: None, queued: false, writable: true }
    }
}

/// What a replica follows, and how far it has come.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) db: u8,
    pub(super) interest: Interest,
    /// Its identities, in the order of its `Hello`.
    pub(super) clients: Vec<ClientId>,
    /// The engine's session in which its commands run.
    pub(super) session: SessionId,
    /// Encoded chunk messages still to be sent, then the end of the snapshot.
    pub(super) snapshot: VecDeque<Vec<u8>>,
    /// It knows everything up to here, once the snapshot has gone out.
    pub(super) cursor: LogSeq,
    /// Replies to its commands that weren't sent yet.
    pub(super) replies: BTreeMap<(ClientId, ClientSeq), Vec<u8>>,
    /// What they weigh.
    pub(super) reply_bytes: usize,
}

impl Following {
    /// The index of a client among the replica's identities.
    pub(super) fn index_of(&self, client: ClientId) -> Option<u32> {
        let index = self.clients.iter().position(|other| *other == client)?;
        u32::try_from(index).ok()
    }
}
