//! Scripts and functions: Lua 5.1 for the engine's `EVAL`, `SCRIPT`, `FCALL` and `FUNCTION`.
//!
//! ```text
//!  engine ── Interpreter::run ──▶ Scripts ──▶ Machine (Lua) ── redis.call ──▶ Context::call_from_script ──▶ engine
//! ```
//! A script changes data by commands alone, so the log and the replicas get what its commands did, in one record. They
//! never get the script: a log can be replayed by a release that would run it differently. Libraries are no data in
//! that sense: they have a file of their own beside the log, see `log::libraries`.

mod api;
mod bit;
pub(crate) mod busy;
mod cjson;
mod cmsgpack;
mod convert;
mod dump;
mod json_reader;
mod library;
mod machine;
mod pack;
mod random;
mod shebang;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use sanderling_core::command::{Args, Context, Interpreter, ScriptAccess, ScriptAction, ScriptCommand};
use sanderling_core::error::{Error, Result};

use library::Libraries;
use machine::{Call, Machine, Purpose};
use shebang::{ScriptFlags, split_script};
pub(crate) use watch::{Watch, WhileBusy};

/// The interpreter of an engine.
#[derive(Debug)]
pub(crate) struct Scripts {
    machine: Machine,
    /// The scripts that can be called by their digest.
    known: HashMap<String, Script>,
    /// Of these, those that came by `EVAL` alone, the oldest first.
    evaluated: VecDeque<String>,
    libraries: Libraries,
    watch: Rc<Watch>,
    /// What each state may hold.
    limit: usize,
}

#[derive(Debug)]
struct Script {
    flags: ScriptFlags,
    /// It was loaded on purpose, and stays.
    loaded: bool,
    bytes: usize,
}

impl Scripts {
    /// Makes an interpreter with the libraries of a data folder.
    ///
    /// # Errors
    /// If they can't be read.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let watch = Rc::new(Watch::default());
        let machine = Machine::new(Purpose::Scripts, Rc::clone(&watch)).map_err(no_lua)?;
        let libraries = Libraries::open(folder, &watch)?;
        Ok(Self { machine, known: HashMap::new(), evaluated: VecDeque::new(), libraries, watch, limit: 0 })
    }

    /// What looks after the time of its scripts.
    pub(crate) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    fn eval(&mut self, ctx: &mut Context<'_>, access: ScriptAccess, args: &mut Args<'_>) -> Result<()> {
        let words = args.rest();
        let script = args.word()?;
        let (keys, arguments) = split_keys(args, Error::NOT_AN_INTEGER)?;
        let digest = api::hex_sha1(script);
        if !self.known.contains_key(&digest) {
            self.take_in(&digest, script, false)?;
        }
        self.call(ctx, &digest, ("eval", access), words, keys, arguments)
    }

    fn evalsha(&mut self, ctx: &mut Context<'_>, access: ScriptAccess, args: &mut Args<'_>) -> Result<()> {
        let words = args.rest();
        let digest = String::from_utf8_lossy(args.word()?).to_ascii_lowercase();
        // What can't be a digest isn't known, whatever follows it.
        if digest.len() != DIGEST_BYTES {
            return Err(NO_SCRIPT);
        }
        let (keys, arguments) = split_keys(args, Error::NOT_AN_INTEGER)?;
        self.call(ctx, &digest, ("evalsha", access), words, keys, arguments)
    }

    fn call(
        &mut self,
        ctx: &mut Context<'_>,
        digest: &str,
        (command, access): (&'static str, ScriptAccess),
        words: &[&[u8]],
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<()> {
        let script = self.known.get(digest);
        let script = script.ok_or(NO_SCRIPT)?;
        let access = access_of(ctx, access, script.flags)?;
        let patience = patience(ctx);
        let call = Call {
            body: &self.machine.kept(digest)?,
            is_function: false,
            name: digest,
            access,
            allows_oom: script.flags.has(ScriptFlags::ALLOW_OOM),
            command,
            words,
            keys,
            arguments,
            patience,
            counts: self.libraries.counts(),
        };
        self.machine.run(ctx, &call)
    }

    /// Compiles a script and keeps it.
    fn take_in(&mut self, digest: &str, script: &[u8], loaded: bool) -> Result<()> {
        let (flags, body) = split_script(script)?;
        let body = self.machine.compile(body, "@user_script");
        let body = body.map_err(|why| Error::owned(format!("ERR Error compiling script (new function): {why}")))?;
        self.machine.keep(digest, &body)?;
        self.known.insert(digest.to_owned(), Script { flags, loaded, bytes: script.len() });
        if !loaded {
            self.evaluated.push_back(digest.to_owned());
            if self.evaluated.len() > EVALUATED_MAX
                && let Some(oldest) = self.evaluated.pop_front()
                && self.known.get(&oldest).is_some_and(|script| !script.loaded)
            {
                self.known.remove(&oldest);
                self.machine.forget(&oldest);
            }
        }
        Ok(())
    }

    fn scripts(&mut self, ctx: &mut Context<'_>, action: ScriptAction, args: &mut Args<'_>) -> Result<()> {
        match action {
            ScriptAction::Debug => {
                return Err(Error::new("ERR SCRIPT DEBUG isn't offered: this server has no debugger"));
            }
            ScriptAction::Exists => {
                ctx.reply.array(args.len());
                for digest in args.rest() {
                    let digest = String::from_utf8_lossy(digest).to_ascii_lowercase();
                    ctx.reply.integer(i64::from(self.known.contains_key(&digest)));
                }
            }
            ScriptAction::Flush => {
                if !args.is_empty() && !args.take_if("SYNC") && !args.take_if("ASYNC") || !args.is_empty() {
                    return Err(Error::new("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
                }
                self.flush();
                ctx.reply.ok();
            }
            ScriptAction::Kill => return Err(NOT_BUSY),
            ScriptAction::Load => {
                let script = args.word()?;
                let digest = api::hex_sha1(script);
                match self.known.get_mut(&digest) {
                    Some(known) => known.loaded = true,
                    None => self.take_in(&digest, script, true)?,
                }
                ctx.reply.bulk(digest.as_bytes());
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.known.clear();
        self.evaluated.clear();
        // What scripts may have left behind goes, too. A state that can't be made leaves the old one, which works.
        if let Ok(machine) = Machine::new(Purpose::Scripts, Rc::clone(&self.watch)) {
            machine.limit(self.limit);
            self.machine = machine;
        }
    }

    /// Bounds what scripts may hold, as the settings say.
    fn apply_limit(&mut self, ctx: &Context<'_>) {
        let limit = number(ctx, "lua-memory-max").unwrap_or(0);
        if limit != self.limit {
            self.limit = limit;
            self.machine.limit(limit);
            self.libraries.limit(limit);
        }
    }
}

impl Interpreter for Scripts {
    fn run(&mut self, command: ScriptCommand, ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
        self.apply_limit(ctx);
        match command {
            ScriptCommand::Eval(access) => self.eval(ctx, access, args),
            ScriptCommand::EvalSha(access) => self.evalsha(ctx, access, args),
            ScriptCommand::Script(action) => self.scripts(ctx, action, args),
            ScriptCommand::Fcall(access) => self.libraries.fcall(ctx, access, args),
            ScriptCommand::Function(action) => self.libraries.act(ctx, action, args),
        }
    }

    fn may_write(&self, command: &str, call: &[&[u8]]) -> bool {
        let Some(word) = call.get(1) else { return true };
        let lower = || String::from_utf8_lossy(word).to_ascii_lowercase();
        let flags = match command {
            "eval" => split_script(word).ok().map(|(flags, _)| flags),
            "evalsha" => self.known.get(&lower()).map(|script| script.flags),
            _ => self.libraries.flags_of(&lower()),
        };
        flags.is_none_or(|flags| !flags.has(ScriptFlags::NO_WRITES))
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let (libraries, functions) = self.libraries.counts();
        let sources: usize = self.known.values().map(|script| script.bytes).sum();
        vec![
            ("used_memory_lua", self.machine.bytes().to_string()),
            ("used_memory_vm_eval", self.machine.bytes().to_string()),
            ("used_memory_scripts_eval", sources.to_string()),
            ("number_of_cached_scripts", self.known.len().to_string()),
            ("number_of_functions", functions.to_string()),
            ("number_of_libraries", libraries.to_string()),
            ("used_memory_vm_functions", self.libraries.bytes().to_string()),
            ("used_memory_vm_total", (self.machine.bytes() + self.libraries.bytes()).to_string()),
        ]
    }
}

const NO_SCRIPT: Error = Error::new("NOSCRIPT No matching script. Please use EVAL.");
/// Hexadecimal digits of a script's SHA-1.
const DIGEST_BYTES: usize = 40;

/// Words of a call.
type Words<'a> = &'a [&'a [u8]];

/// Splits the words after a script into keys and further arguments.
fn split_keys<'a>(args: &mut Args<'a>, not_a_number: Error) -> Result<(Words<'a>, Words<'a>)> {
    let count = args.integer().map_err(|_| not_a_number)?;
    let count = usize::try_from(count).map_err(|_| Error::new("ERR Number of keys can't be negative"))?;
    let keys = args.words(count);
    let keys = keys.map_err(|_| Error::new("ERR Number of keys can't be greater than number of args"))?;
    Ok((keys, args.rest()))
}

/// What a script may do that says so of itself and is called in this way.
fn access_of(ctx: &Context<'_>, called: ScriptAccess, flags: ScriptFlags) -> Result<ScriptAccess> {
    let gets_by = [ScriptFlags::NO_WRITES, ScriptFlags::ALLOW_OOM, ScriptFlags::COMPAT];
    if !gets_by.into_iter().any(|flag| flags.has(flag)) {
        ctx.check_script_memory()?;
    }
    if flags.has(ScriptFlags::NO_WRITES) {
        return Ok(ScriptAccess::ReadOnly);
    }
    if flags.has(ScriptFlags::COMPAT) {
        return Ok(called);
    }
    if called == ScriptAccess::ReadOnly {
        return Err(Error::new("ERR Can not execute a script with write flag using *_ro command."));
    }
    ctx.check_writable().map(|()| called)
}

/// How long a script may run before others are answered.
fn patience(ctx: &Context<'_>) -> Option<Duration> {
    let ms = number(ctx, "busy-reply-threshold").filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(ms as u64))
}

fn number(ctx: &Context<'_>, name: &str) -> Option<usize> {
    ctx.config.value(name)?.parse().ok()
}

fn no_lua(error: mlua::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot start Lua: {}", machine::message(&error))
}

/// What is answered when nothing runs that could be ended: while something does, others are answered elsewhere.
const NOT_BUSY: Error = Error::new("NOTBUSY No scripts in execution right now.");

/// Scripts that are kept although they came by `EVAL` alone, as in Redis 7.4: clients that put values into their
/// scripts would fill the memory otherwise.
const EVALUATED_MAX: usize = 500;
