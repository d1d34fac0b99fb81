//! `cargo xtask package`: the files of a release, in `target/package-release`.
//!
//! The npm package is packed by npm, as it would be published; the server's archive holds the binary, the page and the
//! licences.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::shell::{self, command, run_logged, timed};
use crate::{build, paths};

/// Builds everything for a release and packs it.
///
/// # Errors
/// When a part cannot be built or packed.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let server = build::server("release")?;
    build::page()?;
    let out = paths::target().join("package-release");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    timed("npm pack", || pack_npm(&out))?;
    timed("server archive", || pack_server(&server, &out))?;
    for entry in fs::read_dir(&out)? {
        let entry = entry?;
        println!("{:>12} bytes  {}", entry.metadata()?.len(), entry.path().display());
    }
    Ok(())
}

fn pack_npm(out: &Path) -> Result<()> {
    let package = paths::npm_package();
    // npm packs only what lies in the folder, and the licences lie at the root.
    let licences = LICENCES.map(|name| (paths::root().join(name), package.join(name)));
    for (from, to) in &licences {
        fs::copy(from, to)?;
    }
    let mut pack = command("npm");
    pack.args(["pack", "--silent", "--pack-destination"]).arg(out).current_dir(&package);
    let packed = run_logged("npm pack", &mut pack);
    for (_, copy) in &licences {
        fs::remove_file(copy)?;
    }
    packed
}

fn pack_server(server: &Path, out: &Path) -> Result<()> {
    let name = format!("sanderling-{}-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let folder = out.join(&name);
    fs::create_dir_all(&folder)?;
    fs::copy(server, folder.join("sanderling"))?;
    for licence in LICENCES {
        fs::copy(paths::root().join(licence), folder.join(licence))?;
    }
    let mut copy = command("cp");
    shell::run(copy.arg("-r").arg(paths::page().join("dist")).arg(folder.join("www")))?;
    let mut tar = command("tar");
    run_logged("tar", tar.arg("-czf").arg(format!("{name}.tar.gz")).arg(&name).current_dir(out))?;
    fs::remove_dir_all(&folder).context("cannot remove the archive's folder")
}

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
