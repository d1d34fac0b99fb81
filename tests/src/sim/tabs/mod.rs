//! The tabs of one browser: one leads, the others follow, any of them may die at any moment.
//!
//! The same promises as in the other world, and these: a write of one tab shows in all others as soon as it has reached
//! them, connected or not; and nothing that any tab or the store has left is lost or doubled when the leader dies.

mod browser;
mod world;

pub use world::run_tabs;
