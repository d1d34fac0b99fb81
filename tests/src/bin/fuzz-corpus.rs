//! Corpora of the fuzz targets, between their packed form and the folders that libFuzzer works on:
//! `fuzz-corpus unpack|pack TARGET FOLDER`. `cargo xtask fuzz` calls it.

use std::{env, fs, io, path::Path, process::ExitCode};

use sanderling_core::hash::Rng;
use sanderling_tests::fuzz::{Target, corpus};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [verb, target, folder] = arguments.as_slice() else { return usage() };
    let Some(target) = Target::find(target) else { return usage() };
    let outcome = match verb.as_str() {
        "unpack" => unpack(target, Path::new(folder)),
        "pack" => pack(target, Path::new(folder)),
        _ => return usage(),
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{verb} {}: {error}", target.name);
            ExitCode::FAILURE
        }
    }
}

/// Adds the kept inputs and the seeds to a folder.
fn unpack(target: &Target, folder: &Path) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let mut inputs = corpus::read(target.name)?;
    inputs.extend((target.seeds)(&mut Rng::new(1)));
    for (index, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("kept-{index:04}")), input)?;
    }
    Ok(format!("{} inputs of {} to begin with", inputs.len(), target.name))
}

/// Keeps what a folder holds in place of what was kept before.
fn pack(target: &Target, folder: &Path) -> io::Result<String> {
    let inputs: io::Result<Vec<Vec<u8>>> = fs::read_dir(folder)?.map(|entry| fs::read(entry?.path())).collect();
    let inputs = inputs?;
    let found = inputs.len();
    let kept = corpus::write(target.name, inputs, PACKED_BYTES_MAX)?;
    Ok(format!("kept {kept} of {found} inputs of {}", target.name))
}

fn usage() -> ExitCode {
    eprintln!("usage: fuzz-corpus unpack|pack TARGET FOLDER");
    ExitCode::FAILURE
}

/// What a packed corpus may weigh in the repository.
const PACKED_BYTES_MAX: usize = 48 * 1024;
