//! The thread that makes appends reach the disk once a second, so that the shard never waits for a disk.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::error;

/// Syncs what was appended, once a second and at its end.
#[derive(Debug)]
pub(crate) struct Syncer {
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Segments that may hold what isn't on the disk; the last one is being written.
    files: Mutex<Vec<Arc<File>>>,
    dirty: AtomicBool,
    failed: AtomicBool,
}

impl Syncer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(file: Arc<File>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            files: Mutex::new(vec![file]),
            dirty: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        });
        let (stop, stopped) = mpsc::channel();
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log-sync".into()).spawn(move || {
            loop {
                let ended = stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout);
                if own.dirty.swap(false, Ordering::AcqRel) {
                    own.sync();
                }
                if ended {
                    break;
                }
            }
        })?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Notes that something was appended.
    pub(crate) fn note_append(&self) {
        self.shared.dirty.store(true, Ordering::Release);
    }

    /// Whether the disk ever refused: what was written since the sync before may be lost, and nobody can tell.
    pub(crate) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Goes over to the next segment. The one before is synced with it.
    pub(crate) fn push(&self, file: Arc<File>) {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        self.note_append();
    }
}

impl Shared {
    fn sync(&self) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for file in &files {
            if let Err(error) = file.sync_data() {
                error!("cannot sync the log: {error}. Writes are refused until a restart");
                self.failed.store(true, Ordering::Release);
                return;
            }
        }
        // The last of them goes on being written; those before it are done with.
        self.files.lock().unwrap_or_else(PoisonError::into_inner).drain(..files.len() - 1);
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing left to panic about, and its last sync is what is waited for.
            let _ = thread.join();
        }
    }
}

const PERIOD: Duration = Duration::from_secs(1);
