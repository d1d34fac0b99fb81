//! The engine as a WebAssembly module: what JavaScript sees of `sanderling-core`.
//!
//! It translates and nothing more. It must never know of IndexedDB, WebSockets or tabs: those belong to the TypeScript
//! around it, which hands in time and entropy with every call.

mod memory;
mod packed;
mod page;
mod replica;
mod tabs;
mod talk;
mod words;

use sanderling_core::command::table;
use wasm_bindgen::prelude::wasm_bindgen;

pub use replica::Replica;

/// Returns the version of this build, the same text as the package's.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Returns the names of the commands that a replica offers as methods, with a space between them.
#[wasm_bindgen(js_name = commandNames)]
#[must_use]
pub fn command_names() -> String {
    let names: Vec<_> = table::all().filter(|row| row.is_method()).map(|row| row.name).collect();
    names.join(" ")
}
