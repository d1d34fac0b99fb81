//! What the scripts of a session may call.

use core::fmt;

use crate::error::Result;

/// Decides about the calls of scripts. What a client calls itself is checked before it reaches the engine; which
/// commands and keys a script goes on to isn't known before it does.
pub trait Guard: fmt::Debug + Send + Sync {
    /// Checks that a call may be made, given as its words, the name first.
    ///
    /// # Errors
    /// What the script is answered with.
    fn check(&self, words: &[&[u8]]) -> Result<()>;
}
