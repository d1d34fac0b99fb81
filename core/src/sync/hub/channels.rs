//! What passes through and is kept nowhere: messages on channels, calls, and keys that live as long as a connection.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use super::Hub;
use crate::{
    blob::Blob,
    command::{self, Flags, Group},
    engine::{Engine, Flow},
    env::{Env, UnixMillis},
    error::Error,
    resp::{Protocol, Reply},
    session::{SessionId, Woken},
    sync::{
        grant::Grant,
        message::{CloseReason, ToReplica},
        peer::{Following, Message, PeerId},
    },
};

/// Who listens to what, and who is present.
#[derive(Debug, Default)]
pub(super) struct Channels {
    listeners: BTreeMap<Box<[u8]>, BTreeSet<PeerId>>,
    /// Keys that live as long as a connection, by database.
    presence: BTreeMap<(u8, Box<[u8]>), PeerId>,
    renew_at: Option<UnixMillis>,
}

impl Channels {
    /// When presence is to be renewed.
    pub(super) fn next_renewal(&self) -> Option<UnixMillis> {
        self.renew_at
    }

    /// Lets a replica listen to nothing any more.
    pub(super) fn leave_all(&mut self, id: PeerId, channels: &[Box<[u8]>]) {
        channels.iter().for_each(|channel| self.leave(id, channel));
    }

    /// Ends what a replica's grant doesn't allow any more. A key of presence goes when its deadline comes.
    pub(super) fn narrow(&mut self, id: PeerId, grant: &Grant, following: &mut Following) {
        following.channels.retain(|channel| {
            let may = grant.may_use_channel(channel);
            if !may {
                self.leave(id, channel);
            }
            may
        });
        let db = following.db;
        following.presence.retain(|key| {
            let (may, owned) = (grant.may_write(key), (db, key.clone()));
            if !may && self.presence.get(&owned) == Some(&id) {
                self.presence.remove(&owned);
            }
            may
        });
    }

    fn leave(&mut self, id: PeerId, channel: &[u8]) {
        if let Some(listeners) = self.listeners.get_mut(channel) {
            listeners.remove(&id);
            if listeners.is_empty() {
                self.listeners.remove(channel);
            }
        }
    }
}

impl Hub {
    /// Hands a message to the replicas that listen to a channel; returns how many do.
    pub fn publish(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        let Some(listeners) = self.channels.listeners.get(channel) else { return 0 };
        let ids: Vec<PeerId> = listeners.iter().copied().collect();
        let message: Message = ToReplica::Message { channel: channel.into(), payload: payload.into() }.encode().into();
        ids.iter().for_each(|id| self.send_encoded(*id, message.clone()));
        ids.len()
    }

    /// Takes in the reply to a call that waited. Returns whether the session was that of a replica's call.
    pub fn handle_woken(&mut self, engine: &mut Engine, woken: &Woken) -> bool {
        let Some(id) = self.sessions.get(&woken.session).copied() else { return false };
        self.reply_to_call(engine, id, woken.session, &woken.reply);
        true
    }

    pub(super) fn handle_listen(
        &mut self,
        id: PeerId,
        join: &[Blob<'_>],
        leave: &[Blob<'_>],
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        let mut declined = Vec::new();
        let channels_max = self.options.limits.peer_channels_max.min(peer.grant.limits.interest_patterns_max);
        let Some(following) = &mut peer.following else { return Ok(()) };
        for channel in join {
            if !peer.grant.may_use_channel(channel) {
                declined.push(channel);
                continue;
            }
            let channel: Box<[u8]> = Box::from(&**channel);
            if !following.channels.contains(&channel) {
                if following.channels.len() >= channels_max {
                    return Err(CloseReason::LimitPassed("more channels than channels_max"));
                }
                following.channels.push(channel.clone());
                self.channels.listeners.entry(channel).or_default().insert(id);
            }
        }
        for channel in leave {
            following.channels.retain(|other| **other != **channel);
            self.channels.leave(id, channel);
        }
        for channel in declined {
            self.decline(id, "channel", channel);
        }
        Ok(())
    }

    /// Tells a replica that its token doesn't allow it something that has no answer of its own.
    fn decline(&mut self, id: PeerId, what: &str, name: &[u8]) {
        let name = name.get(..name.len().min(NAME_BYTES_MAX)).unwrap_or_default().escape_ascii();
        let error = Error::owned(alloc::format!("NOPERM the token doesn't allow the {what} '{name}'"));
        let mut reply = Vec::new();
        Reply::new(&mut reply, Protocol::Resp3).error(&error);
        self.send(id, &ToReplica::Declined { error: reply.into() });
    }

    pub(super) fn handle_publish(&mut self, _engine: &mut Engine, id: PeerId, channel: &[u8], payload: &[u8]) {
        if self.peers.get(id.0).is_some_and(|peer| peer.grant.may_use_channel(channel)) {
            self.publish(channel, payload);
            #[cfg(feature = "server")]
            _engine.publish(channel, payload);
        } else {
            self.decline(id, "channel", channel);
        }
    }

    /// Runs a call of a replica in a session of its own.
    pub(super) fn handle_call(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        call: u32,
        words: &[Blob<'_>],
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        let Some(following) = &mut peer.following else { return Ok(()) };
        if following.calls.len() >= self.options.limits.peer_calls_max {
            return Err(CloseReason::LimitPassed("more calls at once than calls_max"));
        }
        let words: Vec<&[u8]> = words.iter().map(|word| &**word).collect();
        let allowed = command::find_row(&words).and_then(|(row, _)| {
            if row.flags.has(Flags::ADMIN) || row.flags.has(Flags::CONNECTION) {
                return Err(Error::new("ERR this command can't be called by a replica"));
            }
            peer.grant.check_call(&words).map(|()| row.group)
        });
        let mut reply = Vec::new();
        if let Err(error) = &allowed {
            Reply::new(&mut reply, Protocol::Resp3).error(error);
            self.send(id, &ToReplica::Reply { id: call, reply: reply.into() });
            return Ok(());
        }
        let session = engine.open_session("sync", env);
        let state = engine.session_mut(session);
        (state.protocol, state.db) = (Protocol::Resp3, following.db);
        state.trust();
        if allowed == Ok(Group::Scripting) {
            // The keys that the call names are checked; those that its commands name must be, too.
            state.guard = Some(Arc::<Grant>::clone(&peer.grant));
        }
        following.calls.insert(session, call);
        self.sessions.insert(session, id);
        let flow = engine.execute(env, session, &words, &mut reply);
        self.commit(engine, env.now);
        if flow != Flow::Wait {
            self.reply_to_call(engine, id, session, &reply);
        }
        Ok(())
    }

    fn reply_to_call(&mut self, engine: &mut Engine, id: PeerId, session: SessionId, reply: &[u8]) {
        self.sessions.remove(&session);
        engine.close_session(session);
        let following = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut());
        if let Some(call) = following.and_then(|following| following.calls.remove(&session)) {
            self.send(id, &ToReplica::Reply { id: call, reply: reply.into() });
        }
    }

    /// Sets or ends a key that lives as long as the connection.
    pub(super) fn handle_presence(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        let Some(following) = &mut peer.following else { return Ok(()) };
        if !peer.grant.may_write(key) {
            self.decline(id, "presence", key);
            return Ok(());
        }
        let (owned, session) = ((following.db, Box::from(key)), following.session);
        let Some(value) = value else {
            following.presence.retain(|other| **other != *key);
            if self.channels.presence.get(&owned) == Some(&id) {
                self.channels.presence.remove(&owned);
                engine.execute(env, session, &[b"DEL", key], &mut Vec::new());
                self.commit(engine, env.now);
            }
            return Ok(());
        };
        if !following.presence.iter().any(|other| **other == *key) {
            if following.presence.len() >= self.options.limits.peer_presence_max {
                return Err(CloseReason::LimitPassed("more keys of presence than presence_max"));
            }
            following.presence.push(key.into());
        }
        self.channels.presence.insert(owned, id);
        self.channels.renew_at.get_or_insert(env.now.plus_ms(RENEW_MS));
        let lease = alloc::format!("{LEASE_MS}");
        engine.execute(env, session, &[b"SET", key, value, b"PX", lease.as_bytes()], &mut Vec::new());
        self.commit(engine, env.now);
        Ok(())
    }

    /// Moves the deadlines of presence on.
    pub(super) fn renew_presence(&mut self, engine: &mut Engine, env: Env) {
        if self.channels.renew_at.is_none_or(|at| env.now < at) {
            return;
        }
        let lease = alloc::format!("{LEASE_MS}");
        for ((_, key), id) in &self.channels.presence {
            if let Some(following) = self.peers.get(id.0).and_then(|peer| peer.following.as_ref()) {
                engine.execute(env, following.session, &[b"PEXPIRE", key, lease.as_bytes()], &mut Vec::new());
            }
        }
        self.channels.renew_at = (!self.channels.presence.is_empty()).then(|| env.now.plus_ms(RENEW_MS));
        self.commit(engine, env.now);
    }

    /// Ends the keys that lived as long as a connection.
    pub(super) fn end_presence(&mut self, engine: &mut Engine, env: Env, id: PeerId, following: &Following) {
        if following.presence.is_empty() {
            return;
        }
        let session = engine.open_session("sync", env);
        let state = engine.session_mut(session);
        state.trust();
        state.db = following.db;
        for key in &following.presence {
            let owned = (following.db, key.clone());
            if self.channels.presence.get(&owned) == Some(&id) {
                self.channels.presence.remove(&owned);
                engine.execute(env, session, &[b"DEL", key], &mut Vec::new());
            }
        }
        engine.close_session(session);
        self.commit(engine, env.now);
    }
}

/// How long presence outlives a server that went down, in milliseconds.
const LEASE_MS: u64 = 60_000;

/// How often its deadline is moved on.
const RENEW_MS: u64 = 20_000;

/// How much of the name of what isn't allowed is told.
const NAME_BYTES_MAX: usize = 128;
