//! Traces: what goes into a replica and what comes out of it, to be compared with what the wasm module makes of it.
//!
//! ```text
//! trace: step*
//! step:  op u8 | now f64 | entropy u32, u32 | number u32 | input | output        all little-endian
//! block: length u32 | bytes                                                      input and output are blocks
//! ```
//! An output is what the exports of the wasm module leave: replies, verdicts, messages, events, batches for the store.

use std::collections::BTreeMap;

use sanderling_core::{
    Engine, EngineOptions, Env, Limits, SessionId,
    format::ClientId,
    hash::Rng,
    sync::{Event, Grant, Hub, HubOptions, LogId, Message, PeerId, Replica, ReplicaOptions, State, StoreOp, SyncError},
};

mod lines;

/// Runs a replica on what follows from the seed; returns the trace.
pub fn record(seed: u64, steps: usize) -> Vec<u8> {
    let mut tracer = Tracer::new(seed);
    tracer.open();
    for _ in 0..steps {
        tracer.step();
    }
    tracer.trace
}

/// What a step does; its number in the trace.
#[derive(Clone, Copy)]
enum Op {
    New,
    Execute,
    Get,
    Connected,
    Disconnected,
    Message,
    Timeout,
    Drain,
    Subscribe,
    Load,
}

struct Tracer {
    trace: Vec<u8>,
    rng: Rng,
    now_ms: u64,
    engine: Engine,
    hub: Hub,
    operator: SessionId,
    replica: Replica,
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    peer: Option<PeerId>,
    up: Vec<Vec<u8>>,
    down: Vec<Message>,
}

impl Tracer {
    fn new(seed: u64) -> Self {
        let mut engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
        engine.journal_mut().enable(true);
        let mut hub = Hub::new(HubOptions { slice_keys: 16, digest_keys_min: 8, ..HubOptions::default() });
        hub.begin_epoch(LogId(seed));
        let now_ms = 1_700_000_000_000;
        let operator = engine.open_session("127.0.0.1:1", Env::new(now_ms, 0));
        Self {
            trace: Vec::new(),
            rng: Rng::new(seed),
            now_ms,
            engine,
            hub,
            operator,
            replica: new_replica(&[0; 16], Env::new(now_ms, 0)),
            store: BTreeMap::new(),
            peer: None,
            up: Vec::new(),
            down: Vec::new(),
        }
    }

    fn step(&mut self) {
        self.now_ms += self.rng.below(40);
        match self.rng.below(100) {
            0..45 => self.execute(),
            45..52 => self.get(),
            52..60 => self.call_server(),
            60..75 => self.deliver(),
            75..90 => self.drain(),
            90..94 => self.connect(),
            94 => self.disconnect(),
            95 => self.now_ms += self.rng.below(20_000),
            96 => self.time_out(),
            97 => self.subscribe(),
            98 if self.rng.below(4) == 0 => self.restart(),
            _ => self.tick_server(),
        }
    }

    fn env(&mut self) -> Env {
        Env::new(self.now_ms, self.rng.next_u64())
    }

    fn put(&mut self, op: Op, env: Env, number: u32, input: &[u8], output: &[u8]) {
        self.trace.push(op as u8);
        self.trace.extend_from_slice(&(env.now.0 as f64).to_le_bytes());
        self.trace.extend_from_slice(&env.entropy.to_le_bytes());
        self.trace.extend_from_slice(&number.to_le_bytes());
        push(&mut self.trace, input);
        push(&mut self.trace, output);
    }

    /// Opens the tab, again on what it had stored.
    fn open(&mut self) {
        let env = self.env();
        let mut identity = [0; 16];
        identity[..8].copy_from_slice(&self.rng.next_u64().to_le_bytes());
        self.replica = new_replica(&identity, env);
        self.put(Op::New, env, 0, &identity, &[]);
        let pairs: Vec<_> = self.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut input = Vec::new();
        for part in pairs.iter().flat_map(|(key, value)| [key, value]) {
            push(&mut input, part);
        }
        let loaded = self.replica.load(&pairs);
        self.put(Op::Load, env, 0, &input, &[u8::from(loaded.is_ok())]);
    }

    fn restart(&mut self) {
        self.disconnect();
        self.open();
    }

    fn execute(&mut self) {
        let (env, line) = (self.env(), lines::random(&mut self.rng));
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut reply = Vec::new();
        let queued = self.replica.execute(env, &words, &mut reply).is_some();
        reply.insert(0, u8::from(queued));
        self.put(Op::Execute, env, 0, &packed(&words), &reply);
    }

    /// `GET` on its short way.
    fn get(&mut self) {
        let (env, key) = (Env::new(self.now_ms, 0), lines::key(&mut self.rng, "s"));
        let mut reply = Vec::new();
        self.replica.execute(env, &[b"GET", key.as_bytes()], &mut reply);
        self.put(Op::Get, env, 0, key.as_bytes(), &reply);
    }

    fn call_server(&mut self) {
        let (env, line) = (self.env(), lines::random(&mut self.rng));
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.engine.execute(env, self.operator, &words, &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
        self.pump();
    }

    fn tick_server(&mut self) {
        let env = self.env();
        self.engine.expire(env, 10);
        self.hub.commit(&mut self.engine, env.now);
        self.pump();
    }

    fn connect(&mut self) {
        if self.peer.is_none() {
            self.peer = Some(self.hub.open_peer(Grant::everything()));
            let env = self.env();
            self.replica.handle_connected(env);
            self.put(Op::Connected, env, 0, &[], &[]);
        }
    }

    fn disconnect(&mut self) {
        if let Some(peer) = self.peer.take() {
            let env = self.env();
            self.hub.close_peer(&mut self.engine, env, peer);
            self.up.clear();
            self.down.clear();
            self.replica.handle_disconnected();
            self.put(Op::Disconnected, env, 0, &[], &[]);
        }
    }

    /// Lets what is under way arrive.
    fn deliver(&mut self) {
        let Some(peer) = self.peer else { return };
        for message in std::mem::take(&mut self.up) {
            let env = self.env();
            self.hub.handle_message(&mut self.engine, env, peer, &message);
        }
        self.pump();
        for message in std::mem::take(&mut self.down) {
            let env = self.env();
            let verdict = verdict(self.replica.handle_message(env, &message));
            self.put(Op::Message, env, 0, &message, &verdict);
        }
        while let Some((closed, _)) = self.hub.poll_close() {
            if self.peer == Some(closed) {
                self.disconnect();
            }
        }
    }

    fn pump(&mut self) {
        self.hub.take_log();
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        while let Some((to, message)) = self.hub.poll_transmit(&self.engine) {
            if self.peer == Some(to) {
                self.down.push(message);
            }
        }
    }

    fn time_out(&mut self) {
        let env = self.env();
        let result = self.replica.handle_timeout(env);
        let silent = result.is_err();
        self.put(Op::Timeout, env, 0, &[], &verdict(result));
        if silent {
            self.disconnect();
        }
    }

    fn subscribe(&mut self) {
        let globs = ["s:*", "l:?", "*1", "other:*"];
        let glob = globs[self.rng.index(globs.len())].as_bytes();
        let add = u32::from(self.rng.below(2) == 0);
        let env = Env::new(self.now_ms, 0);
        let id = match add {
            1 => self.replica.subscribe(env, &[glob], &[]),
            _ => self.replica.subscribe(env, &[], &[glob]),
        };
        self.put(Op::Subscribe, env, add, &packed(&[glob]), &id.to_le_bytes());
    }

    /// Takes out all that there is, as a shell does: messages, events, changed keys, batches, the status.
    fn drain(&mut self) {
        let mut out = Vec::new();
        while let Some(message) = self.replica.poll_transmit() {
            push(&mut out, &message);
            self.up.push(message);
        }
        while let Some(event) = self.replica.poll_event() {
            if let Some((kind, number, bytes)) = told(&event) {
                out.push(kind);
                out.extend_from_slice(&number.to_le_bytes());
                push(&mut out, bytes);
            }
        }
        let touched = self.replica.drain_touched();
        let mut keys = Vec::new();
        touched.keys.iter().filter(|(db, _)| *db == 0).for_each(|(_, key)| push(&mut keys, key));
        out.push(u8::from(touched.flushed.contains(&0)));
        push(&mut out, &keys);
        while let Some(batch) = self.replica.poll_store() {
            let mut bytes = vec![u8::from(batch.strict)];
            for op in &batch.ops {
                let (kind, key, value) = match op {
                    StoreOp::Put(key, value) => (0, key.as_slice(), value.as_slice()),
                    StoreOp::Delete(key) => (1, key.as_slice(), [].as_slice()),
                    StoreOp::DeletePrefix(prefix) => (2, prefix.as_slice(), [].as_slice()),
                };
                bytes.push(kind);
                push(&mut bytes, key);
                push(&mut bytes, value);
            }
            batch.apply(&mut self.store);
            push(&mut out, &bytes);
        }
        let status = self.replica.status();
        let state = match status.state {
            State::Offline => 0_u64,
            State::Connecting => 1,
            State::Loading => 2,
            State::Live => 3,
        };
        let timeout = self.replica.next_timeout().map_or(u64::MAX, |at| at.0);
        let seq = status.seq.unwrap_or_default().0;
        for number in [state, status.pending as u64, seq, status.bytes_in, status.bytes_out, timeout] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let env = Env::new(self.now_ms, 0);
        self.put(Op::Drain, env, 0, &[], &out);
    }
}

fn new_replica(identity: &[u8; 16], env: Env) -> Replica {
    let options = ReplicaOptions {
        client: ClientId(*identity),
        interest: vec![b"*".to_vec()],
        db: 0,
        seed: env.entropy,
        limits: Limits::DEFAULT,
    };
    Replica::new(options, env)
}

/// What the wasm module says of an event whose content is one run of bytes; nothing of the others.
fn told(event: &Event) -> Option<(u8, u64, &[u8])> {
    Some(match event {
        Event::State(_) => (1, 0, &[]),
        Event::Resynced => (2, 0, &[]),
        Event::Corrected { seq, reply } => (3, seq.0, reply),
        Event::Refused { seq, reply } => (4, seq.0, reply),
        Event::Subscribed { id } => (5, (*id).into(), &[]),
        Event::NotSubscribed { id, error } => (6, (*id).into(), error),
        _ => return None,
    })
}

fn verdict(result: Result<(), SyncError>) -> Vec<u8> {
    match result {
        Ok(()) => vec![0],
        Err(error) => [&[if error.may_retry() { 1 } else { 2 }], error.to_string().as_bytes()].concat(),
    }
}

fn packed(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = (words.len() as u32).to_le_bytes().to_vec();
    words.iter().for_each(|word| push(&mut bytes, word));
    bytes
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
