//! The shard's thread: what RESP connections, replicas and timers share there.
//!
//! ```text
//!  sockets ready ──▶ connection, connection, … execute ──▶ flusher: one append ──▶ replies, messages to replicas
//! ```
//! The flusher is a task that the first of them wakes. The runtime's queue is first in, first out, so it runs after
//! all connections that the same poll of the sockets has woken: their records become one append, and one sync where
//! the policy asks for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sanderling_core::config::ClientLimits;
use sanderling_core::facts::Traffic;
use sanderling_core::session::Buffers;
use sanderling_core::{Errand, SessionId};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::conn::Connection;
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::shard::Shard;

/// What lives on the shard's thread.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The shard. Never borrowed across an await.
    pub(crate) shard: RefCell<Shard>,
    /// What connections read into, one at a time.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// The replicas.
    pub(crate) peers: RefCell<Peers>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// What went over RESP connections.
    traffic: Cell<Traffic>,
    /// Open RESP connections.
    pub(crate) connections: Cell<usize>,
    /// Connections whose replies wait for the flush.
    held: RefCell<Vec<Rc<Connection>>>,
    /// Connections whose client hasn't read all replies.
    pub(crate) unsent: Cell<usize>,
    flush: Notify,
    /// The open connections, for those who end them from elsewhere.
    by_session: RefCell<BTreeMap<SessionId, Rc<Connection>>>,
    /// What a connection may cost.
    pub(crate) limits: Cell<ClientLimits>,
    /// What commands have asked for.
    errands: RefCell<Vec<Errand>>,
    shutdown: Notify,
    /// Whether the end may write a snapshot.
    saves: Cell<bool>,
}

impl Worker {
    /// Makes the worker of a shard.
    pub(crate) fn new(shard: Shard, metrics: Arc<Metrics>) -> Self {
        Self {
            limits: Cell::new(shard.client_limits()),
            shard: RefCell::new(shard),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            peers: RefCell::new(Peers::new(Arc::clone(&metrics))),
            metrics,
            traffic: Cell::default(),
            connections: Cell::new(0),
            held: RefCell::default(),
            unsent: Cell::new(0),
            flush: Notify::new(),
            by_session: RefCell::default(),
            errands: RefCell::default(),
            shutdown: Notify::new(),
            saves: Cell::new(true),
        }
    }

    /// Counts what goes over a connection.
    pub(crate) fn count(&self, add: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.get();
        add(&mut traffic);
        self.traffic.set(traffic);
    }

    /// What went over the connections so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Takes in that a connection was opened.
    pub(crate) fn insert(&self, session: SessionId, connection: Rc<Connection>) {
        self.connections.set(self.connections.get() + 1);
        self.by_session.borrow_mut().insert(session, connection);
    }

    /// The connections that are open now.
    pub(crate) fn connections_now(&self) -> Vec<Rc<Connection>> {
        self.by_session.borrow().values().cloned().collect()
    }

    /// Takes in that a connection has ended.
    pub(crate) fn remove(&self, session: SessionId) {
        self.connections.set(self.connections.get() - 1);
        self.by_session.borrow_mut().remove(&session);
        self.shard.borrow_mut().close_session(session);
    }

    /// Takes up what commands have asked for, to be seen to once their replies may go.
    pub(crate) fn collect_errands(&self, shard: &mut Shard) {
        if shard.has_woken() {
            self.flush.notify_one();
        }
        while let Some(errand) = shard.poll_errand() {
            if errand == Errand::Configure {
                self.limits.set(shard.client_limits());
                continue;
            }
            self.errands.borrow_mut().push(errand);
            self.flush.notify_one();
        }
    }

    /// Waits until a client asks for the end.
    pub(crate) async fn shutdown(&self) {
        self.shutdown.notified().await;
    }

    fn run_errands(&self) {
        for errand in self.errands.take() {
            match errand {
                Errand::Close(session) => match self.by_session.borrow().get(&session) {
                    Some(connection) => connection.abandon(),
                    None => self.shard.borrow_mut().handle_killed(session),
                },
                Errand::Configure => {}
                Errand::Sync => self.shard.borrow_mut().request_sync(),
                Errand::Save => self.shard.borrow_mut().request_snapshot(),
                Errand::Shutdown { saves } => {
                    self.saves.set(saves);
                    self.shutdown.notify_one();
                }
            }
        }
    }

    /// Hands those whose waiting is over their replies, which go out with the flush that follows.
    fn answer_woken(&self) {
        let mut shard = self.shard.borrow_mut();
        while let Some(woken) = shard.poll_woken() {
            if shard.answer_call(&woken) {
                continue;
            }
            if let Some(connection) = self.by_session.borrow().get(&woken.session)
                && connection.answer(&woken.reply)
            {
                self.held.borrow_mut().push(Rc::clone(connection));
            }
        }
    }

    /// Hands those who listen their messages, which go out with the flush that follows.
    fn deliver_messages(&self) {
        let mut shard = self.shard.borrow_mut();
        while let Some(message) = shard.poll_message() {
            if let Some(connection) = self.by_session.borrow().get(&message.session)
                && connection.push(&message.reply)
            {
                self.held.borrow_mut().push(Rc::clone(connection));
            }
        }
    }

    /// Takes in what is kept for a client. Returns whether it is at an end, because all clients together keep too much; nothing
    /// while a script runs, when nobody could be told.
    pub(crate) fn note_buffers(&self, session: SessionId, buffers: Buffers) -> Option<bool> {
        let mut shard = self.shard.try_borrow_mut().ok()?;
        let is_ended = shard.note_buffers(session, buffers);
        self.collect_errands(&mut shard);
        Some(is_ended)
    }

    /// Closes the connections that have been idle for too long, and those whose clients have read too little for too
    /// long.
    fn close_lingering(&self) {
        let limits = self.limits.get();
        let idle = limits.idle_ms_max.map(|idle_ms| self.shard.borrow().idle_sessions(idle_ms));
        for session in idle.into_iter().flatten() {
            if let Some(connection) = self.by_session.borrow().get(&session) {
                connection.abandon();
            }
        }
        if self.unsent.get() > 0 {
            for (session, connection) in &*self.by_session.borrow() {
                let listens = self.shard.borrow().listens(*session);
                connection.check_output(if listens { limits.pubsub } else { limits.normal });
            }
        }
    }

    /// Asks for a flush once everything that is ready has run.
    pub(crate) fn request_flush(&self) {
        self.flush.notify_one();
    }

    /// Holds back a connection's replies until the records before them are durable.
    pub(crate) fn hold(&self, connection: Rc<Connection>) {
        self.held.borrow_mut().push(connection);
        self.flush.notify_one();
    }

    /// Flushes whenever it is asked for.
    pub(crate) async fn run_flusher(&self) {
        let mut released = Vec::new();
        loop {
            self.flush.notified().await;
            if self.flush_now(&mut released) {
                // Replicas are being brought many keys: others come in between.
                self.flush.notify_one();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Writes the log, lets the replies go, and sends replicas what concerns them. Returns whether there is more for
    /// replicas than fits into one round.
    pub(crate) fn flush_now(&self, released: &mut Vec<Rc<Connection>>) -> bool {
        self.run_errands();
        self.answer_woken();
        self.deliver_messages();
        let mut shard = self.shard.borrow_mut();
        let flushed = shard.flush();
        let wants_round = self.peers.borrow_mut().pump(&mut shard);
        // What the end of a connection changed is written next.
        let wants_flush = shard.is_dirty();
        drop(shard);
        std::mem::swap(released, &mut *self.held.borrow_mut());
        for connection in released.drain(..) {
            match flushed {
                Ok(()) => connection.release(),
                // Whether the write survives isn't known, so neither "done" nor "failed" would be true.
                Err(_) => connection.abandon(),
            }
        }
        wants_round || wants_flush
    }

    /// Ends what is under way: writes the log, sends the replies that wait, and tells the replicas.
    pub(crate) async fn end(&self) {
        self.shard.borrow_mut().close_peers();
        self.flush_now(&mut Vec::new());
        // Replies that a socket didn't take at once go out by the connections' own tasks.
        for _ in 0..END_TICKS_MAX {
            if self.unsent.get() == 0 {
                break;
            }
            tokio::time::sleep(END_TICK).await;
        }
    }

    /// Makes everything reach the disk.
    ///
    /// # Errors
    /// If that fails: the last writes may be lost.
    pub(crate) fn close(&self) -> anyhow::Result<()> {
        let mut shard = self.shard.borrow_mut();
        if self.saves.get() {
            shard.save_at_end();
        }
        shard.close()
    }

    /// Does the regular work until the end: expiry, snapshots, counters.
    pub(crate) async fn run_timer(&self) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            interval.tick().await;
            if self.shard.borrow().rests() {
                continue;
            }
            self.expire().await;
            let mut shard = self.shard.borrow_mut();
            shard.tick();
            shard.expire_waits();
            shard.limit_tracking();
            shard.handle_peer_timeouts();
            if tick % TICKS_PER_SECOND == 0 {
                shard.note_traffic(self.traffic());
                shard.refresh_facts();
            }
            self.publish(&shard);
            drop(shard);
            if tick % TICKS_PER_SECOND == 0 {
                self.close_lingering();
            }
            self.request_flush();
        }
    }

    /// Publishes what is counted.
    pub(crate) fn publish(&self, shard: &Shard) {
        self.metrics.publish(&shard.counts());
        self.metrics.connections.store(self.connections.get() as u64, Ordering::Relaxed);
    }

    /// Removes what has expired, in portions between which clients are served.
    async fn expire(&self) {
        for _ in 0..EXPIRE_PORTIONS_MAX {
            let removed = self.shard.borrow_mut().expire(EXPIRE_PORTION);
            if removed == 0 {
                return;
            }
            self.request_flush();
            if removed < EXPIRE_PORTION {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Bytes that one read takes at most: enough for a deep pipeline, and it stays in the cache.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How often keys are expired.
const TICK: Duration = Duration::from_millis(100);
const TICKS_PER_SECOND: u64 = 10;

/// How long clients have to read their last replies when the server ends: a second in all.
const END_TICK: Duration = Duration::from_millis(10);
const END_TICKS_MAX: u32 = 100;

/// Keys that are removed without a pause: well under a millisecond.
const EXPIRE_PORTION: usize = 200;

/// Portions in one go: a million keys that expire at once are gone in some seconds.
const EXPIRE_PORTIONS_MAX: usize = 100;
