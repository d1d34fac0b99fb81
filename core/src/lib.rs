//! The engine of Sanderling: Redis's commands and data types as a deterministic state machine, and replication
//! between a server that orders and replicas that guess.
//!
//! Core does no I/O. It owns no clock, no randomness, no socket and no file: every call is handed an [`Env`] and
//! produces bytes for its shell to carry. So the same code, with the same replies, errors and orderings, runs in a
//! browser tab, an edge worker, a server and a simulator.
//!
//! # The run loop of a shell
//! 1. Something arrives (bytes on a socket, a call from JavaScript, a timer).
//! 2. Hand it in: [`Engine::execute`], or `handle_*` of [`sync::Hub`] and [`sync::Replica`].
//! 3. Drain what came of it: replies, effects to be logged, messages to be sent, values to be stored.
//!
//! # Invariants
//! - A keyspace changes only by applying [`effect::Effect`]s.
//! - Applying an effect never fails and depends on nothing but the effect and the keyspace.
//! - Nothing that comes from outside (arguments, frames, messages) can make core panic.
//! - No hash map's order reaches an output, except through tables whose order follows from the seed.
#![no_std]

extern crate alloc;

pub mod acl;
pub mod blob;
pub mod command;
pub mod compress;
pub mod config;
pub mod effect;
pub mod engine;
pub mod env;
pub mod error;
pub mod facts;
pub mod families;
pub mod format;
pub mod glob;
pub mod hash;
pub mod keyspace;
pub mod limits;
pub mod num;
mod order;
pub mod resp;
pub mod role;
pub mod session;
#[cfg(feature = "server")]
pub mod stats;
pub mod sync;
pub mod table;
pub mod types;

pub use engine::{Engine, EngineOptions, Flow};
pub use env::{Env, UnixMillis};
pub use error::Error;
#[cfg(feature = "server")]
pub use keyspace::Garbage;
pub use limits::Limits;
pub use role::Role;
#[cfg(feature = "server")]
pub use session::Published;
pub use session::{Errand, SessionId, Woken};
