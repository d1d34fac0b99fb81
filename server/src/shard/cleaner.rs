//! The thread that frees what takes long to free: large values that were deleted, databases that were flushed.
//!
//! A million members are a million pieces to give back, and clients would wait for each. Nothing waits for this thread.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;

use sanderling_core::Garbage;

/// Takes what is to be freed to its thread, which ends with this.
#[derive(Debug)]
pub(super) struct Cleaner {
    sender: Sender<Garbage>,
}

impl Cleaner {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, garbage) = mpsc::channel();
        thread::Builder::new().name("free".into()).spawn(move || garbage.into_iter().for_each(drop))?;
        Ok(Self { sender })
    }

    /// Has something freed, some time soon.
    pub(super) fn free(&self, garbage: Garbage) {
        // The thread ends with the sender; if it didn't, what comes back is freed here.
        drop(self.sender.send(garbage));
    }
}
