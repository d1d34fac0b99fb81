//! Runs Redis's own test suite: `conformance [--target T] [--internal] [--all] [--verbose] [--update] [--passed] [FILE…]`.

use std::process::ExitCode;

use sanderling_tests::conformance::{Against, Options, run};
use sanderling_tests::server::Target;

const USAGE: &str = "\
usage: conformance [--target sanderling|wasm|redis-server|IP:PORT] [--internal] [--all] [--verbose] [--update] [--passed] [FILE…]
  FILE       a file of Redis's suite, such as unit/type/string; the fast ones when none is named
  --target   what to test: a fresh server for each file (sanderling is the default; wasm is the engine of the npm
             package, alone), or one that runs already (it is flushed)
  --internal the files start their servers themselves (`internal/FILE` says the same)
  --all      every file of the baseline
  --verbose  shows why each failing test fails
  --update   rewrites the part of not-yet.txt (of wasm.txt) that belongs to the files that were run
  --passed   prints what passes as baseline.txt has it";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("conformance: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("conformance: {why}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--internal" => options.internal = true,
            "--passed" => options.passed = true,
            "--all" => options.all = true,
            "--verbose" => options.verbose = true,
            "--update" => options.update = true,
            "--target" => {
                let target = arguments.next().ok_or("--target wants a value")?;
                options.against = match target.as_str() {
                    "sanderling" => Against::Fresh(Target::Sanderling),
                    "wasm" => Against::Fresh(Target::Wasm),
                    "redis-server" => Against::Fresh(Target::Redis),
                    address => Against::Running(
                        address.parse().map_err(|_| format!("--target {address}: no server and no IP:PORT"))?,
                    ),
                };
            }
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
            file => options.files.push(file.to_owned()),
        }
    }
    Ok(Some(options))
}
