//! The page that says which of Redis's own tests pass, from the lists that the conformance run is held to.
//!
//! The lists are committed and every run of the tests checks them, both ways: so the page is true when they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Names of tests, or reasons and names, by file of the suite.
type Listed = BTreeMap<String, Vec<String>>;

/// Returns the page.
///
/// # Errors
/// When one of the lists can't be read.
pub(crate) fn page(root: &Path) -> Result<String> {
    let read = |path: &str| fs::read(root.join(path)).with_context(|| format!("cannot read {path}"));
    let baseline = listed(&read("tests/conformance/baseline.txt")?);
    let run = read("tests/src/conformance/mod.rs")?;
    let mut text = String::from(HEAD);
    for (head, constant, list) in [("", "FAST", "not-yet.txt"), (WASM_HEAD, "IN_WASM", "wasm.txt")] {
        let files = checked_files(&String::from_utf8_lossy(&run), constant);
        ensure!(!files.is_empty(), "the conformance run checks no file of {constant}");
        text += head;
        text += &part(&files, &baseline, &listed(&read(&format!("tests/conformance/{list}"))?));
    }
    Ok(text)
}

/// The table of the files, and what doesn't pass of them.
fn part(files: &[String], baseline: &Listed, not_yet: &Listed) -> String {
    let mut text = String::new();
    let (mut all, mut pass) = (0, 0);
    text += "\n| file | tests | pass | listed |\n|---|---|---|---|\n";
    for file in files {
        let tests = baseline.get(file).map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = not_yet.get(file).into_iter().flatten().map(|line| reason_and_name(line).1).collect();
        // A name stands for as many tests as there are of that name.
        let listed = tests.iter().filter(|test| names.contains(&test.as_str())).count();
        text += &format!("| `{file}` | {} | {} | {listed} |\n", tests.len(), tests.len() - listed);
        all += tests.len();
        pass += tests.len() - listed;
    }
    text += &format!("| together | {all} | {pass} | {} |\n", all - pass);
    text += "\nEach test that doesn't pass, under the reason:\n";
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files {
        for line in not_yet.get(file).into_iter().flatten() {
            let (reason, name) = reason_and_name(line);
            reasons.entry(reason).or_default().push(format!("- `{file}`: {}\n", escaped(name)));
        }
    }
    for (reason, tests) in reasons {
        text += &format!("\n### {}\n\n{}", escaped(&capital(reason)), tests.concat());
    }
    text
}

/// Reads a list: lines under the name of a file in brackets.
fn listed(bytes: &[u8]) -> Listed {
    let mut listed = Listed::new();
    let mut file = String::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let section = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        match section.filter(|name| name.contains('/') && !name.contains(' ')) {
            Some(name) => file = name.to_owned(),
            None if line.is_empty() || file.is_empty() => {}
            None => listed.entry(file.clone()).or_default().push(line.to_owned()),
        }
    }
    listed
}

/// The files that every run checks, as a constant of the run's source names them.
fn checked_files(source: &str, constant: &str) -> Vec<String> {
    let list = source
        .split(&format!("pub const {constant}:"))
        .nth(1)
        .and_then(|rest| rest.split("];").next())
        .unwrap_or_default();
    list.split('"').filter(|word| word.contains('/')).map(str::to_owned).collect()
}

fn reason_and_name(line: &str) -> (&str, &str) {
    line.split_once('\t').unwrap_or((line, line))
}

/// Keeps a text from being read as Markdown.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            matches!(letter, '*' | '_' | '`' | '<' | '>' | '[' | ']' | '|').then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const HEAD: &str = "\
<!-- Generated from the lists in `tests/conformance/` by `cargo xtask codegen`: do not edit. -->

# Redis's own tests

Redis comes with a test suite. It is run as it is, file by file; *tests* counts those that a real redis-server 7.0.15 passes
when they are run in the same way. What doesn't pass is listed with the reason, and the lists are checked at each run: a
test that fails without being listed fails the run, and so does one that passes although it is.

## On the server
";

const WASM_HEAD: &str = "
## In the wasm engine

The same tests of the data types, run on the engine of the npm package: the very module that a page loads, in Node.js and
without a server, with a small bridge that speaks RESP between it and the suite. The replies are the engine's own. What
needs a server (calls that wait, scripts, `CONFIG`, `DEBUG`, `INFO`) is listed.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_counted_and_explained() {
        let baseline = listed(b"# Head\n\n[unit/a]\none\ntwo\ntwo\n\n[unit/b]\nthree\n");
        let not_yet = listed(b"[unit/a]\nno X yet\ttwo\n");
        let files = checked_files("pub const FAST: &[&str] = &[\n    \"unit/a\",\n    \"unit/b\",\n];", "FAST");
        let text = part(&files, &baseline, &not_yet);
        assert!(
            text.contains("| `unit/a` | 3 | 1 | 2 |\n| `unit/b` | 1 | 1 | 0 |\n| together | 4 | 2 | 2 |\n"),
            "{text}"
        );
        assert!(text.ends_with("### No X yet\n\n- `unit/a`: two\n"), "{text}");
    }
}
