//! The committed lists: what Redis passes, and what does not pass here, on the server and in the wasm engine.
//!
//! ```text
//! [unit/type/list]                                  [unit/type/list]
//! LPOS basic usage                                  no LPOS yet <TAB> LPOS basic usage
//! baseline.txt                                      not-yet.txt, wasm.txt
//! ```
//! A name stands in the baseline as often as there are tests of that name.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::drive::Outcome;

/// Both lists of a target, by file and test name.
#[derive(Debug)]
pub(super) struct Lists {
    /// The file of the second.
    listed_in: &'static str,
    baseline: BTreeMap<String, BTreeMap<String, usize>>,
    /// The reason that each listed test does not pass.
    not_yet: BTreeMap<String, BTreeMap<String, String>>,
}

/// How a file's run compares with the lists.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// How many of the baseline's tests passed.
    pub(super) passed: usize,
    /// How many the baseline has.
    pub(super) expected: usize,
    /// How many names are listed as not passing yet.
    pub(super) listed: usize,
    /// Failed without being listed.
    pub(super) broken: Vec<String>,
    /// Passed although listed.
    pub(super) stale: Vec<String>,
    /// Listed, but of no test in the baseline.
    pub(super) unknown: Vec<String>,
}

impl Lists {
    /// Reads what Redis passes, and what the list in this file says of ours: [`NOT_YET`] or [`WASM`].
    ///
    /// # Errors
    /// When a file cannot be read or has a line that does not belong to it.
    pub(super) fn read(listed_in: &'static str) -> Result<Self, String> {
        let mut baseline: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        each_line("baseline.txt", |file, line| {
            *baseline.entry(file.into()).or_default().entry(line.into()).or_default() += 1;
            Ok(())
        })?;
        let mut not_yet: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        each_line(listed_in, |file, line| {
            let (reason, name) = line.split_once('\t').ok_or("expected a reason, a tab and the test's name")?;
            match not_yet.entry(file.into()).or_default().insert(name.into(), reason.trim().into()) {
                None => Ok(()),
                Some(_) => Err("listed twice"),
            }
        })?;
        Ok(Self { listed_in, baseline, not_yet })
    }

    /// Returns the files of the baseline, in its order.
    pub(super) fn files(&self) -> Vec<String> {
        self.baseline.keys().cloned().collect()
    }

    /// Returns how many tests the baseline has.
    pub(super) fn total(&self) -> usize {
        self.baseline.values().flat_map(BTreeMap::values).sum()
    }

    /// Returns how many tests of a file the baseline has.
    pub(super) fn expected(&self, file: &str) -> usize {
        self.baseline.get(file).map_or(0, |tests| tests.values().sum())
    }

    /// Says whether any test of a file is listed as not passing yet.
    pub(super) fn mentions(&self, file: &str) -> bool {
        self.not_yet.contains_key(file)
    }

    /// Compares a run with the lists.
    pub(super) fn judge(&self, file: &str, outcomes: &BTreeMap<String, Outcome>) -> Verdict {
        let mut verdict = Verdict { expected: self.expected(file), ..Verdict::default() };
        let (none, nothing) = (BTreeMap::new(), BTreeMap::new());
        let baseline = self.baseline.get(file).unwrap_or(&none);
        let not_yet = self.not_yet.get(file).unwrap_or(&nothing);
        for (name, &expected) in baseline {
            let passed = outcomes.get(name).map_or(0, |outcome| outcome.passed).min(expected);
            verdict.passed += passed;
            match (passed == expected, not_yet.contains_key(name)) {
                (false, false) => verdict.broken.push(name.clone()),
                (true, true) => verdict.stale.push(name.clone()),
                _ => {}
            }
        }
        verdict.listed = not_yet.len();
        verdict.unknown = not_yet.keys().filter(|name| !baseline.contains_key(*name)).cloned().collect();
        verdict
    }

    /// Makes the list of a file say what the run says; reasons that still apply are kept.
    pub(super) fn update(&mut self, file: &str, outcomes: &BTreeMap<String, Outcome>) {
        let before = self.not_yet.remove(file).unwrap_or_default();
        let broken = self.judge(file, outcomes).broken;
        let after: BTreeMap<String, String> = broken
            .into_iter()
            .map(|name| {
                let reason = before.get(&name).cloned().unwrap_or_else(|| reason(outcomes.get(&name)));
                (name, reason)
            })
            .collect();
        if !after.is_empty() {
            self.not_yet.insert(file.into(), after);
        }
    }

    /// Returns the name of the file that says what does not pass.
    pub(super) fn listed_in(&self) -> &'static str {
        self.listed_in
    }

    /// Writes the list of what does not pass.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self) -> Result<(), String> {
        let mut text = String::from(if self.listed_in == WASM { WASM_HEAD } else { NOT_YET_HEAD });
        for (file, tests) in &self.not_yet {
            text.push_str(&format!("\n[{file}]\n"));
            let mut lines: Vec<_> = tests.iter().map(|(name, reason)| format!("{reason}\t{name}\n")).collect();
            lines.sort();
            text.extend(lines);
        }
        fs::write(path(self.listed_in), text).map_err(|error| format!("{}: {error}", self.listed_in))
    }
}

/// The list of the server.
pub(super) const NOT_YET: &str = "not-yet.txt";
/// The list of the wasm engine.
pub(super) const WASM: &str = "wasm.txt";

const WASM_HEAD: &str = "\
# Tests of Redis's suite that do not pass on the wasm engine alone, in Node and without a server: the reason, a tab, the
# test's name. A test that is listed and passes fails the run, just as one that is not listed and fails.
# `cargo xtask conformance --target wasm --update FILE` rewrites a file's part and keeps the reasons that still apply.
";

const NOT_YET_HEAD: &str = "\
# Tests of Redis's suite that do not pass here yet: the reason, a tab, the test's name.
# A test that is listed and passes fails the run, just as one that is not listed and fails.
# `cargo xtask conformance --update FILE` rewrites a file's part and keeps the reasons that still apply.
";

/// Makes a first reason out of the failure; a person may write a better one.
fn reason(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else {
        return "does not run".into();
    };
    if let Some((_, rest)) = outcome.why.split_once("unknown command '") {
        let command = rest.split('\'').next().unwrap_or_default();
        return format!("no {} yet", command.to_ascii_uppercase());
    }
    if let Some((_, rest)) = outcome.why.split_once("unknown subcommand '") {
        let command = rest.split('\'').next().unwrap_or_default();
        return format!("no subcommand {} yet", command.to_ascii_uppercase());
    }
    let line = outcome.line();
    line.split(" (context:").next().unwrap_or(line).replace('\t', " ").chars().take(120).collect()
}

fn each_line(name: &str, mut take: impl FnMut(&str, &str) -> Result<(), &'static str>) -> Result<(), String> {
    let text = fs::read(path(name)).map_err(|error| format!("{}: {error}", path(name).display()))?;
    let mut file = String::new();
    for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            // Some test names are in brackets too, but no test is named like a path.
            if section.contains('/') && !section.contains(' ') {
                file = section.to_owned();
                continue;
            }
        }
        if line.is_empty() || (file.is_empty() && line.starts_with('#')) {
            continue;
        }
        take(&file, line).map_err(|why| format!("{name}:{}: {why}: {line:?}", index + 1))?;
    }
    Ok(())
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: usize, why: &str) -> Outcome {
        Outcome { passed, why: why.into() }
    }

    fn lists(not_yet: &[(&str, &str)]) -> Lists {
        let tests = [("once", 1), ("twice", 2)].map(|(name, count)| (name.to_owned(), count));
        let listed = not_yet.iter().map(|&(name, why)| (name.to_owned(), why.to_owned())).collect();
        Lists {
            listed_in: NOT_YET,
            baseline: BTreeMap::from([("unit/x".to_owned(), BTreeMap::from(tests))]),
            not_yet: BTreeMap::from([("unit/x".to_owned(), listed)]),
        }
    }

    #[test]
    fn a_failure_must_be_listed_and_a_pass_must_not() {
        let run = BTreeMap::from([("once".into(), outcome(1, "")), ("twice".into(), outcome(1, "no"))]);
        let verdict = lists(&[("once", "late"), ("never", "gone")]).judge("unit/x", &run);
        assert_eq!((verdict.passed, verdict.expected), (2, 3));
        assert_eq!(verdict.stale, ["once"]);
        assert_eq!(verdict.broken, ["twice"]);
        assert_eq!(verdict.unknown, ["never"]);
    }

    #[test]
    fn an_update_lists_what_fails_and_keeps_reasons() {
        let run = BTreeMap::from([("twice".into(), outcome(0, "x\nERR unknown command 'lpos', with"))]);
        let mut lists = lists(&[("once", "late")]);
        lists.update("unit/x", &run);
        assert_eq!(lists.not_yet["unit/x"]["once"], "late");
        assert_eq!(lists.not_yet["unit/x"]["twice"], "no LPOS yet");
        let verdict = lists.judge("unit/x", &run);
        assert!(verdict.broken.is_empty() && verdict.stale.is_empty() && verdict.unknown.is_empty());
    }
}
