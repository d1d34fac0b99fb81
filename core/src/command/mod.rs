//! Commands: the one table that says what exists, and the machinery between a request and a handler.
//!
//! A row gives a command's name, arity, flags, keys, documentation and handler. Dispatch, arity errors, `COMMAND`,
//! the footprint of a replica's pending commands, the TypeScript typings and the commands page all come from it.
//! A handler receives parsed arguments from [`Args`], reads through [`Data`], changes by applying effects, and
//! writes its reply; it never touches a log, a watcher or a socket.

mod access;
#[cfg(feature = "server")]
mod account;
mod args;
#[cfg(feature = "server")]
mod busy;
mod category;
mod context;
mod data;
mod deadline;
mod dispatch;
mod draw;
#[cfg(feature = "server")]
mod interpreter;
#[cfg(feature = "server")]
mod memory;
#[cfg(feature = "server")]
mod notify;
#[cfg(feature = "server")]
mod observe;
#[cfg(feature = "server")]
mod permit;
mod row;
mod scan;
#[cfg(feature = "server")]
mod script;
pub mod syntax;
pub mod table;
mod wait;

pub use access::{Access, KeyUse, RevealingOption};
pub use args::Args;
#[cfg(feature = "server")]
pub use busy::BusyCall;
pub use category::CATEGORIES;
pub use context::Context;
pub use data::Data;
#[cfg(feature = "server")]
pub(crate) use data::rng_of;
pub(crate) use data::{Lookups, due_fields};
pub use deadline::TimeUnit;
pub(crate) use dispatch::{UNKNOWN, dispatch, find_row, run};
pub use draw::DrawCount;
#[cfg(feature = "server")]
pub use interpreter::{Access as ScriptAccess, FunctionAction, Interpreter, ScriptAction, ScriptCommand};
#[cfg(feature = "server")]
pub(crate) use notify::{Happening, notify};
pub use row::{Command, Flags, Group, Handler, Keys};
pub use scan::ScanOptions;
#[cfg(feature = "server")]
pub use script::ScriptRules;
pub use wait::Timeout;
pub(crate) use wait::WaitFor;
