//! Commands that belong to no value type: keys, connection, server, transactions.

pub mod client;
pub mod command;
pub mod config;
pub mod connection;
pub mod expiry;
mod help;
pub mod info;
pub mod keys;
pub mod object;
pub mod persistence;
pub mod server;
pub mod sort;
pub mod transactions;
