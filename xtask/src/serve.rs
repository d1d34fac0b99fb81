//! `cargo xtask serve`: everything built, and the server running with the web page.

use anyhow::Result;

use crate::shell::{self, command, red};
use crate::{build, paths};

/// Builds all parts and runs the server until it is stopped. Arguments go to the server; `--dir` and `--www` have
/// defaults here.
///
/// # Errors
/// When the server cannot be built or ends with an error. A page that cannot be built is reported, and served without.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let server = build::server("fast")?;
    let mut command = command(server);
    command.arg("serve");
    if !given(arguments, "--dir") {
        command.args(["--dir", "./data"]);
    }
    match build::page() {
        Ok(()) if given(arguments, "--www") => {}
        Ok(()) => drop(command.arg("--www").arg(paths::page().join("dist"))),
        Err(error) => {
            println!("{} the web page is not served, because it could not be built: {error:#}", red("xtask:"))
        }
    }
    shell::run(command.args(arguments))
}

fn given(arguments: &[String], flag: &str) -> bool {
    arguments
        .iter()
        .any(|argument| argument == flag || argument.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
}
