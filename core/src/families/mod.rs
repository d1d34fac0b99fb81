//! Commands that belong to no value type: keys, connection, server, transactions.

pub mod connection;
pub mod expiry;
pub mod keys;
pub mod server;
pub mod sort;
pub mod transactions;
