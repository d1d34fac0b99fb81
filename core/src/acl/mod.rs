//! Access lists: who may log in, and which commands, keys and channels each user may use.
//!
//! ```text
//!  user ── passwords, on or off
//!    ├── root selector ── commands, key patterns, channel patterns
//!    └── further selectors ── the same; a call is allowed if any one of them allows all of it
//! ```
//! Here is what users are, and what is checked. How they are written down is read in `families/acl`, where the table of
//! commands is at hand. The grants of replicas' tokens are another thing; they share the set of commands.

mod command_set;
#[cfg(feature = "server")]
mod log;
#[cfg(feature = "server")]
mod selector;
#[cfg(feature = "server")]
mod store;
#[cfg(feature = "server")]
mod user;
#[cfg(feature = "server")]
mod users;

pub use command_set::{CommandSet, Rule, RuleError};
#[cfg(feature = "server")]
pub(crate) use log::{Entry, Log, Occasion};
#[cfg(feature = "server")]
pub(crate) use selector::{Denial, KeyPattern, Patterns, Selector};
#[cfg(feature = "server")]
pub use store::UserStore;
#[cfg(feature = "server")]
pub(crate) use user::{Sanitizing, User, digest, hex};
#[cfg(feature = "server")]
pub use users::Users;
#[cfg(feature = "server")]
pub(crate) use users::end_sessions;
