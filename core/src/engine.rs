//! The engine: the one door to data, commands and sessions.
//!
//! A shell opens a session for each client, hands in what the client calls, and drains what the engine produced:
//! the reply from the buffer that it passed, the effects from the [journal](Engine::journal_mut). Mutate, then drain.
//!
//! ```
//! use sanderling_core::{Engine, EngineOptions, Env};
//!
//! let mut engine = Engine::new(EngineOptions::default());
//! let session = engine.open_session("127.0.0.1:50000", Env::new(0, 1));
//! let mut reply = Vec::new();
//! engine.execute(Env::new(0, 2), session, &[b"SET", b"greeting", b"hello"], &mut reply);
//! engine.execute(Env::new(0, 3), session, &[b"GET", b"greeting"], &mut reply);
//! assert_eq!(reply, b"+OK\r\n$5\r\nhello\r\n");
//! ```

#[cfg(feature = "server")]
mod blocking;
#[cfg(feature = "server")]
mod evicting;
#[cfg(feature = "server")]
mod measuring;
#[cfg(feature = "server")]
mod observing;

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};

#[cfg(feature = "server")]
use crate::{
    acl::Users,
    command::{Interpreter, rng_of},
    keyspace::{Garbage, Value},
    num::parse_f64,
};
use crate::{
    command::{self, Context, Data, Flags, Group, Lookups, WaitFor},
    config::Config,
    effect::{Applied, Change, Effect, Removal, Undo},
    env::{Env, UnixMillis},
    error::Error,
    facts::{Facts, Stats},
    format::{ChunkWriter, Journal},
    keyspace::Keyspace,
    limits::{DATABASES, Limits, STRING_BYTES_MAX},
    resp::Reply,
    role::Role,
    session::{Errand, Replies, SessionId, Sessions},
    types::hash::HashChange,
};

/// What an engine is made with.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Seed of the hash tables. Unguessable on a server, so that nobody can choose keys that collide.
    pub seed: u64,
    /// Whether it decides or follows.
    pub role: Role,
    /// The bounds.
    pub limits: Limits,
    /// The password that `AUTH` asks for; none if `None`. Only a server asks.
    pub password: Option<String>,
}

/// A keyspace with its sessions and settings.
#[derive(Debug)]
pub struct Engine {
    keyspace: Keyspace,
    journal: Journal,
    sessions: Sessions,
    config: Config,
    stats: Stats,
    facts: Facts,
    limits: Limits,
    role: Role,
    undos: Option<Vec<Undo>>,
    errands: VecDeque<Errand>,
    refusal: Option<Error>,
    #[cfg(feature = "server")]
    users: Users,
    #[cfg(feature = "server")]
    interpreter: Option<Box<dyn Interpreter>>,
}

/// What becomes of a connection after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It ends once the reply is written: `QUIT`.
    Close,
    /// There is no reply yet: the call waits, and nothing more of the connection is executed until
    /// `Engine::poll_woken` brings one. Only a server's calls do.
    Wait,
}

impl Engine {
    /// Makes an empty engine.
    pub fn new(mut options: EngineOptions) -> Self {
        options.limits.bulk_bytes_max = options.limits.bulk_bytes_max.min(STRING_BYTES_MAX);
        let mut config = Config::new(&options.limits);
        config.force("requirepass", options.password.clone().unwrap_or_default());
        let encoding = config.encoding(options.seed);
        Self {
            keyspace: Keyspace::new(encoding),
            journal: Journal::default(),
            sessions: Sessions::default(),
            config,
            stats: Stats::default(),
            facts: Facts::default(),
            limits: options.limits,
            role: options.role,
            undos: None,
            errands: VecDeque::new(),
            refusal: None,
            #[cfg(feature = "server")]
            users: Users::with_password(options.password.as_ref().map(String::as_bytes)),
            #[cfg(feature = "server")]
            interpreter: None,
        }
    }

    /// Opens a session for a client at `address` (`host:port`, as `CLIENT LIST` shows it).
    pub fn open_session(&mut self, address: &str, env: Env) -> SessionId {
        let id = self.sessions.open(address.into(), env.now);
        #[cfg(feature = "server")]
        self.users.welcome(self.sessions.session_mut(id));
        id
    }

    /// Closes a session. Its id isn't to be used again.
    pub fn close_session(&mut self, session: SessionId) {
        self.sessions.close(session, &mut self.keyspace);
    }

    /// Runs one call, the command's name first, and appends its one reply to `out`.
    ///
    /// All that it did stands in the journal when it returns: a transaction's effects together.
    /// It may wake other sessions: see `Engine::poll_woken`. A session waits for one call at most: one that makes
    /// another call while it waits has given up waiting, and that wait gets no reply.
    pub fn execute(&mut self, env: Env, session: SessionId, args: &[&[u8]], out: &mut Vec<u8>) -> Flow {
        #[cfg(feature = "server")]
        self.end_wait(session);
        let (flow, _wait) = self.call(env, session, args, None, out);
        #[cfg(feature = "server")]
        self.wait_and_serve(env, session, args, _wait);
        flow
    }

    /// Brings near the processor what calls of a session are about to use: their keys, or where all are about one key, what
    /// they name in its value or, by the `entropy` that each will be given, draw from it. Nothing else follows from it: a word
    /// that is no key or no member costs a little time.
    #[cfg(feature = "server")]
    pub fn warm<'w>(
        &mut self,
        session: SessionId,
        calls: impl Iterator<Item = &'w [&'w [u8]]> + Clone,
        entropy: impl Iterator<Item = u64>,
    ) {
        let key = |call: &&'w [&'w [u8]]| call.get(1).copied();
        let mut keys = calls.clone().filter_map(|call| key(&call));
        let (Some(first), Some(second)) = (keys.next(), keys.next()) else { return };
        let database = self.keyspace.db(self.sessions.session_mut(session).db);
        if first != second {
            return database.warm(calls.filter_map(|call| key(&call)));
        }
        match database.find(first).map(|entry| entry.value) {
            Some(Value::Hash(hash)) => hash.warm(calls.filter_map(|call| call.get(2).copied())),
            Some(Value::Set(set)) => match calls.clone().next() {
                // Without further words it draws.
                Some([_, _]) => set.warm_drawn(entropy.take(calls.count()).map(|entropy| rng_of(entropy, 1))),
                _ => set.warm(calls.filter_map(|call| call.get(2).copied())),
            },
            // Without further words it pops, `ZPOPMIN` or `ZPOPMAX`; else a member comes last.
            Some(Value::ZSet(zset)) => match calls.clone().next() {
                Some([name, _]) => zset.warm_end(calls.count(), name.last().is_some_and(|end| b"xX".contains(end))),
                _ => zset.warm(calls.filter_map(|call| match call {
                    [_, _, score, member] => Some((*member, parse_f64(score))),
                    _ => Some((*call.last()?, None)),
                })),
            },
            _ => {}
        }
    }

    /// Runs a call; of a waiting one that is made again, `serving` is the key that has changed.
    fn call(
        &mut self,
        env: Env,
        session: SessionId,
        args: &[&[u8]],
        serving: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> (Flow, Option<WaitFor>) {
        let state = self.sessions.session_mut(session);
        if state.killed {
            return (Flow::Close, None);
        }
        state.active_at = env.now;
        let (db, protocol) = (state.db, state.protocol);
        #[cfg(feature = "server")]
        let touches = !state.no_touch;
        let may_wait = state.may_wait && self.role == Role::Primary;
        if state.replies == Replies::SkipNext {
            state.replies = Replies::Skip;
        }
        let found = command::find_row(args);
        let row = match &found {
            Ok((row, _)) => {
                state.last_command = (row.container, row.name);
                row
            }
            Err(_) => &command::UNKNOWN,
        };
        #[cfg(feature = "server")]
        let is_observed = self.is_observed(env.now);
        #[cfg(feature = "server")]
        if is_observed {
            self.begin_observed(session, serving, out);
        }
        let start = out.len();
        let mut context = Context {
            data: Data {
                keyspace: &mut self.keyspace,
                journal: &mut self.journal,
                undos: self.undos.as_mut(),
                env,
                role: self.role,
                db,
                writing: false,
                draws: 0,
                lookups: Lookups::default(),
                #[cfg(feature = "server")]
                happenings: is_observed.then(Vec::new),
                #[cfg(feature = "server")]
                is_paused: is_observed && self.sessions.pause.is_on(env.now),
                #[cfg(feature = "server")]
                touches,
            },
            reply: Reply::new(out, protocol),
            limits: &self.limits,
            config: &mut self.config,
            stats: &mut self.stats,
            facts: &self.facts,
            sessions: &mut self.sessions,
            errands: &mut self.errands,
            #[cfg(feature = "server")]
            users: &mut self.users,
            #[cfg(feature = "server")]
            interpreter: &mut self.interpreter,
            refusal: self.refusal.as_ref(),
            session,
            #[cfg(feature = "server")]
            is_over_memory: false,
            #[cfg(feature = "server")]
            told_bytes: 0,
            row,
            in_script: false,
            may_wait,
            wait: None,
            serving,
            closing: false,
        };
        command::dispatch(&mut context, args, found);
        let (closing, lookups, wait) = (context.closing, context.data.lookups, context.wait);
        #[cfg(feature = "server")]
        let (is_observed, start) = (context.data.happenings.is_some(), start + context.told_bytes);
        self.stats.hits += lookups.hits;
        self.stats.misses += lookups.misses;
        self.stats.expired_keys += lookups.expired;
        let state = self.sessions.session_mut(session);
        // What a subscription confirms is a message, and no reply.
        let is_message = row.group == Group::PubSub && row.flags.has(Flags::CONNECTION);
        if state.replies != Replies::On && !is_message {
            out.truncate(start);
        }
        if state.replies == Replies::Skip {
            // A call that waits is answered later.
            state.replies = if wait.is_some() { Replies::SkipNext } else { Replies::On };
        }
        let closing = closing || state.killed;
        #[cfg(feature = "server")]
        if is_observed {
            let replies_now = wait.is_none() && serving.is_none();
            self.end_observed(session, row, replies_now, out);
        }
        self.follow_config();
        let flow = match wait {
            _ if closing => Flow::Close,
            Some(_) => Flow::Wait,
            None => Flow::Continue,
        };
        (flow, wait)
    }

    /// Brings what rests on the settings up to date with them. Commands do so themselves.
    pub fn follow_config(&mut self) {
        if self.config.take_changed() {
            self.keyspace.encoding = self.config.encoding(self.keyspace.encoding.seed);
            self.keyspace.aging = self.config.aging();
            self.limits.bulk_bytes_max = self.config.bulk_bytes_max();
            #[cfg(feature = "server")]
            self.users.follow(&mut self.config, &mut self.sessions);
        }
    }

    /// The next thing that a command asked of the shell, oldest first. To be polled after each call.
    pub fn poll_errand(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }

    /// Hands over what runs scripts. Without one, commands that need it are refused.
    #[cfg(feature = "server")]
    pub fn set_interpreter(&mut self, interpreter: Box<dyn Interpreter>) {
        self.interpreter = Some(interpreter);
    }

    /// The users, to define them as the shell's own configuration says.
    #[cfg(feature = "server")]
    pub fn users_mut(&mut self) -> &mut Users {
        &mut self.users
    }

    /// Whether `CLIENT PAUSE` holds up what writes.
    #[cfg(feature = "server")]
    pub(crate) fn is_paused(&self, now: UnixMillis) -> bool {
        self.sessions.pause.is_on(now)
    }

    /// Whether something holds up what writes: without a server, nothing does.
    #[cfg(not(feature = "server"))]
    pub(crate) fn is_paused(&self, _: UnixMillis) -> bool {
        false
    }

    /// Answers every write with this error from now on, or takes writes again: a shell that can't log them must not
    /// run them.
    pub fn refuse_writes(&mut self, why: Option<Error>) {
        self.refusal = why;
    }

    /// Removes keys and fields of hashes whose deadline has passed, `keys_max` at most. Returns how many it removed.
    ///
    /// Only a primary does; each removal is an effect in the journal.
    pub fn expire(&mut self, env: Env, keys_max: usize) -> usize {
        if self.role == Role::Replica || !self.config.active_expiry {
            return 0;
        }
        #[cfg(feature = "server")]
        if self.sessions.pause.is_on(env.now) {
            return 0;
        }
        #[cfg(feature = "server")]
        let start = self.begin_cycle();
        let mut removed = 0;
        for db in 0..DATABASES {
            while removed < keys_max
                && let Some(key) = self.keyspace.db_mut(db).pop_due(env.now)
            {
                let effect = Effect::new(&key, Change::Delete(Removal::Expired));
                #[cfg(feature = "server")]
                if self.is_observed(env.now) {
                    let happening = command::Happening::before(&self.keyspace, db, &effect);
                    command::notify(&mut self.sessions, self.config.events(), happening);
                }
                self.apply(db, &effect);
                self.stats.expired_keys += 1;
                removed += 1;
            }
            while removed < keys_max
                && let Some(entry) = self.keyspace.db_mut(db).key_of_due_part(env.now)
            {
                let (key, fields) =
                    (Box::<[u8]>::from(entry.key), command::due_fields(entry, env.now, keys_max - removed));
                removed += fields.len().max(1);
                let effect = Effect::new(&key, Change::Hash(HashChange::Expire(fields)));
                #[cfg(feature = "server")]
                let happening =
                    self.is_observed(env.now).then(|| command::Happening::before(&self.keyspace, db, &effect));
                self.apply(db, &effect);
                #[cfg(feature = "server")]
                if let Some(happening) = happening {
                    command::notify(&mut self.sessions, self.config.events(), happening.after(&self.keyspace));
                }
            }
        }
        #[cfg(feature = "server")]
        self.end_cycle(start, env);
        // Who waits in a group of a stream is told that it has gone.
        #[cfg(feature = "server")]
        self.serve_waiting(env);
        removed
    }

    /// Applies an effect that was decided elsewhere: from a log, a snapshot, a primary. It is journaled like one's own.
    pub fn apply(&mut self, db: u8, effect: &Effect<'_>) -> Applied {
        let applied = self.keyspace.apply(db, effect, self.undos.as_mut());
        if applied.changed {
            self.journal.record(db, effect);
        }
        applied
    }

    /// Starts or stops keeping what takes effects back, for [`Engine::take_undos`].
    pub fn keep_undos(&mut self, keep: bool) {
        self.undos = keep.then(Vec::new);
    }

    /// Takes the undos of all effects since the last call, oldest first.
    pub fn take_undos(&mut self) -> Vec<Undo> {
        self.undos.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Takes back effects, the newest first.
    pub fn undo_all(&mut self, undos: Vec<Undo>) {
        for undo in undos.into_iter().rev() {
            self.keyspace.undo(undo);
        }
    }

    /// Writes every key that `wanted` names, as snapshot chunks of about 128 KiB, to `write`.
    pub fn snapshot(&self, mut wanted: impl FnMut(u8, &[u8]) -> bool, mut write: impl FnMut(Vec<u8>)) {
        let mut writer = ChunkWriter::new();
        for db in 0..DATABASES {
            for entry in self.keyspace.db(db).iter() {
                if wanted(db, entry.key)
                    && let Some(chunk) = writer.push(db, entry)
                {
                    write(chunk);
                }
            }
        }
        writer.finish().into_iter().for_each(write);
    }

    /// Keeps what takes long to free for [`Engine::take_garbage`] from now on, which is to be called regularly then.
    #[cfg(feature = "server")]
    pub fn keep_garbage(&mut self) {
        self.keyspace.keep_garbage();
    }

    /// Takes what is to be freed, if there is anything: to be dropped on another thread.
    #[cfg(feature = "server")]
    pub fn take_garbage(&mut self) -> Option<Garbage> {
        self.keyspace.take_garbage()
    }

    /// The data, to read it.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The data, to observe it. Changes go through [`Engine::execute`] and [`Engine::apply`].
    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        &mut self.keyspace
    }

    /// The effects of what ran since it was last cleared.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The state of a session.
    ///
    /// # Panics
    /// If it was closed, which is a bug of the shell.
    pub fn session_mut(&mut self, session: SessionId) -> &mut crate::session::Session {
        self.sessions.session_mut(session)
    }

    /// The sessions that are open.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The settings, to change them as the shell's own configuration says.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// What has been counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What `INFO` tells of the shell, to be kept up to date by it.
    pub fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// The bounds that hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether it decides or follows.
    pub fn role(&self) -> Role {
        self.role
    }
}
