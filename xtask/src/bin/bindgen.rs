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
    gather(&Path::new(folder).join(format!("{name}_bg.js")))?;
    let types = format!(
        "export * from './{name}.js';\n\
         export function __wbg_set_wasm(exports: WebAssembly.Exports): void;\n\
         export const imports: WebAssembly.ModuleImports;\n"
    );
    let path = Path::new(folder).join(format!("{name}_bg.d.ts"));
    fs::write(&path, types).with_context(|| format!("cannot write {}", path.display()))
}

/// Adds to the glue one object with what the wasm imports. To make it of the module's namespace, a bundler would have to
/// keep every name twice.
fn gather(glue: &Path) -> anyhow::Result<()> {
    let mut text = fs::read_to_string(glue).with_context(|| format!("cannot read {}", glue.display()))?;
    let names = text.lines().filter_map(|line| line.strip_prefix("export function ")?.split('(').next());
    let imports: Vec<&str> = names.filter(|name| name.starts_with("__wb") && *name != "__wbg_set_wasm").collect();
    text += &format!("\nexport const imports = {{ {} }};\n", imports.join(", "));
    fs::write(glue, text).with_context(|| format!("cannot write {}", glue.display()))
}
