//! From the files to the state that they hold: the newest snapshot, then the log.
//!
//! The server's start and the writing of a snapshot both come this way.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sanderling_core::Engine;
use sanderling_core::format::{FrameKind, LogSeq, Record};
use sanderling_core::sync::Hub;
use tracing::warn;

use super::damage::Damage;
use super::files::{self, Listing, sync_folder_of};
use super::reader::{FrameReader, Next};
use super::snapshot;
use crate::config::Repair;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Length of the snapshot, 0 if there is none.
    pub(crate) snapshot_bytes: u64,
    /// Bytes of the segments after it.
    pub(crate) log_bytes: u64,
    /// Segments after it.
    pub(crate) segments: usize,
    /// Files that hold nothing that the others don't.
    pub(crate) superseded: Vec<PathBuf>,
}

/// How far to read, and what to do on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Read only segments that begin before this record; they are complete then, and a torn tail is damage.
    pub(crate) before: Option<LogSeq>,
    /// What to do about damage.
    pub(crate) repair: Option<Repair>,
}

/// Loads all that a folder holds into an empty engine, whose journal must be off, and a new hub.
///
/// A torn tail is cut off, with a warning.
///
/// # Errors
/// [`Damage`] if the files aren't as they were written; nothing was changed then.
pub(crate) fn recover(folder: &Path, extent: Extent, engine: &mut Engine, hub: &mut Hub) -> Result<Recovered> {
    let Listing { mut snapshots, mut segments } = files::list(folder)?;
    if let Some(before) = extent.before {
        segments.retain(|(first, _)| *first < before);
        snapshots.retain(|(seq, _)| *seq < before);
    }
    let mut found = Recovered::default();
    if let Some((seq, path)) = snapshots.pop() {
        found.snapshot_bytes = snapshot::load(&path, seq, engine, hub)?;
        found.superseded.extend(snapshots.into_iter().map(|(_, path)| path));
    }
    // A segment is superseded when the next one goes on right after the snapshot or before.
    let next = hub.seq().next();
    let covered = segments.iter().skip(1).take_while(|(first, _)| *first <= next).count();
    found.superseded.extend(segments.drain(..covered).map(|(_, path)| path));
    let mut segments = segments.into_iter().peekable();
    while let Some((first, path)) = segments.next() {
        let last = segments.peek().is_none() && extent.before.is_none();
        if first > hub.seq().next() {
            let reason = format!("records {} to {} are in no file", hub.seq().next().0, first.0 - 1);
            return Err(Damage::new(&path, 0, reason).into());
        }
        found.segments += 1;
        let (bytes, damaged) = replay(&path, first, last, extent.repair, engine, hub)?;
        found.log_bytes += bytes;
        if damaged {
            for (_, path) in segments {
                set_aside(&path)?;
            }
            break;
        }
    }
    Ok(found)
}

/// Removes files that hold nothing that others don't.
///
/// # Errors
/// What the file system reports.
pub(crate) fn remove_superseded(files: &[PathBuf]) -> Result<()> {
    for path in files {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    match files.first() {
        Some(path) => sync_folder_of(path).context("cannot sync the data folder"),
        None => Ok(()),
    }
}

/// Applies a segment's records. Returns its sound bytes, and whether it was damaged and cut.
fn replay(
    path: &Path,
    first: LogSeq,
    last: bool,
    repair: Option<Repair>,
    engine: &mut Engine,
    hub: &mut Hub,
) -> Result<(u64, bool)> {
    let mut reader = FrameReader::open(path)?;
    if first == hub.seq().next() {
        snapshot::read_head(&mut reader, hub.seq(), hub)?;
    } else {
        // A segment that a snapshot shows in part: the hub knows more than its head does.
        skip_head(&mut reader)?;
    }
    loop {
        match reader.next_frame()? {
            Next::End => return Ok((reader.bytes(), false)),
            Next::Frame(at, frame) if frame.kind == FrameKind::Records => {
                replay_records(frame.payload, engine, hub).map_err(|reason| Damage::new(path, at, reason))?;
            }
            Next::Frame(at, frame) => {
                return Err(Damage::new(path, at, format!("a log has no {:?} frame here", frame.kind)).into());
            }
            Next::Unsound(at, why) => {
                let bytes = reader.bytes() - at;
                if last && !reader.has_frame_after(at)? {
                    warn!(
                        "{}: cut off {bytes} bytes from offset {at} on, an append that a crash interrupted ({why})",
                        path.display()
                    );
                    cut(path, at)?;
                    return Ok((at, false));
                }
                if repair == Some(Repair::Truncate) {
                    warn!(
                        "{}: damaged at offset {at} ({why}): all records from there on are set aside",
                        path.display()
                    );
                    set_aside_from(path, at)?;
                    return Ok((at, true));
                }
                return Err(Damage::new(path, at, why).repairable().into());
            }
        }
    }
}

fn replay_records(mut payload: &[u8], engine: &mut Engine, hub: &mut Hub) -> Result<(), String> {
    while !payload.is_empty() {
        let (record, rest) = Record::decode(payload).map_err(|error| format!("no record: {error}"))?;
        let seq = record.header.seq.0;
        hub.recover_record(engine, &record)
            .map_err(|error| format!("record {seq} after record {}: {error}", hub.seq().0))?;
        payload = rest;
    }
    Ok(())
}

fn skip_head(reader: &mut FrameReader) -> Result<()> {
    let path = reader.path().to_owned();
    match reader.next_frame()? {
        Next::Frame(_, frame) if frame.kind == FrameKind::Head => Ok(()),
        Next::Unsound(_, why) => Err(Damage::new(&path, 0, why).into()),
        Next::Frame(..) | Next::End => Err(Damage::new(&path, 0, "the head is missing").into()),
    }
}

fn cut(path: &Path, at: u64) -> Result<()> {
    let cut = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(at)?;
        file.sync_all()
    };
    cut().with_context(|| format!("cannot cut {}", path.display()))
}

/// Keeps a copy of a damaged segment beside it, and cuts the segment.
fn set_aside_from(path: &Path, at: u64) -> Result<()> {
    let aside = aside(path);
    fs::copy(path, &aside).with_context(|| format!("cannot copy {} to {}", path.display(), aside.display()))?;
    cut(path, at)
}

fn set_aside(path: &Path) -> Result<()> {
    let aside = aside(path);
    fs::rename(path, &aside).with_context(|| format!("cannot rename {} to {}", path.display(), aside.display()))?;
    warn!("{}: set aside as {}", path.display(), aside.display());
    sync_folder_of(path).context("cannot sync the data folder")
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("slog.damaged")
}
