//! Turns the wasm that cargo made into the wasm and the JavaScript of the npm package.
//!
//! The same library as the `wasm-bindgen` command, locked by this workspace's `Cargo.lock`, so that its version cannot
//! differ from the macro's. Usage: `xtask-bindgen INPUT.wasm OUTPUT_FOLDER NAME`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [input, folder, name] = args.as_slice() else {
        eprintln!("usage: xtask-bindgen INPUT.wasm OUTPUT_FOLDER NAME");
        return ExitCode::FAILURE;
    };
    match bind(input, folder, name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bind(input: &str, folder: &str, name: &str) -> anyhow::Result<()> {
    // Of what is made for bundlers only the glue is used, which does not load the wasm: each runtime does that in its own
    // way, and `wasm/js/src/module.ts` knows them.
    Bindgen::new().input_path(input).bundler(true)?.typescript(true).out_name(name).generate(folder)?;
    let types =
        format!("export * from './{name}.js';\nexport function __wbg_set_wasm(exports: WebAssembly.Exports): void;\n");
    let path = Path::new(folder).join(format!("{name}_bg.d.ts"));
    fs::write(&path, types).with_context(|| format!("cannot write {}", path.display()))
}
