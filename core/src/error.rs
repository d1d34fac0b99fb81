//! The one error type of the engine: what a client reads after the `-` of a RESP error.
//!
//! Redis's error texts are an interface: client libraries match on the first word (`ERR`, `WRONGTYPE`,
//! `NOPROTO`) and people match on the rest. So an error is that text, and [`Error::code`] is its first word.

use alloc::{borrow::Cow, format, string::String};
use core::fmt;

/// An error that a command answers with. Cheap to make: most texts are static.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Cow<'static, str>);

/// The result of everything a command does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// A command may take memory, and there is none.
    #[cfg(feature = "server")]
    pub const OUT_OF_MEMORY: Self = Self::new("OOM command not allowed when used memory > 'maxmemory'.");
    /// A script may, for all it says.
    #[cfg(feature = "server")]
    pub const SCRIPT_OUT_OF_MEMORY: Self =
        Self::new("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
    /// Holds a value of another type than the command works on.
    pub const WRONG_TYPE: Self = Self::new("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// The argument isn't a 64-bit signed decimal integer.
    pub const NOT_AN_INTEGER: Self = Self::new("ERR value is not an integer or out of range");
    /// The argument isn't a floating-point number.
    pub const NOT_A_FLOAT: Self = Self::new("ERR value is not a valid float");
    /// Options that the command doesn't know or that exclude each other.
    pub const SYNTAX: Self = Self::new("ERR syntax error");
    /// The key has to exist and doesn't.
    pub const NO_SUCH_KEY: Self = Self::new("ERR no such key");
    /// An index that lies outside the list.
    pub const INDEX_OUT_OF_RANGE: Self = Self::new("ERR index out of range");
    /// A sum that doesn't fit in 64 bits.
    pub const OVERFLOW: Self = Self::new("ERR increment or decrement would overflow");
    /// A sum that is infinite or not a number.
    pub const NAN_OR_INFINITY: Self = Self::new("ERR increment would produce NaN or Infinity");
    /// A string that would grow past the configured bulk size.
    pub const STRING_TOO_LONG: Self = Self::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    /// A cursor that isn't an unsigned decimal integer.
    pub const INVALID_CURSOR: Self = Self::new("ERR invalid cursor");
    /// A timeout, offset or count outside its range.
    pub const VALUE_OUT_OF_RANGE: Self = Self::new("ERR value is out of range");
    /// A reply past [`REPLY_BYTES_MAX`](crate::limits::REPLY_BYTES_MAX).
    pub const REPLY_TOO_LONG: Self = Self::new("ERR the reply would be too long: ask for less at a time");
    /// The one integer whose opposite doesn't fit, where the sign says from which end to count.
    pub const NO_OPPOSITE: Self =
        Self::new("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
    /// A count that has to be positive.
    pub const NOT_POSITIVE: Self = Self::new("ERR value is out of range, must be positive");
    /// A bound of a score range that isn't a number.
    pub const RANGE_NOT_A_FLOAT: Self = Self::new("ERR min or max is not a float");
    /// A bound of a lexicographic range without `[`, `(`, `-` or `+`.
    pub const RANGE_NOT_A_STRING: Self = Self::new("ERR min or max not valid string range item");
    /// The transaction was refused because a command in it couldn't be queued.
    pub const EXEC_ABORTED: Self = Self::new("EXECABORT Transaction discarded because of previous errors.");

    /// Makes an error from its full text, the code first.
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Makes an error from a text that is put together at run time, the code first.
    pub fn owned(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// The wrong number of arguments for `command` (`get`, or `config|get` for a subcommand).
    pub fn arity(command: &str) -> Self {
        Self::owned(format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// The `expire` argument of `command` lies outside the range of times.
    pub fn invalid_expire(command: &str) -> Self {
        Self::owned(format!("ERR invalid expire time in '{command}' command"))
    }

    /// The whole text, the code first.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The first word of the text, on which client libraries act: `ERR`, `WRONGTYPE`, `EXECABORT`, …
    pub fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or("ERR")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Error {}
