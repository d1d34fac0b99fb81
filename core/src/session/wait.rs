//! Calls that wait for a key to hold something: BLPOP and its kin.
//!
//! ```text
//!  call ──nothing there──▶ waiting ──a key of its changes──▶ called again ──▶ woken, with a reply
//!                             │                                   └─nothing for it─▶ waiting, in its old place
//!                             └──its deadline──▶ woken, mostly with null
//! ```
//! Who waits longest on a key is served first. It is the engine that calls again, and the shell that carries the reply.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Queued, Replies, SessionId, Sessions, Woken};
use crate::{
    env::UnixMillis,
    keyspace::{Keyspace, Kind},
    resp::Reply,
};

/// A call that waits.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// The call, to be made again.
    pub(crate) call: Queued,
    /// The database of its keys.
    pub(crate) db: u8,
    /// The keys, one of which has to hold a value of `kind`.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// What type serves it; `None`: whatever becomes of a key is its business.
    pub(crate) kind: Option<Kind>,
    /// When it is answered otherwise; never if `None`.
    pub(crate) deadline: Option<UnixMillis>,
    /// What is answered then.
    pub(crate) otherwise: Otherwise,
}

/// What a call is answered whose time to wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Null: nothing was there.
    Null,
    /// That nobody has acknowledged anything.
    Nobody,
    /// That the disk has it, and nobody else.
    OnlyLocal,
    /// Nothing: its time is over when a pause is, and then it is called.
    Called,
}

impl Otherwise {
    pub(crate) fn write(self, reply: &mut Reply<'_>) {
        match self {
            Self::Null | Self::Called => reply.null_array(),
            Self::Nobody => reply.integer(0),
            Self::OnlyLocal => {
                reply.array(2);
                reply.integer(1);
                reply.integer(0);
            }
        }
    }
}

/// All waiting calls, at most one a session.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    begun: u64,
    pub(super) waits: BTreeMap<u64, (SessionId, Wait)>,
    pub(super) by_session: BTreeMap<SessionId, u64>,
    /// By database and key, in the order in which they began to wait.
    by_key: BTreeMap<u8, BTreeMap<Box<[u8]>, BTreeSet<u64>>>,
    by_deadline: BTreeSet<(UnixMillis, u64)>,
    /// Those that wait for the end of a pause.
    pub(super) postponed: BTreeSet<u64>,
}

impl Waiting {
    /// Calls that wait.
    pub(crate) fn len(&self) -> usize {
        self.waits.len()
    }

    /// Lets a session wait.
    pub(crate) fn begin(&mut self, session: SessionId, mut wait: Wait, keyspace: &mut Keyspace) {
        self.begun += 1;
        let number = self.begun;
        wait.keys.sort();
        wait.keys.dedup();
        for key in &wait.keys {
            keyspace.await_key(wait.db, key);
            self.by_key.entry(wait.db).or_default().entry(key.clone()).or_default().insert(number);
        }
        if let Some(deadline) = wait.deadline {
            self.by_deadline.insert((deadline, number));
        }
        if wait.otherwise == Otherwise::Called {
            self.postponed.insert(number);
        }
        self.by_session.insert(session, number);
        self.waits.insert(number, (session, wait));
    }

    /// Ends a session's waiting. Returns whether it waited.
    pub(crate) fn end(&mut self, session: SessionId, keyspace: &mut Keyspace) -> bool {
        let Some(number) = self.by_session.remove(&session) else { return false };
        self.postponed.remove(&number);
        let Some((_, wait)) = self.waits.remove(&number) else { return false };
        for key in wait.keys {
            keyspace.forget_key(wait.db, &key);
            if let Some(keys) = self.by_key.get_mut(&wait.db)
                && let Some(numbers) = keys.get_mut(&key)
            {
                numbers.remove(&number);
                if numbers.is_empty() {
                    keys.remove(&key);
                }
            }
        }
        if let Some(deadline) = wait.deadline {
            self.by_deadline.remove(&(deadline, number));
        }
        true
    }

    /// Whether a session waits.
    pub(crate) fn is_waiting(&self, session: SessionId) -> bool {
        self.by_session.contains_key(&session)
    }

    /// The call for which a session waits.
    #[cfg(feature = "server")]
    pub(crate) fn call_of(&self, session: SessionId) -> Option<&Queued> {
        self.waits.get(self.by_session.get(&session)?).map(|(_, wait)| &wait.call)
    }

    /// Of the calls that wait on a key the first after the one of this number; 0 stands before all. Cost: O(log n).
    pub(crate) fn next_on(&self, db: u8, key: &[u8], after: u64) -> Option<(u64, SessionId, &Wait)> {
        let number = *self.by_key.get(&db)?.get(key)?.range(after + 1..).next()?;
        self.waits.get(&number).map(|(session, wait)| (number, *session, wait))
    }

    /// A session whose deadline has passed, and what it is answered.
    pub(crate) fn due(&self, now: UnixMillis) -> Option<(SessionId, Otherwise)> {
        let (deadline, number) = self.by_deadline.first()?;
        if *deadline > now {
            return None;
        }
        self.waits.get(number).map(|(session, wait)| (*session, wait.otherwise))
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }
}

impl Sessions {
    /// Ends a session's waiting with a reply. Returns whether it waited.
    pub(crate) fn wake(&mut self, session: SessionId, reply: Vec<u8>, keyspace: &mut Keyspace) -> bool {
        let waited = self.waiting.end(session, keyspace);
        if waited {
            self.woken.push_back(Woken { session, reply });
        }
        waited
    }

    /// Ends a session's waiting with what `write` replies. Returns whether it waited.
    pub(crate) fn wake_with(
        &mut self,
        session: SessionId,
        keyspace: &mut Keyspace,
        write: impl FnOnce(&mut Reply<'_>),
    ) -> bool {
        let mut bytes = Vec::new();
        let state = self.session_mut(session);
        match state.replies {
            Replies::On => write(&mut Reply::new(&mut bytes, state.protocol)),
            Replies::SkipNext | Replies::Skip => state.replies = Replies::On,
            Replies::Off => {}
        }
        self.wake(session, bytes, keyspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, EngineOptions, Env, Flow, SessionId};
    use proptest::prelude::*;

    struct Clients {
        engine: Engine,
        now_ms: u64,
    }

    impl Clients {
        fn new() -> Self {
            Self { engine: Engine::new(EngineOptions::default()), now_ms: 1_000 }
        }

        fn open(&mut self) -> SessionId {
            self.engine.open_session("127.0.0.1:1", Env::new(self.now_ms, 0))
        }

        fn run(&mut self, session: SessionId, line: &str) -> (Flow, Vec<u8>) {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let mut reply = Vec::new();
            let flow = self.engine.execute(Env::new(self.now_ms, 1), session, &words, &mut reply);
            (flow, reply)
        }

        /// How long a list is, by LLEN.
        fn length(&mut self, session: SessionId, key: &str) -> usize {
            let reply = self.run(session, &alloc::format!("LLEN {key}")).1;
            let digits = reply.strip_prefix(b":").and_then(|line| line.strip_suffix(b"\r\n")).expect("an integer");
            str::from_utf8(digits).expect("digits").parse().expect("a length")
        }

        fn woken(&mut self) -> Vec<(SessionId, Vec<u8>)> {
            core::iter::from_fn(|| self.engine.poll_woken()).map(|woken| (woken.session, woken.reply)).collect()
        }
    }

    #[test]
    fn who_waits_longest_is_served_first_and_once() {
        let mut clients = Clients::new();
        let (one, other, writer) = (clients.open(), clients.open(), clients.open());
        assert_eq!(clients.run(one, "BLPOP l 0"), (Flow::Wait, Vec::new()));
        assert_eq!(clients.run(other, "BLPOP l l m 0").0, Flow::Wait);
        clients.run(writer, "RPUSH l a");
        assert_eq!(clients.woken(), [(one, b"*2\r\n$1\r\nl\r\n$1\r\na\r\n".to_vec())]);
        clients.run(writer, "RPUSH m b");
        assert_eq!(clients.woken(), [(other, b"*2\r\n$1\r\nm\r\n$1\r\nb\r\n".to_vec())]);
        clients.run(writer, "RPUSH l c");
        assert_eq!(clients.woken(), []);
        assert_eq!(clients.run(writer, "LLEN l").1, b":1\r\n");
    }

    #[test]
    fn a_transaction_serves_when_it_is_over() {
        let mut clients = Clients::new();
        let (waiter, writer) = (clients.open(), clients.open());
        clients.run(waiter, "BLPOP l 0");
        for line in ["MULTI", "RPUSH l a", "DEL l", "RPUSH l b", "EXEC"] {
            clients.run(writer, line);
        }
        assert_eq!(clients.woken(), [(waiter, b"*2\r\n$1\r\nl\r\n$1\r\nb\r\n".to_vec())]);
        clients.run(waiter, "MULTI");
        clients.run(waiter, "BLPOP l 0");
        assert_eq!(clients.run(waiter, "EXEC"), (Flow::Continue, b"*1\r\n*-1\r\n".to_vec()));
    }

    #[test]
    fn another_type_wakes_nobody_and_a_chain_wakes_all() {
        let mut clients = Clients::new();
        let (first, second, writer) = (clients.open(), clients.open(), clients.open());
        clients.run(first, "BLMOVE a b LEFT RIGHT 0");
        clients.run(second, "BRPOP b 0");
        clients.run(writer, "SET a text");
        assert_eq!(clients.woken(), []);
        clients.run(writer, "DEL a");
        clients.run(writer, "RPUSH a x");
        let woken = clients.woken();
        assert_eq!(woken[0], (first, b"$1\r\nx\r\n".to_vec()));
        assert_eq!(woken[1], (second, b"*2\r\n$1\r\nb\r\n$1\r\nx\r\n".to_vec()));
    }

    #[test]
    fn a_session_that_calls_on_has_given_up_waiting() {
        let mut clients = Clients::new();
        let (waiter, writer) = (clients.open(), clients.open());
        clients.run(waiter, "BLMOVE a a LEFT RIGHT 0");
        clients.run(waiter, "BLMOVE a a LEFT RIGHT 0");
        clients.run(writer, "RPUSH a x");
        assert_eq!(clients.woken(), [(waiter, b"$1\r\nx\r\n".to_vec())]);
        clients.run(waiter, "BLPOP b 0");
        clients.run(waiter, "PING");
        clients.run(writer, "RPUSH b x");
        assert_eq!(clients.woken(), []);
    }

    #[test]
    fn a_deadline_answers_null_and_a_closed_session_waits_no_more() {
        let mut clients = Clients::new();
        let (late, closed, writer) = (clients.open(), clients.open(), clients.open());
        clients.run(late, "BZPOPMIN z 0.5");
        clients.run(closed, "BLPOP l 0");
        clients.engine.close_session(closed);
        assert_eq!(clients.engine.next_wait_deadline(), Some(UnixMillis(1_500)));
        clients.engine.expire_waits(Env::new(1_499, 0));
        assert_eq!(clients.woken(), []);
        clients.engine.expire_waits(Env::new(1_500, 0));
        assert_eq!(clients.woken(), [(late, b"*-1\r\n".to_vec())]);
        clients.run(writer, "RPUSH l a");
        assert_eq!(clients.woken(), []);
        assert_eq!(clients.run(writer, "LLEN l").1, b":1\r\n");
    }

    proptest! {
        #[test]
        fn every_element_goes_to_exactly_one_waiter(calls in prop::collection::vec((any::<bool>(), 0..3_usize), 1..60)) {
            let mut clients = Clients::new();
            let writer = clients.open();
            let (mut waiting, mut served, mut pushed) = (0, 0, 0);
            for (pushes, key) in calls {
                if pushes {
                    clients.run(writer, &alloc::format!("RPUSH k{key} e{pushed}"));
                    pushed += 1;
                } else {
                    let session = clients.open();
                    match clients.run(session, "BLPOP k0 k1 k2 0").0 {
                        Flow::Wait => waiting += 1,
                        _ => served += 1,
                    }
                }
                let woken = clients.woken().len();
                waiting -= woken;
                served += woken;
                let left: usize = (0..3).map(|key| clients.length(writer, &alloc::format!("k{key}"))).sum();
                prop_assert_eq!(pushed, served + left);
                prop_assert!(waiting == 0 || left == 0, "somebody waits although there is something");
            }
        }
    }
}
