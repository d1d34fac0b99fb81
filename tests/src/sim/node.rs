//! A replica with its browser: the state machine, its store, and its end of the network.

use std::collections::{BTreeMap, VecDeque};

use sanderling_core::{
    Env, Limits,
    format::ClientId,
    resp::{Value, decode_value},
    sync::{Event, PeerId, Replica, ReplicaOptions, StoreOp},
};

/// A connection as it looks from the replica.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: PeerId,
    /// On their way to the hub.
    pub(super) up: VecDeque<Vec<u8>>,
    /// On their way to the replica.
    pub(super) down: VecDeque<Vec<u8>>,
}

/// A replica and what surrounds it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) index: usize,
    pub(super) replica: Replica,
    pub(super) interest: Vec<Vec<u8>>,
    pub(super) connection: Option<Connection>,
    pub(super) store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Milliseconds by which its clock is ahead of the server's.
    pub(super) skew_ms: u64,
    /// What this run of it pushed and wasn't answered yet: number and token.
    pub(super) waiting: VecDeque<(u64, u64)>,
    /// The highest position that it has shown since it was made.
    pub(super) seq_shown: u64,
    pub(super) corrections: u64,
    pub(super) resyncs: u64,
    runs: u64,
}

impl Node {
    pub(super) fn new(index: usize, interest: Vec<Vec<u8>>, skew_ms: u64, now_ms: u64) -> Self {
        Self {
            index,
            replica: make_replica(index, 0, &interest, now_ms),
            interest,
            connection: None,
            store: BTreeMap::new(),
            skew_ms,
            waiting: VecDeque::new(),
            seq_shown: 0,
            corrections: 0,
            resyncs: 0,
            runs: 0,
        }
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
        (value, seq.map(|seq| seq.0))
    }

    /// Stores what is to be stored. Returns whether a restart would now find everything.
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
    pub(super) fn drain(&mut self) -> Vec<u64> {
        if let Some(connection) = &mut self.connection {
            while let Some(message) = self.replica.poll_transmit() {
                connection.up.push_back(message);
            }
        }
        let mut answered = Vec::new();
        while let Some(event) = self.replica.poll_event() {
            let seq = match event {
                Event::Acknowledged(seq) => seq,
                Event::Corrected { seq, .. } | Event::Refused { seq, .. } => {
                    self.corrections += 1;
                    seq
                }
                Event::Resynced => {
                    self.resyncs += 1;
                    continue;
                }
                Event::State(_) => continue,
            };
            if self.waiting.front().is_some_and(|(waiting, _)| *waiting == seq.0) {
                answered.extend(self.waiting.pop_front().map(|(_, token)| token));
            }
        }
        let shown = self.replica.status().seq.map_or(0, |seq| seq.0);
        assert!(shown >= self.seq_shown, "replica {} went back from {} to {shown}", self.index, self.seq_shown);
        self.seq_shown = shown;
        answered
    }
}

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
