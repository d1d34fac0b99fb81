//! What replicas say: who they are, what they want, and what they ask.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::Hub;
use crate::{
    blob::Blob,
    engine::Engine,
    env::{Env, UnixMillis},
    error::Error,
    format::{ClientId, ClientSeq},
    limits::DATABASES,
    resp::{Protocol, Reply},
    sync::{
        buckets::bits_among,
        history::{LogId, ResumeToken},
        interest::Interest,
        load::{Digest, Load, Step},
        message::{
            CloseReason, Features, Hello, LoadScope, OLDEST_VERSION, ServerLimits, Start, ToHub, ToReplica, VERSION,
            Welcome,
        },
        peer::{Following, PeerId},
        planted::{self, Bug},
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
        let bytes_max = self.options.limits.sync_message_bytes_max;
        if bytes.len() > bytes_max {
            return Err(CloseReason::LimitPassed("the message is longer than sync_message_bytes_max"));
        }
        let message = ToHub::decode(bytes).map_err(CloseReason::Malformed)?;
        match message.unpacked(bytes_max).map_err(CloseReason::Malformed)? {
            None => self.handle_decoded(engine, env, id, message),
            Some(bytes) => match ToHub::decode(&bytes).map_err(CloseReason::Malformed)? {
                ToHub::Packed(_) => Err(CloseReason::Malformed("a packed message in a packed message")),
                message => self.handle_decoded(engine, env, id, message),
            },
        }
    }

    fn handle_decoded(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        message: ToHub<'_>,
    ) -> Result<(), CloseReason> {
        self.end_pause(engine, env);
        let follows = self.peers.get(id.0).is_some_and(|peer| peer.following.is_some() && !peer.closing);
        if follows && self.is_held_up(engine, env, id, &message) {
            return self.hold_up(id, &message);
        }
        self.take_in(engine, env, id, message)
    }

    /// Does what a message asks for.
    pub(super) fn take_in(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        message: ToHub<'_>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get(id.0).filter(|peer| !peer.closing) else { return Ok(()) };
        match (message, peer.following.is_some()) {
            (ToHub::Hello(hello), false) => self.handle_hello(engine, env, id, &hello),
            (ToHub::Hello(_), true) => Err(CloseReason::Malformed("a second hello")),
            (_, false) => Err(CloseReason::Malformed("the first message isn't a hello")),
            (ToHub::Push(push), true) => self.handle_push(engine, env, id, &push),
            (ToHub::Ping { sent }, true) => {
                self.send(id, &ToReplica::Pong { sent, now: env.now });
                // What waits for the end of a pause was said before, and hasn't run.
                if !self.paused.holds(id)
                    && let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut())
                    && following.settles_doubt()
                {
                    following.in_doubt = 0;
                    following.clients.iter().for_each(|client| self.clients.set_doubt(*client, false));
                }
                self.send_position(id);
                Ok(())
            }
            (ToHub::Packed(_), true) => Ok(()),
            (ToHub::Digests { bits, sums }, true) => self.handle_digests(id, bits, sums),
            (ToHub::Subscribe { id: subscription, add, remove }, true) => {
                self.handle_subscribe(id, subscription, &add, &remove)
            }
            (ToHub::Fetch { keys }, true) => self.handle_fetch(id, &keys),
            (ToHub::Credit { bytes }, true) => {
                if let Some(credit) = self.peers.get_mut(id.0).and_then(|peer| peer.credit.as_mut()) {
                    *credit = credit.saturating_add(i64::from(bytes));
                    self.wake(id);
                }
                Ok(())
            }
            (ToHub::Call { id: call, call: words }, true) => self.handle_call(engine, env, id, call, &words),
            (ToHub::Renew { token }, true) => {
                self.renewals.retain(|(other, _)| *other != id);
                self.renewals.push_back((id, (*token).into()));
                Ok(())
            }
            (ToHub::Listen { join, leave }, true) => self.handle_listen(id, &join, &leave),
            (ToHub::Publish { channel, payload }, true) => {
                self.handle_publish(engine, id, &channel, &payload);
                Ok(())
            }
            (ToHub::Presence { key, value }, true) => self.handle_presence(engine, env, id, &key, value.as_deref()),
            (ToHub::Join { client, acknowledged }, true) => self.handle_join(env, id, client, acknowledged),
        }
    }

    fn handle_hello(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        hello: &Hello<'_>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        if hello.version < OLDEST_VERSION || hello.oldest > VERSION {
            return Err(CloseReason::UnsupportedVersion(hello.version));
        }
        if hello.db >= DATABASES {
            return Err(CloseReason::Malformed("a database that doesn't exist"));
        }
        if hello.clients.is_empty() {
            return Err(CloseReason::Malformed("a hello without a client"));
        }
        // What is too much is left out, and the welcome says so: the rest syncs.
        let limits = self.options.limits;
        let hello_clients = hello.clients.get(..limits.peer_clients_max.max(CLIENTS_MIN)).unwrap_or(&hello.clients);
        let patterns_max = limits.interest_patterns_max.min(peer.grant.limits.interest_patterns_max);
        let channels_max = limits.peer_channels_max.min(peer.grant.limits.interest_patterns_max);
        let interest = hello.interest.get(..patterns_max).unwrap_or(&hello.interest);
        peer.credit = (hello.credit > 0).then_some(i64::from(hello.credit));
        let read = peer.grant.read.clone();
        let scope = read.fingerprint();
        let clients: Vec<ClientId> = hello_clients.iter().map(|(client, _)| *client).collect();
        for client in &clients {
            // An older connection of the same client is a half-open remain of this one.
            if let Some(other) = self.online.insert(*client, id).filter(|other| *other != id) {
                self.close(other, CloseReason::Replaced);
            }
        }
        let in_doubt = (0..).zip(hello_clients).fold(0_u64, |bits, (index, (client, acknowledged))| {
            let is_in_doubt = self.clients.is_in_doubt(*client, *acknowledged, hello.resume, index == 0);
            bits | u64::from(is_in_doubt).checked_shl(index).unwrap_or_default()
        });
        let pushed =
            hello_clients.iter().map(|(client, acknowledged)| self.welcome_client(*client, *acknowledged, env.now));
        let pushed = pushed.collect();
        for (index, client) in (0..).zip(&clients) {
            if in_doubt.checked_shr(index).unwrap_or_default() & 1 == 1 {
                self.clients.note(*client, self.clients.last(*client), self.seq, env.now, &self.options.limits);
                self.clients.set_doubt(*client, true);
            }
        }
        let session = engine.open_session("sync", env);
        let state = engine.session_mut(session);
        (state.protocol, state.db) = (Protocol::Resp3, hello.db);
        state.trust();
        // What is pushed is answered in its turn: the next one can't wait for it.
        state.may_wait = false;
        self.sessions.insert(session, id);
        let keys = engine.keyspace().db(hello.db).len();
        let start = match hello.resume {
            Some(token) if token.scope == scope && self.can_resume(token) => Start::Resume,
            Some(_) if keys >= self.options.digest_keys_min => {
                let bits = bits_among(keys, self.peers.len());
                Start::Digest { bits: bits.min(bits_within(limits.sync_message_bytes_max)) }
            }
            _ => Start::Load,
        };
        let how = match start {
            Start::Resume => 0,
            Start::Digest { .. } => 1,
            Start::Load => 2,
        };
        self.starts.get_mut(how).into_iter().for_each(|count| *count += 1);
        let step = match start {
            Start::Resume => None,
            Start::Digest { bits } => Some(Step::Digest(Digest::new(bits))),
            Start::Load => Some(Step::Load(Load::new(LoadScope::Everything, Vec::new()))),
        };
        let resume = hello.resume.filter(|_| start == Start::Resume);
        let mut cursor = resume.map_or(self.seq, |token| token.seq);
        if planted::has(Bug::ResumeOffByOne) && cursor < self.durable {
            cursor = cursor.next();
        }
        let class = self.classes.join(hello.db, Interest::from_blobs(interest), read, id);
        let features = hello.features.and(Features::ALL);
        let following = Following {
            db: hello.db,
            features,
            globs: interest.iter().map(|glob| Box::from(&**glob)).collect(),
            known: Interest::from_blobs(interest),
            clients,
            in_doubt,
            doubt_refused: false,
            session,
            class,
            cursor,
            since: self.seq,
            owes_position: start == Start::Resume,
            own: VecDeque::new(),
            reply_bytes: 0,
            steps: step.into_iter().collect(),
            sweeping: false,
            held: None,
            fetches: Vec::new(),
            channels: Vec::new(),
            presence: Vec::new(),
            calls: BTreeMap::new(),
        };
        if let Some(peer) = self.peers.get_mut(id.0) {
            peer.following = Some(Box::new(following));
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let limits = ServerLimits {
            message_bytes_max: count(limits.sync_message_bytes_max),
            patterns_max: count(patterns_max),
            calls_max: count(limits.peer_calls_max),
            steps_max: count(limits.peer_steps_max),
            presence_max: count(limits.peer_presence_max),
            channels_max: count(channels_max),
            fetches_max: count(limits.peer_fetches_max),
            clients_max: count(limits.peer_clients_max.max(CLIENTS_MIN)),
        };
        let log = self.history.current().unwrap_or(LogId(0));
        let version = hello.version.min(VERSION);
        let welcome = Welcome {
            version,
            features,
            log,
            scope,
            seq: resume.map_or(cursor, |token| token.seq),
            head: self.seq,
            now: env.now,
            start,
            pushed,
            limits,
        };
        self.send(id, &ToReplica::Welcome(welcome));
        Ok(())
    }

    /// Takes in that a replica brings the commands of another one.
    fn handle_join(
        &mut self,
        env: Env,
        id: PeerId,
        client: ClientId,
        acknowledged: ClientSeq,
    ) -> Result<(), CloseReason> {
        let pushed = self.welcome_client(client, acknowledged, env.now);
        let head = self.seq;
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return Ok(()) };
        if following.clients.len() >= self.options.limits.peer_clients_max.max(CLIENTS_MIN) {
            return Err(CloseReason::LimitPassed("more identities than clients_max"));
        }
        let index = u32::try_from(following.clients.len()).unwrap_or(u32::MAX);
        following.clients.push(client);
        // It may have pushed commands on another connection, of which this one hasn't been told yet.
        (following.since, following.owes_position) = (head, true);
        if let Some(other) = self.online.insert(client, id).filter(|other| *other != id) {
            self.close(other, CloseReason::Replaced);
        }
        self.send(id, &ToReplica::Joined { client: index, pushed, head });
        self.wake(id);
        Ok(())
    }

    /// The highest command of a client that took effect. What the client knows as acknowledged counts, too: the log
    /// may have lost it with a disk, and the client must be able to go on.
    fn welcome_client(&mut self, client: ClientId, acknowledged: ClientSeq, now: UnixMillis) -> ClientSeq {
        let known = self.clients.last(client);
        if acknowledged > known {
            self.clients.note(client, acknowledged, self.seq, now, &self.options.limits);
        }
        known.max(acknowledged)
    }

    fn can_resume(&self, token: ResumeToken) -> bool {
        let is_known = self.history.contains(token, self.seq) || planted::has(Bug::StaleEpoch) && token.seq <= self.seq;
        is_known && token.seq.0 >= self.oldest()
    }

    fn handle_digests(&mut self, id: PeerId, bits: u8, sums: Vec<u64>) -> Result<(), CloseReason> {
        let following = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut());
        // All keys may have gone meanwhile: then there is nothing to compare any more.
        if let Some(Step::Digest(digest)) = following.and_then(|following| following.steps.front_mut()) {
            if digest.theirs.is_some() || digest.bits != bits || sums.len() != 1 << digest.bits {
                return Err(CloseReason::Malformed("digests that weren't asked for"));
            }
            digest.theirs = Some(sums);
        }
        self.wake(id);
        Ok(())
    }

    fn handle_subscribe(
        &mut self,
        id: PeerId,
        subscription: u32,
        add: &[Blob<'_>],
        remove: &[Blob<'_>],
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        let patterns_max = self.options.limits.interest_patterns_max.min(peer.grant.limits.interest_patterns_max);
        let Some(following) = &mut peer.following else { return Ok(()) };
        let steps = usize::from(!add.is_empty() || remove.is_empty()) + usize::from(!remove.is_empty());
        if following.steps.len() + steps > self.options.limits.peer_steps_max {
            return Err(CloseReason::LimitPassed("more changes of interest at once than steps_max"));
        }
        let globs_of = |step: &Step| if let Step::Load(load) = step { load.globs.len() } else { 0 };
        let waiting: usize = following.steps.iter().map(globs_of).sum();
        if following.globs.len() + waiting + add.len() > patterns_max {
            let mut error = Vec::new();
            Reply::new(&mut error, Protocol::Resp3)
                .error(&Error::new("ERR more patterns than interest_patterns_max allows"));
            self.send(id, &ToReplica::NotSubscribed { id: subscription, error: error.into() });
            return Ok(());
        }
        if !add.is_empty() || remove.is_empty() {
            let scope = LoadScope::Added { id: subscription };
            let globs = add.iter().map(|glob| Box::from(&**glob)).collect();
            following.steps.push_back(Step::Load(Load::new(scope, globs)));
            self.classify(id);
        }
        let following = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut());
        if let Some(following) = following
            && !remove.is_empty()
        {
            let globs = remove.iter().map(|glob| Box::from(&**glob)).collect();
            following.steps.push_back(Step::Remove { id: subscription, globs });
        }
        self.wake(id);
        Ok(())
    }

    fn handle_fetch(&mut self, id: PeerId, keys: &[Blob<'_>]) -> Result<(), CloseReason> {
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return Ok(()) };
        if following.fetches.len() + keys.len() > self.options.limits.peer_fetches_max {
            return Err(CloseReason::LimitPassed("more keys are being fetched than fetches_max"));
        }
        following.fetches.extend(keys.iter().map(|key| Box::from(&**key)));
        self.wake(id);
        Ok(())
    }
}

/// The bits whose sums still fit a message.
fn bits_within(bytes_max: usize) -> u8 {
    let buckets = bytes_max.saturating_sub(SUMS_OVERHEAD_BYTES) / SUM_BYTES_MAX;
    u8::try_from(buckets.checked_ilog2().unwrap_or(0)).unwrap_or(0)
}

/// What a sum takes at most.
const SUM_BYTES_MAX: usize = 10;

/// What stands around the sums.
const SUMS_OVERHEAD_BYTES: usize = 16;

/// A replica's own identity and one more are always taken, so that it gets on.
const CLIENTS_MIN: usize = 2;
