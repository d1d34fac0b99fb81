//! From the crate `sanderling-wasm` to the files in `wasm/js/pkg`: compile, bind, optimise, each only when its input
//! has changed.

pub(crate) mod module;
pub(crate) mod toolchain;

mod debian;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{self, cargo, command, timed};
use crate::stamp::Stamp;
use crate::{need, paths};
use toolchain::Toolchain;

/// Returns the optimised wasm module, which lies beside its JavaScript bindings.
pub(crate) fn module_path() -> PathBuf {
    package().join("sanderling_bg.wasm")
}

/// Brings `wasm/js/pkg` up to date. Cost: about 2 s when nothing has changed.
///
/// # Errors
/// When a tool is missing or a step fails.
pub(crate) fn build() -> Result<()> {
    need::npm(&paths::npm_package())?;
    let toolchain = toolchain::find()?;
    timed("wasm: compile", || {
        let mut cargo = compile(&toolchain);
        cargo.args(["build", "--package", "sanderling-wasm", "--profile", "wasm"]);
        shell::run(&mut cargo)
    })?;
    let compiled = paths::wasm_target().join("wasm32-unknown-unknown/wasm/sanderling_wasm.wasm");
    let lock = paths::root().join("Cargo.lock");
    let binder = paths::root().join("xtask/src/bin/bindgen.rs");
    let stamp = Stamp::new("wasm", &[compiled.clone(), lock, binder], &WASM_OPT.join(" "))?;
    let outputs = OUTPUTS.map(|name| package().join(name));
    if stamp.is_fresh(&outputs) {
        return Ok(());
    }
    timed("wasm: bind", || bind(&compiled))?;
    timed("wasm: optimise", || optimise(&module_path()))?;
    stamp.record()
}

/// Builds core for wasm32 with none of its optional features: it compiles only as long as nothing in it needs `std`.
///
/// # Errors
/// When there is no toolchain for it or the build fails.
pub(crate) fn build_core() -> Result<()> {
    let toolchain = toolchain::find()?;
    let mut cargo = compile(&toolchain);
    cargo.args(["build", "--package", "sanderling-core", "--no-default-features"]);
    shell::run(&mut cargo)
}

fn compile(toolchain: &Toolchain) -> std::process::Command {
    let mut cargo = cargo();
    cargo.args(["--quiet"]).envs(toolchain.variables());
    cargo.env("CARGO_TARGET_DIR", paths::wasm_target());
    cargo.env("CARGO_BUILD_TARGET", toolchain::TARGET);
    cargo
}

fn bind(compiled: &Path) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "xtask"]);
    cargo.args(["--features", "bindgen", "--bin", "xtask-bindgen", "--"]);
    cargo.arg(compiled).arg(package()).arg("sanderling");
    shell::run(&mut cargo)
}

fn optimise(module: &Path) -> Result<()> {
    let optimised = module.with_extension("opt");
    let wasm_opt = paths::npm_package().join("node_modules/.bin/wasm-opt");
    shell::run(command(wasm_opt).args(WASM_OPT).arg(module).arg("-o").arg(&optimised))?;
    fs::rename(&optimised, module).with_context(|| format!("cannot replace {}", module.display()))
}

fn package() -> PathBuf {
    paths::npm_package().join("pkg")
}

/// What wasm-opt is told. It reads the allowed instructions from the module's own `target_features` section.
const WASM_OPT: &[&str] = &["-O3"];
const OUTPUTS: [&str; 4] = ["sanderling_bg.js", "sanderling_bg.d.ts", "sanderling.d.ts", "sanderling_bg.wasm"];
