//! The file of the libraries of functions.
//!
//! It stands beside the log and isn't part of it. Libraries change no data by themselves: what their functions did is in
//! the log as effects, so a replay needs none of them, nor does a replica. So they need no place in the log's order; and
//! a record of a kind of its own would be one that each reader of a log has to know, the replicas in browsers, too.
//!
//! A change writes the whole file before it is answered, under another name that is then changed: it is there whole or
//! not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sanderling_core::blob::Blob;
use sanderling_core::format::{FrameKind, encode_frame, split_frame};

use super::damage::Damage;
use super::files::write_whole;

/// Returns where the file is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("functions.sfn")
}

/// Reads the libraries' texts; none where there is no file.
///
/// # Errors
/// [`Damage`] if the file isn't what was written, or what the file system reports.
pub(crate) fn read(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let path = path(folder);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let damage = |why: String| anyhow::Error::from(Damage::new(&path, 0, why));
    let (frame, rest) = split_frame(&bytes).map_err(|error| damage(error.to_string()))?;
    if frame.kind != FrameKind::Libraries || !rest.is_empty() {
        return Err(damage("this is no file of libraries".into()));
    }
    let codes: Vec<Blob<'_>> = postcard::from_bytes(frame.payload).map_err(|error| damage(error.to_string()))?;
    Ok(codes.iter().map(|code| code.to_vec()).collect())
}

/// Writes the libraries' texts.
///
/// # Errors
/// What the file system reports; the file is as it was then.
pub(crate) fn write<'a>(folder: &Path, codes: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let codes: Vec<Blob<'_>> = codes.map(Blob::from).collect();
    let payload = postcard::to_extend(&codes, Vec::new()).map_err(io::Error::other)?;
    if u32::try_from(payload.len()).is_err() {
        return Err(io::Error::other("the libraries pass 4 GiB"));
    }
    let mut frame = Vec::new();
    encode_frame(FrameKind::Libraries, &payload, &mut frame);
    write_whole(&path(folder), |file| file.write_all(&frame)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap().is_empty());
        for codes in [&[b"one".to_vec(), b"other".to_vec()][..], &[]] {
            write(folder.path(), codes.iter().map(|code| &**code)).unwrap();
            assert_eq!(read(folder.path()).unwrap(), codes);
        }
        let mut bytes = fs::read(path(folder.path())).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path(folder.path()), bytes).unwrap();
        assert!(read(folder.path()).unwrap_err().is::<Damage>());
    }
}
