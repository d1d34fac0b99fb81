//! The log as the shard sees it: appends go to the newest segment.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use sanderling_core::format::{FrameKind, LogSeq, encode_frame};
use sanderling_core::sync::Hub;

use super::files::{segment_path, write_whole};
use super::snapshot::write_head;
use super::sync::Syncer;
use crate::config::Fsync;

/// The newest segment of the log.
#[derive(Debug)]
pub(crate) struct DiskLog {
    folder: PathBuf,
    policy: Fsync,
    syncer: Option<Syncer>,
    file: Arc<File>,
    /// The segment before, which may not have reached the disk yet.
    before: Option<Arc<File>>,
    /// The first record of the newest segment.
    first: LogSeq,
    /// Its length. Beyond it stands at most what a failed append left.
    bytes: u64,
    frame: Vec<u8>,
    /// What the disk holds can't be known any more.
    sync_failed: bool,
}

impl DiskLog {
    /// Begins a segment after all that the hub knows.
    ///
    /// # Errors
    /// What the file system reports.
    pub(crate) fn begin(folder: &Path, policy: Fsync, hub: &Hub) -> Result<Self> {
        let first = hub.seq().next();
        let (file, bytes) = begin_segment(folder, hub).context("cannot begin a segment of the log")?;
        let syncer = match policy {
            Fsync::Everysec => Some(Syncer::start(Arc::clone(&file)).context("cannot start the thread that syncs")?),
            Fsync::Always | Fsync::No => None,
        };
        Ok(Self {
            folder: folder.into(),
            policy,
            syncer,
            file,
            before: None,
            first,
            bytes,
            frame: Vec::new(),
            sync_failed: false,
        })
    }

    /// Appends records as one frame, and syncs it where the policy says so. All or nothing: after an error the
    /// segment ends where it ended before.
    ///
    /// # Errors
    /// What the file system reports. The records aren't in the log; they may be appended again.
    pub(crate) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if self.has_failed() {
            return Err(io::Error::other("an earlier sync of the log failed"));
        }
        if u32::try_from(records.len()).is_err() {
            return Err(io::Error::other("records of one append pass 4 GiB"));
        }
        self.frame.clear();
        encode_frame(FrameKind::Records, records, &mut self.frame);
        if let Err(error) = (&*self.file).write_all(&self.frame) {
            // What was written of it would be taken for damage once something follows.
            if self.file.set_len(self.bytes).is_err() {
                self.sync_failed = true;
            }
            return Err(error);
        }
        self.bytes += self.frame.len() as u64;
        if self.frame.capacity() > FRAME_BYTES_KEPT {
            self.frame = Vec::new();
        }
        match (self.policy, &self.syncer) {
            (Fsync::Always, _) => self.sync()?,
            (_, Some(syncer)) => syncer.note_append(),
            _ => {}
        }
        Ok(())
    }

    /// Makes all that was appended reach the disk.
    ///
    /// # Errors
    /// What the file system reports; nothing can be appended any more, since a later sync would succeed without
    /// having written what this one lost.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.sync_failed = true)
    }

    /// The same for what was appended to the segment before, should it not have reached the disk yet.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub(crate) fn sync_all(&mut self) -> io::Result<()> {
        if let Some(before) = self.before.take() {
            before.sync_data().inspect_err(|_| self.sync_failed = true)?;
        }
        self.sync()
    }

    /// Whether a sync has failed, after which nothing can be appended.
    pub(crate) fn has_failed(&self) -> bool {
        self.sync_failed || self.syncer.as_ref().is_some_and(Syncer::has_failed)
    }

    /// Ends the segment and begins the next, after all that the hub knows, which must have been appended.
    ///
    /// # Errors
    /// What the file system reports; the segment goes on then.
    pub(crate) fn rotate(&mut self, hub: &Hub) -> io::Result<()> {
        let (file, bytes) = begin_segment(&self.folder, hub)?;
        match &self.syncer {
            Some(syncer) => {
                syncer.push(Arc::clone(&file));
                self.before = Some(Arc::clone(&self.file));
            }
            None => self.sync()?,
        }
        (self.file, self.bytes, self.first) = (file, bytes, hub.seq().next());
        Ok(())
    }

    /// Makes everything reach the disk, and ends.
    ///
    /// # Errors
    /// What the file system reports, now or at an earlier sync.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let failed = self.has_failed();
        // Its thread ends with a sync of older segments.
        self.syncer = None;
        self.sync()?;
        if failed { Err(io::Error::other("an earlier sync of the log failed")) } else { Ok(()) }
    }

    /// Returns the first record of the segment.
    pub(crate) fn first(&self) -> LogSeq {
        self.first
    }

    /// Returns the segment's length.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn begin_segment(folder: &Path, hub: &Hub) -> io::Result<(Arc<File>, u64)> {
    let path = segment_path(folder, hub.seq().next());
    write_whole(&path, |file| write_head(file, hub))?;
    let file = OpenOptions::new().append(true).open(&path)?;
    let bytes = file.metadata()?.len();
    Ok((Arc::new(file), bytes))
}

/// Capacity that the frame's buffer keeps after a large append.
const FRAME_BYTES_KEPT: usize = 1024 * 1024;
