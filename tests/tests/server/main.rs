//! The server from outside: a real process, real sockets, real files.
//!
//! `SANDERLING_TARGET=redis-server cargo test -p sanderling-tests --test server -- pipelining bad_input blocking tools spec`
//! runs what is not about our own interfaces on a real Redis, which is how these expectations are kept honest.

// A test fails by panicking, in its helpers as well.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod auth;
mod bad_input;
mod blocking;
mod client_memory;
mod config;
mod dump;
mod durability;
mod hostile;
mod pipelining;
mod pubsub;
mod scale;
mod scripts;
mod spec;
mod sync;
mod tools;
mod web;
