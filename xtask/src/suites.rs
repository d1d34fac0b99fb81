//! The suites that are programs of their own in `tests/`, run against a freshly built server.

use anyhow::Result;

use crate::shell::{self, cargo, command};
use crate::{build, need, wasm};

/// Runs Redis's own test suite; arguments go to it. With `--target wasm` it is run on the wasm engine.
///
/// # Errors
/// When something is missing or a test fails that should pass.
pub(crate) fn conformance(arguments: &[String]) -> Result<()> {
    let mut suite = tests_binary("conformance");
    if !wants_help(arguments) {
        need::programs(REDIS_TOOLS)?;
        if arguments.windows(2).any(|pair| pair == ["--target", "wasm"]) {
            need::node()?;
            wasm::build()?;
        } else {
            suite.env("SANDERLING_BIN", build::server("fast")?);
        }
    }
    shell::run(suite.arg("--").args(arguments))
}

/// Sends the same random commands to a real `redis-server` and to ours; arguments go to the program.
///
/// # Errors
/// When a reply differs.
pub(crate) fn differential(arguments: &[String]) -> Result<()> {
    let mut suite = tests_binary("differential");
    if !wants_help(arguments) {
        need::programs(REDIS_TOOLS)?;
        suite.env("SANDERLING_BIN", build::server("fast")?);
    }
    shell::run(suite.args(["--profile", "fast", "--"]).args(arguments))
}

/// Runs the tests that redis-py brings along against a fresh server; arguments go to the program, after an optional
/// `--target redis-server`.
///
/// # Errors
/// When something is missing or a test fails that should pass.
pub(crate) fn redis_py(arguments: &[String]) -> Result<()> {
    let (target, rest) = match arguments {
        [flag, name, rest @ ..] if flag == "--target" => (name.as_str(), rest),
        rest => ("sanderling", rest),
    };
    need::programs(&[("python3", "python3-venv")])?;
    if wants_help(arguments) {
        return shell::run(command("python3").args([REDIS_PY_SUITE, "--help"]));
    }
    let mut suite = tests_binary("with-server");
    suite.env("SANDERLING_BIN", build::server("fast")?);
    suite.args(["--", "--target", target, "python3", REDIS_PY_SUITE]);
    shell::run(suite.args(rest))
}

/// Runs the replication simulator; arguments go to it.
///
/// # Errors
/// When a seed fails.
pub(crate) fn simulation(arguments: &[String]) -> Result<()> {
    // Hundreds of seeds a second rather than tens.
    shell::run(tests_binary("sim").args(["--profile", "fast", "--"]).args(arguments))
}

/// Measures thousands of replicas on one server; arguments go to the program.
///
/// # Errors
/// When a replica isn't served as it must be.
pub(crate) fn load(arguments: &[String]) -> Result<()> {
    let mut load = tests_binary("load");
    load.env("SANDERLING_BIN", build::server("fast")?);
    shell::run(load.args(["--profile", "fast", "--"]).args(arguments))
}

fn tests_binary(name: &str) -> std::process::Command {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "sanderling-tests", "--bin", name]);
    cargo
}

fn wants_help(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "--help" || argument == "-h")
}

const REDIS_PY_SUITE: &str = "tests/clients/redis-py-suite/run.py";

/// Redis's suite is written in Tcl and uses Redis's own tools, and so do some of our tests.
pub(crate) const REDIS_TOOLS: &[(&str, &str)] =
    &[("redis-server", "redis-server"), ("redis-cli", "redis-tools"), ("tclsh", "tcl")];
