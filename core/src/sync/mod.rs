//! Replication: a server that orders, replicas that guess.
//!
//! Two state machines without I/O. The [`Hub`] stands beside the server's engine: it numbers what the engine did,
//! keeps the recent log, runs what replicas push, and tells each replica what concerns it. The [`Replica`] owns an
//! engine of its own: it runs its user's commands at once, remembers how to take them back, and *rebases* them on
//! what the hub says. Shells carry messages and stored values between them, in whatever way they can.
//!
//! ```text
//!  replica                                     hub
//!    | Hello {clients, interest, resume}    →   |
//!    |   ← Welcome {log, seq, now, start}       |   Resume: records since the token
//!    |   ← LoadBegin Chunk* LoadEnd             |   Load: everything in the interest set
//!    | Digests                              →   |   Digest: only buckets of keys that differ
//!    | Push {commands, guess}               →   |   executed in one order with all others
//!    |   ← Batch {items, through}               |   effects, and what became of one's own commands
//!    | Subscribe, Fetch, Call, Publish, …   →   |
//!    | Ping                                 →   |   the replica learns the server's clock
//!    |   ← Pong                                 |
//! ```
//!
//! # Promises
//! - What a replica shows is a prefix of the hub's log, restricted to its interest, with its own pending commands on top.
//! - A pushed command takes effect once: the hub logs its number together with its effects.
//! - Nothing is sent before it is as durable as the hub's shell promises ([`Hub::handle_durable`]).

mod backlog;
mod buckets;
mod clock;
mod grant;
mod guess;
mod history;
mod hub;
mod interest;
mod load;
mod message;
mod peer;
pub mod planted;
mod replica;
#[cfg(test)]
mod tests;

pub use buckets::{BITS_MAX, Buckets, bits_for, bucket_of};
pub use clock::Clock;
pub use grant::{Grant, GrantLimits};
pub use guess::{Guess, entropy_of};
pub use history::{Epoch, History, LogId, ResumeToken};
pub use hub::{Hub, HubCounts, HubOptions};
pub use interest::Interest;
pub use message::{
    Batch, CloseReason, Condition, Features, Hello, Item, LoadScope, OLDEST_VERSION, Push, PushedCommand, SUBPROTOCOL,
    ServerLimits, Start, ToHub, ToReplica, VERSION, Welcome,
};
pub use peer::{Message, PeerId};
pub use replica::{Event, Eviction, LoadError, Replica, ReplicaOptions, State, Status, StoreBatch, StoreOp, SyncError};
