//! The files that are generated from the command table. They are committed, so that a reader finds them, and checked,
//! so that they are never stale.

use anyhow::{Result, bail};

use crate::paths;
use crate::shell::{self, cargo};

/// Writes the generated files, or with `--check` only compares them.
///
/// # Errors
/// When the table does not compile, a file cannot be written, or one is stale.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => generate(&[]),
        [flag] if flag == "--check" => check(),
        _ => bail!("usage: cargo xtask codegen [--check]"),
    }
}

/// Checks that the generated files are what would be written now.
///
/// # Errors
/// When one is stale or missing.
pub(crate) fn check() -> Result<()> {
    generate(&["--check"])
}

fn generate(arguments: &[&str]) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "xtask", "--features", "codegen", "--bin", "xtask-codegen", "--"]);
    shell::run(cargo.arg(paths::root()).args(arguments))
}
