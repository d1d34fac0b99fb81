//! A replica with its browser: the state machine, its store, and its end of the network.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sanderling_core::{
    Env, Limits,
    format::{ClientId, LogSeq},
    hash::Rng,
    resp::{Value, decode_value},
    sync::{Event, Eviction, Grant, Interest, Message, PeerId, Replica, ReplicaOptions, State},
};

use super::{
    oracle::{Content, content},
    report::Report,
};

/// A command that was pushed and isn't answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    pub(super) seq: u64,
    /// The token that it writes, if it does.
    pub(super) token: u64,
    /// The calls of a transaction.
    pub(super) calls: Option<usize>,
    /// It takes the lock.
    pub(super) is_lock: bool,
    /// Nothing can make the server refuse it.
    pub(super) is_sure: bool,
    /// It doesn't fit into a message.
    pub(super) is_too_long: bool,
}

/// What became of a command.
enum Answer {
    Acknowledged,
    Corrected(Vec<u8>),
    Refused(Vec<u8>),
}

impl Waiting {
    /// Checks that an answer is one that may be given.
    fn check(&self, index: usize, answer: &Answer, report: &mut Report) {
        match answer {
            Answer::Acknowledged => {
                assert!(!self.is_too_long, "replica {index} got through what is too long");
                report.note_many("transactions of one call, as guessed", u64::from(self.calls == Some(1)));
                report.note_many("transactions on expired keys, as guessed", u64::from(self.is_sure));
            }
            Answer::Corrected(reply) => {
                report.note("corrections");
                assert!(!self.is_too_long, "replica {index} got through what is too long");
                if let Some(calls) = self.calls {
                    let reply = decode_value(reply).expect("a reply").expect("a whole reply").0;
                    let has_shape = matches!(&reply, Value::Array(replies) if replies.len() == calls);
                    assert!(has_shape, "replica {index} is answered {reply:?} to a transaction of {calls} calls");
                }
            }
            Answer::Refused(reply) => {
                report.note("refusals");
                report.note_many("commands that were too long", u64::from(self.is_too_long));
                let reply = reply.escape_ascii();
                assert!(!self.is_sure, "replica {index} is refused what nothing speaks against: {reply}");
            }
        }
    }
}

/// A connection as it looks from the replica.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: PeerId,
    /// On their way to the hub.
    pub(super) up: VecDeque<Vec<u8>>,
    /// On their way to the replica.
    pub(super) down: VecDeque<Message>,
}

/// A replica and what surrounds it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) index: usize,
    pub(super) replica: Replica,
    /// What it always wants.
    interest: Vec<Vec<u8>>,
    /// It may not read secrets.
    pub(super) is_restricted: bool,
    /// The bytes that its data may take.
    budget: Option<usize>,
    pub(super) connection: Option<Connection>,
    pub(super) store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Milliseconds by which its clock is ahead of the server's.
    pub(super) skew_ms: u64,
    /// What this run of it pushed and wasn't answered yet.
    pub(super) waiting: VecDeque<Waiting>,
    /// Calls and changes of interest that weren't answered yet.
    pub(super) asked: BTreeSet<u32>,
    /// The highest position that it has shown since it was made.
    seq_shown: u64,
    /// A crash took back what it may have seen, or may have stored.
    pub(super) may_go_back: bool,
    runs: u64,
}

impl Node {
    pub(super) fn new(index: usize, rng: &mut Rng, now_ms: u64) -> Self {
        let interest: &[&str] = match rng.below(3) {
            0 => &["*"],
            1 => &["k:*", "ledger:*"],
            _ => &["k:[0-3]", "ledger:?"],
        };
        let interest: Vec<Vec<u8>> = interest.iter().map(|glob| glob.as_bytes().to_vec()).collect();
        let skew_ms = rng.below(120_000);
        // A few keys fit, or some dozen.
        let budget = (rng.below(3) == 0).then(|| 1_500 + 1_500 * rng.index(4));
        Self {
            index,
            replica: make_replica(index, 0, &interest, budget, now_ms + skew_ms),
            interest,
            is_restricted: rng.below(2) == 0,
            budget,
            connection: None,
            store: BTreeMap::new(),
            skew_ms,
            waiting: VecDeque::new(),
            asked: BTreeSet::new(),
            seq_shown: 0,
            may_go_back: false,
            runs: 0,
        }
    }

    /// What its token allows.
    pub(super) fn grant(&self) -> Grant {
        match self.is_restricted {
            true => Grant { read: Interest::new(ALLOWED.map(str::as_bytes)), ..Grant::everything() },
            false => Grant::everything(),
        }
    }

    /// Whether it should answer for a key as the server would.
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.replica.is_known(key) && self.grant().may_read(key)
    }

    /// Whether some of what it wants is unknown to it.
    pub(super) fn has_budget(&self) -> bool {
        self.budget.is_some()
    }

    /// Asks for a key that may have been evicted.
    pub(super) fn fetch(&mut self, key: &[u8]) -> bool {
        self.replica.known().contains(key) && self.replica.fetch(&[key])
    }

    /// What it shows: nothing that it doesn't want.
    pub(super) fn content(&mut self) -> Content {
        self.replica.settle();
        let content = content(self.replica.engine(), |_| true);
        let strays: Vec<_> = content.keys().filter(|key| !self.replica.known().contains(key)).collect();
        assert!(strays.is_empty(), "replica {} holds what it doesn't want: {strays:?}", self.index);
        content
    }

    /// Its position, if what it shows is what the server held there: nothing is pending, and no load has just begun.
    pub(super) fn settled_at(&self) -> Option<LogSeq> {
        let status = self.replica.status();
        status.seq.filter(|_| status.pending == 0 && status.state == State::Live)
    }

    /// Whether it is connected, and waits for nothing.
    pub(super) fn is_quiet(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.up.is_empty() && connection.down.is_empty())
            && self.replica.status().pending == 0
            && self.replica.status().state == State::Live
            && !self.replica.is_subscribing()
            && self.asked.is_empty()
    }

    /// Wants other keys besides those that it always wants.
    pub(super) fn change_interest(&mut self, env: Env, rng: &mut Rng) {
        let globs = ["bulk:*", "bulk:1?", "secret:*", "*0", "bulk:7"];
        let glob = globs[rng.index(globs.len())].as_bytes();
        let id = match rng.below(9) {
            0..4 => self.replica.subscribe(env, &[glob], &[]),
            4..8 => self.replica.subscribe(env, &[], &[glob]),
            _ => self.replica.subscribe(env, &[glob], &[globs[rng.index(globs.len())].as_bytes()]),
        };
        self.asked.insert(id);
    }

    /// Kills the tab and opens it again on what it had stored.
    pub(super) fn restart(&mut self, now_ms: u64) {
        self.runs += 1;
        self.connection = None;
        self.waiting.clear();
        self.asked.clear();
        self.seq_shown = 0;
        self.replica = make_replica(self.index, self.runs, &self.interest, self.budget, now_ms);
        let pairs: Vec<_> = self.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.replica.load(&pairs).expect("an undamaged store loads");
    }

    /// Runs a command here; returns its reply and the number under which it was pushed.
    pub(super) fn call(&mut self, env: Env, words: &[&[u8]]) -> (Value, Option<u64>) {
        let mut reply = Vec::new();
        let seq = self.replica.execute(env, words, &mut reply);
        let (value, length) = decode_value(&reply).expect("a reply").expect("a whole reply");
        assert_eq!(length, reply.len(), "one reply to one call");
        if let Some(seq) = seq {
            self.waiting.push_back(Waiting { seq: seq.0, ..Waiting::default() });
        }
        (value, seq.map(|seq| seq.0))
    }

    /// The command pushed last.
    pub(super) fn pushed_last(&mut self) -> &mut Waiting {
        self.waiting.back_mut().expect("a command was pushed")
    }

    /// Stores what is to be stored.
    pub(super) fn store(&mut self) {
        self.replica.compact_store();
        while let Some(batch) = self.replica.poll_store() {
            batch.apply(&mut self.store);
        }
    }

    /// Notes the answer to a call or to a change of interest. What a replica was made with may be such a change, too, the
    /// first.
    fn note_answered(&mut self, id: u32) {
        let was_asked = self.asked.remove(&id) || id == 1 && self.runs > 0;
        assert!(was_asked, "replica {} is answered twice, or what it didn't ask", self.index);
    }

    /// Takes the replica's messages and events. Returns the tokens of the commands that were answered.
    pub(super) fn drain(&mut self, report: &mut Report) -> Vec<u64> {
        let before = self.replica.evicted();
        self.replica.shrink();
        report.note_many("evictions", self.replica.evicted() - before);
        if let Some(connection) = &mut self.connection {
            while let Some(message) = self.replica.poll_transmit() {
                connection.up.push_back(message);
            }
        }
        let mut answered = Vec::new();
        while let Some(event) = self.replica.poll_event() {
            let (seq, answer) = match event {
                Event::Acknowledged(seq) => (seq, Answer::Acknowledged),
                Event::Corrected { seq, reply } => (seq, Answer::Corrected(reply)),
                Event::Refused { seq, reply } => (seq, Answer::Refused(reply)),
                Event::Subscribed { id } => {
                    self.note_answered(id);
                    continue;
                }
                Event::NotSubscribed { id, .. } => {
                    report.note("changes of interest that were refused");
                    self.note_answered(id);
                    continue;
                }
                Event::Reply { id, reply } => {
                    report.note(if reply.starts_with(b"-LOST") { "calls that were lost" } else { "calls" });
                    self.note_answered(id);
                    continue;
                }
                Event::Declined { .. } => {
                    report.note("requests that were declined");
                    continue;
                }
                Event::Fetched { .. } => {
                    report.note("fetched keys");
                    continue;
                }
                _ => continue,
            };
            let waiting = self.waiting.pop_front().expect("what is answered was pushed");
            assert_eq!(waiting.seq, seq.0, "commands are answered in their order");
            waiting.check(self.index, &answer, report);
            answered.extend((waiting.token != 0).then_some(waiting.token));
        }
        let shown = self.replica.status().seq.map_or(0, |seq| seq.0);
        assert!(
            shown >= self.seq_shown || self.may_go_back,
            "replica {} went back from {} to {shown}",
            self.index,
            self.seq_shown
        );
        self.seq_shown = shown;
        answered
    }
}

/// What a restricted replica may read.
const ALLOWED: [&str; 3] = ["k:*", "ledger:*", "bulk:*"];

fn make_replica(index: usize, run: u64, interest: &[Vec<u8>], budget: Option<usize>, now_ms: u64) -> Replica {
    let mut client = [0; 16];
    client[..8].copy_from_slice(&(index as u64).to_le_bytes());
    client[8..].copy_from_slice(&run.to_le_bytes());
    let options = ReplicaOptions {
        client: ClientId(client),
        interest: interest.to_vec(),
        db: 0,
        seed: index as u64 * 1000 + run,
        limits: Limits::DEFAULT,
    };
    let mut replica = Replica::new(options, Env::new(now_ms, 0));
    if let Some(bytes_max) = budget {
        replica.limit_memory(bytes_max, if index.is_multiple_of(2) { Eviction::Lru } else { Eviction::Lfu });
    }
    replica
}
