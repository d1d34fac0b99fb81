//! What is done with calls that arrive while a script runs for too long: nearly all are refused, at once.
//!
//! The shell looks for such calls from within the script's own, so no other call of the engine is under way between two
//! of the script's commands. What is let through here therefore concerns its session alone.

use alloc::{format, string::String, vec::Vec};

use super::{Context, Flags, find_row, run};
use crate::{
    error::{Error, Result},
    resp::{Protocol, Reply},
    session::{Replies, SessionId},
};

/// What a call that arrives while a script runs leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyCall {
    /// It has its reply.
    Answered,
    /// It has its reply, after which its connection ends.
    Close,
    /// `SCRIPT KILL`.
    KillScript,
    /// `FUNCTION KILL`.
    KillFunction,
    /// `FUNCTION STATS`.
    Stats,
    /// `SHUTDOWN NOSAVE`.
    Shutdown,
}

impl Context<'_> {
    /// Takes in a call of another session while a script runs. `busy` is what most are answered with.
    pub fn call_while_busy(
        &mut self,
        session: SessionId,
        words: &[&[u8]],
        busy: &Error,
        out: &mut Vec<u8>,
    ) -> BusyCall {
        let start = out.len();
        let outcome = self.admit_while_busy(session, words, busy, out);
        let state = self.sessions.session_mut(session);
        let (protocol, replies) = (state.protocol, state.replies);
        let led_to = match outcome {
            Ok(led_to) => led_to,
            Err(error) => {
                if let Some(transaction) = &mut state.transaction {
                    transaction.aborted = true;
                }
                self.account_rejected(words);
                self.stats.count_error(&error);
                Reply::new(out, protocol).error(&error);
                BusyCall::Answered
            }
        };
        if replies != Replies::On {
            out.truncate(start);
        }
        led_to
    }

    fn admit_while_busy(
        &mut self,
        session: SessionId,
        words: &[&[u8]],
        busy: &Error,
        out: &mut Vec<u8>,
    ) -> Result<BusyCall> {
        let (row, name_words) = find_row(words)?;
        let state = self.sessions.session_mut(session);
        if state.killed {
            return Ok(BusyCall::Close);
        }
        if !state.authenticated && !row.flags.has(Flags::NO_AUTH) {
            return Err(Error::new("NOAUTH Authentication required."));
        }
        if !self.users.may_call(state, row, words) {
            return Err(super::permit::no_command(row));
        }
        let rest = words.get(name_words..).unwrap_or_default();
        match (row.container, row.name) {
            ("script", "kill") => Ok(BusyCall::KillScript),
            ("function", "kill") => Ok(BusyCall::KillFunction),
            ("function", "stats") => Ok(BusyCall::Stats),
            ("", "shutdown") if rest.iter().any(|word| word.eq_ignore_ascii_case(b"nosave")) => Ok(BusyCall::Shutdown),
            ("", "exec") if state.transaction.take().is_some() => {
                state.unwatch(self.data.keyspace);
                let why: String = format!("EXECABORT Transaction discarded because of: {busy}");
                Err(Error::owned(why))
            }
            ("", "auth" | "hello" | "quit" | "reset" | "multi" | "discard" | "unwatch") => {
                let protocol = state.protocol;
                let closes = row.name == "quit";
                let db = self.data.db;
                let mut inner = self.inner(out, protocol);
                inner.session = session;
                let outcome = run(&mut inner, row, words);
                self.data.db = db;
                outcome.map(|()| if closes { BusyCall::Close } else { BusyCall::Answered })
            }
            _ => Err(busy.clone()),
        }
    }

    /// Opens a session for a client that connects while a script runs.
    pub fn open_session(&mut self, address: &str, local_address: String) -> SessionId {
        let id = self.sessions.open(address.into(), self.data.env.now);
        let session = self.sessions.session_mut(id);
        session.local_address = local_address;
        self.users.welcome(session);
        id
    }

    /// The version that a session's replies are written in.
    pub fn protocol_of(&self, session: SessionId) -> Protocol {
        self.sessions.session(session).map(|session| session.protocol).unwrap_or_default()
    }
}
