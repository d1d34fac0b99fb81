//! Deadlines as commands give them: seconds or milliseconds, from now or absolute.

use super::Args;
use crate::{
    env::UnixMillis,
    error::{Error, Result},
    limits::EXPIRES_AT_MS_MAX,
    num,
};

/// How an expire argument is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds from now: `EX`.
    Seconds,
    /// Milliseconds from now: `PX`.
    Millis,
    /// Seconds since the epoch: `EXAT`.
    UnixSeconds,
    /// Milliseconds since the epoch: `PXAT`.
    UnixMillis,
}

impl TimeUnit {
    /// Reads the option that stands next, if it is one of the four.
    pub fn take(args: &mut Args<'_>) -> Option<Self> {
        const OPTIONS: [(&str, TimeUnit); 4] = [
            ("EX", TimeUnit::Seconds),
            ("PX", TimeUnit::Millis),
            ("EXAT", TimeUnit::UnixSeconds),
            ("PXAT", TimeUnit::UnixMillis),
        ];
        OPTIONS.into_iter().find(|(name, _)| args.take_if(name)).map(|(_, unit)| unit)
    }

    /// The deadline that the next word gives, in milliseconds since the epoch; negative if it lies before it.
    ///
    /// # Errors
    /// If the word is no integer, or the time doesn't fit; `command` is named in the text.
    pub fn read(self, args: &mut Args<'_>, now: UnixMillis, command: &str) -> Result<i64> {
        let value = num::parse_i64(args.word()?).ok_or(Error::NOT_AN_INTEGER)?;
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        let at = match self {
            Self::Seconds => value.checked_mul(1000).and_then(|ms| ms.checked_add(now)),
            Self::Millis => value.checked_add(now),
            Self::UnixSeconds => value.checked_mul(1000),
            Self::UnixMillis => Some(value),
        };
        at.filter(|at| *at <= EXPIRES_AT_MS_MAX as i64).ok_or_else(|| Error::invalid_expire(command))
    }

    /// The same where only a positive argument makes sense, as in `SET … EX`.
    ///
    /// # Errors
    /// As [`TimeUnit::read`], and if the argument isn't positive.
    pub fn read_positive(self, args: &mut Args<'_>, now: UnixMillis, command: &str) -> Result<UnixMillis> {
        if args.peek().and_then(num::parse_i64).is_some_and(|value| value <= 0) {
            return Err(Error::invalid_expire(command));
        }
        let at = self.read(args, now, command)?;
        u64::try_from(at).map(UnixMillis).map_err(|_| Error::invalid_expire(command))
    }
}
