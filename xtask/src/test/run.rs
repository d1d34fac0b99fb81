//! Doing one step: first what it needs, made at most once a run, then the step itself.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::steps::Step;
use crate::shell::{self, cargo, command};
use crate::{build, need, paths};

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// A function of xtask.
    Ours(fn() -> Result<()>),
    /// Cargo with these arguments, separated by spaces.
    Cargo(&'static str),
    /// One of cargo's commands on the whole workspace, with further arguments.
    Workspace(&'static str, &'static str),
    /// The tests that a filter of cargo-nextest chooses.
    Tests(&'static str),
    /// A program of the crate `sanderling-tests` with these arguments, separated by spaces.
    Built(&'static str, &'static str),
    /// A program with these arguments, separated by spaces.
    Program(&'static str, &'static str),
    /// A script in the `package.json` of a folder.
    NpmScript(&'static str, &'static str),
}

/// What must be there before a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// The Rust tools that come as Python packages, on the search path.
    Tools,
    /// Node.js and npm.
    Node,
    /// The installed npm packages of a folder.
    Npm(&'static str),
    /// Programs, each with its Debian package.
    Programs(&'static [(&'static str, &'static str)]),
    /// Chromium, whose path the step finds in `SANDERLING_CHROMIUM`.
    Chromium,
    /// The server, whose path the step finds in `SANDERLING_BIN`.
    Server,
    /// The built npm package, and so the wasm.
    NpmPackage,
    /// The built web page, whose folder the step finds in `SANDERLING_WWW`.
    Page,
}

/// Runs steps, and remembers what has been made for them.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    met: BTreeSet<Need>,
    failed: BTreeSet<Need>,
    variables: Vec<(&'static str, OsString)>,
}

impl Runner {
    /// Meets the needs of a step and runs it.
    ///
    /// # Errors
    /// When a need cannot be met, or the step fails.
    pub(crate) fn step(&mut self, step: &Step) -> Result<()> {
        for &need in step.needs {
            self.meet(need)?;
        }
        match step.action {
            Action::Ours(check) => check(),
            Action::Cargo(arguments) => self.logged(step, cargo().args(arguments.split_whitespace())),
            Action::Workspace(verb, arguments) => self.logged(step, workspace(verb).args(arguments.split_whitespace())),
            Action::Tests(filter) => {
                let mut tests = workspace("nextest");
                self.logged(step, tests.args(["--no-fail-fast", "--no-tests", "pass", "-E", filter]))
            }
            Action::Built(program, arguments) => {
                shell::run(workspace("build").args(["--quiet", "--bin", program]))?;
                let program = paths::target().join("debug").join(program);
                self.logged(step, command(program).args(arguments.split_whitespace()))
            }
            Action::Program(program, arguments) => {
                self.logged(step, command(self.find(program)).args(arguments.split_whitespace()))
            }
            Action::NpmScript(folder, script) => {
                let mut npm = command("npm");
                npm.args(["run", "--silent", script]).current_dir(paths::root().join(folder));
                self.logged(step, &mut npm)
            }
        }
    }

    /// Returns where a program lies that may be on our own search path only.
    fn find(&self, program: &str) -> PathBuf {
        let own = self.variables.iter().filter(|(name, _)| *name == "PATH");
        own.flat_map(|(_, path)| env::split_paths(path))
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
            .unwrap_or_else(|| program.into())
    }

    fn meet(&mut self, need: Need) -> Result<()> {
        if self.met.contains(&need) {
            return Ok(());
        }
        anyhow::ensure!(!self.failed.contains(&need), "not run: {need:?} could not be had, see above");
        let result = self.make(need).with_context(|| format!("{need:?} could not be had"));
        let known = if result.is_ok() { &mut self.met } else { &mut self.failed };
        known.insert(need);
        result
    }

    fn make(&mut self, need: Need) -> Result<()> {
        match need {
            Need::Tools => self.variables.push(("PATH", need::path_with(&need::tools()?))),
            Need::Node => need::node()?,
            Need::Npm(folder) => need::npm(&paths::root().join(folder))?,
            Need::Programs(programs) => need::programs(programs)?,
            Need::Chromium => self.variables.push(("SANDERLING_CHROMIUM", need::chromium()?.into())),
            Need::Server => self.variables.push(("SANDERLING_BIN", build::server("fast")?.into())),
            Need::NpmPackage => build::npm()?,
            Need::Page => {
                build::page()?;
                self.variables.push(("SANDERLING_WWW", paths::page().join("dist").into()));
            }
        }
        Ok(())
    }

    fn logged(&self, step: &Step, command: &mut Command) -> Result<()> {
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        shell::run_logged(step.name, command.envs(variables))?;
        if let Some(line) = shell::last_line(step.name)? {
            println!("    {}: {line}", step.name);
        }
        Ok(())
    }
}

/// Returns a command of cargo on the whole workspace. Every step takes the same crates with the same features, because
/// cargo compiles whatever two steps don't agree on once for each.
fn workspace(verb: &str) -> Command {
    let mut command = cargo();
    command.arg(verb);
    if verb == "nextest" {
        command.arg("run");
    }
    command.args(["--workspace", "--features", "xtask/codegen"]);
    command
}
