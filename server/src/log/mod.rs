//! The log and the snapshots on disk: what brings everything back after a stop or a crash.
//!
//! ```text
//! DIR/
//!   LOCK                                  held by the one server that may write here
//!   snapshot-00000000000000004711.sdb     Head, Chunk*, End: everything up to record 4711
//!   log-00000000000000004712.slog         Head, Records*: record 4712 and what follows, a frame for each append
//!   functions.sfn                         Libraries: the texts of all libraries of functions
//! ```
//! Every frame carries its length and its checksum. A file is first written under another name, synced and then
//! renamed, so a file with one of these names has a whole head, and a snapshot has its end. The only thing that a
//! crash can leave incomplete is the last append of the last segment: a *torn tail*, which is cut off at the next
//! start. Anything else that doesn't check is damage, and the server doesn't start on damage.

mod compact;
mod damage;
mod disk;
mod files;
pub(crate) mod libraries;
mod reader;
mod recover;
mod snapshot;
mod sync;

pub(crate) use compact::{compact, write_now};
pub(crate) use disk::DiskLog;
pub(crate) use files::Folder;
pub(crate) use recover::{Extent, Recovered, recover, remove_superseded};

#[cfg(test)]
mod tests;
