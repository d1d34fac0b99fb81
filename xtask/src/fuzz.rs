//! `cargo xtask fuzz TARGET`: libFuzzer on one of the ways in that `sanderling_tests::fuzz` lists.
//!
//! The package in `tests/fuzz/` has the layout of cargo-fuzz, which runs it as well, on a nightly compiler. Here the
//! coverage that libFuzzer needs is asked of LLVM itself, so that any compiler will do. No sanitizer watches, because
//! nothing of ours is unsafe: panics, overflows, memory and time are what is looked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::shell::{self, cargo, command};

/// What is to be fuzzed, and how.
#[derive(Debug)]
struct Choice {
    target: String,
    seconds: u64,
    /// The corpus in the repository becomes what was found, without what finds nothing of its own.
    keep: bool,
}

/// Fuzzes a target for a while.
///
/// # Errors
/// When the arguments make no sense, or an input was found that shouldn't be possible; where it lies has been printed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let choice = Choice::parse(arguments)?;
    let target = choice.target.as_str();
    let folder = paths::target().join("fuzz");
    let (inputs, artifacts) = (folder.join("inputs").join(target), folder.join("artifacts").join(target));
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot create {}", artifacts.display()))?;
    shell::run(&mut corpus("unpack", target, &inputs))?;
    let program = build(target, &folder)?;
    let fuzzer = |seconds: u64| {
        let mut fuzzer = command(&program);
        fuzzer.arg(format!("-max_total_time={seconds}"));
        fuzzer.args(["-max_len=16384", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzzer
    };
    shell::run(fuzzer(choice.seconds).arg(&inputs))?;
    if choice.keep {
        let smallest = folder.join("smallest").join(target);
        if smallest.exists() {
            fs::remove_dir_all(&smallest).with_context(|| format!("cannot remove {}", smallest.display()))?;
        }
        fs::create_dir_all(&smallest).with_context(|| format!("cannot create {}", smallest.display()))?;
        shell::run(fuzzer(0).arg("-merge=1").args([&smallest, &inputs]))?;
        shell::run(&mut corpus("pack", target, &smallest))?;
    }
    Ok(())
}

impl Choice {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut choice = Self { target: String::new(), seconds: 300, keep: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--keep" => choice.keep = true,
                "--seconds" => match arguments.next().and_then(|value| value.parse().ok()) {
                    Some(seconds) => choice.seconds = seconds,
                    None => bail!("{USAGE}"),
                },
                target if !target.starts_with('-') && choice.target.is_empty() => target.clone_into(&mut choice.target),
                _ => bail!("{USAGE}"),
            }
        }
        let known = targets()?;
        if !known.contains(&choice.target) {
            bail!("{USAGE}\nthe targets are {}", known.join(", "));
        }
        Ok(choice)
    }
}

/// Builds a target with the coverage that libFuzzer asks for.
fn build(target: &str, folder: &Path) -> Result<PathBuf> {
    let host = shell::read(command("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc doesn't name its host")?;
    let folder = folder.join("build");
    let mut build = cargo();
    build.args(["build", "--release", "--bin", target, "--target", host, "--target-dir"]).arg(&folder);
    build.current_dir(package()).env("RUSTFLAGS", COVERAGE.join(" "));
    shell::run(&mut build)?;
    Ok(folder.join(host).join("release").join(target))
}

fn corpus(verb: &str, target: &str, folder: &Path) -> Command {
    let mut corpus = cargo();
    corpus.args(["run", "--quiet", "--package", "sanderling-tests", "--bin", "fuzz-corpus", "--", verb, target]);
    corpus.arg(folder);
    corpus
}

/// The targets' names, which are those of their files.
fn targets() -> Result<Vec<String>> {
    let folder = package().join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn package() -> PathBuf {
    paths::root().join("tests/fuzz")
}

const USAGE: &str = "usage: cargo xtask fuzz TARGET [--seconds N] [--keep]";

/// What cargo-fuzz asks of the compiler, without the sanitizer.
const COVERAGE: [&str; 6] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
