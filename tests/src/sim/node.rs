//! A replica with its browser: the state machine, its store, and its end of the network.

use std::collections::{BTreeMap, VecDeque};

use sanderling_core::{
    Env, Limits,
    format::{ClientId, LogSeq},
    hash::Rng,
    resp::{Value, decode_value},
    sync::{Event, Grant, Interest, Message, PeerId, Replica, ReplicaOptions, State, StoreOp},
};

use super::{
    oracle::{Content, content},
    report::Report,
};

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
    pub(super) connection: Option<Connection>,
    pub(super) store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Milliseconds by which its clock is ahead of the server's.
    pub(super) skew_ms: u64,
    /// What this run of it pushed and wasn't answered yet: number and token.
    pub(super) waiting: VecDeque<(u64, u64)>,
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
        Self {
            index,
            replica: make_replica(index, 0, &interest, now_ms + skew_ms),
            interest,
            is_restricted: rng.below(2) == 0,
            connection: None,
            store: BTreeMap::new(),
            skew_ms,
            waiting: VecDeque::new(),
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

    /// Whether it should have a key.
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.replica.known().contains(key) && self.grant().may_read(key)
    }

    /// What it shows.
    pub(super) fn content(&mut self) -> Content {
        self.replica.settle();
        content(self.replica.engine(), |key| self.replica.known().contains(key))
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
    }

    /// Wants other keys besides those that it always wants.
    pub(super) fn change_interest(&mut self, env: Env, rng: &mut Rng) {
        let globs = ["bulk:*", "bulk:1?", "secret:*", "*0", "bulk:7"];
        let glob = globs[rng.index(globs.len())].as_bytes();
        match rng.below(2) {
            0 => self.replica.subscribe(env, &[glob], &[]),
            _ => self.replica.subscribe(env, &[], &[glob]),
        };
    }

    /// Kills the tab and opens it again on what it had stored.
    pub(super) fn restart(&mut self, now_ms: u64) {
        self.runs += 1;
        self.connection = None;
        self.waiting.clear();
        self.seq_shown = 0;
        self.replica = make_replica(self.index, self.runs, &self.interest, now_ms);
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
            self.waiting.push_back((seq.0, 0));
        }
        (value, seq.map(|seq| seq.0))
    }

    /// Remembers that the command pushed last carries a token.
    pub(super) fn expect_token(&mut self, token: u64) {
        self.waiting.back_mut().expect("a command was pushed").1 = token;
    }

    /// Stores what is to be stored.
    pub(super) fn store(&mut self) {
        while let Some(batch) = self.replica.poll_store() {
            for op in batch.ops {
                match op {
                    StoreOp::Put(key, value) => {
                        self.store.insert(key, value);
                    }
                    StoreOp::Delete(key) => {
                        self.store.remove(&key);
                    }
                    StoreOp::DeletePrefix(prefix) => self.store.retain(|key, _| !key.starts_with(&prefix)),
                }
            }
        }
    }

    /// Takes the replica's messages and events. Returns the tokens of the commands that were answered.
    pub(super) fn drain(&mut self, report: &mut Report) -> Vec<u64> {
        if let Some(connection) = &mut self.connection {
            while let Some(message) = self.replica.poll_transmit() {
                connection.up.push_back(message);
            }
        }
        let mut answered = Vec::new();
        while let Some(event) = self.replica.poll_event() {
            let seq = match event {
                Event::Acknowledged(seq) => seq,
                Event::Corrected { seq, .. } => {
                    report.note("corrections");
                    seq
                }
                Event::Refused { seq, .. } => {
                    report.note("refusals");
                    seq
                }
                _ => continue,
            };
            let (waiting, token) = self.waiting.pop_front().expect("what is answered was pushed");
            assert_eq!(waiting, seq.0, "commands are answered in their order");
            answered.extend((token != 0).then_some(token));
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

fn make_replica(index: usize, run: u64, interest: &[Vec<u8>], now_ms: u64) -> Replica {
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
    Replica::new(options, Env::new(now_ms, 0))
}
