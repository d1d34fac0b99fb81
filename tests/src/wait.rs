//! Waiting for a condition with a deadline, the suites' replacement for sleeping.

use std::time::{Duration, Instant};

/// How long anything in a suite may take before it is called a failure.
///
/// Generous, because the machines that run the suites are shared and slow; nothing waits this long when it works.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition that cannot be waited for by a blocking call is looked at again.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Polls `condition` until it yields a value.
///
/// # Panics
/// When `PATIENCE` has passed; `what` names the thing that did not happen.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Polls `condition` until it yields a value or `patience` has passed.
pub fn within<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::park_timeout(POLL_EVERY);
    }
}
