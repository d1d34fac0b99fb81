//! Many runs, one a seed.

use std::{any::Any, ops::Range, panic};

use super::{Options, Report, run, run_tabs};

/// A seed whose run broke a promise, and which.
pub type Failure = (u64, String);

/// Runs every seed and adds up what occurred, until one fails; if it `goes_on`, all of them whatever fails.
///
/// # Errors
/// The seeds that failed. Their panics have been printed by then.
pub fn run_seeds(seeds: Range<u64>, goes_on: bool) -> Result<Report, Vec<Failure>> {
    let (mut total, mut failures) = (Report::default(), Vec::new());
    for seed in seeds {
        let options = Options { replicas: 2 + (seed % 4) as usize, steps: 600 };
        match panic::catch_unwind(|| (run(seed, options), run_tabs(seed, 600))) {
            Ok((replicas, tabs)) => {
                total.add(&replicas);
                total.add(&tabs);
            }
            Err(cause) => {
                failures.push((seed, said(&*cause)));
                if !goes_on {
                    break;
                }
            }
        }
    }
    if failures.is_empty() { Ok(total) } else { Err(failures) }
}

/// What a panic said.
fn said(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    text.unwrap_or("no text").lines().next().unwrap_or_default().to_owned()
}
