//! Where things lie: the repository, the target folder, and the folders that several tasks share.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the root of the repository, wherever `cargo xtask` was called from.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable at run time too; the compiled-in value serves a binary that was started by hand.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Returns cargo's target folder for native builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Returns the target folder for wasm builds, apart because their compiler may be another one.
pub(crate) fn wasm_target() -> PathBuf {
    target().join("wasm-build")
}

/// Returns the folder for what xtask itself keeps: logs, stamps, the Python environment.
pub(crate) fn state() -> PathBuf {
    target().join("xtask")
}

/// Returns the user's cache folder for Sanderling, which outlives `cargo clean`.
pub(crate) fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_else(target);
    base.join("sanderling")
}

/// Returns the folder of the npm package.
pub(crate) fn npm_package() -> PathBuf {
    root().join("wasm/js")
}

/// Returns the folder of the web page.
pub(crate) fn page() -> PathBuf {
    root().join("www")
}
