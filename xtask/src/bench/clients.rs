//! The npm package and the server beside other engines, measured by the programs in `tests/bench`, in Node.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::{self, command};
use crate::{build, need, paths};

/// Builds what is measured, runs `tests/bench/NAME.js`, and leaves its figures as JSON beside the logs.
///
/// # Errors
/// When something is missing or does not build, or the program fails.
pub(super) fn run(name: &str, arguments: &[String]) -> Result<()> {
    let folder = paths::root().join("tests/bench");
    need::npm(&folder)?;
    let binary = build::server("release")?;
    build::npm()?;
    let data = paths::state().join("bench");
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    let json = data.join(format!("{name}.json"));
    let mut node = command("node");
    node.arg(folder.join(format!("{name}.js")));
    node.arg("--binary").arg(binary).arg("--npm").arg(paths::npm_package());
    node.arg("--data").arg(&data).arg("--json").arg(&json).args(arguments);
    shell::run(&mut node)?;
    println!("\nthe figures as JSON: {}", json.display());
    Ok(())
}
