//! The folder: which files are in it, who may write there, and how a file comes into being whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sanderling_core::format::LogSeq;

/// A data folder that this process has locked.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

/// The files of a folder, each list in the order of positions.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Snapshots and the last record that they show.
    pub(crate) snapshots: Vec<(LogSeq, PathBuf)>,
    /// Segments of the log and their first record.
    pub(crate) segments: Vec<(LogSeq, PathBuf)>,
}

impl Folder {
    /// Locks a folder, which is made if it doesn't exist, and removes what a crash left half-written.
    ///
    /// # Errors
    /// If another server works there, or the folder can't be used.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        let file = path.join("LOCK");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .with_context(|| format!("cannot open {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                bail!("the folder {} is in use by another server (process {})", path.display(), holder.trim());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", file.display()));
            }
        }
        // Only for the message above: the lock itself is the operating system's.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        let folder = Self { path: path.into(), _lock: lock };
        folder.remove_unfinished().with_context(|| format!("cannot clean up {}", path.display()))?;
        Ok(folder)
    }

    /// Returns where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Lists snapshots and segments of a folder. Other files are none of our business.
///
/// # Errors
/// If the folder can't be read.
pub(crate) fn list(folder: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(seq) = position(name, "snapshot-", ".sdb") {
            listing.snapshots.push((seq, path));
        } else if let Some(seq) = position(name, "log-", ".slog") {
            listing.segments.push((seq, path));
        }
    }
    listing.snapshots.sort();
    listing.segments.sort();
    Ok(listing)
}

/// Returns the name of the snapshot that shows everything up to `seq`.
pub(crate) fn snapshot_path(folder: &Path, seq: LogSeq) -> PathBuf {
    folder.join(format!("snapshot-{:020}.sdb", seq.0))
}

/// Returns the name of the segment whose first record is `seq`.
pub(crate) fn segment_path(folder: &Path, seq: LogSeq) -> PathBuf {
    folder.join(format!("log-{:020}.slog", seq.0))
}

/// Writes a file so that it exists under its name whole or not at all, whenever the machine stops.
///
/// # Errors
/// What the file system reports; nothing has the name then, or what had it before.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
    let unfinished = path.with_extension(UNFINISHED);
    let outcome = (|| {
        let mut file = File::create(&unfinished)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(file)
    })();
    match outcome {
        Ok(file) => sync_folder_of(path).map(|()| file),
        Err(error) => {
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

/// Makes names that were added to or removed from the folder of `path` survive a crash of the machine.
///
/// # Errors
/// What the file system reports.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn position(name: &str, prefix: &str, suffix: &str) -> Option<LogSeq> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (digits.len() == 20).then(|| digits.parse().ok().map(LogSeq)).flatten()
}

/// The extension of a file that is being written.
const UNFINISHED: &str = "tmp";
