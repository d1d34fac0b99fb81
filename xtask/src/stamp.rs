//! Telling whether a step's inputs have changed since its outputs were made, so that a second run starts in seconds.
//!
//! A stamp is a hash of the content of every input, kept under the target folder. Contents rather than times, because
//! git and npm set times as they please.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths;

/// The state of a step's inputs, computed now, to be compared with what was recorded the last time it succeeded.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    value: String,
}

impl Stamp {
    /// Hashes the inputs: files, or folders with all that is in them except what is generated or installed.
    ///
    /// Cost: reads every input once.
    ///
    /// # Errors
    /// When an input cannot be read. One that does not exist counts as empty.
    pub(crate) fn new(name: &str, inputs: &[PathBuf], settings: &str) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        for input in inputs {
            for file in files(input)? {
                file.strip_prefix(paths::root()).unwrap_or(&file).hash(&mut hasher);
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
            }
        }
        let file = paths::state().join("stamps").join(name);
        Ok(Self { file, value: format!("{:016x}", hasher.finish()) })
    }

    /// Tells whether these very inputs have been recorded and every output still exists.
    pub(crate) fn is_fresh(&self, outputs: &[PathBuf]) -> bool {
        outputs.iter().all(|path| path.exists())
            && fs::read_to_string(&self.file).is_ok_and(|recorded| recorded == self.value)
    }

    /// Records that the outputs now match the inputs.
    ///
    /// # Errors
    /// When the target folder cannot be written to.
    pub(crate) fn record(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.file, &self.value).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// Returns every file under a path, in order of name, without those in folders that hold built or installed things.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
        for entry in entries {
            let entry = entry?.path();
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if !(entry.is_dir() && (SKIPPED.contains(&&*name) || name.starts_with('.'))) {
                found.extend(files(&entry)?);
            }
        }
        found.sort();
    } else if path.is_file() {
        found.push(path.to_path_buf());
    }
    Ok(found)
}

const SKIPPED: &[&str] = &["node_modules", "target", "dist", "pkg"];
