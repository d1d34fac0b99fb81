//! The suites that are programs of their own in `tests/`, run against a freshly built server.

use anyhow::{Result, bail};

use crate::shell::{self, cargo};
use crate::{build, need};

/// Runs Redis's own test suite; arguments go to it.
///
/// # Errors
/// When something is missing or a test fails that should pass.
pub(crate) fn conformance(arguments: &[String]) -> Result<()> {
    let mut suite = tests_binary("conformance");
    if !wants_help(arguments) {
        need::programs(REDIS_TOOLS)?;
        suite.env("SANDERLING_BIN", build::server("fast")?);
    }
    shell::run(suite.arg("--").args(arguments))
}

/// Runs the replication simulator: many seeds, or one that failed.
///
/// # Errors
/// When an argument is unknown or a seed fails.
pub(crate) fn simulation(arguments: &[String]) -> Result<()> {
    let (variable, value) = match arguments {
        [] => ("SANDERLING_SIM_SEEDS", SEEDS),
        [flag, count] if flag == "--seeds" => ("SANDERLING_SIM_SEEDS", count.as_str()),
        [flag, seed] if flag == "--seed" => ("SANDERLING_SIM_SEED", seed.as_str()),
        _ => bail!("usage: cargo xtask sim [--seeds COUNT | --seed N]"),
    };
    let mut cargo = cargo();
    cargo.args(["test", "--quiet", "--profile", "fast", "--package", "sanderling-tests", "--test", "simulation"]);
    shell::run(cargo.args(["--", "--nocapture"]).env(variable, value))
}

fn tests_binary(name: &str) -> std::process::Command {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "sanderling-tests", "--bin", name]);
    cargo
}

fn wants_help(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "--help" || argument == "-h")
}

/// Redis's suite is written in Tcl and uses Redis's own tools, and so do some of our tests.
pub(crate) const REDIS_TOOLS: &[(&str, &str)] =
    &[("redis-server", "redis-server"), ("redis-cli", "redis-tools"), ("tclsh", "tcl")];

/// How many seeds a run tries that is told nothing.
const SEEDS: &str = "10000";
