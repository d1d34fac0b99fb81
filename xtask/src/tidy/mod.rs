//! `cargo xtask tidy`: the rules of the house that no compiler or linter checks.
//!
//! Each rule looks at one file and returns what is wrong with it. A rule must never change a file.

mod layers;
mod links;
mod module_doc;
mod size;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::shell::{self, command};
use crate::{codegen, paths};

/// Checks all rules, and that the generated files are not stale.
///
/// # Errors
/// When a rule is broken; what and where has been printed by then.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    check()?;
    codegen::check()
}

/// Checks all rules on every file that is, or could be, committed.
///
/// # Errors
/// When a rule is broken; what and where has been printed by then.
pub(crate) fn check() -> Result<()> {
    let files = files()?;
    let mut broken = 0;
    for file in &files {
        for problem in RULES.iter().flat_map(|rule| rule(file)) {
            let place = match problem.line {
                0 => file.path.clone(),
                line => format!("{}:{line}", file.path),
            };
            let severity = if problem.fatal { "error" } else { "warning" };
            println!("    {place}: {severity}: {}", problem.text);
            broken += usize::from(problem.fatal);
        }
    }
    ensure!(broken == 0, "{broken} rules broken in {} files", files.len());
    Ok(())
}

/// A text file of the repository.
#[derive(Debug)]
struct File {
    /// From the root of the repository, with `/` between its parts.
    path: String,
    text: String,
}

impl File {
    fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str()).unwrap_or("")
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Tells whether a program wrote it. Generated files bear it in their name, and obey no rule of style.
    fn is_generated(&self) -> bool {
        self.name().contains(".gen.")
    }

    /// Tells whether a person wrote it in a programming language.
    fn is_source(&self) -> bool {
        const EXTENSIONS: &[&str] = &["rs", "ts", "tsx", "js", "mjs", "jsx", "css", "html", "py", "sh", "tcl"];
        EXTENSIONS.contains(&self.extension()) && !self.is_generated()
    }
}

/// Something that is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    text: String,
    /// Whether the check fails for it.
    fatal: bool,
}

impl Problem {
    fn new(line: usize, text: impl Into<String>) -> Self {
        Self { line, text: text.into(), fatal: true }
    }
}

/// Returns every text file that git knows, or would take.
fn files() -> Result<Vec<File>> {
    let mut git = command("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let root = paths::root();
    let mut files: Vec<File> = shell::read(&mut git)?
        .lines()
        .filter_map(|path| {
            // A file that was removed but not committed is still listed; one that is not text is none of our concern.
            let text = String::from_utf8(fs::read(root.join(path)).ok()?).ok()?;
            Some(File { path: path.to_owned(), text })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

const RULES: &[fn(&File) -> Vec<Problem>] =
    &[layers::check, links::check, module_doc::check, size::check, words::check];

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}
