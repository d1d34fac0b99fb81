//! Which commands of which client took effect: what makes a pushed command count once.
//!
//! A client's entry outlives its connection, because the client may not have heard what became of its last commands. It
//! is [collected](Clients::collect) a month after its last push, or when there are very many. Of all that were collected
//! one position of the log is kept: none of their commands stands after it. So of a client that comes back unknown it can
//! be told whether it may be one of them: only one that last heard of the log before that position. What such a client
//! then pushes is refused rather than run, because it may have run before.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Bound;

use crate::{
    env::UnixMillis,
    format::{ClientId, ClientSeq, LogSeq},
    limits::Limits,
    sync::history::ResumeToken,
};

/// The clients that ever pushed, but for those that were collected.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: BTreeMap<ClientId, Pushed>,
    /// No command of a collected client stands after this.
    forgotten: LogSeq,
    /// When to look for those to be collected.
    collect_at: Option<UnixMillis>,
    /// Where that look has come to.
    looked_at: Option<ClientId>,
}

/// The highest command of a client that took effect.
#[derive(Clone, Copy, Debug, Default)]
struct Pushed {
    seq: ClientSeq,
    /// Its position in the log.
    at: LogSeq,
    time: UnixMillis,
    /// It was collected and came back, and may still push what took effect before.
    in_doubt: bool,
}

/// A client as it is stored.
pub(super) type Stored = (ClientId, ClientSeq, LogSeq, UnixMillis, bool);

impl Clients {
    /// The highest command of a client that took effect; 0 for one that isn't known.
    pub(super) fn last(&self, client: ClientId) -> ClientSeq {
        self.known.get(&client).map(|pushed| pushed.seq).unwrap_or_default()
    }

    /// Takes in that a command took effect. Past `limits.clients_max` one of the oldest is forgotten.
    pub(super) fn note(&mut self, client: ClientId, seq: ClientSeq, at: LogSeq, time: UnixMillis, limits: &Limits) {
        self.collect_at.get_or_insert(time.plus_ms(PERIOD_MS));
        let in_doubt = self.known.get(&client).is_some_and(|pushed| pushed.in_doubt);
        self.known.insert(client, Pushed { seq, at, time, in_doubt });
        if self.known.len() > limits.clients_max {
            let from = self.looked_at.map_or(Bound::Unbounded, Bound::Excluded);
            let others = self.known.range((from, Bound::Unbounded)).chain(&self.known);
            let others = others.filter(|(other, _)| **other != client).take(SAMPLE);
            if let Some(oldest) = others.min_by_key(|(_, pushed)| pushed.time).map(|(other, _)| *other) {
                self.forget(oldest);
                self.looked_at = Some(oldest);
            }
        }
    }

    /// Whether a client may be one that was collected, and may push again what took effect. `is_current` is the identity
    /// that the replica has now: one that never had an acknowledgement is new.
    pub(super) fn is_in_doubt(
        &self,
        client: ClientId,
        acknowledged: ClientSeq,
        resume: Option<ResumeToken>,
        is_current: bool,
    ) -> bool {
        let has_pushed = !is_current || acknowledged > ClientSeq(0);
        match self.known.get(&client) {
            Some(pushed) => pushed.in_doubt,
            None => has_pushed && resume.is_some_and(|token| token.seq < self.forgotten),
        }
    }

    /// Notes that a client which has been [noted](Clients::note) is in doubt, or is no more.
    pub(super) fn set_doubt(&mut self, client: ClientId, in_doubt: bool) {
        if let Some(pushed) = self.known.get_mut(&client) {
            pushed.in_doubt = in_doubt;
        }
    }

    /// When [`Clients::collect`] is to be called next.
    pub(super) fn next_timeout(&self) -> Option<UnixMillis> {
        self.collect_at
    }

    /// Forgets clients whose last push was long ago and that aren't connected: looks at some at a time.
    pub(super) fn collect(&mut self, now: UnixMillis, limits: &Limits, is_online: impl Fn(ClientId) -> bool) {
        if self.collect_at.is_none_or(|at| now < at) {
            return;
        }
        let from = self.looked_at.map_or(Bound::Unbounded, Bound::Excluded);
        let some: Vec<_> =
            self.known.range((from, Bound::Unbounded)).take(LOOK).map(|(id, pushed)| (*id, *pushed)).collect();
        let is_last = some.len() < LOOK;
        self.looked_at = some.last().filter(|_| !is_last).map(|(client, _)| *client);
        self.collect_at = Some(now.plus_ms(if is_last { PERIOD_MS } else { PAUSE_MS }));
        for (client, pushed) in some {
            if pushed.time.plus_ms(limits.clients_kept_ms) <= now && !is_online(client) {
                self.forget(client);
            }
        }
    }

    /// Clients that are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What is to be stored, for [`Clients::restore`].
    pub(super) fn stored(&self) -> (LogSeq, Vec<Stored>) {
        let known =
            self.known.iter().map(|(client, pushed)| (*client, pushed.seq, pushed.at, pushed.time, pushed.in_doubt));
        (self.forgotten, known.collect())
    }

    /// Takes over what [`Clients::stored`] gave.
    pub(super) fn restore(&mut self, forgotten: LogSeq, stored: Vec<Stored>) {
        let known =
            stored.into_iter().map(|(client, seq, at, time, in_doubt)| (client, Pushed { seq, at, time, in_doubt }));
        *self = Self { known: known.collect(), forgotten, ..Self::default() };
        self.collect_at = (!self.known.is_empty()).then_some(UnixMillis(0));
    }

    fn forget(&mut self, client: ClientId) {
        if let Some(pushed) = self.known.remove(&client) {
            self.forgotten = self.forgotten.max(pushed.at);
        }
    }
}

/// Clients that are looked at without a pause: well under a millisecond.
const LOOK: usize = 1_000;

/// The pause between, in milliseconds.
const PAUSE_MS: u64 = 100;

/// How often all are looked at, in milliseconds.
const PERIOD_MS: u64 = 60 * 60 * 1000;

/// Clients of which the oldest is forgotten where there are too many.
const SAMPLE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::history::LogId;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn id(number: u32) -> ClientId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        ClientId(id)
    }

    fn token(seq: u64) -> Option<ResumeToken> {
        Some(ResumeToken { log: LogId(1), seq: LogSeq(seq), scope: 0 })
    }

    /// Looks at all clients once.
    fn collect(clients: &mut Clients, now: u64, online: &[u32]) {
        while clients.next_timeout().is_some_and(|at| at.0 <= now) {
            clients
                .collect(UnixMillis(now), &Limits::DEFAULT, |client| online.iter().any(|number| id(*number) == client));
            if clients.looked_at.is_some() {
                clients.collect_at = Some(UnixMillis(now));
            }
        }
    }

    #[test]
    fn a_month_after_its_last_push_a_client_that_is_away_is_collected() {
        let mut clients = Clients::default();
        for number in 0..2_500 {
            let day = u64::from(number % 50);
            clients.note(id(number), ClientSeq(7), LogSeq(u64::from(number)), UnixMillis(day * DAY), &Limits::DEFAULT);
        }
        collect(&mut clients, 49 * DAY, &[0, 1]);
        // Those of days 0 to 19 are gone, but for the two that are connected.
        assert_eq!(clients.len(), 2_500 * 30 / 50 + 2);
        assert_eq!([0, 1, 2, 19, 20].map(|number| clients.last(id(number)).0), [7, 7, 0, 0, 7]);
        assert_eq!(clients.forgotten, LogSeq(2_469));
    }

    #[test]
    fn only_who_may_have_been_collected_is_in_doubt() {
        let mut clients = Clients::default();
        clients.note(id(1), ClientSeq(7), LogSeq(100), UnixMillis(0), &Limits::DEFAULT);
        let check = |clients: &Clients, number, acknowledged, resume, is_current| {
            clients.is_in_doubt(id(number), ClientSeq(acknowledged), resume, is_current)
        };
        assert!(!check(&clients, 1, 6, token(99), true), "it is known");
        collect(&mut clients, 31 * DAY, &[]);
        assert!(check(&clients, 1, 6, token(99), true));
        assert!(check(&clients, 1, 0, token(99), false), "an earlier run may have pushed without hearing of it");
        assert!(!check(&clients, 1, 7, token(100), true), "it has heard of its last command");
        assert!(!check(&clients, 2, 0, token(99), true), "an identity without an acknowledgement is new");
        assert!(!check(&clients, 2, 0, None, false), "who never heard of the log never pushed");
    }

    #[test]
    fn there_is_a_most() {
        let limits = Limits { clients_max: 100, ..Limits::DEFAULT };
        let mut clients = Clients::default();
        for number in 0..1_000 {
            clients.note(id(number), ClientSeq(1), LogSeq(u64::from(number)), UnixMillis(u64::from(number)), &limits);
            assert!(clients.len() <= 100);
            assert_eq!(clients.last(id(number)), ClientSeq(1));
        }
        assert!(clients.forgotten.0 > 800);
        let (forgotten, stored) = clients.stored();
        let mut again = Clients::default();
        again.restore(forgotten, stored);
        assert_eq!((again.len(), again.forgotten, again.last(id(999))), (100, forgotten, ClientSeq(1)));
    }
}
