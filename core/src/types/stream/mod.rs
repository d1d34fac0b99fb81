//! Streams: logs of entries with ids that grow, and consumer groups that share the reading of them.

mod change;
pub mod claim_commands;
pub mod commands;
mod entries;
mod group;
pub mod group_commands;
mod id;
pub mod info_commands;
mod node;
pub mod range_commands;
pub mod read_commands;
mod stored;
#[cfg(test)]
mod tests;
mod value;

pub use change::{StreamChange, StreamUndo};
pub use entries::{Range, RangeRev};
pub use group::{Consumer, Delivery, Group, Pending};
pub use id::{IdText, StreamId};
pub use node::{Entry, Fields};
pub use stored::{StoredConsumer, StoredDelivery, StoredGroup, StoredStream};
pub use value::{Head, Stream, Threshold};
