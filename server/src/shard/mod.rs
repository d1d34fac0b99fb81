//! The shard: the one place that calls core. It owns the engine, the hub and the log, on one thread.
//!
//! It knows no sockets. Whoever serves a client calls [`Shard::execute`], and holds the reply back while
//! [`Shard::is_dirty`] says that records wait to be written; then comes [`Shard::flush`], one append for all that has
//! gathered, and the replies may go.

mod cleaner;
mod compaction;
mod facts;
mod rewrite;
mod users;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use sanderling_core::config::ClientLimits;
use sanderling_core::facts::Traffic;
use sanderling_core::format::LogSeq;
use sanderling_core::session::{Buffers, Session};
use sanderling_core::sync::{CloseReason, Grant, Hub, HubCounts, HubOptions, LogId, Message, PeerId};
use sanderling_core::{Engine, EngineOptions, Env, Errand, Error, Flow, Limits, SessionId, UnixMillis, Woken};
use tracing::{error, info};

use self::cleaner::Cleaner;
use crate::clock;
use crate::config::{Config, Fsync};
use crate::entropy::{self, Entropy};
use crate::log::{DiskLog, Extent, Folder, recover, remove_superseded};
use crate::script::{Scripts, Watch, WhileBusy};

pub(crate) use facts::{Addresses, resident_bytes};

/// An engine with its hub and its log.
#[derive(Debug)]
pub(crate) struct Shard {
    engine: Engine,
    hub: Hub,
    /// The log on disk; none where what is written is kept in memory alone.
    log: Option<DiskLog>,
    folder: Folder,
    entropy: Entropy,
    fsync: Fsync,
    /// Records that couldn't be appended so far.
    unwritten: Vec<u8>,
    /// The next flush reaches the disk, whatever the policy.
    wants_sync: bool,
    compaction: compaction::Compaction,
    /// What takes long to free goes there.
    cleaner: Cleaner,
    /// Changes of the data up to which everything stands in a record, while nothing is recorded.
    recorded: Option<u64>,
    /// What looks after the time of scripts.
    watch: Rc<Watch>,
}

/// Records couldn't be made as durable as the policy promises: replies to what wrote them must not be sent.
#[derive(Debug)]
pub(crate) struct NotDurable;

impl Shard {
    /// Recovers what the configured folder holds, and begins a new epoch of the log.
    ///
    /// # Errors
    /// If the folder is in use or can't be used, or its files are damaged.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let folder = Folder::lock(&config.dir)?;
        let limits = Limits {
            bulk_bytes_max: usize::try_from(config.proto_max_bulk_len.0).unwrap_or(usize::MAX),
            ..Limits::DEFAULT
        };
        let options = EngineOptions {
            seed: entropy::number(),
            limits,
            password: config.requirepass.clone(),
            ..Default::default()
        };
        let mut engine = Engine::new(options);
        let mut hub = Hub::new(HubOptions { limits, ..HubOptions::default() });
        let extent = Extent { before: None, repair: config.repair };
        let recovered = recover(folder.path(), extent, &mut engine, &mut hub)?;
        remove_superseded(&recovered.superseded)?;
        hub.begin_epoch(LogId(entropy::number()));
        let begin = || DiskLog::begin(folder.path(), config.fsync, &hub).context("cannot write to the data folder");
        let log = config.appendonly.then(begin).transpose()?;
        engine.journal_mut().enable(true);
        engine.keep_garbage();
        engine.set_stopwatch(Box::new(clock::CommandClock));
        let scripts = Scripts::open(folder.path())?;
        let watch = scripts.watch();
        engine.set_interpreter(Box::new(scripts));
        users::configure(&mut engine, config)?;
        info!(
            seq = hub.seq().0,
            snapshot_bytes = recovered.snapshot_bytes,
            log_bytes = recovered.log_bytes,
            "recovered {}",
            folder.path().display()
        );
        let compaction = compaction::Compaction::new(&recovered, &engine, config.compact_min.0);
        let mut shard = Self {
            engine,
            hub,
            log,
            folder,
            entropy: Entropy::default(),
            fsync: config.fsync,
            unwritten: Vec::new(),
            wants_sync: false,
            compaction,
            cleaner: Cleaner::start().context("cannot start the thread that frees memory")?,
            recorded: None,
            watch,
        };
        facts::configure(&mut shard.engine, config);
        shard.stop_recording();
        Ok(shard)
    }

    /// Tells the engine where clients connect to.
    pub(crate) fn set_addresses(&mut self, addresses: &Addresses) {
        facts::set_addresses(&mut self.engine, addresses);
    }

    /// Says who answers clients while a script runs for too long.
    pub(crate) fn serve_while_busy(&self, server: Rc<dyn WhileBusy>) {
        self.watch.set_server(server);
    }

    /// Opens a session for a client at `address`.
    pub(crate) fn open_session(&mut self, address: &str, local_address: String) -> SessionId {
        let env = self.env(clock::now());
        let session = self.engine.open_session(address, env);
        self.engine.session_mut(session).local_address = local_address;
        session
    }

    /// Closes a session.
    pub(crate) fn close_session(&mut self, session: SessionId) {
        self.engine.close_session(session);
    }

    /// Brings what calls of a session are about to use near the processor.
    pub(crate) fn warm<'w>(&mut self, session: SessionId, calls: impl Iterator<Item = &'w [&'w [u8]]> + Clone) {
        self.engine.warm(session, calls, self.entropy.upcoming());
    }

    /// Runs one call, the name first, and appends its reply to `out`. What it did waits for the next flush.
    pub(crate) fn execute(&mut self, now: UnixMillis, session: SessionId, args: &[&[u8]], out: &mut Vec<u8>) -> Flow {
        let env = self.env(now);
        let flow = self.engine.execute(env, session, args, out);
        self.hub.commit(&mut self.engine, now);
        flow
    }

    /// Says that calls follow which come right after each other, up to [`Shard::end_batch`]: what comes between two of
    /// them counts as time of the latter.
    pub(crate) fn begin_batch(&mut self) {
        self.engine.begin_batch();
    }

    /// Ends what [`Shard::begin_batch`] began.
    pub(crate) fn end_batch(&mut self) {
        self.engine.end_batch();
    }

    /// Whether a session's waiting is over.
    pub(crate) fn has_woken(&self) -> bool {
        self.engine.has_woken()
    }

    /// The next session whose waiting is over, with its reply, which waits for the next flush.
    pub(crate) fn poll_woken(&mut self) -> Option<Woken> {
        self.engine.poll_woken()
    }

    /// The next message to a connection that listens. What was published by clients is handed to replicas before.
    pub(crate) fn poll_message(&mut self) -> Option<Woken> {
        while let Some(published) = self.engine.poll_published() {
            self.hub.publish(&published.channel, &published.payload);
        }
        self.engine.poll_message()
    }

    /// Ends the waiting of those whose time is over.
    pub(crate) fn expire_waits(&mut self) {
        let env = self.env(clock::now());
        self.engine.expire_waits(env);
    }

    /// Lets go of keys that clients track beyond what may be.
    pub(crate) fn limit_tracking(&mut self) {
        self.engine.limit_tracking();
    }

    /// What a command has asked for beyond its reply.
    pub(crate) fn poll_errand(&mut self) -> Option<Errand> {
        self.engine.poll_errand()
    }

    /// Takes in that a session was ended by an operator, which is no RESP connection's.
    pub(crate) fn handle_killed(&mut self, session: SessionId) {
        self.hub.handle_killed(session);
    }

    /// Lets the next flush reach the disk, whatever the policy: it waits for the disk then, and so does everyone.
    pub(crate) fn request_sync(&mut self) {
        self.wants_sync = true;
    }

    /// Asks for a snapshot at the next occasion; without a log, which would keep what comes until then, that is now.
    pub(crate) fn request_snapshot(&mut self) {
        self.compaction.request();
        if self.log.is_none() {
            self.record();
            self.compaction.write_requested(self.folder.path(), &self.engine, &self.hub);
            self.refresh_facts();
        }
        self.compaction.tell(self.engine.facts_mut());
    }

    /// Whether the log takes what is written.
    pub(crate) fn is_writable(&self) -> bool {
        self.unwritten.is_empty() && !self.log.as_ref().is_some_and(DiskLog::has_failed)
    }

    /// Removes keys that have expired, up to `keys_max`. Returns how many it removed.
    pub(crate) fn expire(&mut self, keys_max: usize) -> usize {
        if !self.is_writable() {
            return 0;
        }
        let env = self.env(clock::now());
        let removed = self.engine.expire(env, keys_max);
        self.hub.commit(&mut self.engine, env.now);
        removed
    }

    /// Whether records wait to be written.
    pub(crate) fn is_dirty(&self) -> bool {
        self.hub.has_log()
    }

    /// Writes the waiting records, all in one append, and lets replicas see them.
    ///
    /// # Errors
    /// If they can't be made as durable as the policy promises. They are kept, and written by a later flush if the
    /// disk takes them then; until it does, the engine refuses writes.
    pub(crate) fn flush(&mut self) -> Result<(), NotDurable> {
        let wants_sync = std::mem::take(&mut self.wants_sync);
        self.append()?;
        if wants_sync && (!self.unwritten.is_empty() || self.log.as_mut().is_some_and(|log| log.sync_all().is_err())) {
            return Err(NotDurable);
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), NotDurable> {
        if !self.hub.has_log() && self.unwritten.is_empty() {
            return Ok(());
        }
        let seq = self.hub.seq();
        let appended = match &mut self.log {
            None => Ok(()),
            Some(log) if self.unwritten.is_empty() => log.append(self.hub.log()),
            Some(log) => {
                self.unwritten.extend_from_slice(self.hub.log());
                log.append(&self.unwritten)
            }
        };
        match appended {
            Ok(()) => {
                self.hub.clear_log();
                if !self.unwritten.is_empty() {
                    self.unwritten = Vec::new();
                    self.engine.refuse_writes(None);
                    info!("the log can be written again");
                }
                self.hub.handle_durable(seq);
                Ok(())
            }
            Err(reason) => {
                if self.unwritten.is_empty() {
                    error!("cannot write the log, so writes are refused: {reason}");
                    self.unwritten.extend_from_slice(self.hub.log());
                }
                self.hub.clear_log();
                self.refuse_writes(&reason);
                if self.fsync == Fsync::Always { Err(NotDurable) } else { Ok(()) }
            }
        }
    }

    /// Tells `INFO` what is new.
    pub(crate) fn refresh_facts(&mut self) {
        let writable = self.is_writable();
        let log_bytes = self.log.as_ref().map_or(0, DiskLog::bytes);
        facts::refresh(&mut self.engine, &self.hub, log_bytes, writable, &self.compaction);
        self.engine.sample();
    }

    /// The regular work: writes a snapshot where the log has grown enough.
    pub(crate) fn tick(&mut self) {
        self.stop_recording();
        if let Some(garbage) = self.engine.take_garbage() {
            self.cleaner.free(garbage);
        }
        let Some(log) = &mut self.log else {
            if self.compaction.is_due(&self.engine) {
                self.request_snapshot();
            }
            return;
        };
        let failed = log.has_failed();
        let changes = self.engine.keyspace().changes();
        self.compaction.tick(self.folder.path(), log, &self.hub, self.unwritten.is_empty(), changes);
        self.compaction.tell(self.engine.facts_mut());
        if failed {
            self.refuse_writes(&"an earlier sync of the log failed");
        }
    }

    /// Writes a snapshot where save points say that what is written shall be kept, and no log does.
    pub(crate) fn save_at_end(&mut self) {
        let keeps = self.log.is_none() && !self.engine.config().save_points().is_empty();
        if keeps && self.compaction.unsaved(&self.engine) > 0 {
            self.request_snapshot();
        }
    }

    /// Writes what waits, and makes all of it reach the disk.
    ///
    /// # Errors
    /// If that fails: the last writes may be lost.
    pub(crate) fn close(&mut self) -> Result<()> {
        let _ = self.flush();
        anyhow::ensure!(self.unwritten.is_empty(), "the last writes could not be written to the log");
        match &mut self.log {
            Some(log) => log.close().context("cannot sync the log"),
            None => Ok(()),
        }
    }

    /// The bounds that hold.
    pub(crate) fn limits(&self) -> &Limits {
        self.engine.limits()
    }

    /// The bounds of a session that hasn't logged in; `None` of one that has.
    pub(crate) fn limits_before_login(&self, session: SessionId) -> Option<Limits> {
        let is_strange = self.engine.sessions().session(session).is_some_and(|session| !session.authenticated);
        is_strange.then(|| Limits { args_max: 10, bulk_bytes_max: 16 * 1024, ..*self.engine.limits() })
    }

    /// What connections may cost.
    pub(crate) fn client_limits(&self) -> ClientLimits {
        self.engine.config().client_limits()
    }

    /// Takes in what went over the connections of clients so far.
    pub(crate) fn note_traffic(&mut self, traffic: Traffic) {
        self.engine.facts_mut().traffic = traffic;
    }

    /// Takes in what is kept for a client. Returns whether it is at an end, because all clients together keep too much.
    pub(crate) fn note_buffers(&mut self, session: SessionId, buffers: Buffers) -> bool {
        self.engine.note_buffers(session, buffers)
    }

    /// Whether the regular work rests, because a test wants it.
    pub(crate) fn rests(&self) -> bool {
        self.engine.config().work_rests
    }

    /// The clients that have been idle for too long.
    pub(crate) fn idle_sessions(&self, idle_ms: u64) -> Vec<SessionId> {
        self.engine.sessions().idle(clock::now(), idle_ms).collect()
    }

    /// Whether a session listens to channels.
    pub(crate) fn listens(&self, session: SessionId) -> bool {
        self.engine.sessions().session(session).is_some_and(Session::listens)
    }

    /// Stops recording what nobody will ever read: without a log and without a replica, now or within the last hour.
    fn stop_recording(&mut self) {
        if self.log.is_none() && self.recorded.is_none() && !self.hub.has_log() && !self.hub.is_followed(clock::now()) {
            self.engine.journal_mut().enable(false);
            self.recorded = Some(self.engine.keyspace().changes());
        }
    }

    /// Records again, for somebody who will read it. Who comes back from before can't go on from there then.
    fn record(&mut self) {
        if let Some(recorded) = self.recorded.take() {
            self.engine.journal_mut().enable(true);
            if recorded != self.engine.keyspace().changes() {
                self.hub.begin_anew(LogId(entropy::number()));
            }
        }
    }

    /// Takes in that a replica has connected, and what it may do.
    pub(crate) fn open_peer(&mut self, grant: Arc<Grant>) -> PeerId {
        self.record();
        self.hub.open_peer(grant)
    }

    /// Takes in what a replica's new token says.
    pub(crate) fn handle_grant(&mut self, peer: PeerId, grant: Arc<Grant>) {
        self.hub.handle_grant(peer, Ok(grant));
    }

    /// The next token that is to be checked.
    pub(crate) fn poll_renewal(&mut self) -> Option<(PeerId, Box<[u8]>)> {
        self.hub.poll_renewal()
    }

    /// Takes in a message from a replica.
    pub(crate) fn handle_message(&mut self, peer: PeerId, bytes: &[u8]) {
        let env = self.env(clock::now());
        self.hub.handle_message(&mut self.engine, env, peer, bytes);
    }

    /// Takes in whether the replica's connection can take messages.
    pub(crate) fn handle_writable(&mut self, peer: PeerId, writable: bool) {
        self.hub.handle_writable(peer, writable);
    }

    /// Takes in that a replica's connection has ended.
    pub(crate) fn close_peer(&mut self, peer: PeerId) {
        let env = self.env(clock::now());
        self.hub.close_peer(&mut self.engine, env, peer);
    }

    /// Ends every replica's connection.
    pub(crate) fn close_peers(&mut self) {
        self.hub.handle_shutdown();
    }

    /// Begins a round of sending to replicas.
    pub(crate) fn begin_round(&mut self) {
        self.hub.begin_round();
    }

    /// Whether there is more to send than one round does.
    pub(crate) fn wants_round(&self) -> bool {
        self.hub.wants_round()
    }

    /// The next message to a replica.
    pub(crate) fn poll_transmit(&mut self) -> Option<(PeerId, Message)> {
        self.hub.poll_transmit(&self.engine)
    }

    /// Hands a replica the reply to a call of its that waited. Returns whether it was one's.
    pub(crate) fn answer_call(&mut self, woken: &Woken) -> bool {
        self.hub.handle_woken(&mut self.engine, woken)
    }

    /// Does for replicas what time demands.
    pub(crate) fn handle_peer_timeouts(&mut self) {
        let env = self.env(clock::now());
        if self.hub.next_timeout().is_some_and(|at| at <= env.now) {
            self.hub.handle_timeout(&mut self.engine, env);
        }
    }

    /// The next replica whose connection is to be closed.
    pub(crate) fn poll_close(&mut self) -> Option<(PeerId, CloseReason)> {
        self.hub.poll_close()
    }

    /// What is counted, for `/metrics`.
    pub(crate) fn counts(&self) -> Counts {
        let keyspace = self.engine.keyspace();
        Counts {
            commands: self.engine.stats().commands,
            errors: self.engine.stats().errors,
            expired_keys: self.engine.stats().expired_keys,
            sessions_opened: self.engine.sessions().opened(),
            keys: (0..sanderling_core::limits::DATABASES).map(|db| keyspace.db(db).len() as u64).sum(),
            seq: self.hub.seq(),
            log_bytes: self.log.as_ref().map_or(0, DiskLog::bytes),
            peers: self.hub.peer_count() as u64,
            writable: self.is_writable(),
            sync: self.hub.counts(),
        }
    }

    fn env(&mut self, now: UnixMillis) -> Env {
        Env { now, entropy: self.entropy.draw() }
    }

    fn refuse_writes(&mut self, reason: &dyn fmt::Display) {
        let text = format!("MISCONF Errors writing to the AOF file: {reason}");
        self.engine.refuse_writes(Some(Error::owned(text)));
    }
}

/// What is counted of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commands: u64,
    pub(crate) errors: u64,
    pub(crate) expired_keys: u64,
    pub(crate) sessions_opened: u64,
    pub(crate) keys: u64,
    pub(crate) seq: LogSeq,
    pub(crate) log_bytes: u64,
    pub(crate) peers: u64,
    /// Whether the log takes what is written.
    pub(crate) writable: bool,
    /// Replicas.
    pub(crate) sync: HubCounts,
}
