//! The replica: runs its user's commands at once, and rebases them on what the hub says.
//!
//! It owns an engine in the role of a replica. A command that writes runs optimistically: the replica keeps what takes
//! it back (`pending`), pushes it, and drops it when the hub has answered. The shell carries messages
//! ([`Replica::handle_message`], [`Replica::poll_transmit`]), stores what is to survive ([`Replica::poll_store`]), and
//! tells its user what became of the guesses ([`Replica::poll_event`]).

mod events;
mod pending;
mod rebase;
mod store;

use alloc::{boxed::Box, collections::VecDeque, format, vec, vec::Vec};

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
    command::{self, Command, Flags},
    engine::{Engine, EngineOptions},
    env::{Env, UnixMillis},
    error::{Error, Result},
    format::{ClientId, ClientSeq, LogSeq},
    keyspace::Touched,
    limits::Limits,
    resp::{Protocol, Reply},
    role::Role,
    session::{Queued, SessionId},
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

    /// Runs a call and appends its reply, in RESP3, to `out`. Returns the number under which it was pushed if it
    /// writes; [`Event`]s will tell what became of it.
    ///
    /// `env.now` is the replica's own clock.
    pub fn execute(&mut self, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> Option<ClientSeq> {
        let env = Env { now: self.clock.server_time(env.now), entropy: env.entropy };
        match self.classify(args) {
            Ok(Intent::Local) => {
                self.engine.execute(env, self.session, args, out);
                None
            }
            Ok(Intent::Write(calls)) => self.execute_optimistically(env, calls, args, out),
            Err(error) => {
                let state = self.engine.session_mut(self.session);
                if let Some(transaction) = &mut state.transaction {
                    transaction.aborted = true;
                }
                Reply::new(out, Protocol::Resp3).error(&error);
                None
            }
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

    /// Decides what a call is to a replica.
    fn classify(&mut self, args: &[&[u8]]) -> Result<Intent> {
        let (row, _) = command::find_row(args)?;
        if row.flags.has(Flags::SERVER_ONLY) || row.flags.has(Flags::ADMIN) {
            return Err(Error::owned(format!("ERR '{}' runs on a server only, not in a replica", row.name)));
        }
        if matches!(row.name, "select" | "reset" | "hello" | "auth" | "quit" | "watch" | "swapdb" | "move" | "copy") {
            return Err(Error::owned(format!("ERR '{}' isn't available in a replica", row.name)));
        }
        self.check_interest(row, args)?;
        let state = self.engine.session_mut(self.session);
        match &state.transaction {
            Some(transaction) if row.name == "exec" => {
                let writes = transaction.commands.iter().any(|queued| is_write(&queued.words()));
                match writes && !transaction.aborted {
                    true => Ok(Intent::Write(transaction.commands.clone())),
                    false => Ok(Intent::Local),
                }
            }
            Some(_) => Ok(Intent::Local),
            None if row.flags.has(Flags::WRITE) => Ok(Intent::Write(vec![Queued::new(args)])),
            None => Ok(Intent::Local),
        }
    }

    /// Refuses keys that the replica doesn't hold: it can't know their values.
    fn check_interest(&self, row: &Command, args: &[&[u8]]) -> Result<()> {
        for position in row.key_positions(args) {
            if let Some(key) = args.get(position)
                && !self.interest.contains(key)
            {
                return Err(Error::owned(format!(
                    "UNKNOWN key '{}' is outside this replica's subscription",
                    key.get(..key.len().min(128)).unwrap_or_default().escape_ascii()
                )));
            }
        }
        Ok(())
    }

    fn execute_optimistically(
        &mut self,
        env: Env,
        calls: Vec<Queued>,
        args: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Option<ClientSeq> {
        if self.pending.len() >= self.limits.pending_commands_max {
            Reply::new(out, Protocol::Resp3).error(&Error::owned(format!(
                "ERR {} commands are pending, the most this replica keeps: connect to the server first",
                self.pending.len()
            )));
            return None;
        }
        let start = out.len();
        let outcome = self.run_recorded(env, args, out);
        let reply = out.get(start..).unwrap_or_default();
        // The caller of what fails here knows, and the server needn't. Inside a transaction single commands may fail,
        // and the others count. A failing command may still have removed a key that it found expired, which is for
        // the server to decide.
        if reply.first() == Some(&b'-') {
            self.engine.undo_all(outcome.undos);
            return None;
        }
        let seq = self.next_seq;
        self.next_seq = seq.next();
        let reply = Some(Box::from(reply));
        let order = self.next_order;
        self.next_order += 1;
        let command = pending::Command { client: self.client, seq, env, calls, order };
        self.store.put_pending(&command);
        self.pending.push(command, reply, outcome);
        Some(seq)
    }

    /// Runs a call, keeping its effects and what takes them back.
    fn run_recorded(&mut self, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> pending::Outcome {
        self.engine.keep_undos(true);
        self.engine.journal_mut().enable(true);
        self.engine.journal_mut().clear();
        self.engine.execute(env, self.session, args, out);
        let effects = self.engine.journal_mut().bytes().into();
        let undos = self.engine.take_undos();
        self.engine.keep_undos(false);
        self.engine.journal_mut().enable(false);
        self.engine.journal_mut().clear();
        pending::Outcome { effects, undos }
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

/// What a call is to a replica.
enum Intent {
    /// A read, or something that concerns the session: answered here, and nobody else is told.
    Local,
    /// A write: these calls are to be pushed.
    Write(Vec<Queued>),
}

fn is_write(words: &[&[u8]]) -> bool {
    command::find_row(words).is_ok_and(|(row, _)| row.flags.has(Flags::WRITE))
}

/// Silence after which the replica asks whether the hub is still there.
const PING_AFTER_MS: u64 = 15_000;
/// Silence after which it gives the connection up.
const SILENCE_MS_MAX: u64 = 30_000;
