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

use core::iter;

use sanderling_core::command::table;
use wasm_bindgen::prelude::wasm_bindgen;

pub use replica::Replica;

/// Returns the version of this build, the same text as the package's, and the names of the commands that a replica offers
/// as methods, with a space between them.
#[wasm_bindgen]
#[must_use]
pub fn about() -> String {
    let names = table::all().filter(|row| row.is_method()).map(|row| row.name);
    iter::once(env!("CARGO_PKG_VERSION")).chain(names).collect::<Vec<_>>().join(" ")
}
