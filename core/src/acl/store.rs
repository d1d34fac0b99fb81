//! What core can't do for users itself: keep them in a file, and draw secrets.

use alloc::string::String;
use core::fmt;

/// Where users are kept, and where secrets come from.
pub trait UserStore: fmt::Debug {
    /// The ACL file's name, if the server has one.
    fn file(&self) -> Option<&str>;

    /// Reads the ACL file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self) -> Result<String, String>;

    /// Replaces the ACL file's text, all of it or nothing.
    ///
    /// # Errors
    /// What the system says.
    fn write(&mut self, text: &str) -> Result<(), String>;

    /// Fills `bytes` with what nobody can guess.
    fn fill_random(&mut self, bytes: &mut [u8]);
}
