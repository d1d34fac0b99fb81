//! Many runs, one a seed.

use std::{ops::Range, panic};

use super::{Options, Report, run, run_tabs};

/// Runs every seed and adds up what occurred.
///
/// # Errors
/// The first seed that fails. Its panic has been printed by then.
pub fn run_seeds(seeds: Range<u64>) -> Result<Report, u64> {
    let mut total = Report::default();
    for seed in seeds {
        let options = Options { replicas: 2 + (seed % 4) as usize, steps: 600 };
        match panic::catch_unwind(|| (run(seed, options), run_tabs(seed, 600))) {
            Ok((replicas, tabs)) => {
                total.add(&replicas);
                total.add(&tabs);
            }
            Err(_) => return Err(seed),
        }
    }
    Ok(total)
}
