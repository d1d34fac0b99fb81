//! The replica: runs its user's commands at once, and rebases them on what the hub says.
//!
//! It owns an engine in the role of a replica. A command that writes runs optimistically: the replica keeps what takes
//! it back (`pending`), pushes it, and drops it when the hub has answered. The shell carries messages
//! ([`Replica::handle_message`], [`Replica::poll_transmit`]), stores what is to survive ([`Replica::poll_store`]), and
//! tells its user what became of the guesses ([`Replica::poll_event`]).

mod budget;
mod events;
mod execute;
mod holes;
mod incoming;
mod index;
mod interest;
mod order;
mod orders;
mod pending;
mod push;
mod rebase;
mod restore;
mod room;
mod store;
mod tabs;
mod talk;
#[cfg(test)]
mod tests;

use alloc::{boxed::Box, collections::VecDeque, format, vec, vec::Vec};

use budget::Budget;
pub use budget::Eviction;
pub use events::{Event, State, Status, SyncError};
use holes::Holes;
use incoming::Added;
use interest::Subscription;
use pending::PendingQueue;
pub use restore::LoadError;
use room::Room;
use store::Store;
pub use store::{StoreBatch, StoreOp};
use tabs::Tabs;
use talk::Talk;

use super::{
    clock::Clock,
    history::ResumeToken,
    interest::Interest,
    message::{Features, Hello, OLDEST_VERSION, ServerLimits, ToHub, VERSION, Welcome},
};
use crate::{
    blob::Blob,
    engine::{Engine, EngineOptions},
    env::{Env, UnixMillis},
    error::Error,
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
    /// The identity now, then others whose commands it holds or held: of earlier runs, of other tabs. Each with the
    /// highest of its commands that is known to be answered.
    clients: Vec<(ClientId, ClientSeq)>,
    /// The identities that the hub knows of this connection, by their index.
    named: Vec<ClientId>,
    /// The last of this run's commands that was ever pushed.
    pushed_through: ClientSeq,
    /// The globs of the keys that it knows.
    globs: Vec<Vec<u8>>,
    known: Interest,
    /// Keys of these whose values it doesn't know all the same.
    holes: Holes,
    /// How much memory the data may take, if that is bounded.
    budget: Option<Box<Budget>>,
    subscriptions: VecDeque<Subscription>,
    /// How many of these the hub was asked for on this connection.
    subscriptions_sent: usize,
    /// Positions by which all commands of an identity up to a number were answered that ever will be.
    catching_up: Vec<(LogSeq, ClientId, ClientSeq)>,
    /// The added keys that are coming in.
    added: Option<Added>,
    clock: Clock,
    link: Link,
    /// What has been confirmed; `None` before the first snapshot.
    token: Option<ResumeToken>,
    next_seq: ClientSeq,
    next_order: u64,
    pending: PendingQueue,
    /// Keys under `WATCH`, with the digests of what they held then.
    watched: Vec<(Box<[u8]>, u64)>,
    talk: Talk,
    channels: Vec<Box<[u8]>>,
    presence: Vec<Present>,
    next_id: u32,
    outbox: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
    store: Store,
    tabs: Tabs,
    bytes_in: u64,
    bytes_out: u64,
    message_bytes_max: usize,
    /// What the hub accepts besides, as it said last.
    accepts: ServerLimits,
    features: Features,
    /// Bytes taken in since the hub was last given credit.
    uncredited: usize,
    /// Commands that were taken back, and run again, because of what the hub said: what rebases cost.
    taken_back: u64,
    reruns: u64,
}

/// A key of presence and its value.
type Present = (Box<[u8]>, Box<[u8]>);

/// How things stand with the hub.
#[derive(Debug)]
enum Link {
    Offline,
    /// `Hello` went out.
    Greeting {
        since: UnixMillis,
    },
    /// What brings it up to date is coming in, and is held back until all is there.
    Starting {
        welcome: Welcome,
        held: Vec<Vec<u8>>,
        /// What of it may still be taken in.
        room: Box<Room>,
        /// What came behind the load, while keys that it left out are waited for.
        later: Vec<Vec<u8>>,
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
            named: Vec::new(),
            pushed_through: ClientSeq(0),
            known: Interest::new(options.interest.iter().map(Vec::as_slice)),
            globs: options.interest,
            holes: Holes::default(),
            budget: None,
            subscriptions: VecDeque::new(),
            subscriptions_sent: 0,
            catching_up: Vec::new(),
            added: None,
            clock: Clock::default(),
            link: Link::Offline,
            token: None,
            next_seq: ClientSeq(1),
            next_order: 0,
            pending: PendingQueue::default(),
            watched: Vec::new(),
            talk: Talk::default(),
            channels: Vec::new(),
            presence: Vec::new(),
            next_id: 0,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            store: Store::default(),
            tabs: Tabs::default(),
            bytes_in: 0,
            bytes_out: 0,
            message_bytes_max: options.limits.sync_message_bytes_max,
            accepts: ServerLimits::USUAL,
            features: Features::default(),
            uncredited: 0,
            taken_back: 0,
            reruns: 0,
        }
    }

    /// Takes in that a connection to the hub is open.
    pub fn handle_connected(&mut self, env: Env) {
        self.outbox.clear();
        self.features = Features::default();
        self.link = Link::Greeting { since: env.now };
        self.subscriptions_sent = 0;
        self.fit_globs();
        self.name_clients();
        let hello = Hello {
            version: VERSION,
            oldest: OLDEST_VERSION,
            features: Features::ALL,
            db: self.db,
            clients: self.named.iter().map(|client| (*client, self.answered(*client))).collect(),
            interest: self.globs.iter().map(|glob| Blob::from(glob.as_slice())).collect(),
            // With memory enough, what was forgotten for the lack of it is to come back.
            resume: self.token.filter(|_| self.budget.is_some() || !self.holes.is_sparse()),
            credit: CREDIT_BYTES,
        };
        let message = ToHub::Hello(hello).encode();
        self.outbox.push_back(message);
        self.events.push_back(Event::State(State::Connecting));
    }

    /// Takes in that the connection has ended.
    pub fn handle_disconnected(&mut self) {
        self.outbox.clear();
        self.link = Link::Offline;
        self.added = None;
        self.catching_up.clear();
        self.uncredited = 0;
        self.pending.nothing_pushed(self.first_to_push());
        self.lose_talk();
        self.events.push_back(Event::State(State::Offline));
    }

    /// When [`Replica::handle_timeout`] is to be called, on the replica's own clock; never if `None`.
    pub fn next_timeout(&self) -> Option<UnixMillis> {
        match &self.link {
            Link::Offline => None,
            Link::Greeting { since } => Some(since.plus_ms(WELCOME_MS_MAX)),
            Link::Live { heard_at, asked } | Link::Starting { heard_at, asked, .. } => {
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
            Link::Live { asked, .. } | Link::Starting { asked, .. } if !*asked => {
                *asked = true;
                self.outbox.push_back(ToHub::Ping { sent: env.now }.encode());
                Ok(())
            }
            _ => Err(SyncError::Silent),
        }
    }

    /// Takes in that the connection may be gone, or that time did not pass as the clock says: the machine slept, the
    /// network changed, a clock was set. Asks for a sign of life at once, and gives the connection up after some seconds
    /// without one.
    pub fn handle_wake(&mut self, env: Env) {
        match &mut self.link {
            Link::Offline => {}
            Link::Greeting { since } => *since = env.now.min(*since),
            Link::Live { heard_at, asked } | Link::Starting { heard_at, asked, .. } => {
                *heard_at = UnixMillis(env.now.0.saturating_sub(SILENCE_MS_MAX - WAKE_MS_MAX));
                *asked = true;
                self.outbox.push_back(ToHub::Ping { sent: env.now }.encode());
            }
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

    /// Makes the replica what was stored of it. To be called before anything else, with all stored pairs in the
    /// order of their keys; with none, it does nothing.
    ///
    /// # Errors
    /// [`LoadError`] if the store was damaged or is of another format. The replica is then to be thrown away.
    pub fn load(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<(), LoadError> {
        restore::load(self, pairs)
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        Status {
            state: match self.link {
                Link::Offline => State::Offline,
                Link::Greeting { .. } => State::Connecting,
                Link::Starting { .. } => State::Loading,
                Link::Live { .. } => State::Live,
            },
            seq: self.token.map(|token| token.seq),
            pending: self.pending.len(),
            acknowledged: self.answered(self.client),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reruns: self.reruns,
            taken_back: self.taken_back,
        }
    }

    /// What changed since the last call, for caches and subscribers.
    pub fn drain_touched(&mut self) -> Touched {
        self.settle();
        self.engine.keyspace_mut().drain_touched()
    }

    /// The data with the pending commands on it, to read it, after [`Replica::settle`].
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

    /// Whether it is connected, and up to date but for what is on its way.
    pub fn is_live(&self) -> bool {
        matches!(self.link, Link::Live { .. })
    }

    /// Whether a command waits for its answer here.
    pub fn is_pending(&self, client: ClientId, seq: ClientSeq) -> bool {
        self.pending.find(client, seq).is_some()
    }

    /// Chooses the identities of a new connection: its own, and those whose commands are next to be pushed.
    fn name_clients(&mut self) {
        // As many as fit into half of a message with their numbers.
        let most = CLIENTS_MAX.min(self.message_bytes_max / 2 / CLIENT_BYTES);
        self.named = vec![self.client];
        let is_leading = self.is_leading();
        let others = self.clients.iter().rev().filter(|_| is_leading).map(|(client, _)| *client);
        // Of other tabs those as well of which nothing is here: a former leader may have pushed what they still wait for.
        for client in self.pending.iter().map(|pending| pending.command.client).chain(others) {
            if self.named.len() < most && !self.named.contains(&client) {
                self.named.push(client);
            }
        }
    }

    /// Takes in that there is an identity, and that it has no command up to a number that isn't answered.
    fn know_client(&mut self, client: ClientId, answered: ClientSeq) {
        if let Some((_, known)) = self.clients.iter_mut().find(|(other, _)| *other == client) {
            *known = answered.max(*known);
            return;
        }
        if self.clients.len() >= CLIENTS_KNOWN_MAX {
            let pending = &self.pending;
            let gone = self.clients.iter().skip(1).position(|(other, _)| !pending.holds(*other));
            gone.map(|at| self.clients.remove(at + 1));
        }
        self.clients.push((client, answered));
    }

    /// The highest command of an identity that is known, pending or answered.
    fn newest_of(&self, client: ClientId) -> ClientSeq {
        self.pending.last_of(client).unwrap_or_default().max(self.answered(client))
    }

    /// The highest command of an identity that is known to be answered.
    fn answered(&self, client: ClientId) -> ClientSeq {
        self.clients.iter().find(|(other, _)| *other == client).map(|(_, answered)| *answered).unwrap_or_default()
    }

    /// Makes what was stored the keys that are known, and what was asked for otherwise a subscription.
    fn adopt_globs(&mut self, stored: Vec<Vec<u8>>) {
        let wanted = core::mem::replace(&mut self.globs, stored);
        let missing = |of: &[Vec<u8>], among: &[Vec<u8>]| -> Vec<Vec<u8>> {
            of.iter().filter(|glob| !among.contains(glob)).cloned().collect()
        };
        let (add, remove) = (missing(&wanted, &self.globs), missing(&self.globs, &wanted));
        self.known = Interest::new(self.globs.iter().map(Vec::as_slice));
        if !add.is_empty() || !remove.is_empty() {
            let id = self.next_id();
            self.begin_subscription(Subscription { id, add, remove });
        }
    }

    fn next_id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// Takes in what the hub accepts.
    fn accept(&mut self, accepts: ServerLimits) {
        self.message_bytes_max =
            (accepts.message_bytes_max as usize).clamp(MESSAGE_BYTES_MIN, self.limits.sync_message_bytes_max);
        if self.accepts != accepts {
            self.store.note_head();
        }
        self.accepts = accepts;
    }

    /// Whether the hub has answered to the hello.
    fn is_welcome(&self) -> bool {
        matches!(self.link, Link::Starting { .. } | Link::Live { .. })
    }

    fn send(&mut self, message: &ToHub<'_>) {
        self.outbox.push_back(message.encode_for(self.features));
    }

    /// Sends what may be long.
    ///
    /// # Errors
    /// If it's longer than what the hub takes.
    fn try_send(&mut self, message: &ToHub<'_>) -> Result<(), Error> {
        let message = self.encode_fitting(message)?;
        self.outbox.push_back(message);
        Ok(())
    }

    fn encode_fitting(&self, message: &ToHub<'_>) -> Result<Vec<u8>, Error> {
        let bytes = message.encode().len();
        match bytes > self.message_bytes_max {
            true => Err(too_long(bytes, self.message_bytes_max)),
            false => Ok(message.encode_for(self.features)),
        }
    }

    /// Lets the hub send as much again as was taken in.
    fn give_credit(&mut self, bytes: usize) {
        self.uncredited += bytes;
        if self.uncredited >= CREDIT_BYTES as usize / 2 {
            let bytes = u32::try_from(core::mem::take(&mut self.uncredited)).unwrap_or(u32::MAX);
            self.send(&ToHub::Credit { bytes });
        }
    }

    fn seq(&self) -> LogSeq {
        self.token.map(|token| token.seq).unwrap_or_default()
    }
}

/// The error about what doesn't fit into a message.
fn too_long(bytes: usize, bytes_max: usize) -> Error {
    Error::owned(format!("ERR this takes {bytes} bytes, and the server takes messages of {bytes_max} bytes"))
}

/// Identities that a hello names at most. Commands of others wait for another connection.
const CLIENTS_MAX: usize = 64;
/// What an identity takes there, at most.
const CLIENT_BYTES: usize = 26;
/// Every hub takes messages of so many bytes.
const MESSAGE_BYTES_MIN: usize = 1024;
/// Identities of which the last answered command is remembered, so that nobody brings it once more.
const CLIENTS_KNOWN_MAX: usize = 128;

/// Silence after which the replica asks whether the hub is still there.
const PING_AFTER_MS: u64 = 15_000;
/// Silence after which it gives the connection up.
const SILENCE_MS_MAX: u64 = 30_000;
/// The same, after it was woken up.
const WAKE_MS_MAX: u64 = 5_000;
/// How long a hub may take to say welcome.
const WELCOME_MS_MAX: u64 = 10_000;

/// Bytes that the hub may send ahead of what was taken in.
const CREDIT_BYTES: u32 = 16 * 1024 * 1024;
