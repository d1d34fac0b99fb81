//! The hub: puts what the engine did in order, and tells each replica what concerns it.
//!
//! It never waits and never sends by itself. After each call of the engine the shell [commits](Hub::commit); it writes
//! [what that logged](Hub::take_log), says [how far that is durable](Hub::handle_durable), and sends what
//! [`Hub::poll_transmit`] gives out. Nothing is queued for a replica that its socket can't take: each has a cursor into
//! the backlog, and a batch is made when there's room for it. So a slow reader costs a cursor.

mod incoming;
mod outgoing;
mod recovery;

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use slab::Slab;

use super::{
    backlog::Backlog,
    grant::Grant,
    history::{History, LogId},
    message::{CloseReason, ToReplica},
    peer::{Peer, PeerId},
};
use crate::{
    engine::Engine,
    env::{Env, UnixMillis},
    format::{ClientId, ClientSeq, LogSeq, Origin, Record},
    limits::Limits,
    session::SessionId,
};

/// What a hub is made with.
#[derive(Clone, Debug, Default)]
pub struct HubOptions {
    /// The bounds.
    pub limits: Limits,
}

/// Orders, logs, fans out.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    history: History,
    /// The last record.
    seq: LogSeq,
    /// The last record that is as durable as the shell promises.
    durable: LogSeq,
    /// The highest command that took effect, for each client that ever pushed one.
    clients: BTreeMap<ClientId, (ClientSeq, UnixMillis)>,
    /// Records since the shell last took them.
    unwritten: Vec<u8>,
    /// Recent records, each encoded; the last one is `seq`.
    backlog: Backlog,
    peers: Slab<Peer>,
    ready: VecDeque<PeerId>,
    closing: VecDeque<(PeerId, CloseReason)>,
}

impl Hub {
    /// Makes a hub at the beginning of a log. Before anything is committed, an [epoch](Hub::begin_epoch) must begin.
    pub fn new(options: HubOptions) -> Self {
        Self {
            limits: options.limits,
            history: History::default(),
            seq: LogSeq::default(),
            durable: LogSeq::default(),
            clients: BTreeMap::new(),
            unwritten: Vec::new(),
            backlog: Backlog::default(),
            peers: Slab::new(),
            ready: VecDeque::new(),
            closing: VecDeque::new(),
        }
    }

    /// Begins an epoch: to be called once at each start, after recovery, with 64 bits that were never used before.
    pub fn begin_epoch(&mut self, log: LogId) {
        self.history.begin(log, self.seq);
        self.durable = self.seq;
    }

    /// Makes what the engine's journal holds the next record of the log. Returns its position, `None` if the journal
    /// was empty. To be called after each call of the engine.
    pub fn commit(&mut self, engine: &mut Engine, now: UnixMillis) -> Option<LogSeq> {
        if engine.journal_mut().count() == 0 {
            return None;
        }
        Some(self.append(engine, now, None))
    }

    /// Takes the records since the last call, encoded one after the other, for the shell to write.
    pub fn take_log(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.unwritten)
    }

    /// The records that [`Hub::take_log`] would give.
    pub fn log(&self) -> &[u8] {
        &self.unwritten
    }

    /// Forgets the records that [`Hub::log`] showed, which the shell has written, and keeps their buffer.
    pub fn clear_log(&mut self) {
        self.unwritten.clear();
        self.unwritten.shrink_to(LOG_BYTES_KEPT);
    }

    /// Whether [`Hub::take_log`] has anything to give.
    pub fn has_log(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// The last record's position.
    pub fn seq(&self) -> LogSeq {
        self.seq
    }

    /// The last record that is as durable as the shell promises.
    pub fn durable(&self) -> LogSeq {
        self.durable
    }

    /// Connected replicas.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Takes in that all records up to `seq` are as durable as the shell promises: replicas may see them.
    pub fn handle_durable(&mut self, seq: LogSeq) {
        debug_assert!(seq <= self.seq, "what isn't written can't be durable");
        if seq <= self.durable {
            return;
        }
        self.durable = seq;
        for (index, peer) in &mut self.peers {
            enqueue(&mut self.ready, PeerId(index), peer);
        }
    }

    /// Takes in that a replica has connected, and what it may do.
    pub fn open_peer(&mut self, grant: Grant) -> PeerId {
        PeerId(self.peers.insert(Peer::new(grant)))
    }

    /// What a connected replica may do.
    pub fn grant(&self, id: PeerId) -> Option<&Grant> {
        self.peers.get(id.0).map(|peer| &peer.grant)
    }

    /// Takes in that a replica's connection has ended, whoever ended it.
    pub fn close_peer(&mut self, engine: &mut Engine, id: PeerId) {
        if let Some(peer) = self.peers.try_remove(id.0) {
            self.ready.retain(|other| *other != id);
            self.closing.retain(|(other, _)| *other != id);
            if let Some(following) = peer.following {
                engine.close_session(following.session);
            }
        }
    }

    /// Takes in whether the shell can take messages for a replica. It can, until told otherwise.
    pub fn handle_writable(&mut self, id: PeerId, writable: bool) {
        if let Some(peer) = self.peers.get_mut(id.0) {
            peer.writable = writable;
            enqueue(&mut self.ready, id, peer);
        }
    }

    /// Takes in a message from a replica. What it pushed has run when this returns, and waits in the log.
    pub fn handle_message(&mut self, engine: &mut Engine, env: Env, id: PeerId, bytes: &[u8]) {
        if let Err(reason) = self.try_handle_message(engine, env, id, bytes) {
            self.close(id, reason);
        }
    }

    /// Ends every connection, because the server goes down.
    pub fn handle_shutdown(&mut self) {
        let ids: Vec<_> = self.peers.iter().map(|(index, _)| PeerId(index)).collect();
        for id in ids {
            self.close(id, CloseReason::ShuttingDown);
        }
    }

    /// Takes in that an operator has ended a session. If it is a replica's, its connection ends, and it may come back.
    pub fn handle_killed(&mut self, session: SessionId) {
        let follows = |peer: &Peer| peer.following.as_ref().is_some_and(|following| following.session == session);
        let id = self.peers.iter().find(|(_, peer)| follows(peer)).map(|(index, _)| PeerId(index));
        if let Some(id) = id {
            self.close(id, CloseReason::FellBehind);
        }
    }

    /// The next message to be sent, and to whom.
    pub fn poll_transmit(&mut self) -> Option<(PeerId, Vec<u8>)> {
        while let Some(id) = self.ready.pop_front() {
            let Some(peer) = self.peers.get_mut(id.0) else { continue };
            peer.queued = false;
            if !peer.writable {
                continue;
            }
            if let Some(message) = self.next_message(id) {
                if let Some(peer) = self.peers.get_mut(id.0) {
                    enqueue(&mut self.ready, id, peer);
                }
                return Some((id, message));
            }
        }
        None
    }

    /// The next connection to be closed by the shell, which then calls [`Hub::close_peer`].
    pub fn poll_close(&mut self) -> Option<(PeerId, CloseReason)> {
        self.closing.pop_front()
    }

    fn close(&mut self, id: PeerId, reason: CloseReason) {
        if !self.closing.iter().any(|(other, _)| *other == id) {
            self.closing.push_back((id, reason));
        }
    }

    fn append(&mut self, engine: &mut Engine, now: UnixMillis, origin: Option<Origin>) -> LogSeq {
        self.seq = self.seq.next();
        if let Some(origin) = origin {
            self.clients.insert(origin.client, (origin.seq, now));
        }
        let (seq, journal) = (self.seq, engine.journal_mut());
        let record = self.backlog.push(self.limits.backlog_bytes_max, |out| {
            Record::encode(seq, now, origin, journal.bytes(), out);
        });
        self.unwritten.extend_from_slice(record);
        journal.clear();
        self.seq
    }

    fn send(&mut self, id: PeerId, message: &ToReplica<'_>) {
        if let Some(peer) = self.peers.get_mut(id.0) {
            peer.outbox.push_back(message.encode());
            enqueue(&mut self.ready, id, peer);
            if peer.outbox.len() > OUTBOX_MESSAGES_MAX {
                self.close(id, CloseReason::FellBehind);
            }
        }
    }
}

fn enqueue(ready: &mut VecDeque<PeerId>, id: PeerId, peer: &mut Peer) {
    if !peer.queued {
        peer.queued = true;
        ready.push_back(id);
    }
}

/// Capacity that the buffer of unwritten records keeps.
const LOG_BYTES_KEPT: usize = 256 * 1024;

/// Answers that wait for a replica that asks without reading.
const OUTBOX_MESSAGES_MAX: usize = 1024;
