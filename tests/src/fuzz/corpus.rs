//! Corpora: the inputs that found something new, packed into one file for each target.
//!
//! ```text
//! tests/fuzz/corpus/NAME.bin: (length u32 LE | bytes)*
//! ```

use std::{fs, io, path::Path};

/// Reads the kept inputs of a target; none, if there are none.
///
/// # Errors
/// If the file is there and isn't a corpus, or can't be read.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let bytes = match fs::read(path(target)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let mut inputs = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let cut = || io::Error::other(format!("{} is cut short", path(target).display()));
        let (input, after) = after.split_at_checked(length).ok_or_else(cut)?;
        inputs.push(input.to_vec());
        rest = after;
    }
    Ok(inputs)
}

/// Keeps inputs, the shortest first, as many as fit into `bytes_max`. Returns how many that are.
///
/// # Errors
/// What the file system reports.
pub fn write(target: &str, mut inputs: Vec<Vec<u8>>, bytes_max: usize) -> io::Result<usize> {
    inputs.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    inputs.dedup();
    let mut bytes = Vec::new();
    let mut count = 0;
    for input in inputs {
        if bytes.len() + 4 + input.len() > bytes_max {
            break;
        }
        bytes.extend_from_slice(&u32::try_from(input.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&input);
        count += 1;
    }
    fs::write(path(target), bytes)?;
    Ok(count)
}

fn path(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(format!("{target}.bin"))
}
