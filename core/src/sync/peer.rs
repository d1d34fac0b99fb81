//! One connected replica, as the hub sees it.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use super::{grant::Grant, interest::Interest, load::Step, message::Features};
use crate::{
    format::{ClientId, ClientSeq, LogSeq},
    session::SessionId,
};

/// Names a connected replica of a hub until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub usize);

/// An encoded message. Replicas that get the same bytes share them.
pub type Message = Arc<[u8]>;

/// A connection of a replica.
#[derive(Debug)]
pub(super) struct Peer {
    /// What it may do; often the same as others.
    pub(super) grant: Arc<Grant>,
    /// Messages that go out before anything else: `Welcome`, `Pong`, replies.
    pub(super) outbox: VecDeque<Message>,
    /// What they weigh.
    pub(super) outbox_bytes: usize,
    /// What it follows; `None` until it has said hello.
    pub(super) following: Option<Box<Following>>,
    /// It stands in the hub's queue of peers that may have something to send.
    pub(super) queued: bool,
    /// The shell can take another message for it.
    pub(super) writable: bool,
    /// The connection is about to end: nothing of it counts any more.
    pub(super) closing: bool,
    /// Bytes that may still be sent; `None`: as many as there are.
    pub(super) credit: Option<i64>,
}

/// What a replica follows, and how far it has come.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) db: u8,
    pub(super) features: Features,
    /// The globs whose keys it has, or is brought at the start, as it wrote them.
    pub(super) globs: Vec<Box<[u8]>>,
    /// The keys of these.
    pub(super) known: Interest,
    /// Its identities, in the order of its `Hello`.
    pub(super) clients: Vec<ClientId>,
    /// Those of them, a bit for each, whose commands may have run in a time that nobody remembers.
    pub(super) in_doubt: u64,
    /// Such commands came, and were refused.
    pub(super) doubt_refused: bool,
    /// The engine's session in which its commands run.
    pub(super) session: SessionId,
    /// Those who want the same as it does.
    pub(super) class: usize,
    /// It knows everything up to here that its steps don't bring.
    pub(super) cursor: LogSeq,
    /// Up to here the class may not have heard of records that concern it: they are looked for one by one.
    pub(super) since: LogSeq,
    /// It resumed, and is to be told when it has caught up, even if nothing concerned it.
    pub(super) owes_position: bool,
    /// Its own commands of this connection that it hasn't been told of, in the order of the log.
    pub(super) own: VecDeque<Own>,
    /// What the replies among them weigh.
    pub(super) reply_bytes: usize,
    /// What is to be brought besides the log, in order.
    pub(super) steps: VecDeque<Step>,
    /// It takes part in the slice of a common pass that is being looked at.
    pub(super) sweeping: bool,
    /// What is made and waits for its place in the order.
    pub(super) held: Option<Held>,
    /// Keys whose values it asked for.
    pub(super) fetches: Vec<Box<[u8]>>,
    /// Channels that it listens to.
    pub(super) channels: Vec<Box<[u8]>>,
    /// Keys that live as long as this connection.
    pub(super) presence: Vec<Box<[u8]>>,
    /// Calls that wait for their reply.
    pub(super) calls: BTreeMap<SessionId, u32>,
}

/// A command of a replica's own that took effect.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) at: LogSeq,
    /// The index of the identity.
    pub(super) client: u32,
    pub(super) seq: ClientSeq,
    /// The reply; `None` if it did and replied what the replica guessed.
    pub(super) reply: Option<Vec<u8>>,
}

/// Messages that show the data at one position: they go out once the replica knows the log up to there, and the log is
/// durable up to there.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) at: LogSeq,
    pub(super) messages: VecDeque<Message>,
    pub(super) then: Then,
}

/// What is so once held messages have gone out.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing else.
    Nothing,
    /// The step at the front has come to this place in the order of scans.
    Passed(u64),
    /// The step at the front is done.
    Done,
}

impl Peer {
    /// A connection that has said nothing yet.
    pub(super) fn new(grant: Arc<Grant>) -> Self {
        Self {
            grant,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            following: None,
            queued: false,
            writable: true,
            closing: false,
            credit: None,
        }
    }

    /// Whether the replica has taken all the bytes that it gave credit for.
    pub(super) fn is_out_of_credit(&self) -> bool {
        self.credit.is_some_and(|credit| credit <= 0)
    }

    /// Notes that so many bytes go out.
    pub(super) fn spend(&mut self, bytes: usize) {
        if let Some(credit) = &mut self.credit {
            *credit = credit.saturating_sub_unsigned(bytes as u64);
        }
    }
}

impl Following {
    /// Whether commands of this identity may have run in a time that nobody remembers.
    pub(super) fn is_in_doubt(&self, client: u32) -> bool {
        self.in_doubt.checked_shr(client).unwrap_or_default() & 1 == 1
    }

    /// Whether a question for the time settles what was in doubt: a replica pushes all that it held when it came before
    /// it asks, unless it is still being brought keys. What it pushes from now on is new.
    pub(super) fn settles_doubt(&self) -> bool {
        self.in_doubt != 0 && (self.doubt_refused || self.steps.is_empty())
    }

    /// The place from which a common pass can go on looking for its keys.
    pub(super) fn scans_from(&self, noted_max: usize) -> Option<u64> {
        self.steps.front()?.scans_from(&self.known, noted_max)
    }

    /// The index of a client among the replica's identities.
    pub(super) fn index_of(&self, client: ClientId) -> Option<u32> {
        let index = self.clients.iter().position(|other| *other == client)?;
        u32::try_from(index).ok()
    }

    /// The keys that it has or is to be brought.
    pub(super) fn wanted(&self) -> Interest {
        let added = self.steps.iter().filter_map(|step| match step {
            Step::Load(load) => Some(&load.globs),
            _ => None,
        });
        Interest::new(self.globs.iter().chain(added.flatten()).map(|glob| &**glob))
    }

    /// Adds and removes globs of keys that it has.
    pub(super) fn change_globs(&mut self, add: Vec<Box<[u8]>>, remove: &[Box<[u8]>]) {
        self.globs.extend(add);
        for glob in remove {
            let at = self.globs.iter().position(|other| other == glob);
            at.map(|at| self.globs.remove(at));
        }
        self.known = Interest::new(self.globs.iter().map(|glob| &**glob));
    }
}
