//! The seam between the engine and whoever can run scripts.
//!
//! Core has no interpreter. A shell that has one hands it to the engine; the rows of `EVAL`, `FCALL` and their like
//! call it with the surroundings of their own call, in which it runs commands by `Context::call_from_script`. So a
//! script is one call of the engine: nothing comes in between, its commands see one time, and what they did is one
//! record of the log, as with `EXEC`. An interpreter never applies an effect itself.

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{Args, Context};
use crate::error::Result;

/// Runs scripts for an engine.
pub trait Interpreter: fmt::Debug {
    /// Does what a command asks for and writes its one reply.
    ///
    /// # Errors
    /// What the caller is answered with instead of a reply; nothing may have been written to it then.
    fn run(&mut self, command: ScriptCommand, ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()>;

    /// Whether a call, the name first, may write: not if it runs a script that says that it doesn't. `command` is its row's
    /// name.
    fn may_write(&self, command: &str, call: &[&[u8]]) -> bool;

    /// Lines for the section on memory of `INFO`.
    fn facts(&self) -> Vec<(&'static str, String)>;
}

/// A command that the interpreter answers. Its arguments are as Redis documents them, the name left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptCommand {
    /// `EVAL`, or `EVAL_RO`.
    Eval(Access),
    /// `EVALSHA`, or `EVALSHA_RO`.
    EvalSha(Access),
    /// `SCRIPT …`
    Script(ScriptAction),
    /// `FCALL`, or `FCALL_RO`.
    Fcall(Access),
    /// `FUNCTION …`
    Function(FunctionAction),
}

/// Whether a script that is called may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It may not: the name of the command ends in `_RO`.
    ReadOnly,
}

/// What `SCRIPT` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptAction {
    /// Refuses the debugger.
    Debug,
    /// Says which scripts are known.
    Exists,
    /// Forgets all scripts.
    Flush,
    /// Ends the running script, of which there is none if this is asked of the interpreter.
    Kill,
    /// Takes in a script.
    Load,
}

/// What `FUNCTION` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionAction {
    /// Removes a library.
    Delete,
    /// Writes all libraries in one string.
    Dump,
    /// Removes all libraries.
    Flush,
    /// Ends the running function, of which there is none if this is asked of the interpreter.
    Kill,
    /// Describes libraries.
    List,
    /// Takes in a library.
    Load,
    /// Takes in what `Dump` wrote.
    Restore,
    /// Counts libraries and functions.
    Stats,
}
