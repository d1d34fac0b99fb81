//! Reading frames off a file, with the offset of each.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use memchr::memmem;
use sanderling_core::format::{FRAME_HEADER_BYTES, Frame, FrameError, split_frame};

/// The frames of a file, one after the other.
#[derive(Debug)]
pub(crate) struct FrameReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame begins.
    offset: u64,
    bytes: u64,
    frame: Vec<u8>,
}

/// What stands at a place of a file.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// A frame, and where it begins.
    Frame(u64, Frame<'a>),
    /// Bytes that aren't a frame.
    Unsound(u64, FrameError),
    /// Nothing more.
    End,
}

impl FrameReader {
    /// Opens a file.
    ///
    /// # Errors
    /// What the file system reports.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(failed)?;
        let bytes = file.metadata().with_context(failed)?.len();
        let file = BufReader::with_capacity(256 * 1024, file);
        Ok(Self { path: path.into(), file, offset: 0, bytes, frame: Vec::new() })
    }

    /// Returns the file's name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file's length.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next frame. After bytes that aren't one, nothing more is read.
    ///
    /// # Errors
    /// What the file system reports.
    pub(crate) fn next_frame(&mut self) -> Result<Next<'_>> {
        let at = self.offset;
        let rest = self.bytes - at;
        if rest == 0 {
            return Ok(Next::End);
        }
        self.frame.clear();
        self.read(rest.min(FRAME_HEADER_BYTES as u64))?;
        // The length is looked at only where a frame begins: garbage isn't taken for a length.
        if let Err(why) = split_frame(&self.frame)
            && why != FrameError::Truncated
            && why != FrameError::BadChecksum
        {
            return Ok(Next::Unsound(at, why));
        }
        let Some(&[_, _, _, _, a, b, c, d, ..]) = self.frame.get(..FRAME_HEADER_BYTES) else {
            return Ok(Next::Unsound(at, FrameError::Truncated));
        };
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let whole = FRAME_HEADER_BYTES as u64 + length;
        if whole > rest {
            return Ok(Next::Unsound(at, FrameError::Truncated));
        }
        self.read(length)?;
        match split_frame(&self.frame) {
            Ok((frame, _)) => {
                self.offset += whole;
                Ok(Next::Frame(at, frame))
            }
            Err(why) => Ok(Next::Unsound(at, why)),
        }
    }

    /// Tells whether a sound frame begins anywhere after `offset`: what precedes it isn't a torn tail then.
    ///
    /// # Errors
    /// What the file system reports.
    pub(crate) fn has_frame_after(&self, offset: u64) -> Result<bool> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(offset + 1))?;
            let mut rest = Vec::new();
            file.read_to_end(&mut rest)?;
            io::Result::Ok(rest)
        };
        let rest = read().with_context(|| format!("cannot read {}", self.path.display()))?;
        let mut starts = memmem::find_iter(&rest, b"SD");
        Ok(starts.any(|at| rest.get(at..).is_some_and(|bytes| split_frame(bytes).is_ok())))
    }

    fn read(&mut self, count: u64) -> Result<()> {
        let read = self.file.by_ref().take(count).read_to_end(&mut self.frame);
        let read = read.with_context(|| format!("cannot read {}", self.path.display()))?;
        anyhow::ensure!(read as u64 == count, "{} became shorter while it was read", self.path.display());
        Ok(())
    }
}
