//! When to write a snapshot, and the thread that does.

use std::path::Path;
use std::thread::JoinHandle;

use anyhow::Result;
use sanderling_core::facts::Facts;
use sanderling_core::sync::Hub;
use sanderling_core::{Engine, UnixMillis};
use tracing::{error, info};

use crate::clock;
use crate::log::{DiskLog, Recovered, compact, write_now};

/// Decides when a snapshot pays, and watches over the one that is being written.
#[derive(Debug)]
pub(super) struct Compaction {
    log_bytes_min: u64,
    /// Length of the last snapshot.
    snapshot_bytes: u64,
    /// Bytes of the segments that no snapshot shows yet, the newest apart.
    older_bytes: u64,
    /// Their number.
    older_segments: usize,
    running: Option<JoinHandle<Result<u64>>>,
    /// How often the data had changed when the one that is running began, and the last one that was finished.
    running_changes: u64,
    saved_changes: u64,
    /// Snapshots that were written, and whether the last attempt failed.
    saves: u64,
    failed: bool,
    /// Somebody has asked for a snapshot.
    requested: bool,
    /// When the last snapshot was written, or the server started.
    saved_at: UnixMillis,
    /// Regular calls to wait for after a failure.
    pause: u32,
}

impl Compaction {
    pub(super) fn new(recovered: &Recovered, engine: &Engine, log_bytes_min: u64) -> Self {
        Self {
            log_bytes_min,
            snapshot_bytes: recovered.snapshot_bytes,
            older_bytes: recovered.log_bytes,
            older_segments: recovered.segments,
            running: None,
            running_changes: 0,
            saved_changes: engine.keyspace().changes(),
            saves: 0,
            failed: false,
            requested: false,
            saved_at: clock::now(),
            pause: 0,
        }
    }

    /// Asks for a snapshot at the next occasion.
    pub(super) fn request(&mut self) {
        self.requested = true;
        self.pause = 0;
    }

    /// When the last snapshot was written, or the server started.
    pub(super) fn saved_at(&self) -> UnixMillis {
        self.saved_at
    }

    /// Snapshots that were written since the start.
    pub(super) fn saves(&self) -> u64 {
        self.saves
    }

    /// Whether the last attempt to write one failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Changes of the data since the last snapshot.
    pub(super) fn unsaved(&self, engine: &Engine) -> u64 {
        engine.keyspace().changes().saturating_sub(self.saved_changes)
    }

    /// Whether a save point is reached, where there is no log. After a failure it takes a while to be reached again.
    pub(super) fn is_due(&mut self, engine: &Engine) -> bool {
        self.pause = self.pause.saturating_sub(1);
        let unsaved = self.unsaved(engine);
        if unsaved == 0 || self.pause > 0 {
            return false;
        }
        let age = clock::now().0.saturating_sub(self.saved_at.0) / 1000;
        engine.config().save_points().iter().any(|point| unsaved >= point.changes && age >= point.seconds)
    }

    /// Tells the engine whether a snapshot is being written, and what the last one holds.
    pub(super) fn tell(&self, facts: &mut Facts) {
        facts.is_saving = self.requested || self.running.is_some();
        facts.saved_changes = self.saved_changes;
    }

    /// Starts a snapshot if the log has grown past the last one, and takes in the end of one that was running.
    ///
    /// `settled`: everything that the hub knows was appended; `changes`: how often the data has changed so far.
    pub(super) fn tick(&mut self, folder: &Path, log: &mut DiskLog, hub: &Hub, settled: bool, changes: u64) {
        if let Some(running) = self.running.take_if(|running| running.is_finished()) {
            self.finish(running);
        }
        self.pause = self.pause.saturating_sub(1);
        let bytes = self.older_bytes + log.bytes();
        let due =
            self.requested || bytes > self.log_bytes_min.max(self.snapshot_bytes) || self.older_segments > SEGMENTS_MAX;
        if due && settled && !hub.has_log() && self.running.is_none() && self.pause == 0 {
            self.running_changes = changes;
            self.start(folder, log, hub);
        }
    }

    /// Writes a snapshot of what is in memory, if somebody has asked for one, while clients wait: without a log there is
    /// nothing that another thread could make it of.
    pub(super) fn write_requested(&mut self, folder: &Path, engine: &Engine, hub: &Hub) {
        if !std::mem::take(&mut self.requested) {
            return;
        }
        match write_now(folder, engine, hub) {
            Ok(bytes) => {
                info!(bytes, "wrote a snapshot");
                self.note_saved(engine.keyspace().changes());
            }
            Err(error) => {
                error!("cannot write a snapshot: {error:#}");
                self.failed = true;
                self.pause = PAUSE_TICKS;
            }
        }
    }

    fn start(&mut self, folder: &Path, log: &mut DiskLog, hub: &Hub) {
        self.requested = false;
        let ended_bytes = log.bytes();
        // A segment without records stays the newest: the next one would have its name.
        if hub.seq().next() > log.first() {
            if let Err(error) = log.rotate(hub) {
                error!("cannot begin a segment of the log: {error}");
                self.pause = PAUSE_TICKS;
                return;
            }
            self.older_bytes += ended_bytes;
            self.older_segments += 1;
        }
        let (folder, first) = (folder.to_owned(), log.first());
        let thread = std::thread::Builder::new().name("snapshot".into());
        match thread.spawn(move || compact(&folder, first)) {
            Ok(running) => self.running = Some(running),
            Err(error) => {
                error!("cannot start the thread that writes a snapshot: {error}");
                self.pause = PAUSE_TICKS;
            }
        }
    }

    fn finish(&mut self, running: JoinHandle<Result<u64>>) {
        match running.join() {
            Ok(Ok(bytes)) => {
                info!(bytes, "wrote a snapshot");
                self.note_saved(self.running_changes);
                self.snapshot_bytes = bytes;
                self.older_bytes = 0;
                self.older_segments = 0;
            }
            Ok(Err(error)) => {
                error!("cannot write a snapshot, the log goes on growing: {error:#}");
                self.failed = true;
                self.pause = PAUSE_TICKS;
            }
            Err(_) => {
                error!("the thread that writes a snapshot has panicked, the log goes on growing");
                self.failed = true;
                self.pause = PAUSE_TICKS;
            }
        }
    }

    fn note_saved(&mut self, changes: u64) {
        self.saved_at = clock::now();
        self.saved_changes = changes;
        self.saves += 1;
        self.failed = false;
    }
}

/// Segments that pile up, one for each start, before a snapshot is written although they are small.
const SEGMENTS_MAX: usize = 16;

/// Regular calls, ten a second, until a failed snapshot is tried again.
const PAUSE_TICKS: u32 = 300;
