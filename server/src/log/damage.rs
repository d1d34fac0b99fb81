//! What is wrong with a file, where, and what can be done about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Bytes on disk that aren't what was written.
#[derive(Debug)]
pub(crate) struct Damage {
    file: PathBuf,
    offset: u64,
    reason: String,
    repairable: bool,
}

impl Damage {
    /// Makes a report on `file`, whose bytes from `offset` on can't be used because of `reason`.
    pub(crate) fn new(file: &Path, offset: u64, reason: impl fmt::Display) -> Self {
        Self { file: file.into(), offset, reason: reason.to_string(), repairable: false }
    }

    /// Says that `--repair truncate` would get past it.
    pub(crate) fn repairable(self) -> Self {
        Self { repairable: true, ..self }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, reason, repairable } = self;
        write!(f, "{} is damaged at offset {offset}: {reason}. ", file.display())?;
        f.write_str("Nothing was changed. Restore the folder from a backup")?;
        if *repairable {
            f.write_str(", or start once with --repair truncate to keep what stands before the damage")?;
        }
        f.write_str(".")
    }
}

impl std::error::Error for Damage {}
