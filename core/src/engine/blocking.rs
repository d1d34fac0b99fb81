//! Calls that wait: who begins to, who is served, who is answered with nothing. Only a server's calls wait; a replica
//! answers at once, so its build does without this.

use alloc::vec::Vec;

use super::{Engine, Flow};
use crate::{
    command::WaitFor,
    env::{Env, UnixMillis},
    session::{Errand, Published, Queued, SessionId, Topic, Wait, Woken},
};

impl Engine {
    /// Lets a session wait no more.
    pub(super) fn end_wait(&mut self, session: SessionId) {
        self.sessions.waiting.end(session, &mut self.keyspace);
    }

    /// Lets a session wait if its call asked for that, and serves whom the call concerned.
    pub(super) fn wait_and_serve(&mut self, env: Env, session: SessionId, args: &[&[u8]], wait: Option<WaitFor>) {
        self.begin_wait(session, args, wait);
        self.serve_waiting(env);
        if self.sessions.waiting.has_postponed() {
            self.resume(env);
        }
    }

    fn begin_wait(&mut self, session: SessionId, args: &[&[u8]], wait: Option<WaitFor>) {
        if let Some(WaitFor { keys, kind, deadline, call, otherwise }) = wait {
            let db = self.sessions.session_mut(session).db;
            let call = call.unwrap_or_else(|| Queued::new(args));
            let wait = Wait { call, db, keys, kind, deadline, otherwise };
            self.sessions.waiting.begin(session, wait, &mut self.keyspace);
        }
    }

    /// Makes the calls that waited for the end of a pause, if it is over.
    #[cold]
    fn resume(&mut self, env: Env) {
        while !self.sessions.pause.is_on(env.now)
            && let Some((session, call)) = self.sessions.waiting.pop_postponed(&mut self.keyspace)
        {
            let (words, mut reply) = (call.words(), Vec::new());
            let (flow, wait) = self.call(env, session, &words, None, &mut reply);
            if wait.is_none() {
                self.sessions.woken.push_back(Woken { session, reply });
            }
            if flow == Flow::Close {
                self.errands.push_back(Errand::Close(session));
            }
            self.begin_wait(session, &words, wait);
            self.serve_waiting(env);
        }
    }

    /// Serves the calls that wait for keys which have changed, and those that wait for what serving them changed.
    ///
    /// Every turn either wakes a call or takes a key off the queue, so it ends.
    pub(super) fn serve_waiting(&mut self, env: Env) {
        while let Some((db, key)) = self.keyspace.pop_ready() {
            let mut last = 0;
            while let Some((number, session, wait)) = self.sessions.waiting.next_on(db, &key, last) {
                last = number;
                let entry = self.keyspace.db(db).find(&key).filter(|entry| !entry.is_expired(env.now));
                // Values of several types may be waited for under one key.
                if wait.kind.is_some() && wait.kind != entry.map(|entry| entry.value.kind()) {
                    continue;
                }
                let call = wait.call.clone();
                let mut reply = Vec::new();
                let (_, again) = self.call(env, session, &call.words(), Some(&key), &mut reply);
                if again.is_none() {
                    self.sessions.wake(session, reply, &mut self.keyspace);
                }
            }
        }
    }

    /// Answers the calls whose time to wait is over, and makes those for which a pause is.
    pub fn expire_waits(&mut self, env: Env) {
        if self.sessions.waiting.has_postponed() {
            self.resume(env);
        }
        while let Some((session, otherwise)) = self.sessions.waiting.due(env.now) {
            self.sessions.wake_with(session, &mut self.keyspace, |reply| otherwise.write(reply));
        }
    }

    /// When [`Engine::expire_waits`] has something to do next.
    pub fn next_wait_deadline(&self) -> Option<UnixMillis> {
        self.sessions.waiting.next_deadline()
    }

    /// Whether [`Engine::poll_woken`], [`Engine::poll_message`] or [`Engine::poll_published`] has something.
    pub fn has_woken(&self) -> bool {
        !self.sessions.woken.is_empty() || self.sessions.has_messages()
    }

    /// The next message to a session that listens, as it is written to its connection. To be polled after each call,
    /// until there is none.
    pub fn poll_message(&mut self) -> Option<Woken> {
        self.sessions.poll_message()
    }

    /// The next message that a command published, for those who listen elsewhere.
    pub fn poll_published(&mut self) -> Option<Published> {
        self.sessions.pubsub.poll_published()
    }

    /// Hands a message that was published elsewhere to the sessions that listen to its channel; returns how many do.
    pub fn publish(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        self.sessions.publish(Topic::Channel, channel, payload)
    }

    /// The next session whose waiting is over, with its reply. To be polled after each call, until there is none.
    pub fn poll_woken(&mut self) -> Option<Woken> {
        self.sessions.woken.pop_front()
    }
}
