//! The harness of the suites that cross parts.
//!
//! A suite starts a [`server::Server`], talks to it through a [`client::Client`] and ends it, gracefully or not.
//! Nothing in here knows how Sanderling is built inside: only the command line, the two ports and the files in the
//! data folder. The same suites therefore run on a real `redis-server`, which is how their expectations are checked.
//!
//! There are no sleeps: whatever has to come is waited for with a deadline ([`wait`]).

// A harness fails by panicking: the test runner reports the place and the message.
#![allow(clippy::expect_used, clippy::unwrap_used)]

pub mod client;
pub mod conformance;
pub mod differential;
pub mod engine;
pub mod fuzz;
pub mod http;
pub mod load;
pub mod notation;
pub mod reply;
pub mod server;
pub mod sim;
pub mod spec;
pub mod trace;

pub mod wait;
