//! Compaction: a snapshot takes the place of the log before it, while the server goes on.
//!
//! The shard only begins a new segment. A thread then reads the files that came before, as a start of the server
//! would, into an engine of its own, writes what came of it as a snapshot, and removes what the snapshot shows.
//! It costs memory for a second copy of the data while it runs.

use std::path::Path;

use anyhow::Result;
use sanderling_core::format::LogSeq;
use sanderling_core::sync::{Hub, HubOptions};
use sanderling_core::{Engine, EngineOptions, Limits};

use super::files;
use super::recover::{Extent, recover, remove_superseded};
use super::snapshot;
use crate::entropy;

/// Writes a snapshot of all records before `first`, with which a segment begins, and removes the files that it
/// supersedes. Returns the snapshot's length.
///
/// # Errors
/// If the files can't be read or the snapshot can't be written; they are as they were then.
pub(crate) fn compact(folder: &Path, first: LogSeq) -> Result<u64> {
    let mut engine = Engine::new(EngineOptions { seed: entropy::number(), ..EngineOptions::default() });
    // Nobody resumes from this hub: it needn't keep the records that it has read.
    let limits = Limits { backlog_bytes_max: 0, ..Limits::DEFAULT };
    let mut hub = Hub::new(HubOptions { limits, ..HubOptions::default() });
    let extent = Extent { before: Some(first), repair: None };
    recover(folder, extent, &mut engine, &mut hub)?;
    write(folder, &engine, &hub, first)
}

/// Writes a snapshot of what an engine and its hub hold now, and removes all files that came before. Returns its length.
///
/// # Errors
/// If the snapshot can't be written; the files are as they were then.
pub(crate) fn write_now(folder: &Path, engine: &Engine, hub: &Hub) -> Result<u64> {
    write(folder, engine, hub, hub.seq().next())
}

fn write(folder: &Path, engine: &Engine, hub: &Hub, first: LogSeq) -> Result<u64> {
    let bytes = snapshot::write(folder, engine, hub)?;
    let files::Listing { snapshots, segments } = files::list(folder)?;
    let old_snapshots = snapshots.into_iter().filter(|(seq, _)| *seq < hub.seq());
    let old_segments = segments.into_iter().filter(|(start, _)| *start < first);
    let superseded: Vec<_> = old_snapshots.chain(old_segments).map(|(_, path)| path).collect();
    remove_superseded(&superseded)?;
    Ok(bytes)
}
