//! Turns the wasm that cargo made into the wasm and the JavaScript of the npm package.
//!
//! The same library as the `wasm-bindgen` command, locked by this workspace's `Cargo.lock`, so that its version cannot
//! differ from the macro's. Usage: `xtask-bindgen INPUT.wasm OUTPUT_FOLDER NAME`.

use std::env;
use std::process::ExitCode;

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
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(true)
        // Each runtime finds the wasm in its own way, and a default path would be followed by every bundler.
        .omit_default_module_path(true)
        .out_name(name)
        .generate(folder)
}
