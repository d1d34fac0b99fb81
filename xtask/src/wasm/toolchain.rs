//! Which Rust compiler builds for wasm32, in order of preference:
//!
//! 1. the user's own, if it has the standard library for wasm32;
//! 2. the user's own, after `rustup target add`;
//! 3. Debian's compiler, unpacked into the cache folder.
//!
//! `SANDERLING_WASM_TOOLCHAIN=debian` goes straight to the third, for machines that must not ask rustup's hosts.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::debian;
use crate::shell::{self, command};

/// The compilation target of everything here.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build for wasm32.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The one on the user's path.
    Own,
    /// Debian's, unpacked by us.
    Debian(debian::Unpacked),
}

impl Toolchain {
    /// Returns the environment variables that make cargo use it; only ever for wasm builds, as a native build made
    /// with another compiler would rebuild everything.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Own => Vec::new(),
            Self::Debian(unpacked) => vec![
                ("RUSTC", unpacked.rustc().into()),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", unpacked.linker().into()),
            ],
        }
    }
}

/// Finds a toolchain, or makes one. Cost: some minutes the first time where it must be unpacked, else some milliseconds.
///
/// # Errors
/// When there is none and none can be made, with what to do about it.
pub(crate) fn find() -> Result<Toolchain> {
    let forced = match env::var("SANDERLING_WASM_TOOLCHAIN").as_deref() {
        Ok("debian") => true,
        Ok("") | Err(_) => false,
        Ok(other) => {
            bail!("SANDERLING_WASM_TOOLCHAIN is {other:?}: only \"debian\" or nothing is known")
        }
    };
    if !forced {
        if has_std() {
            return Ok(Toolchain::Own);
        }
        let mut add = command("rustup");
        add.args(["target", "add", TARGET]);
        if shell::which("rustup").is_some()
            && shell::timed(&format!("rustup target add {TARGET} (the standard library for wasm)"), || {
                shell::run(&mut add)
            })
            .is_ok()
            && has_std()
        {
            return Ok(Toolchain::Own);
        }
    }
    if shell::which("apt-get").is_none() || shell::which("dpkg-deb").is_none() {
        bail!("the Rust standard library for {TARGET} is missing: run `rustup target add {TARGET}`");
    }
    debian::unpacked().map(Toolchain::Debian)
}

/// Tells whether the user's own compiler has the standard library for wasm32.
fn has_std() -> bool {
    let mut rustc = rustc();
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let Ok(folder) = shell::read(&mut rustc) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(Path::new(&folder)) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

fn rustc() -> Command {
    command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}
