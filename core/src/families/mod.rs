//! Commands that belong to no value type: keys, connection, server, transactions.

#[cfg(any(test, not(feature = "server")))]
pub mod absent;
#[cfg(feature = "server")]
pub mod acl;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod cluster;
#[cfg(feature = "server")]
pub mod command;
#[cfg(feature = "server")]
pub mod config;
pub mod connection;
#[cfg(feature = "server")]
pub mod debug;
#[cfg(feature = "server")]
pub mod dump;
pub mod expiry;
pub(crate) mod help;
#[cfg(feature = "server")]
pub mod info;
pub mod keys;
pub mod memory;
pub mod object;
#[cfg(feature = "server")]
pub mod persistence;
#[cfg(feature = "server")]
pub mod pubsub;
#[cfg(feature = "server")]
pub mod scripting;
pub mod server;
pub mod sort;
pub mod transactions;
#[cfg(feature = "server")]
pub mod wait;
