//! What replicas say: who they are, and what they pushed.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::Hub;
use crate::{
    blob::Blob,
    command::{self, Flags},
    engine::Engine,
    env::{Env, UnixMillis},
    error::Error,
    format::{ClientId, ClientSeq, Origin},
    limits::DATABASES,
    resp::{Protocol, Reply},
    session::SessionId,
    sync::{
        history::{LogId, ResumeToken},
        interest::Interest,
        message::{CloseReason, Hello, PushedCommand, ToHub, ToReplica, VERSION, Welcome},
        peer::{Following, PeerId},
    },
};

impl Hub {
    pub(super) fn try_handle_message(
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
