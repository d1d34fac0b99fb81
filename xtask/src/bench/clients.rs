//! The npm package and the server beside other engines, measured by the programs in `tests/bench`, in Node and Chromium.

use std::path::PathBuf;

use anyhow::Result;

use super::report;
use crate::shell::{self, command};
use crate::{build, need, paths};

/// Builds what is measured, runs `tests/bench/NAME.js`, and leaves its figures as JSON where those of the others are.
///
/// With `--binary FILE` among the arguments the server is not built.
///
/// # Errors
/// When something is missing or does not build, or the program fails.
pub(super) fn run(name: &str, arguments: &[String]) -> Result<()> {
    let mut node = program(name)?;
    let given = arguments.iter().position(|argument| argument == "--binary").and_then(|at| arguments.get(at + 1));
    let binary = given.map_or_else(|| build::server("release"), |path| Ok(PathBuf::from(path)))?;
    build::npm()?;
    let json = report::file(name)?;
    node.args(arguments).arg("--binary").arg(binary).arg("--npm").arg(paths::npm_package());
    node.arg("--data").arg(report::folder()?).arg("--json").arg(&json);
    node.arg("--about").arg(report::about(name, arguments)?);
    if name == "tab" {
        node.env("SANDERLING_CHROMIUM", need::chromium()?);
    }
    shell::run(&mut node)?;
    report::tell(&json);
    Ok(())
}

/// Makes the page of the documentation from the figures of all benches: `tests/bench/page.js` writes it.
///
/// # Errors
/// When a file of figures cannot be read, or the page not be written.
pub(super) fn page(arguments: &[String]) -> Result<()> {
    let mut node = program("page")?;
    node.arg("--from").arg(report::folder()?).args(arguments);
    shell::run(&mut node)
}

fn program(name: &str) -> Result<std::process::Command> {
    let folder = paths::root().join("tests/bench");
    need::npm(&folder)?;
    let mut node = command("node");
    node.arg(folder.join(format!("{name}.js")));
    Ok(node)
}
