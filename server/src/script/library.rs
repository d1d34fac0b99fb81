//! Libraries of functions: what is registered, called, listed, written down and read back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Value};
use sanderling_core::command::{Args, Context, FunctionAction, ScriptAccess};
use sanderling_core::error::{Error, Result};
use sanderling_core::glob;
use sanderling_core::resp::Reply;

use super::convert::error_table;
use super::machine::{Call, Machine, Purpose};
use super::shebang::{ScriptFlags, is_name, split_library};
use super::watch::{Running, Watch};
use super::{NOT_BUSY, access_of, dump, no_lua, patience, split_keys};
use crate::log::libraries as file;

/// All libraries.
#[derive(Debug)]
pub(super) struct Libraries {
    machine: Machine,
    by_name: BTreeMap<String, Library>,
    /// The library of each function, whose names are alike in capitals and small letters.
    of_function: BTreeMap<String, String>,
    folder: PathBuf,
    watch: Rc<Watch>,
    limit: usize,
}

/// A library.
#[derive(Clone, Debug)]
struct Library {
    code: Rc<[u8]>,
    functions: Vec<Registered>,
}

/// A function of a library.
#[derive(Clone, Debug)]
struct Registered {
    name: String,
    description: Option<Vec<u8>>,
    flags: ScriptFlags,
    body: Function,
}

/// What becomes of libraries that are there when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Append,
    Flush,
    Replace,
}

impl Libraries {
    /// Reads the libraries of a data folder.
    ///
    /// # Errors
    /// If the file can't be read or holds what can't be loaded.
    pub(super) fn open(folder: &Path, watch: &Rc<Watch>) -> anyhow::Result<Self> {
        let machine = Machine::new(Purpose::Functions, Rc::clone(watch)).map_err(no_lua)?;
        let mut libraries = Self {
            machine,
            by_name: BTreeMap::new(),
            of_function: BTreeMap::new(),
            folder: folder.into(),
            watch: Rc::clone(watch),
            limit: 0,
        };
        for code in file::read(folder)? {
            let added = libraries.compile(&code).and_then(|(name, library)| libraries.add(name, library, false));
            added.map_err(|why| anyhow::anyhow!("{}: {}", file::path(folder).display(), why.text()))?;
        }
        Ok(libraries)
    }

    /// How many libraries and functions there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.by_name.len(), self.of_function.len())
    }

    /// Bytes that the state holds.
    pub(super) fn bytes(&self) -> usize {
        self.machine.bytes()
    }

    /// Bounds what the state may hold.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
        self.machine.limit(bytes);
    }

    /// `FCALL`.
    pub(super) fn fcall(&self, ctx: &mut Context<'_>, access: ScriptAccess, args: &mut Args<'_>) -> Result<()> {
        let words = args.rest();
        let name = String::from_utf8_lossy(args.word()?).to_ascii_lowercase();
        let library = self.of_function.get(&name).and_then(|library| self.by_name.get(library));
        let mut functions = library.iter().flat_map(|library| &library.functions);
        let function = functions.find(|function| function.name.eq_ignore_ascii_case(&name));
        let function = function.ok_or(Error::new("ERR Function not found"))?;
        let (keys, arguments) = split_keys(args, Error::new("ERR Bad number of keys provided"))?;
        let call = Call {
            body: &function.body,
            is_function: true,
            name: &function.name,
            access: access_of(ctx, access, function.flags)?,
            allows_oom: function.flags.has(ScriptFlags::ALLOW_OOM),
            command: if access == ScriptAccess::ReadOnly { "fcall_ro" } else { "fcall" },
            words,
            keys,
            arguments,
            patience: patience(ctx),
            counts: self.counts(),
        };
        self.machine.run(ctx, &call)
    }

    /// What a function says of itself, by its name in lower case.
    pub(super) fn flags_of(&self, name: &str) -> Option<ScriptFlags> {
        let library = self.of_function.get(name).and_then(|library| self.by_name.get(library))?;
        let function = library.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name))?;
        Some(function.flags)
    }

    /// `FUNCTION`.
    pub(super) fn act(&mut self, ctx: &mut Context<'_>, action: FunctionAction, args: &mut Args<'_>) -> Result<()> {
        match action {
            FunctionAction::Delete => {
                let name = String::from_utf8_lossy(args.word()?);
                if !self.by_name.contains_key(&*name) {
                    return Err(Error::new("ERR Library not found"));
                }
                self.changing(|libraries| {
                    libraries.remove(&name);
                    Ok(())
                })?;
                ctx.reply.ok();
            }
            FunctionAction::Dump => {
                let dump = dump::write(self.by_name.values().map(|library| &*library.code));
                ctx.reply.bulk(&dump);
            }
            FunctionAction::Flush => {
                if args.len() > 1 {
                    return Err(wrong_arguments("flush"));
                }
                if !args.is_empty() && !args.take_if("SYNC") && !args.take_if("ASYNC") {
                    return Err(Error::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
                }
                self.changing(|libraries| {
                    libraries.clear();
                    Ok(())
                })?;
                // What functions may have left behind goes, too.
                if let Ok(machine) = Machine::new(Purpose::Functions, Rc::clone(&self.watch)) {
                    machine.limit(self.limit);
                    self.machine = machine;
                }
                ctx.reply.ok();
            }
            FunctionAction::Kill => return Err(NOT_BUSY),
            FunctionAction::List => self.list(ctx, args)?,
            FunctionAction::Load => {
                let replace = args.len() > 1 && args.take_if("REPLACE");
                if args.len() > 1 {
                    let option = String::from_utf8_lossy(args.word()?);
                    return Err(Error::owned(format!("ERR Unknown option given: {option}")));
                }
                let code = args.word()?;
                let (name, _) = split_library(code)?;
                if !replace && self.by_name.contains_key(&name) {
                    return Err(already_exists(&name, true));
                }
                let (name, library) = self.compile(code)?;
                self.changing(|libraries| libraries.add(name.clone(), library, replace))?;
                ctx.reply.bulk(name.as_bytes());
            }
            FunctionAction::Restore => self.restore(ctx, args)?,
            FunctionAction::Stats => {
                write_stats(&mut ctx.reply, None, self.counts());
            }
        }
        Ok(())
    }

    /// Loads a library's text.
    fn compile(&self, code: &[u8]) -> Result<(String, Library)> {
        let (name, body) = split_library(code)?;
        let body = self.machine.compile(body, "@user_function");
        let body = body.map_err(|why| Error::owned(format!("ERR Error compiling function: {why}")))?;
        let functions = RefCell::new(Vec::new());
        let register = |lua: &Lua, args: MultiValue| {
            let registered = read_registration(args).and_then(|function| {
                let mut functions = functions.borrow_mut();
                if functions.iter().any(|other: &Registered| other.name.eq_ignore_ascii_case(&function.name)) {
                    return Err("Function already exists in the library".to_owned());
                }
                if functions.len() >= FUNCTIONS_MAX {
                    return Err("there are too many functions".into());
                }
                functions.push(function);
                Ok(())
            });
            Ok(match registered {
                Ok(()) => (true, Value::Nil),
                Err(why) => (false, Value::Table(error_table(lua, format!("ERR {why}"))?)),
            })
        };
        let loaded = self.machine.load(&body, &register);
        loaded.map_err(|why| match why.starts_with("FUNCTION LOAD timeout") {
            true => Error::owned(format!("ERR {why}")),
            false => Error::owned(format!("ERR Error registering functions: {why}")),
        })?;
        let functions = functions.into_inner();
        if functions.is_empty() {
            return Err(Error::new("ERR No functions registered"));
        }
        Ok((name, Library { code: code.into(), functions }))
    }

    /// Takes in a library, in the place of one of its name where it may replace it.
    fn add(&mut self, name: String, library: Library, replace: bool) -> Result<()> {
        if self.by_name.contains_key(&name) {
            if !replace {
                return Err(already_exists(&name, false));
            }
            self.remove(&name);
        }
        if self.of_function.len() + library.functions.len() > FUNCTIONS_MAX {
            return Err(Error::new("ERR there are too many functions"));
        }
        for function in &library.functions {
            let key = function.name.to_ascii_lowercase();
            if self.of_function.insert(key, name.clone()).is_some() {
                return Err(Error::owned(format!("ERR Function {} already exists", function.name)));
            }
        }
        self.by_name.insert(name, library);
        Ok(())
    }

    fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
        self.of_function.retain(|_, library| library != name);
    }

    fn clear(&mut self) {
        self.by_name.clear();
        self.of_function.clear();
    }

    /// Changes the libraries, in memory and on the disk: both, or neither.
    fn changing(&mut self, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = (self.by_name.clone(), self.of_function.clone());
        let changed = change(self).and_then(|()| {
            // A library that was loaded once more, as clients do at their start, is on the disk already.
            if self.by_name.values().map(|library| &library.code).eq(before.0.values().map(|library| &library.code)) {
                return Ok(());
            }
            let codes = self.by_name.values().map(|library| &*library.code);
            file::write(&self.folder, codes)
                .map_err(|why| Error::owned(format!("MISCONF the libraries can't be written to the disk: {why}")))
        });
        if changed.is_err() {
            (self.by_name, self.of_function) = before;
        }
        changed
    }

    fn restore(&mut self, ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
        let payload = args.word()?;
        if args.len() > 1 {
            return Err(wrong_arguments("restore"));
        }
        let policy = match args {
            _ if args.is_empty() || args.take_if("APPEND") => Policy::Append,
            _ if args.take_if("FLUSH") => Policy::Flush,
            _ if args.take_if("REPLACE") => Policy::Replace,
            _ => {
                let text = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
                return Err(Error::new(text));
            }
        };
        let codes = dump::read(payload)?;
        let compiled = codes.iter().map(|code| self.compile(code)).collect::<Result<Vec<_>>>()?;
        self.changing(|libraries| {
            if policy == Policy::Flush {
                libraries.clear();
            }
            // All that will be replaced goes first: its functions' names are free then.
            for (name, _) in compiled.iter().filter(|_| policy == Policy::Replace) {
                libraries.remove(name);
            }
            compiled.into_iter().try_for_each(|(name, library)| libraries.add(name, library, false))
        })?;
        ctx.reply.ok();
        Ok(())
    }

    fn list(&self, ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
        let (mut pattern, mut with_code) = (None, false);
        while !args.is_empty() {
            if !with_code && args.take_if("WITHCODE") {
                with_code = true;
            } else if pattern.is_none() && args.take_if("LIBRARYNAME") {
                let given = args.take();
                pattern = Some(given.ok_or(Error::new("ERR library name argument was not given"))?);
            } else {
                let word = String::from_utf8_lossy(args.word()?);
                return Err(Error::owned(format!("ERR Unknown argument {word}")));
            }
        }
        let fits = |name: &str| pattern.is_none_or(|pattern| glob::matches_ignore_case(pattern, name.as_bytes()));
        let listed: Vec<_> = self.by_name.iter().filter(|(name, _)| fits(name)).collect();
        let reply = &mut ctx.reply;
        reply.array(listed.len());
        for (name, library) in listed {
            reply.map(if with_code { 4 } else { 3 });
            reply.bulk(b"library_name");
            reply.bulk(name.as_bytes());
            reply.bulk(b"engine");
            reply.bulk(b"LUA");
            reply.bulk(b"functions");
            reply.array(library.functions.len());
            for function in &library.functions {
                reply.map(3);
                reply.bulk(b"name");
                reply.bulk(function.name.as_bytes());
                reply.bulk(b"description");
                reply.bulk_or_null(function.description.as_deref());
                reply.bulk(b"flags");
                let flags: Vec<_> = function.flags.names().collect();
                reply.set(flags.len());
                flags.iter().for_each(|flag| reply.simple(flag));
            }
            if with_code {
                reply.bulk(b"library_code");
                reply.bulk(&library.code);
            }
        }
        Ok(())
    }
}

/// Writes the reply of `FUNCTION STATS`, `running` being the function and the words of its call.
pub(super) fn write_stats(reply: &mut Reply<'_>, running: Option<&Running>, (libraries, functions): (usize, usize)) {
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"command");
            reply.array(running.command.len());
            running.command.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.integer(running.since_ms as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.count(libraries);
    reply.bulk(b"functions_count");
    reply.count(functions);
}

/// Reads what `redis.register_function` was called with.
fn read_registration(args: MultiValue) -> std::result::Result<Registered, String> {
    let args = args.into_vec();
    let (mut name, mut body, mut description, mut flags) = (None, None, None, ScriptFlags::default());
    match &args[..] {
        [Value::Table(named)] => {
            for pair in named.pairs::<Value, Value>() {
                let (key, value) = pair.map_err(|error| super::machine::message(&error))?;
                let Value::String(key) = key else {
                    return Err("named argument key given to redis.register_function is not a string".into());
                };
                match &*key.as_bytes() {
                    b"function_name" => name = Some(text_of(&value, "function_name")?),
                    b"description" => description = Some(text_of(&value, "description")?),
                    b"callback" => match value {
                        Value::Function(callback) => body = Some(callback),
                        _ => return Err("callback argument given to redis.register_function must be a function".into()),
                    },
                    b"flags" => flags = flags_of(&value)?,
                    _ => return Err("unknown argument given to redis.register_function".into()),
                }
            }
        }
        [_] => {
            return Err("calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).".into());
        }
        [Value::String(first), Value::Function(second)] => {
            (name, body) = (Some(first.as_bytes().to_vec()), Some(second.clone()));
        }
        [Value::String(_), _] => return Err("second argument to redis.register_function must be a function".into()),
        [_, _] => return Err("first argument to redis.register_function must be a string".into()),
        _ => return Err("wrong number of arguments to redis.register_function".into()),
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let body = body.ok_or("redis.register_function must get a callback argument")?;
    if !is_name(&name) {
        return Err("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long".into());
    }
    Ok(Registered { name: String::from_utf8_lossy(&name).into_owned(), description, flags, body })
}

fn text_of(value: &Value, argument: &str) -> std::result::Result<Vec<u8>, String> {
    match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        _ => Err(format!("{argument} argument given to redis.register_function must be a string")),
    }
}

fn flags_of(value: &Value) -> std::result::Result<ScriptFlags, String> {
    let Value::Table(table) = value else {
        return Err("flags argument to redis.register_function must be a table representing function flags".into());
    };
    let mut flags = ScriptFlags::default();
    for name in table.sequence_values::<Value>() {
        let flag = match name {
            Ok(Value::String(name)) => ScriptFlags::named(&name.as_bytes()),
            _ => None,
        };
        flags = flags.and(flag.ok_or("unknown flag given")?);
    }
    Ok(flags)
}

/// All functions together: what is kept of Lua outside of it has room for some thousands.
const FUNCTIONS_MAX: usize = 4000;

fn already_exists(name: &str, quoted: bool) -> Error {
    let name = if quoted { format!("'{name}'") } else { name.to_owned() };
    Error::owned(format!("ERR Library {name} already exists"))
}

fn wrong_arguments(subcommand: &str) -> Error {
    Error::owned(format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try FUNCTION HELP."))
}
