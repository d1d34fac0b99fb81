//! The server of a run: engine, hub, and a disk that can lose what wasn't synced.

use std::collections::BTreeMap;

use sanderling_core::{
    Engine, EngineOptions, Env, Limits, SessionId,
    format::{FrameKind, LogSeq, Record},
    hash::Rng,
    sync::{Hub, HubOptions, LogId, PeerId},
};

use super::{
    disk::{Disk, Loss},
    oracle::{Content, content},
};

pub(super) struct Server {
    pub(super) engine: Engine,
    pub(super) hub: Hub,
    disk: Disk,
    pub(super) options: HubOptions,
    /// What is appended counts as durable, as with the policies `everysec` and `no`: a crash may take back what
    /// replicas have seen.
    pub(super) is_lax: bool,
    /// A RESP client.
    client: SessionId,
    /// What it held after each record of the log as it is now.
    pub(super) history: BTreeMap<LogSeq, Content>,
    /// The last record that replicas may see: by the strict policy, that no crash can take back.
    pub(super) synced: LogSeq,
}

impl Server {
    /// Starts a server on an empty disk. Backlog, slices and digests are as small as the seed says.
    pub(super) fn new(rng: &mut Rng, now_ms: u64) -> Self {
        let backlog_bytes_max = if rng.below(2) == 0 { 600 } else { 1 << 20 };
        let mut limits = Limits { backlog_bytes_max, ..Limits::DEFAULT };
        if rng.below(2) == 0 {
            limits.sync_message_bytes_max = 1024 + rng.index(200);
            limits.interest_patterns_max = 3 + rng.index(3);
            (limits.peer_calls_max, limits.peer_steps_max) = (1 + rng.index(3), 3);
            (limits.peer_presence_max, limits.peer_channels_max, limits.peer_clients_max) = (2, 2, 2);
        }
        let options = HubOptions { limits, slice_keys: 1 + rng.index(8), digest_keys_min: 2 };
        let is_lax = rng.below(3) == 0;
        Self::start(Disk::default(), options, is_lax, BTreeMap::new(), rng, now_ms)
    }

    /// Starts a server on a disk, whatever is on it.
    fn start(
        mut disk: Disk,
        options: HubOptions,
        is_lax: bool,
        mut history: BTreeMap<LogSeq, Content>,
        rng: &mut Rng,
        now_ms: u64,
    ) -> Self {
        let env = Env::new(now_ms, rng.next_u64());
        let mut engine = Engine::new(EngineOptions { seed: rng.next_u64(), ..EngineOptions::default() });
        let mut hub = Hub::new(options.clone());
        for (kind, payload) in disk.frames() {
            match kind {
                FrameKind::Head if hub.seq().0 == 0 => hub.restore_head(payload).expect("a head"),
                FrameKind::Head => hub.restore_history(payload).expect("a head"),
                _ => {
                    let mut rest = payload;
                    while !rest.is_empty() {
                        let (record, after) = Record::decode(rest).expect("a record");
                        hub.recover_record(&mut engine, &record).expect("a record in its place");
                        rest = after;
                    }
                }
            }
        }
        hub.begin_epoch(LogId(rng.next_u64()));
        disk.append(FrameKind::Head, &hub.head());
        disk.sync();
        engine.journal_mut().enable(true);
        let client = engine.open_session("127.0.0.1:1", env);
        history.retain(|seq, _| *seq < hub.seq());
        history.insert(hub.seq(), content(&engine, |_| true));
        let synced = hub.seq();
        Self { engine, hub, disk, options, is_lax, client, history, synced }
    }

    /// Somebody calls a command with redis-cli.
    pub(super) fn call(&mut self, env: Env, words: &[&[u8]]) {
        self.engine.execute(env, self.client, words, &mut Vec::new());
        self.hub.commit(&mut self.engine, env.now);
        self.note();
    }

    /// Removes what has expired.
    pub(super) fn expire(&mut self, env: Env) {
        self.engine.expire(env, 10);
        self.engine.expire_waits(env);
        self.hub.commit(&mut self.engine, env.now);
        self.note();
    }

    /// Takes in that a connection has ended.
    pub(super) fn close(&mut self, env: Env, peer: PeerId) {
        self.hub.close_peer(&mut self.engine, env, peer);
        self.note();
    }

    /// Hands what was logged to the disk, and remembers what the server holds now. To be called after each record.
    pub(super) fn note(&mut self) {
        while let Some(woken) = self.engine.poll_woken() {
            self.hub.handle_woken(&mut self.engine, &woken);
        }
        if self.hub.has_log() {
            self.disk.append(FrameKind::Records, &self.hub.take_log());
            // A push logs several records at once; nobody may see the server between them but by the log.
            self.history.insert(self.hub.seq(), content(&self.engine, |_| true));
        }
    }

    /// Makes what was logged as safe as the policy promises, and lets replicas see it.
    pub(super) fn sync_disk(&mut self, rng: &mut Rng) {
        self.note();
        if !self.is_lax || rng.below(4) == 0 {
            self.disk.sync();
        }
        self.synced = self.hub.seq();
        self.hub.handle_durable(self.synced);
    }

    /// Stops at once and starts again; of what wasn't synced some is lost.
    pub(super) fn crash(&mut self, rng: &mut Rng, now_ms: u64) -> Loss {
        self.note();
        let mut disk = core::mem::take(&mut self.disk);
        let loss = disk.crash(rng);
        let history = core::mem::take(&mut self.history);
        *self = Self::start(disk, self.options.clone(), self.is_lax, history, rng, now_ms);
        loss
    }
}
