//! The simulation: one hub and many replicas in one thread, under a seeded network, a seeded disk and seeded crashes.
//!
//! Everything that happens in a run follows from its seed: [`run`] with the seed that a failure printed repeats it.
//! The state machines and the formats on disk are the real ones of `sanderling-core`; only clock, network, the disk that
//! loses bytes and the browser store are made here.
//!
//! What is checked, during and after a run, is what a replica is promised: it reads its own writes; it never goes
//! back; a command takes effect exactly once if it was acknowledged or stored, at most once in any case, and in the
//! order in which its replica ran them; and once everything is delivered all replicas hold what the server holds, and
//! nothing else. Whatever users ask for beyond what a server takes is answered, and nothing of it ends a connection.

mod bursts;
mod campaign;
mod commands;
mod disk;
mod node;
mod oracle;
mod report;
mod server;
mod tabs;
mod transactions;
mod world;

pub use campaign::{Failure, run_seeds};
pub use report::Report;
pub use tabs::run_tabs;
pub use world::{Options, run};
