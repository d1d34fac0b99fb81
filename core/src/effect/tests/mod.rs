//! What effects promise, tested on random streams of all writing commands, on arbitrary bytes, and byte by byte.

pub(crate) mod calls;
mod hostile;
mod streams;
mod wire;
mod world;
