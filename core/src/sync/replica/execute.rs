//! The user's calls: answered at once, and kept with what takes them back if they write.

use alloc::{boxed::Box, format, vec, vec::Vec};

use super::{Replica, pending};
use crate::{
    command::{self, Command, Flags},
    env::{Env, UnixMillis},
    error::{Error, Result},
    format::ClientSeq,
    keyspace::Entry,
    resp::{Protocol, Reply},
    session::Queued,
    sync::planted::{self, Bug},
};

impl Replica {
    /// Runs a call and appends its reply, in RESP3, to `out`. Returns the number under which it was pushed if it
    /// writes; [events](Replica::poll_event) will tell what became of it.
    ///
    /// `env.now` is the replica's own clock.
    pub fn execute(&mut self, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> Option<ClientSeq> {
        self.execute_in(Protocol::Resp3, env, args, out)
    }

    /// Runs a call like [`execute`](Self::execute), with the reply in a version of the protocol, for a shell that hands it
    /// on. If that isn't RESP3, in which the server replies, no event will compare the two.
    pub fn execute_in(&mut self, protocol: Protocol, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> Option<ClientSeq> {
        self.settle();
        self.engine.session_mut(self.session).protocol = protocol;
        let seq = self.answer(protocol, env, args, out);
        self.engine.session_mut(self.session).protocol = Protocol::Resp3;
        seq
    }

    /// What a setting of this replica's engine is, under Redis's name for it; `value` is what it is from now on. Those about
    /// the encoding of values have an effect here, and nobody else is told.
    pub fn setting(&mut self, name: &str, value: Option<&str>) -> Option<&str> {
        if let Some(value) = value
            && self.engine.config_mut().replace(name, value)
        {
            self.engine.follow_config();
        }
        self.engine.config().value(name)
    }

    fn answer(&mut self, protocol: Protocol, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> Option<ClientSeq> {
        let env = Env { now: self.clock.server_time(env.now), entropy: env.entropy };
        match self.classify(env, args) {
            Ok(Intent::Local) => {
                self.engine.execute(env, self.session, args, out);
                None
            }
            Ok(Intent::Watch) => {
                self.watch(env, args.get(1..).unwrap_or_default());
                Reply::new(out, protocol).ok();
                None
            }
            Ok(Intent::Abort) => {
                self.engine.execute(env, self.session, &[b"DISCARD"], &mut Vec::new());
                Reply::new(out, protocol).null_array();
                None
            }
            Ok(Intent::Write(write)) => self.execute_optimistically(protocol, env, write, args, out),
            Err(error) => {
                let state = self.engine.session_mut(self.session);
                if let Some(transaction) = &mut state.transaction {
                    transaction.aborted = true;
                }
                Reply::new(out, protocol).error(&error);
                None
            }
        }
    }

    /// Decides what a call is to a replica.
    fn classify(&mut self, env: Env, args: &[&[u8]]) -> Result<Intent> {
        let (row, _) = command::find_row(args)?;
        if row.flags.has(Flags::SERVER_ONLY) || row.flags.has(Flags::ADMIN) {
            return Err(Error::owned(format!("ERR '{}' runs on a server only, not in a replica", row.name)));
        }
        if matches!(row.name, "select" | "reset" | "hello" | "auth" | "quit" | "swapdb" | "move") {
            return Err(Error::owned(format!("ERR '{}' isn't available in a replica", row.name)));
        }
        self.check_interest(row, args)?;
        let state = self.engine.session_mut(self.session);
        match &state.transaction {
            Some(transaction) if row.name == "exec" => {
                let (aborted, calls) = (transaction.aborted, transaction.commands.clone());
                let watched = core::mem::take(&mut self.watched);
                if aborted {
                    return Ok(Intent::Local);
                }
                if !watched.iter().all(|(key, digest)| self.digest_of(key, env.now) == *digest) {
                    return Ok(Intent::Abort);
                }
                let writes = calls.iter().any(|queued| is_write(&queued.words()));
                let write = Write { calls, conditions: watched, transaction: true };
                Ok(if writes { Intent::Write(write) } else { Intent::Local })
            }
            Some(_) => {
                if row.name == "discard" {
                    self.watched.clear();
                }
                Ok(Intent::Local)
            }
            None if row.name == "watch" || row.name == "unwatch" => Ok(Intent::Watch),
            None if row.flags.has(Flags::WRITE) => {
                let calls = vec![Queued::new(args)];
                Ok(Intent::Write(Write { calls, conditions: Vec::new(), transaction: false }))
            }
            None => Ok(Intent::Local),
        }
    }

    /// Remembers what keys hold now, for the transaction that follows; without keys it forgets all.
    fn watch(&mut self, env: Env, keys: &[&[u8]]) {
        if keys.is_empty() {
            self.watched.clear();
        }
        for key in keys {
            if !self.watched.iter().any(|(other, _)| **other == **key) {
                self.watched.push(((*key).into(), self.digest_of(key, env.now)));
            }
        }
    }

    /// The digest of what a key holds, 0 if it doesn't exist, or not any more: what has expired may still be there until
    /// the server has removed it.
    pub(super) fn digest_of(&self, key: &[u8], now: UnixMillis) -> u64 {
        let entry = self.engine.keyspace().db(self.db).find(key);
        let entry = entry.filter(|entry| !entry.is_expired(now) || planted::has(Bug::WatchedExpired));
        entry.map_or(0, Entry::digest)
    }

    /// Refuses keys whose values the replica doesn't know, unless the call needn't know them.
    fn check_interest(&mut self, row: &Command, args: &[&[u8]]) -> Result<()> {
        let looks_beyond = matches!(row.name, "sort" | "sort_ro") && args.iter().any(|word| word.contains(&b'*'));
        if looks_beyond && !self.holes.is_empty() {
            return Err(Error::new("UNKNOWN keys that a pattern leads to may not be held by this replica"));
        }
        let is_blind = is_blind(row.name, args);
        for position in row.key_positions(args) {
            let Some(key) = args.get(position) else { continue };
            if let Some(budget) = &mut self.budget {
                budget.note_use(key);
            }
            if !(self.is_known(key) || is_blind && self.known.contains(key)) {
                return Err(Error::owned(format!(
                    "UNKNOWN key '{}' isn't held by this replica: subscribe to it or fetch it",
                    key.get(..key.len().min(128)).unwrap_or_default().escape_ascii()
                )));
            }
        }
        Ok(())
    }

    fn execute_optimistically(
        &mut self,
        protocol: Protocol,
        env: Env,
        write: Write,
        args: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Option<ClientSeq> {
        let Write { calls, conditions, transaction } = write;
        let (client, seq, order) = (self.client, self.next_seq, self.next_order);
        let command = pending::Command { client, seq, now: env.now, calls, transaction, conditions, order };
        if let Some(error) = self.is_full().or_else(|| self.is_too_long(&command)) {
            if transaction {
                self.engine.execute(env, self.session, &[b"DISCARD"], &mut Vec::new());
            }
            Reply::new(out, protocol).error(&error);
            return None;
        }
        let start = out.len();
        let env = command.env();
        let outcome = self.run_recorded(env, args, out);
        let reply = out.get(start..).unwrap_or_default();
        // The caller of what fails here knows, and the server needn't. Inside a transaction single commands may fail,
        // and the others count. A failing command may still have removed a key that it found expired, which is for
        // the server to decide.
        if reply.first() == Some(&b'-') {
            self.engine.undo_all(outcome.undos);
            return None;
        }
        self.next_seq = seq.next();
        self.next_order += 1;
        let told = (protocol == Protocol::Resp3).then(|| Box::from(reply));
        self.tell_pending(&command);
        self.pending.push(command, told, Some(outcome));
        Some(seq)
    }

    /// Why nothing more can be kept, if so.
    fn is_full(&self) -> Option<Error> {
        (self.pending.len() >= self.limits.pending_commands_max).then(|| {
            Error::owned(format!(
                "ERR {} commands are pending, the most this replica keeps: connect to the server first",
                self.pending.len()
            ))
        })
    }

    /// Runs a call, keeping its effects and what takes them back.
    pub(super) fn run_recorded(&mut self, env: Env, args: &[&[u8]], out: &mut Vec<u8>) -> pending::Outcome {
        self.engine.keep_undos(true);
        self.engine.journal_mut().enable(true);
        self.engine.journal_mut().clear();
        self.engine.execute(env, self.session, args, out);
        let effects = self.engine.journal_mut().bytes().into();
        let undos = self.engine.take_undos();
        self.engine.keep_undos(false);
        self.engine.journal_mut().enable(false);
        self.engine.journal_mut().clear();
        pending::Outcome { effects, undos }
    }
}

/// What a call is to a replica.
enum Intent {
    /// A read, or something that concerns the session: answered here, and nobody else is told.
    Local,
    /// A write, which is to be pushed.
    Write(Write),
    /// `WATCH` or `UNWATCH`.
    Watch,
    /// `EXEC` of a transaction whose watched keys have changed.
    Abort,
}

/// What is to be pushed: these calls, if these keys have these digests.
struct Write {
    calls: Vec<Queued>,
    conditions: Vec<(Box<[u8]>, u64)>,
    transaction: bool,
}

/// Whether a call gives its keys values whatever they hold: it needn't know them.
pub(super) fn is_blind(name: &str, args: &[&[u8]]) -> bool {
    let is_condition = |word: &&[u8]| LOOKING.iter().any(|option| word.eq_ignore_ascii_case(option));
    match name {
        "set" => !args.iter().skip(3).any(is_condition),
        _ => matches!(name, "mset" | "setex" | "psetex"),
    }
}

/// The options with which `SET` looks at what is there.
const LOOKING: [&[u8]; 4] = [b"nx", b"xx", b"get", b"keepttl"];

fn is_write(words: &[&[u8]]) -> bool {
    command::find_row(words).is_ok_and(|(row, _)| row.flags.has(Flags::WRITE))
}
