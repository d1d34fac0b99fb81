//! The count of the commands that draw elements at random.

use super::Args;
use crate::{
    error::{Error, Result},
    limits::DRAWS_MAX,
    num,
};

/// How many elements to draw, and how: the argument of `SRANDMEMBER`, `HRANDFIELD` and `ZRANDMEMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawCount {
    /// A positive argument: that many different ones, or as many as there are.
    Distinct(usize),
    /// A negative argument: that many, the same one perhaps more than once.
    Repeated(usize),
}

impl DrawCount {
    /// Reads the count.
    ///
    /// # Errors
    /// [`Error::NOT_AN_INTEGER`]; out of range for a number without an opposite, and for more repetitions than a reply
    /// may hold.
    pub fn read(args: &mut Args<'_>) -> Result<Self> {
        let count = num::parse_i64(args.word()?).ok_or(Error::NOT_AN_INTEGER)?;
        let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match count {
            i64::MIN => Err(Error::NO_OPPOSITE),
            0.. => Ok(Self::Distinct(magnitude)),
            _ if magnitude > DRAWS_MAX => Err(Error::VALUE_OUT_OF_RANGE),
            _ => Ok(Self::Repeated(magnitude)),
        }
    }

    /// Whether twice the count, one more for each element's value, isn't a number that Redis accepts.
    pub const fn is_huge(self) -> bool {
        let (Self::Distinct(count) | Self::Repeated(count)) = self;
        count as u64 > i64::MAX as u64 / 2
    }
}
