//! What is noted of a command around its run: how long it took, how it ended, and whether that is worth telling.

use alloc::{string::String, vec::Vec};

use super::{Command, Context, Flags, find_row, table};
use crate::{
    error::Error,
    facts::Before,
    session::SessionId,
    stats::{Ended, SlowOrigin},
};

impl Context<'_> {
    /// Says when a command begins; never, where that isn't measured.
    pub(super) fn begin(&self) -> u64 {
        if self.config.measures.wants_times() { self.stats.meter.start(self.in_script) } else { u64::MAX }
    }

    /// Notes how a command ended that began at `start`. Cost: O(1) and one look at the clock.
    pub(super) fn account(&mut self, row: &'static Command, args: &[&[u8]], start: u64, failed: bool) {
        let measures = self.config.measures;
        let nanos = if measures.wants_times() { self.stats.meter.finish(start) } else { 0 };
        let again = self.serving.is_some() && !self.in_script;
        let ended = Ended { nanos, failed, again, waits: self.wait.is_some() };
        self.stats.meter.calls.count(table::number_of(row), ended, measures.histograms);
        if nanos >= measures.slow_nanos.min(measures.latency_nanos) && !ended.waits {
            self.note_slow(row, args, nanos);
        }
    }

    /// Notes that a call was refused before it ran, if there is such a command.
    pub(super) fn account_rejected(&mut self, args: &[&[u8]]) {
        let Some(row) = args.first().and_then(|name| table::find(name)) else { return };
        let inner = args.get(1).and_then(|word| row.subcommand(word));
        self.stats.meter.calls.count_rejected(table::number_of(inner.unwrap_or(row)));
    }

    /// Begins to count anew, as `CONFIG RESETSTAT` wants it.
    pub(crate) fn reset_stats(&mut self) {
        let (_, freed) = self.data.keyspace.cleaned();
        let before = Before { traffic: self.facts.traffic, opened: self.sessions.opened(), freed };
        self.stats.reset(before);
        self.note_memory();
    }

    /// Notes that a session which waits is answered with an error instead, if it does.
    pub(crate) fn account_unblocked(&mut self, session: SessionId, error: &Error) {
        let Some(call) = self.sessions.waiting.call_of(session) else { return };
        if let Ok((row, _)) = find_row(&call.words()) {
            self.stats.count_error(error);
            self.stats.meter.calls.count_failed(table::number_of(row));
        }
    }

    #[cold]
    fn note_slow(&mut self, row: &Command, args: &[&[u8]], nanos: u64) {
        let measures = self.config.measures;
        let now = self.data.now();
        // A transaction's commands are noted one by one.
        if nanos >= measures.slow_nanos && row.name != "exec" {
            let session = self.session();
            let origin = SlowOrigin { at: now, address: session.address.clone(), name: session.name.clone() };
            self.stats.meter.slow.push(&without_secrets(row, args), nanos / 1000, origin, measures.slow_calls_max);
        }
        if nanos >= measures.latency_nanos {
            let event = if row.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            self.stats.meter.latency.add(event, now, nanos / 1_000_000);
        }
    }
}

/// A call's words as others may see them: passwords are left out.
pub(super) fn without_secrets<'a>(row: &Command, args: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut words = args.to_vec();
    let mut hide = |from: usize, to: usize| {
        words.iter_mut().take(to).skip(from).for_each(|word| *word = b"(redacted)");
    };
    match (row.container, row.name) {
        ("", "auth") => hide(1, usize::MAX),
        ("acl", "setuser" | "deluser") => hide(2, usize::MAX),
        ("config", "set") => {
            for at in (2..args.len()).step_by(2) {
                if args.get(at).is_some_and(|name| is_secret(name)) {
                    hide(at + 1, at + 2);
                }
            }
        }
        ("", "hello" | "migrate") => {
            for (at, word) in args.iter().enumerate() {
                match String::from_utf8_lossy(word).to_ascii_lowercase().as_str() {
                    "auth" if row.name == "migrate" => hide(at + 1, at + 2),
                    "auth" | "auth2" => hide(at + 1, at + 3),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    words
}

/// Whether a setting holds a secret.
fn is_secret(name: &[u8]) -> bool {
    ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"]
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}
