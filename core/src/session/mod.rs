//! Sessions: what a connection has chosen and begun.
//!
//! A session is the engine's side of one client: a RESP connection, a script's caller, the one tab of a replica.
//! It knows nothing of sockets.

mod errand;
mod guard;
#[cfg(feature = "server")]
mod kept;
#[cfg(feature = "server")]
mod monitor;
#[cfg(feature = "server")]
mod pause;
#[cfg(feature = "server")]
mod pubsub;
#[cfg(feature = "server")]
mod tracking;
mod transaction;
#[cfg(feature = "server")]
mod wait;

#[cfg(feature = "server")]
use alloc::collections::VecDeque;
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

pub use errand::Errand;
pub use guard::Guard;
#[cfg(feature = "server")]
pub use kept::Buffers;
#[cfg(feature = "server")]
use kept::KeptByAll;
#[cfg(feature = "server")]
pub(crate) use monitor::{Monitors, quote};
#[cfg(feature = "server")]
pub(crate) use pause::Pause;
#[cfg(feature = "server")]
pub use pubsub::Published;
#[cfg(feature = "server")]
pub(crate) use pubsub::{Listening, PubSub, Topic};
use slab::Slab;
#[cfg(feature = "server")]
pub(crate) use tracking::{Reads, Tracker, Tracking, TrackingOptions};
pub use transaction::{Queued, Transaction};
#[cfg(feature = "server")]
pub(crate) use wait::{Otherwise, Wait, Waiting};

use crate::{env::UnixMillis, keyspace::Keyspace, resp::Protocol};

/// Names a session of an engine until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) usize);

/// Names a user of an engine, and never another one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(pub(crate) u32);

impl UserId {
    /// The user that connections have before they log in.
    pub const DEFAULT: Self = Self(0);
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    /// What `CLIENT ID` answers: never used twice.
    pub id: u64,
    /// Where the client connects from, `address:port`.
    pub address: String,
    /// Where the shell took the connection, `address:port`; empty where it doesn't say.
    #[cfg(feature = "server")]
    pub local_address: String,
    /// The name that the client gave itself.
    pub name: String,
    /// The client library's name and version, as it told.
    pub library: (String, String),
    /// The selected database.
    pub db: u8,
    /// The version that replies are written in.
    pub protocol: Protocol,
    /// Whether it may run commands: always where nobody has to log in.
    pub authenticated: bool,
    /// Whether it has logged in as somebody who may do everything, so that no call needs to be looked at.
    #[cfg(feature = "server")]
    pub(crate) trusted: bool,
    /// Whose it is; `None` where somebody else decides what it may do.
    #[cfg(feature = "server")]
    pub(crate) user: Option<UserId>,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// When it last called a command.
    pub active_at: UnixMillis,
    /// The command that it called last: the container, empty if it's none, and the name.
    pub last_command: (&'static str, &'static str),
    /// Whether it is answered.
    pub replies: Replies,
    /// Its reading doesn't count as a use of keys: `CLIENT NO-TOUCH`.
    #[cfg(feature = "server")]
    pub(crate) no_touch: bool,
    /// It isn't ended for the sake of memory: `CLIENT NO-EVICT`.
    #[cfg(feature = "server")]
    pub(crate) no_evict: bool,
    /// What the shell keeps for it, as far as it has told.
    #[cfg(feature = "server")]
    pub(crate) buffers: Buffers,
    /// What of it stands in the sum of what all clients keep.
    #[cfg(feature = "server")]
    counted_bytes: usize,
    /// Whether its calls may wait; if not, they are answered with nothing at once.
    pub may_wait: bool,
    /// `CLIENT KILL` ended it: it runs no command any more.
    pub killed: bool,
    /// What its scripts may call, if not everything.
    pub guard: Option<Arc<dyn Guard>>,
    /// Between `MULTI` and `EXEC`.
    pub transaction: Option<Transaction>,
    /// The channels that it listens to.
    #[cfg(feature = "server")]
    pub(crate) listening: Listening,
    /// What it is told of keys that change.
    #[cfg(feature = "server")]
    pub(crate) tracker: Option<Box<Tracker>>,
    /// Keys under `WATCH`, with their versions then.
    pub(crate) watched: Vec<Watch>,
    /// The bytes of their names.
    #[cfg(feature = "server")]
    pub(crate) watched_bytes: usize,
}

#[cfg(feature = "server")]
impl Session {
    /// Whether the client is on this machine, as far as its address says.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        matches!(host.trim_matches(['[', ']']), "127.0.0.1" | "::1")
    }
}

/// Whether a session's commands are answered: `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    /// All are.
    #[default]
    On,
    /// None is.
    Off,
    /// The next one isn't.
    SkipNext,
    /// The one that is running isn't, unless it changes that.
    Skip,
}

/// A session whose waiting is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woken {
    /// Who waited.
    pub session: SessionId,
    /// The reply to the call that waited.
    pub reply: Vec<u8>,
}

/// A key under `WATCH`.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) db: u8,
    pub(crate) key: Box<[u8]>,
    pub(crate) version: u64,
}

/// All sessions of an engine.
#[derive(Debug, Default)]
pub struct Sessions {
    slab: Slab<Session>,
    opened: u64,
    #[cfg(feature = "server")]
    pub(crate) waiting: Waiting,
    #[cfg(feature = "server")]
    pub(crate) woken: VecDeque<Woken>,
    #[cfg(feature = "server")]
    pub(crate) pubsub: PubSub,
    #[cfg(feature = "server")]
    pub(crate) tracking: Tracking,
    /// Who is told of every call.
    #[cfg(feature = "server")]
    pub(crate) monitors: Monitors,
    #[cfg(feature = "server")]
    pub(crate) pause: Pause,
    #[cfg(feature = "server")]
    kept: KeptByAll,
}

impl Sessions {
    /// Opens a session for a client at `address`.
    pub(crate) fn open(&mut self, address: String, now: UnixMillis) -> SessionId {
        self.opened += 1;
        SessionId(self.slab.insert(Session {
            id: self.opened,
            address,
            #[cfg(feature = "server")]
            local_address: String::new(),
            name: String::new(),
            library: Default::default(),
            db: 0,
            protocol: Protocol::Resp2,
            authenticated: true,
            #[cfg(feature = "server")]
            trusted: true,
            #[cfg(feature = "server")]
            user: None,
            opened_at: now,
            active_at: now,
            last_command: ("", "NULL"),
            replies: Replies::On,
            #[cfg(feature = "server")]
            no_evict: false,
            #[cfg(feature = "server")]
            buffers: Buffers::default(),
            #[cfg(feature = "server")]
            counted_bytes: 0,
            #[cfg(feature = "server")]
            no_touch: false,
            may_wait: true,
            killed: false,
            guard: None,
            transaction: None,
            #[cfg(feature = "server")]
            listening: Listening::default(),
            #[cfg(feature = "server")]
            tracker: None,
            watched: Vec::new(),
            #[cfg(feature = "server")]
            watched_bytes: 0,
        }))
    }

    /// Closes a session and lets go of what it held in the keyspace.
    pub(crate) fn close(&mut self, id: SessionId, keyspace: &mut Keyspace) {
        #[cfg(feature = "server")]
        self.kill(id);
        if let Some(mut session) = self.slab.try_remove(id.0) {
            #[cfg(feature = "server")]
            self.waiting.end(id, keyspace);
            #[cfg(feature = "server")]
            self.pubsub.leave_all(id, &session.listening);
            #[cfg(feature = "server")]
            self.monitors.remove(&id);
            #[cfg(feature = "server")]
            if let Some(tracker) = session.tracker.take() {
                self.tracking.leave(id, &tracker);
            }
            session.unwatch(keyspace);
        }
    }

    /// The session `id`.
    ///
    /// # Panics
    /// If it was closed, which is a bug of the shell.
    pub fn session_mut(&mut self, id: SessionId) -> &mut Session {
        #[expect(clippy::indexing_slicing, reason = "the shell opened the session and hasn't closed it")]
        &mut self.slab[id.0]
    }

    /// The session `id`, if it is open.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.slab.get(id.0)
    }

    /// Ends a session: from now on it runs no command. Its connection is the shell's to close.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only CLIENT KILL does it"))]
    pub(crate) fn kill(&mut self, id: SessionId) {
        if let Some(session) = self.slab.get_mut(id.0) {
            session.killed = true;
        }
        #[cfg(feature = "server")]
        self.count_kept(id);
    }

    /// All open sessions, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.slab.iter().map(|(index, session)| (SessionId(index), session))
    }

    /// The sessions of clients that have called nothing for so long, and neither wait nor listen.
    #[cfg(feature = "server")]
    pub fn idle(&self, now: UnixMillis, idle_ms: u64) -> impl Iterator<Item = SessionId> {
        self.iter()
            .filter(move |(id, session)| {
                let is_idle = session.user.is_some() && now.ms_since(session.active_at) > idle_ms;
                is_idle && session.listening.is_empty() && !self.waiting.is_waiting(*id) && !self.monitors.contains(id)
            })
            .map(|(id, _)| id)
    }

    /// All open sessions, to change them.
    #[cfg(feature = "server")]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.slab.iter_mut().map(|(_, session)| session)
    }

    /// Open sessions.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Sessions opened since the start.
    pub fn opened(&self) -> u64 {
        self.opened
    }
}

impl Session {
    /// Leaves it to somebody else to say what the session may do.
    pub(crate) fn trust(&mut self) {
        self.authenticated = true;
        #[cfg(feature = "server")]
        {
            (self.trusted, self.user) = (true, None);
        }
    }

    /// Whether it listens to channels.
    #[cfg(feature = "server")]
    pub fn listens(&self) -> bool {
        !self.listening.is_empty()
    }

    /// Ends every `WATCH`. Returns whether one of the keys has changed since.
    pub(crate) fn unwatch(&mut self, keyspace: &mut Keyspace) -> bool {
        let mut changed = false;
        for watch in self.watched.drain(..) {
            changed |= keyspace.unwatch(watch.db, &watch.key) != watch.version;
        }
        #[cfg(feature = "server")]
        {
            self.watched_bytes = 0;
        }
        changed
    }
}
