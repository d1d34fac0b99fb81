//! `cargo xtask test`: every check and every suite, fastest first, with a table at the end.

mod run;
mod steps;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::shell::{bold, red};
use run::Runner;
use steps::{STEPS, Step};

/// Runs the steps that the arguments choose: all of them, or those of `--only`, without those of `--skip`.
///
/// # Errors
/// When a name is unknown, or after all steps have run, if one failed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let choice = Choice::parse(arguments)?;
    let steps: Vec<&Step> = STEPS.iter().filter(|step| choice.takes(step)).collect();
    if choice.list {
        for step in steps {
            println!("  {:<14} {}", step.name, step.proves);
        }
        return Ok(());
    }
    let mut runner = Runner::default();
    let mut outcomes = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("{} {} ({} of {}): {}", bold("==>"), bold(step.name), index + 1, steps.len(), step.proves);
        let started = Instant::now();
        let result = runner.step(step);
        let outcome = Outcome { name: step.name, error: result.err(), time: started.elapsed() };
        println!("    {}", outcome.line());
        outcomes.push(outcome);
    }
    summarise(&outcomes)
}

/// What became of a step.
struct Outcome {
    name: &'static str,
    error: Option<anyhow::Error>,
    time: Duration,
}

impl Outcome {
    fn line(&self) -> String {
        let verdict = if self.error.is_none() { "passed".to_owned() } else { red("FAILED") };
        let why = self.error.as_ref().map_or(String::new(), |error| format!("  {error:#}"));
        format!("{:<14} {verdict} {:>8.1} s{why}", self.name, self.time.as_secs_f64())
    }
}

fn summarise(outcomes: &[Outcome]) -> Result<()> {
    println!("\n{}", bold("Summary"));
    for outcome in outcomes {
        println!("  {}", outcome.line());
    }
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    let time: Duration = outcomes.iter().map(|outcome| outcome.time).sum();
    println!("  {:<14} {:>15.1} s\n", "together", time.as_secs_f64());
    let last = format!("{} passed, {failed} failed", outcomes.len() - failed);
    println!("{last}");
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

/// Which steps to run.
#[derive(Debug, Default)]
struct Choice {
    list: bool,
    only: Vec<String>,
    skip: Vec<String>,
}

impl Choice {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut choice = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let names = match flag {
                "--list" => {
                    choice.list = true;
                    continue;
                }
                "--only" => &mut choice.only,
                "--skip" => &mut choice.skip,
                _ => bail!("{USAGE}"),
            };
            let Some(value) = value.or_else(|| arguments.next().cloned()) else { bail!("{USAGE}") };
            names.extend(value.split(',').map(str::to_owned));
        }
        for name in choice.only.iter().chain(&choice.skip) {
            if !STEPS.iter().any(|step| step.name == name) {
                bail!("there is no step {name:?}; `cargo xtask test --list` shows them");
            }
        }
        Ok(choice)
    }

    fn takes(&self, step: &Step) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == step.name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

const USAGE: &str = "usage: cargo xtask test [--list] [--only STEP,…] [--skip STEP,…]";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Choice, STEPS};

    fn chosen(arguments: &[&str]) -> Vec<&'static str> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let choice = Choice::parse(&arguments).unwrap();
        STEPS.iter().filter(|step| choice.takes(step)).map(|step| step.name).collect()
    }

    #[test]
    fn steps_are_chosen_by_name() {
        assert_eq!(chosen(&[]).len(), STEPS.len());
        assert_eq!(chosen(&["--only", "tidy,fmt"]), ["fmt", "tidy"]);
        assert_eq!(chosen(&["--only=fmt,tidy", "--skip", "fmt"]), ["tidy"]);
        assert_eq!(chosen(&["--skip=fmt"]).len(), STEPS.len() - 1);
        for bad in [&["--only"][..], &["--only", "nothing"], &["fmt"]] {
            let arguments: Vec<String> = bad.iter().map(|&argument| argument.to_owned()).collect();
            assert!(Choice::parse(&arguments).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }
}
