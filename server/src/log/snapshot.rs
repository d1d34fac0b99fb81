//! Snapshots on disk: every key at one position of the log, and what the hub must remember.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use sanderling_core::format::{ChunkReader, FrameKind, LogSeq, encode_frame};
use sanderling_core::sync::Hub;
use sanderling_core::{Engine, blob::Blob};
use serde::{Deserialize, Serialize};

use super::damage::Damage;
use super::files::{snapshot_path, write_whole};
use super::reader::{FrameReader, Next};

/// What the head frame of a snapshot or of a segment holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head<'a> {
    /// The last record before the segment's first; the last record that the snapshot shows.
    pub(crate) seq: LogSeq,
    /// What the hub keeps of that moment.
    #[serde(borrow)]
    pub(crate) hub: Blob<'a>,
}

/// What the end frame of a snapshot holds.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    chunks: u64,
}

/// Writes a snapshot of what the engine and the hub hold. Returns its length.
///
/// # Errors
/// What the file system reports; there is no snapshot then.
pub(crate) fn write(folder: &Path, engine: &Engine, hub: &Hub) -> Result<u64> {
    let path = snapshot_path(folder, hub.seq());
    let file = write_whole(&path, |file| {
        let mut out = BufWriter::with_capacity(1024 * 1024, file);
        write_frames(&mut out, engine, hub)?;
        out.flush()
    });
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.metadata().map_or(0, |metadata| metadata.len()))
}

fn write_frames(out: &mut BufWriter<&mut File>, engine: &Engine, hub: &Hub) -> io::Result<()> {
    let mut frame = Vec::new();
    let mut chunks = 0;
    let mut outcome = write_head(out, hub);
    engine.snapshot(
        |_, _| true,
        |chunk| {
            if outcome.is_ok() {
                chunks += 1;
                frame.clear();
                encode_frame(FrameKind::Chunk, &chunk, &mut frame);
                outcome = out.write_all(&frame);
            }
        },
    );
    outcome?;
    let end = postcard::to_extend(&End { chunks }, Vec::new()).map_err(io::Error::other)?;
    frame.clear();
    encode_frame(FrameKind::End, &end, &mut frame);
    out.write_all(&frame)
}

/// Writes the head frame of a snapshot or a segment.
///
/// # Errors
/// What the file system reports.
pub(crate) fn write_head(out: &mut impl Write, hub: &Hub) -> io::Result<()> {
    let state = hub.head();
    let head = Head { seq: hub.seq(), hub: state.as_slice().into() };
    let head = postcard::to_extend(&head, Vec::new()).map_err(io::Error::other)?;
    let mut frame = Vec::new();
    encode_frame(FrameKind::Head, &head, &mut frame);
    out.write_all(&frame)
}

/// Loads a snapshot into an empty engine and a new hub. Returns its length.
///
/// # Errors
/// [`Damage`] if the file isn't whole: it was complete when it got its name, so something else changed it.
pub(crate) fn load(path: &Path, seq: LogSeq, engine: &mut Engine, hub: &mut Hub) -> Result<u64> {
    let mut reader = FrameReader::open(path)?;
    read_head(&mut reader, seq, hub)?;
    let mut chunks = 0;
    loop {
        match reader.next_frame()? {
            Next::Frame(at, frame) if frame.kind == FrameKind::Chunk => {
                chunks += 1;
                for effect in ChunkReader::new(frame.payload).effects() {
                    let (db, effect) = effect.map_err(|error| Damage::new(path, at, error))?;
                    engine.apply(db, &effect);
                }
            }
            Next::Frame(at, frame) if frame.kind == FrameKind::End => {
                let end: End = postcard::from_bytes(frame.payload).map_err(|error| Damage::new(path, at, error))?;
                if end.chunks != chunks {
                    let reason = format!("the snapshot has {chunks} chunks, and {} were written", end.chunks);
                    return Err(Damage::new(path, at, reason).into());
                }
                break;
            }
            Next::Frame(at, frame) => {
                return Err(Damage::new(path, at, format!("a snapshot has no {:?} frame here", frame.kind)).into());
            }
            Next::Unsound(at, why) => return Err(Damage::new(path, at, why).into()),
            Next::End => return Err(Damage::new(path, reader.bytes(), "the end is missing").into()),
        }
    }
    match reader.next_frame()? {
        Next::End => Ok(reader.bytes()),
        Next::Frame(at, _) | Next::Unsound(at, _) => Err(Damage::new(path, at, "bytes after the end").into()),
    }
}

/// Reads the head frame of a snapshot or a segment that shows the log up to `seq`, and hands it to the hub.
///
/// # Errors
/// [`Damage`] if it isn't sound or belongs to another position.
pub(crate) fn read_head(reader: &mut FrameReader, seq: LogSeq, hub: &mut Hub) -> Result<()> {
    let path = reader.path().to_owned();
    let damage = |reason: String| Damage::new(&path, 0, reason);
    let payload = match reader.next_frame()? {
        Next::Frame(_, frame) if frame.kind == FrameKind::Head => frame.payload,
        Next::Frame(_, frame) => {
            return Err(damage(format!("the file begins with a {:?} frame instead of its head", frame.kind)).into());
        }
        Next::Unsound(_, why) => return Err(damage(why.to_string()).into()),
        Next::End => return Err(damage("the file is empty".into()).into()),
    };
    let head: Head<'_> = postcard::from_bytes(payload).map_err(|error| damage(error.to_string()))?;
    if head.seq != seq {
        return Err(damage(format!("the head is that of position {}, the name that of {}", head.seq.0, seq.0)).into());
    }
    hub.restore_head(&head.hub).map_err(|error| damage(error.to_string()))?;
    if hub.seq() != seq {
        return Err(damage(format!("the head holds position {} twice, and differently", seq.0)).into());
    }
    Ok(())
}
