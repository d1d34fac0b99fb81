//! sanderling-wasm
