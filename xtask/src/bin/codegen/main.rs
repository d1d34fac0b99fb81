//! Writes the files that follow from the command table and from the lists of the conformance run, or checks that they are
//! not stale.
//!
//! It links core for the table, which is why it is a binary of its own and not a part of `cargo xtask`. Usage:
//! `xtask-codegen ROOT [--check]`.

mod conformance;
mod page;
mod syntax;
mod typescript;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use sanderling_core::command::Command;
use sanderling_core::command::table;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        [root] => each(Path::new(root), write),
        [root, "--check"] => each(Path::new(root), check),
        _ => Err(anyhow::anyhow!("usage: xtask-codegen ROOT [--check]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask-codegen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A generated file: where it lies, and what it says of the rows.
struct Output {
    path: &'static str,
    text: fn(&[&Command]) -> String,
}

const OUTPUTS: &[Output] = &[
    Output { path: "wasm/js/src/commands.gen.ts", text: typescript::methods },
    Output { path: "www/docs/commands.md", text: page::commands },
];

fn each(root: &Path, act: fn(&Path, &str) -> Result<()>) -> Result<()> {
    let mut rows: Vec<&Command> = table::all().collect();
    rows.sort_by_key(|row| row.name);
    ensure!(!rows.is_empty(), "the command table is empty");
    for output in OUTPUTS {
        act(&root.join(output.path), &(output.text)(&rows))?;
    }
    let mut groups: BTreeMap<&str, Vec<&Command>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.group.name()).or_default().push(row);
    }
    let folder = root.join("www/src/commands");
    for (name, rows) in &groups {
        act(&folder.join(format!("{name}.gen.ts")), &typescript::group(name, rows))?;
    }
    let names: Vec<&str> = groups.into_keys().collect();
    act(&folder.join("index.gen.ts"), &typescript::index(&names))?;
    act(&root.join("www/docs/conformance.md"), &conformance::page(root)?)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("    wrote {}", path.display());
    Ok(())
}

fn check(path: &Path, text: &str) -> Result<()> {
    match fs::read_to_string(path) {
        Ok(old) if old == text => Ok(()),
        Ok(_) => bail!("{} is stale: run `cargo xtask codegen`", path.display()),
        Err(_) => bail!("{} is missing: run `cargo xtask codegen`", path.display()),
    }
}
