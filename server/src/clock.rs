//! The one place that asks the operating system for the time.

use std::time::{Duration, SystemTime};

use sanderling_core::UnixMillis;

/// Returns the time of the wall clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
