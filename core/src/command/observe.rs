//! Calls as others see them: who is told of each (`MONITOR`), and which have to wait (`CLIENT PAUSE`).

use alloc::{format, vec::Vec};

use super::{Command, Context, Flags, Group, WaitFor, find_row};
use crate::session::{Otherwise, quote};

impl Context<'_> {
    /// Tells those who listen to all calls of this one. Operators' commands are told to nobody, and what is secret in
    /// others is left out; a call that is made again on account of a key was told when it came.
    #[cold]
    pub(super) fn tell_monitors(&mut self, row: &Command, call: &[&[u8]]) {
        if self.sessions.monitors.is_empty() || row.flags.has(Flags::ADMIN) || self.serving.is_some() {
            return;
        }
        let (now, db) = (self.data.now().0, self.data.db);
        let address = if self.in_script { "lua" } else { &self.sessions.session_mut(self.session).address };
        let mut line = format!("+{}.{:06} [{db} {address}]", now / 1000, now % 1000 * 1000).into_bytes();
        for (index, word) in call.iter().enumerate() {
            line.push(b' ');
            quote(if is_secret(row, call, index) { b"(redacted)" } else { word }, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        self.sessions.tell_monitors(&line);
    }

    /// Has a call wait for the end of a pause that concerns it; returns whether it does.
    #[cold]
    pub(super) fn postpone(&mut self, row: &Command, call: &[&[u8]]) -> bool {
        let session = self.sessions.session_mut(self.session);
        // Replicas have no connection that could wait; `QUIT` needs nothing of the data.
        let is_exempt = session.user.is_none() || row.name == "quit" || self.serving.is_some();
        if is_exempt || !(self.sessions.pause.holds_reads() || self.may_write(row, call)) {
            return false;
        }
        self.wait =
            Some(WaitFor { keys: Vec::new(), kind: None, deadline: None, call: None, otherwise: Otherwise::Called });
        true
    }

    /// Whether a call may change something that others see.
    fn may_write(&mut self, row: &Command, call: &[&[u8]]) -> bool {
        if row.group == Group::Scripting && row.container.is_empty() {
            let asks = !row.flags.has(Flags::READ);
            return asks && self.interpreter.as_ref().is_none_or(|interpreter| interpreter.may_write(row.name, call));
        }
        if row.name == "exec" {
            let calls = self.session().transaction.as_ref().map(|transaction| transaction.commands.clone());
            let mut calls = calls.into_iter().flatten();
            return calls.any(|call| {
                let words = call.words();
                find_row(&words).is_ok_and(|(row, _)| self.may_write(row, &words))
            });
        }
        row.flags.has(Flags::WRITE) || matches!(row.name, "pfcount" | "publish" | "spublish")
    }
}

/// Whether a word of a call is nobody's business.
fn is_secret(row: &Command, call: &[&[u8]], index: usize) -> bool {
    match row.name {
        "auth" => index > 0,
        "hello" => {
            let asks = |word: &&[u8]| word.eq_ignore_ascii_case(b"auth");
            let place = call.iter().position(asks);
            place.is_some_and(|place| index == place + 1 || index == place + 2)
        }
        _ => false,
    }
}
