//! The hub: puts what the engine did in order, and tells each replica what concerns it.
//!
//! It never waits and never sends by itself. After each call of the engine the shell [commits](Hub::commit); it writes
//! [what that logged](Hub::take_log), says [how far that is durable](Hub::handle_durable), and sends what
//! [`Hub::poll_transmit`] gives out. Nothing is queued for a replica that its socket can't take: each has a cursor into
//! the backlog, and a batch is made when there's room for it. So a slow reader costs a cursor.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec,
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use slab::Slab;

use super::{
    backlog::Backlog,
    history::{History, LogId, ResumeToken},
    interest::Interest,
    message::{Batch, CloseReason, Hello, Item, PushedCommand, ToHub, ToReplica, VERSION, Welcome},
    peer::{Following, Peer, PeerId},
};
use crate::{
    blob::Blob,
    command::{self, Flags},
    effect::Effect,
    engine::Engine,
    env::{Env, UnixMillis},
    error::Error,
    format::{ClientId, ClientSeq, LogSeq, Origin, Record, effects},
    limits::{CHUNK_BYTES, DATABASES, Limits},
    resp::{Protocol, Reply},
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

/// What a snapshot or a log segment keeps of a hub besides the data.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    history: History,
    seq: LogSeq,
    clients: Vec<(ClientId, ClientSeq, UnixMillis)>,
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

    /// What a snapshot or a log segment must keep besides the data, for [`Hub::restore_head`].
    pub fn head(&self) -> Vec<u8> {
        let clients = self.clients.iter().map(|(client, (seq, time))| (*client, *seq, *time)).collect();
        let head = Head { history: self.history.clone(), seq: self.seq, clients };
        postcard::to_extend(&head, Vec::new()).unwrap_or_default()
    }

    /// Takes over what [`Hub::head`] gave. The data must be that of the same moment.
    ///
    /// # Errors
    /// If the bytes aren't a head.
    pub fn restore_head(&mut self, head: &[u8]) -> Result<(), postcard::Error> {
        let head: Head = postcard::from_bytes(head)?;
        // Between two segments nothing is missing: replicas can still go on from the records before.
        if head.seq != self.seq {
            self.backlog.clear();
        }
        self.history = head.history;
        self.seq = head.seq;
        self.durable = head.seq;
        self.clients = head.clients.into_iter().map(|(client, seq, time)| (client, (seq, time))).collect();
        Ok(())
    }

    /// Takes over the epochs of a later head: what a log segment begins with, its records following. Data and
    /// position stay what the records before it made them.
    ///
    /// # Errors
    /// If the bytes aren't a head, or it stands at another position than the records before it have reached.
    pub fn restore_history(&mut self, head: &[u8]) -> Result<(), postcard::Error> {
        let head: Head = postcard::from_bytes(head)?;
        if head.seq != self.seq {
            return Err(postcard::Error::DeserializeBadEncoding);
        }
        self.history = head.history;
        Ok(())
    }

    /// Applies a record from the log to the engine, in order. Returns `false`, having done nothing, for one that is
    /// already in the data.
    ///
    /// # Errors
    /// If the record's effects can't be read, or records are missing before it.
    pub fn recover_record(&mut self, engine: &mut Engine, record: &Record<'_>) -> Result<bool, postcard::Error> {
        if record.header.seq <= self.seq {
            return Ok(false);
        }
        if record.header.seq != self.seq.next() {
            return Err(postcard::Error::DeserializeBadEncoding);
        }
        // All or nothing: a record that can't be read to its end must not be half applied.
        record.effects().try_for_each(|effect| effect.map(|_| ()))?;
        for (db, effect) in record.effects().flatten() {
            engine.apply(db, &effect);
        }
        self.seq = record.header.seq;
        self.durable = self.seq;
        if let Some(origin) = record.header.origin {
            self.clients.insert(origin.client, (origin.seq, record.header.time));
        }
        let header = record.header;
        self.backlog.push(self.limits.backlog_bytes_max, |out| {
            Record::encode(header.seq, header.time, header.origin, record.effects, out);
        });
        Ok(true)
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

    /// Takes in that a replica has connected.
    pub fn open_peer(&mut self) -> PeerId {
        PeerId(self.peers.insert(Peer { writable: true, ..Peer::default() }))
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

    fn try_handle_message(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        bytes: &[u8],
    ) -> Result<(), CloseReason> {
        if self.closing.iter().any(|(other, _)| *other == id) || !self.peers.contains(id.0) {
            return Ok(());
        }
        if bytes.len() > self.limits.sync_message_bytes_max {
            return Err(CloseReason::LimitPassed("the message is longer than sync_message_bytes_max"));
        }
        match ToHub::decode(bytes).map_err(CloseReason::Malformed)? {
            ToHub::Hello(hello) => self.handle_hello(engine, env, id, &hello),
            ToHub::Push(commands) => commands.iter().try_for_each(|command| self.handle_push(engine, env, id, command)),
            ToHub::Ping { sent } => {
                self.send(id, &ToReplica::Pong { sent, now: env.now });
                Ok(())
            }
        }
    }

    fn handle_hello(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        hello: &Hello<'_>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get(id.0) else { return Ok(()) };
        if peer.following.is_some() {
            return Err(CloseReason::Malformed("a second hello"));
        }
        if hello.version != VERSION {
            return Err(CloseReason::UnsupportedVersion(hello.version));
        }
        if hello.db >= DATABASES {
            return Err(CloseReason::Malformed("a database that doesn't exist"));
        }
        if hello.clients.is_empty() || hello.clients.len() > CLIENTS_PER_PEER_MAX {
            return Err(CloseReason::LimitPassed("between 1 and 64 client ids are needed"));
        }
        if hello.interest.len() > self.limits.interest_patterns_max {
            return Err(CloseReason::LimitPassed("more patterns than interest_patterns_max"));
        }
        let clients: Vec<ClientId> = hello.clients.iter().map(|(client, _)| *client).collect();
        self.replace_others(id, &clients);
        let pushed =
            hello.clients.iter().map(|(client, acknowledged)| self.welcome_client(*client, *acknowledged, env.now));
        let pushed = pushed.collect();
        let interest = Interest::from_blobs(&hello.interest);
        let session = engine.open_session("sync", env);
        let state = engine.session_mut(session);
        state.protocol = Protocol::Resp3;
        state.authenticated = true;
        state.db = hello.db;
        let resumed = hello.resume.filter(|token| self.can_resume(*token));
        let mut snapshot = VecDeque::new();
        if resumed.is_none() {
            let wanted = |db, key: &[u8]| db == hello.db && interest.contains(key);
            engine.snapshot(wanted, |chunk| snapshot.push_back(ToReplica::Chunk(chunk.into()).encode()));
            snapshot.push_back(ToReplica::SnapshotEnd.encode());
        }
        let cursor = resumed.map_or(self.seq, |token| token.seq);
        if let Some(peer) = self.peers.get_mut(id.0) {
            peer.following = Some(Following {
                db: hello.db,
                interest,
                clients,
                session,
                snapshot,
                cursor,
                replies: BTreeMap::new(),
                reply_bytes: 0,
            });
        }
        let welcome = Welcome {
            version: VERSION,
            log: self.history.current().unwrap_or(LogId(0)),
            seq: cursor,
            now: env.now,
            resumed: resumed.is_some(),
            pushed,
            message_bytes_max: u32::try_from(self.limits.sync_message_bytes_max).unwrap_or(u32::MAX),
        };
        self.send(id, &ToReplica::Welcome(welcome));
        Ok(())
    }

    /// Ends older connections of the same clients: they are half-open remains of this one.
    fn replace_others(&mut self, id: PeerId, clients: &[ClientId]) {
        let replaced: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(index, peer)| {
                let same = |following: &Following| following.clients.iter().any(|client| clients.contains(client));
                *index != id.0 && peer.following.as_ref().is_some_and(same)
            })
            .map(|(index, _)| PeerId(index))
            .collect();
        for other in replaced {
            self.close(other, CloseReason::Replaced);
        }
    }

    /// The highest command of a client that took effect. What the client knows as acknowledged counts, too: the log
    /// may have lost it with a disk, and the client must be able to go on.
    fn welcome_client(&mut self, client: ClientId, acknowledged: ClientSeq, now: UnixMillis) -> ClientSeq {
        let known = self.clients.get(&client).map(|(seq, _)| *seq).unwrap_or_default();
        if acknowledged > known {
            self.clients.insert(client, (acknowledged, now));
        }
        known.max(acknowledged)
    }

    fn can_resume(&self, token: ResumeToken) -> bool {
        let oldest = self.seq.0 - self.backlog.len() as u64;
        self.history.contains(token, self.seq) && token.seq.0 >= oldest
    }

    fn handle_push(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        pushed: &PushedCommand<'_>,
    ) -> Result<(), CloseReason> {
        let Some(following) = self.peers.get(id.0).and_then(|peer| peer.following.as_ref()) else {
            return Err(CloseReason::Malformed("a push before the hello"));
        };
        if !following.clients.contains(&pushed.client) {
            return Err(CloseReason::Malformed("a push in the name of a client that hello didn't name"));
        }
        let session = following.session;
        let done = self.clients.get(&pushed.client).map(|(seq, _)| *seq).unwrap_or_default();
        if pushed.seq <= done {
            return Ok(());
        }
        if pushed.seq != done.next() {
            return Err(CloseReason::Gap(done.next()));
        }
        engine.journal_mut().clear();
        // The server's clock counts; the replica's seed is taken, so that what it drew can be drawn again.
        let env = Env { now: env.now, entropy: pushed.env.entropy };
        let reply = execute_pushed(engine, env, session, &pushed.calls);
        self.append(engine, env.now, Some(Origin { client: pushed.client, seq: pushed.seq }));
        if let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) {
            following.reply_bytes += reply.len() + 64;
            following.replies.insert((pushed.client, pushed.seq), reply);
            if following.reply_bytes > self.limits.outbox_bytes_max {
                return Err(CloseReason::FellBehind);
            }
        }
        Ok(())
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

    fn next_message(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(id.0)?;
        if let Some(message) = peer.outbox.pop_front() {
            return Some(message);
        }
        let following = peer.following.as_mut()?;
        if !following.snapshot.is_empty() {
            // The snapshot shows records that may not be durable yet.
            return if following.cursor <= self.durable { following.snapshot.pop_front() } else { None };
        }
        if following.cursor >= self.durable {
            return None;
        }
        let oldest = self.seq.0 - self.backlog.len() as u64;
        if following.cursor.0 < oldest {
            self.close(id, CloseReason::FellBehind);
            return None;
        }
        let first = usize::try_from(following.cursor.0 - oldest).unwrap_or(usize::MAX);
        let mut items = vec![];
        let mut bytes = 0;
        let mut through = following.cursor;
        for record in self.backlog.range(first) {
            if through >= self.durable || bytes >= CHUNK_BYTES {
                break;
            }
            through = through.next();
            let Ok((record, _)) = Record::decode(record) else { continue };
            if let Some(item) = item_for(following, &record) {
                bytes += item.effects.len() + 16;
                items.push(item);
            }
        }
        following.cursor = through;
        if items.is_empty() {
            // Nothing that concerns it: the next batch will carry the position.
            return None;
        }
        Some(ToReplica::Batch(Batch { through, items }).encode())
    }
}

fn enqueue(ready: &mut VecDeque<PeerId>, id: PeerId, peer: &mut Peer) {
    if !peer.queued {
        peer.queued = true;
        ready.push_back(id);
    }
}

/// What a record means for a replica, `None` if it doesn't concern it.
fn item_for<'a>(following: &mut Following, record: &Record<'a>) -> Option<Item<'a>> {
    let origin = record.header.origin;
    let origin = origin.and_then(|origin| Some((following.index_of(origin.client)?, origin)));
    let reply = origin.and_then(|(_, origin)| following.replies.remove(&(origin.client, origin.seq)));
    following.reply_bytes -= reply.as_ref().map_or(0, |reply| reply.len() + 64);
    let concerns = |db: u8, effect: &Effect<'_>| db == following.db && following.interest.concerns(effect);
    let mut wanted = Vec::new();
    for (db, effect) in effects(record.effects).flatten() {
        if concerns(db, &effect) {
            effect.encode(db, &mut wanted);
        }
    }
    if wanted.is_empty() && origin.is_none() {
        return None;
    }
    let origin = origin.map(|(index, origin)| (index, origin.seq));
    Some(Item { origin, reply: reply.map(Blob::from), effects: wanted.into() })
}

/// Runs what a replica pushed, as a transaction if it is more than one call. Returns the reply.
fn execute_pushed(engine: &mut Engine, env: Env, session: SessionId, calls: &[Vec<Blob<'_>>]) -> Vec<u8> {
    let mut reply = Vec::new();
    let mut words: Vec<&[u8]> = Vec::new();
    for call in calls {
        words.clear();
        words.extend(call.iter().map(|word| &**word));
        let pushable = command::find_row(&words).is_ok_and(|(row, _)| {
            let reads_or_writes = row.flags.has(Flags::WRITE) || row.flags.has(Flags::READ) && calls.len() > 1;
            reads_or_writes && !row.flags.has(Flags::ADMIN) && !row.flags.has(Flags::SERVER_ONLY)
        });
        if !pushable {
            let error = Error::new("ERR this command can't be pushed by a replica");
            Reply::new(&mut reply, Protocol::Resp3).error(&error);
            return reply;
        }
    }
    if let [_] = calls {
        engine.execute(env, session, &words, &mut reply);
        return reply;
    }
    let mut scratch = Vec::new();
    engine.execute(env, session, &[b"MULTI"], &mut scratch);
    for call in calls {
        words.clear();
        words.extend(call.iter().map(|word| &**word));
        engine.execute(env, session, &words, &mut scratch);
    }
    engine.execute(env, session, &[b"EXEC"], &mut reply);
    reply
}

/// Identities that one replica may name: its own and those of earlier runs whose commands it still holds.
const CLIENTS_PER_PEER_MAX: usize = 64;

/// Capacity that the buffer of unwritten records keeps.
const LOG_BYTES_KEPT: usize = 256 * 1024;

/// Answers that wait for a replica that asks without reading.
const OUTBOX_MESSAGES_MAX: usize = 1024;
