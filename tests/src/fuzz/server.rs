//! An honest server: engine and hub, everything durable at once.

use sanderling_core::{
    Engine, EngineOptions, Env, SessionId,
    format::ClientId,
    hash::hash,
    sync::{Grant, Hub, HubOptions, LogId, Message, PeerId, Replica, ReplicaOptions, SyncError},
};

use super::LIMITS;

pub(super) struct Server {
    pub(super) engine: Engine,
    pub(super) hub: Hub,
    /// Somebody with redis-cli.
    operator: SessionId,
}

impl Server {
    /// Starts one whose log nobody can name who hasn't been told of it: `secret` is drawn from the whole input.
    pub(super) fn new(secret: u64) -> Self {
        let mut engine = Engine::new(EngineOptions { seed: secret, limits: LIMITS, ..EngineOptions::default() });
        engine.journal_mut().enable(true);
        // Small enough for every way to start.
        let mut hub = Hub::new(HubOptions { limits: LIMITS, slice_keys: 3, digest_keys_min: 4 });
        hub.begin_epoch(LogId(secret));
        let operator = engine.open_session("127.0.0.1:1", env(0));
        Self { engine, hub, operator }
    }

    pub(super) fn call(&mut self, env: Env, line: &str) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.engine.execute(env, self.operator, &words, &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
        self.tidy();
    }

    pub(super) fn open(&mut self, grant: Grant) -> PeerId {
        self.hub.open_peer(grant)
    }

    pub(super) fn close(&mut self, env: Env, peer: PeerId) {
        self.hub.close_peer(&mut self.engine, env, peer);
        self.tidy();
    }

    pub(super) fn take(&mut self, env: Env, peer: PeerId, message: &[u8]) {
        self.hub.handle_message(&mut self.engine, env, peer, message);
        self.tidy();
    }

    pub(super) fn tick(&mut self, env: Env) {
        self.engine.expire(env, 10);
        self.engine.expire_waits(env);
        self.hub.commit(&mut self.engine, env.now);
        self.hub.handle_timeout(&mut self.engine, env);
        self.tidy();
    }

    /// What there is to send, one round of it.
    pub(super) fn poll(&mut self) -> Vec<(PeerId, Message)> {
        self.hub.begin_round();
        let mut messages = Vec::new();
        while let Some(message) = self.hub.poll_transmit(&self.engine) {
            messages.push(message);
        }
        messages
    }

    /// Does what a shell does after each call.
    fn tidy(&mut self) {
        while let Some(woken) = self.engine.poll_woken() {
            self.hub.handle_woken(&mut self.engine, &woken);
        }
        while self.engine.poll_errand().is_some() {}
        while self.hub.poll_renewal().is_some() {}
        self.hub.take_log();
        self.hub.handle_durable(self.hub.seq());
    }

    /// Lets a replica and the server talk until both have nothing to say.
    ///
    /// # Errors
    /// [`SyncError::OtherIdentities`], if the replica needs another connection.
    ///
    /// # Panics
    /// If that doesn't end, the server closes the connection, or the replica takes offence at what it says.
    pub(super) fn converge(&mut self, env: Env, peer: PeerId, replica: &mut Replica) -> Result<(), SyncError> {
        for _ in 0..1000 {
            let mut quiet = true;
            while let Some(message) = replica.poll_transmit() {
                self.take(env, peer, &message);
                quiet = false;
            }
            for (to, message) in self.poll() {
                if to == peer {
                    match replica.handle_message(env, &message) {
                        Ok(()) => quiet = false,
                        Err(SyncError::OtherIdentities) => return Err(SyncError::OtherIdentities),
                        Err(error) => panic!("an honest hub isn't believed: {error}"),
                    }
                }
            }
            while let Some((closed, reason)) = self.hub.poll_close() {
                assert!(closed != peer, "the honest replica's connection is closed: {reason:?}");
                self.close(env, closed);
            }
            if quiet && !self.hub.wants_round() {
                return Ok(());
            }
        }
        panic!("an honest replica and an honest server don't come to an end");
    }
}

/// So many milliseconds after the beginning.
pub(super) fn env(after_ms: u64) -> Env {
    Env::new(1_700_000_000_000 + after_ms, hash(after_ms, b"fuzz"))
}

/// A replica of everything.
pub(super) fn replica(client: u64, run: u8) -> Replica {
    let mut id = [run; 16];
    id[..8].copy_from_slice(&client.to_le_bytes());
    let options =
        ReplicaOptions { client: ClientId(id), interest: vec![b"*".to_vec()], db: 0, seed: client, limits: LIMITS };
    Replica::new(options, env(0))
}

/// Runs a line on a replica; returns its number if it is to be pushed.
pub(super) fn call(replica: &mut Replica, env: Env, line: &str) -> Option<u64> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    replica.execute(env, &words, &mut Vec::new()).map(|seq| seq.0)
}

/// What anybody may call, of every type.
pub(super) const LINES: [&str; 30] = [
    "SET s one",
    "SET s:2 7 PX 5000",
    "INCRBY s:2 3",
    "INCRBYFLOAT f 1.5",
    "APPEND s tail",
    "SETRANGE s 20 x",
    "GETDEL s",
    "SETBIT bits 70 1",
    "RPUSH l a b c",
    "LPUSH l z",
    "LPOP l",
    "LSET l 0 set",
    "LREM l 1 a",
    "LINSERT l BEFORE b x",
    "LTRIM l 0 4",
    "HSET h f 1 g 2",
    "HINCRBY h f 5",
    "HDEL h g",
    "HPEXPIRE h 3000 FIELDS 1 f",
    "HSETEX h PX 2000 FIELDS 2 e 1 f 2",
    "SADD set x y z 1 2",
    "SPOP set",
    "SMOVE set set:2 x",
    "ZADD z 1 a 2.5 b",
    "ZINCRBY z 3 a",
    "ZPOPMIN z",
    "DEL s h",
    "RENAME l l:2",
    "PEXPIRE z 4000",
    "FLUSHDB",
];
