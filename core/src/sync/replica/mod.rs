//! The replica: runs its user's commands at once, and rebases them on what the hub says.
//!
//! It owns an engine in the role of a replica. A command that writes runs optimistically: the replica keeps what takes
//! it back (`pending`), pushes it, and drops it when the hub has answered. The shell carries messages
//! ([`Replica::handle_message`], [`Replica::poll_transmit`]), stores what is to survive ([`Replica::poll_store`]), and
//! tells its user what became of the guesses ([`Replica::poll_event`]).

mod events;
mod execute;
mod pending;
mod rebase;
mod store;

use alloc::{collections::VecDeque, vec, vec::Vec};

pub use events::{Event, State, Status, SyncError};
use pending::PendingQueue;
use store::Store;
pub use store::{LoadError, StoreBatch, StoreOp};

use super::{
    clock::Clock,
    history::ResumeToken,
    interest::Interest,
    message::{Hello, PushedCommand, ToHub, ToReplica, VERSION, Welcome},
};
use crate::{
    blob::Blob,
    engine::{Engine, EngineOptions},
    env::{Env, UnixMillis},
    format::{ClientId, ClientSeq, LogSeq},
    keyspace::Touched,
    limits::Limits,
    resp::Protocol,
    role::Role,
    session::SessionId,
};

/// What a replica is made with.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// Its identity: 128 random bits, drawn anew each time a replica is made, stored data or not.
    pub client: ClientId,
    /// Globs of the keys that it holds.
    pub interest: Vec<Vec<u8>>,
    /// The logical database that it mirrors.
    pub db: u8,
    /// Seed of the hash tables.
    pub seed: u64,
    /// The bounds.
    pub limits: Limits,
}

/// A copy of a part of a server's data that answers at once and agrees in the end.
#[derive(Debug)]
pub struct Replica {
    engine: Engine,
    session: SessionId,
    limits: Limits,
    db: u8,
    client: ClientId,
    /// The identity now, then those of stored commands from earlier runs.
    clients: Vec<(ClientId, ClientSeq)>,
    globs: Vec<Vec<u8>>,
    interest: Interest,
    clock: Clock,
    link: Link,
    /// What has been confirmed; `None` before the first snapshot.
    token: Option<ResumeToken>,
    next_seq: ClientSeq,
    next_order: u64,
    pending: PendingQueue,
    outbox: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
    store: Store,
    bytes_in: u64,
    bytes_out: u64,
    message_bytes_max: usize,
    /// Commands that were run again because of what the hub said: what a rebase costs.
    reruns: u64,
}

/// How things stand with the hub.
#[derive(Debug)]
enum Link {
    Offline,
    /// `Hello` went out.
    Greeting {
        since: UnixMillis,
    },
    /// Chunks are coming in.
    Snapshot {
        welcome: Welcome,
        chunks: Vec<Vec<u8>>,
        heard_at: UnixMillis,
        asked: bool,
    },
    /// Batches are coming in.
    Live {
        heard_at: UnixMillis,
        asked: bool,
    },
}

impl Replica {
    /// Makes a replica that holds nothing and is offline.
    pub fn new(options: ReplicaOptions, env: Env) -> Self {
        let mut engine = Engine::new(EngineOptions {
            seed: options.seed,
            role: Role::Replica,
            limits: options.limits,
            password: None,
        });
        engine.keyspace_mut().collect_touched(true);
        let session = engine.open_session("local", env);
        let state = engine.session_mut(session);
        state.protocol = Protocol::Resp3;
        state.db = options.db;
        Self {
            engine,
            session,
            limits: options.limits,
            db: options.db,
            client: options.client,
            clients: vec![(options.client, ClientSeq(0))],
            interest: Interest::new(options.interest.iter().map(Vec::as_slice)),
            globs: options.interest,
            clock: Clock::default(),
            link: Link::Offline,
            token: None,
            next_seq: ClientSeq(1),
            next_order: 0,
            pending: PendingQueue::default(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            store: Store::default(),
            bytes_in: 0,
            bytes_out: 0,
            message_bytes_max: 1024 * 1024,
            reruns: 0,
        }
    }

    /// Takes in that a connection to the hub is open.
    pub fn handle_connected(&mut self, env: Env) {
        self.outbox.clear();
        self.link = Link::Greeting { since: env.now };
        self.forget_former_clients();
        let hello = Hello {
            version: VERSION,
            db: self.db,
            clients: self.clients.clone(),
            interest: self.globs.iter().map(|glob| Blob::from(glob.as_slice())).collect(),
            resume: self.token,
        };
        let message = ToHub::Hello(hello).encode();
        self.outbox.push_back(message);
        self.events.push_back(Event::State(State::Connecting));
    }

    /// Takes in that the connection has ended.
    pub fn handle_disconnected(&mut self) {
        self.outbox.clear();
        self.link = Link::Offline;
        self.pending.nothing_pushed();
        self.events.push_back(Event::State(State::Offline));
    }

    /// Takes in a message from the hub.
    ///
    /// # Errors
    /// If the message can't be right. The shell closes the connection; what is pending stays.
    pub fn handle_message(&mut self, env: Env, bytes: &[u8]) -> Result<(), SyncError> {
        self.bytes_in += bytes.len() as u64;
        let message = ToReplica::decode(bytes).map_err(SyncError::Malformed)?;
        if let Link::Live { heard_at, asked } | Link::Snapshot { heard_at, asked, .. } = &mut self.link {
            (*heard_at, *asked) = (env.now, false);
        }
        match message {
            ToReplica::Welcome(welcome) => self.handle_welcome(env, welcome),
            ToReplica::Chunk(chunk) => match &mut self.link {
                Link::Snapshot { chunks, .. } => {
                    chunks.push(chunk.to_vec());
                    Ok(())
                }
                _ => Err(SyncError::Unexpected("a snapshot's chunk outside a snapshot")),
            },
            ToReplica::SnapshotEnd => match core::mem::replace(&mut self.link, Link::Offline) {
                Link::Snapshot { welcome, chunks, .. } => {
                    self.link = Link::Live { heard_at: env.now, asked: false };
                    self.install_snapshot(&welcome, chunks)?;
                    self.push_pending();
                    self.events.push_back(Event::State(State::Live));
                    Ok(())
                }
                other => {
                    self.link = other;
                    Err(SyncError::Unexpected("a snapshot's end outside a snapshot"))
                }
            },
            ToReplica::Batch(batch) => match self.link {
                Link::Live { .. } => self.rebase(&batch),
                _ => Err(SyncError::Unexpected("a batch before the snapshot's end")),
            },
            ToReplica::Pong { sent, now } => {
                self.clock.handle_sample(sent, env.now, now);
                Ok(())
            }
        }
    }

    /// When [`Replica::handle_timeout`] is to be called, on the replica's own clock; never if `None`.
    pub fn next_timeout(&self) -> Option<UnixMillis> {
        match &self.link {
            Link::Offline => None,
            Link::Greeting { since } => Some(since.plus_ms(SILENCE_MS_MAX)),
            Link::Live { heard_at, asked } | Link::Snapshot { heard_at, asked, .. } => {
                Some(heard_at.plus_ms(if *asked { SILENCE_MS_MAX } else { PING_AFTER_MS }))
            }
        }
    }

    /// Takes in that time has passed: asks for a sign of life, or gives the connection up.
    ///
    /// # Errors
    /// [`SyncError::Silent`]: the shell closes the connection.
    pub fn handle_timeout(&mut self, env: Env) -> Result<(), SyncError> {
        if self.next_timeout().is_none_or(|at| env.now < at) {
            return Ok(());
        }
        match &mut self.link {
            Link::Live { asked, .. } | Link::Snapshot { asked, .. } if !*asked => {
                *asked = true;
                self.outbox.push_back(ToHub::Ping { sent: env.now }.encode());
                Ok(())
            }
            _ => Err(SyncError::Silent),
        }
    }

    /// The next message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if self.outbox.is_empty() && matches!(self.link, Link::Live { .. }) {
            self.push_pending();
        }
        let message = self.outbox.pop_front()?;
        self.bytes_out += message.len() as u64;
        Some(message)
    }

    /// The next thing that the user should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is to be stored now, all of it or nothing; `None` if nothing changed.
    pub fn poll_store(&mut self) -> Option<StoreBatch> {
        if self.store.wants_compaction() {
            self.compact();
        }
        self.store.take_batch()
    }

    /// Gathers nothing for [`Replica::poll_store`] from now on: for a shell that has no store, or lost it.
    pub fn stop_storing(&mut self) {
        self.store.stop();
    }

    /// Makes the replica what was stored of it. To be called before anything else, with all stored pairs in the
    /// order of their keys; with none, it does nothing.
    ///
    /// # Errors
    /// [`LoadError`] if the store was damaged or is of another format. The replica is then to be thrown away.
    pub fn load(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<(), LoadError> {
        store::load(self, pairs)
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        Status {
            state: match self.link {
                Link::Offline => State::Offline,
                Link::Greeting { .. } => State::Connecting,
                Link::Snapshot { .. } => State::Loading,
                Link::Live { .. } => State::Live,
            },
            seq: self.token.map(|token| token.seq),
            pending: self.pending.len(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reruns: self.reruns,
        }
    }

    /// What changed since the last call, for caches and subscribers.
    pub fn drain_touched(&mut self) -> Touched {
        self.engine.keyspace_mut().drain_touched()
    }

    /// The data with the pending commands on it, to read it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The logical database that it mirrors.
    pub fn db(&self) -> u8 {
        self.db
    }

    /// Its identity.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// The server's time when the replica's own clock shows `local`.
    pub fn server_time(&self, local: UnixMillis) -> UnixMillis {
        self.clock.server_time(local)
    }

    /// Whether its user has begun a transaction and not ended it.
    pub fn in_transaction(&self) -> bool {
        self.engine.sessions().session(self.session).is_some_and(|session| session.transaction.is_some())
    }

    fn handle_welcome(&mut self, env: Env, welcome: Welcome) -> Result<(), SyncError> {
        let Link::Greeting { since } = self.link else {
            return Err(SyncError::Unexpected("a welcome that wasn't asked for"));
        };
        if welcome.version != VERSION {
            return Err(SyncError::UnsupportedVersion(welcome.version));
        }
        if welcome.pushed.len() != self.clients.len() {
            return Err(SyncError::Unexpected("a welcome for another number of clients"));
        }
        self.clock.handle_sample(since, env.now, welcome.now);
        self.message_bytes_max = (welcome.message_bytes_max as usize).clamp(1024, self.limits.sync_message_bytes_max);
        if welcome.resumed {
            if self.token.map(|token| token.seq) != Some(welcome.seq) {
                return Err(SyncError::Unexpected("a welcome that resumes elsewhere"));
            }
            // From here on positions are the new epoch's; the old token named the same records.
            self.token = Some(ResumeToken { log: welcome.log, seq: welcome.seq });
            self.link = Link::Live { heard_at: env.now, asked: false };
            self.push_pending();
            self.events.push_back(Event::State(State::Live));
        } else {
            self.link = Link::Snapshot { welcome, chunks: Vec::new(), heard_at: env.now, asked: false };
            self.events.push_back(Event::State(State::Loading));
        }
        Ok(())
    }

    /// Puts the pending commands that weren't pushed on this connection into messages.
    fn push_pending(&mut self) {
        let bytes_max = self.message_bytes_max;
        while let Some(commands) = self.pending.take_unpushed(bytes_max) {
            let message = ToHub::Push(commands.iter().map(PushedCommand::from).collect()).encode();
            self.outbox.push_back(message);
        }
    }

    /// Drops identities of earlier runs of which nothing is pending any more.
    fn forget_former_clients(&mut self) {
        let (client, pending) = (self.client, &self.pending);
        self.clients.retain(|(other, _)| *other == client || pending.holds(*other));
    }

    fn seq(&self) -> LogSeq {
        self.token.map(|token| token.seq).unwrap_or_default()
    }
}

/// Silence after which the replica asks whether the hub is still there.
const PING_AFTER_MS: u64 = 15_000;
/// Silence after which it gives the connection up.
const SILENCE_MS_MAX: u64 = 30_000;
