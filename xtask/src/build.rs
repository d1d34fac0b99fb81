//! Building the parts: the server, the wasm module, the npm package, the web page.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::shell::{self, cargo, command, timed};
use crate::stamp::Stamp;
use crate::{need, paths, wasm};

/// Builds the parts that are named, or all of them.
///
/// # Errors
/// When a name is unknown or a build fails.
pub(crate) fn run(parts: &[String]) -> Result<()> {
    if parts.is_empty() {
        server("release")?;
        return page();
    }
    for part in parts {
        match part.as_str() {
            "server" => drop(server("release")?),
            "wasm" => wasm::build()?,
            "npm" => npm()?,
            "page" => page()?,
            other => bail!("there is no part {other:?}: server, wasm, npm and page are"),
        }
    }
    Ok(())
}

/// Builds the server in a cargo profile and returns the binary.
///
/// # Errors
/// When it does not compile.
pub(crate) fn server(profile: &str) -> Result<PathBuf> {
    timed(&format!("server: compile ({profile})"), || {
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--package", "sanderling", "--bin", "sanderling", "--profile", profile]);
        shell::run(&mut cargo)
    })?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(paths::target().join(folder).join("sanderling"))
}

/// Brings the npm package up to date, and the wasm in it.
///
/// # Errors
/// When a tool is missing or a step fails.
pub(crate) fn npm() -> Result<()> {
    wasm::build()?;
    let folder = paths::npm_package();
    let inputs =
        ["src", "pkg", "build.mjs", "package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"]
            .map(|name| folder.join(name));
    let stamp = Stamp::new("npm-package", &inputs, "")?;
    if stamp.is_fresh(&[folder.join("dist/browser.js"), folder.join("dist/types/src/index.d.ts")]) {
        return Ok(());
    }
    timed("npm package: bundle", || npm_run("build", &folder))?;
    timed("npm package: types", || npm_run("types", &folder))?;
    stamp.record()
}

/// Brings the web page up to date, and the npm package that it uses.
///
/// # Errors
/// When a tool is missing or a step fails.
pub(crate) fn page() -> Result<()> {
    npm()?;
    let folder = paths::page();
    if !folder.join("package.json").is_file() {
        bail!("there is no web page in {}", folder.display());
    }
    need::npm(&folder)?;
    let inputs = [folder.clone(), paths::npm_package().join("dist")];
    let stamp = Stamp::new("page", &inputs, "")?;
    if stamp.is_fresh(&[folder.join("dist/index.html")]) {
        return Ok(());
    }
    timed("page: bundle", || npm_run("build", &folder))?;
    stamp.record()
}

/// Runs one script of a folder's `package.json`.
///
/// # Errors
/// When it fails; its last lines have been shown by then.
pub(crate) fn npm_run(script: &str, folder: &std::path::Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut npm = command("npm");
    npm.args(["run", "--silent", script]).current_dir(folder);
    shell::run_logged(&format!("npm {script} {name}"), &mut npm)
}
