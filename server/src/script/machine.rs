//! One Lua state with the globals that scripts see, and the way into it and out of it.
//!
//! ```text
//!  run ─▶ Lua: xpcall(script, handler) ─▶ redis.call ─▶ bridge ─▶ Context::call_from_script
//!                                     │
//!                                     └─ every so many instructions ─▶ the watch
//! ```
//! The functions that reach the engine exist only while a script runs, in the table `bridge`: a script can keep nothing
//! of the engine for later.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mlua::chunk::ChunkMode;
use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};
use sanderling_core::command::{Context, ScriptAccess, ScriptRules};
use sanderling_core::error::{Error, Result};

use super::api::{self, Shared};
use super::convert;
use super::watch::{Running, Watch};

/// A Lua state for scripts or for functions.
#[derive(Debug)]
pub(super) struct Machine {
    lua: Lua,
    run: Function,
    run_function: Function,
    load: Function,
    /// What was compiled and is kept, by name: Lua looks after them, since what is kept of its outside has bounds.
    bodies: Table,
    bridge: Table,
    shared: Rc<Shared>,
    watch: Rc<Watch>,
    /// What it may hold; 0 for anything.
    limit: Cell<usize>,
}

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `EVAL`.
    Scripts,
    /// `FCALL`.
    Functions,
}

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    /// The script or function.
    pub(super) body: &'a Function,
    /// Whether it is a function, which gets its arguments handed in.
    pub(super) is_function: bool,
    /// Its name, for errors.
    pub(super) name: &'a str,
    /// Whether it may write.
    pub(super) access: ScriptAccess,
    /// Whether it may take memory where that is short.
    pub(super) allows_oom: bool,
    /// The name of the command and its words.
    pub(super) command: &'static str,
    pub(super) words: &'a [&'a [u8]],
    pub(super) keys: &'a [&'a [u8]],
    pub(super) arguments: &'a [&'a [u8]],
    /// How long it may run before others are answered.
    pub(super) patience: Option<Duration>,
    /// How many libraries and functions there are.
    pub(super) counts: (usize, usize),
}

impl Call<'_> {
    fn running(&self, has_written: bool) -> Running {
        let words = self.words.iter().map(|word| word.to_vec());
        Running {
            is_function: self.is_function,
            name: self.name.to_owned(),
            command: std::iter::once(self.command.as_bytes().to_vec()).chain(words).collect(),
            since_ms: 0,
            has_written,
            counts: self.counts,
        }
    }
}

/// What is told of a function that registers itself.
pub(super) type Register<'a> = dyn Fn(&Lua, MultiValue) -> mlua::Result<(bool, Value)> + 'a;

impl Machine {
    /// Makes a state.
    ///
    /// # Errors
    /// If memory is short.
    pub(super) fn new(purpose: Purpose, watch: Rc<Watch>) -> mlua::Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.gc_set_mode(GcMode::Incremental(GcIncParams::default().pause(GROWTH_PERCENT)));
        let shared = Rc::new(Shared::new(&lua)?);
        let bridge = lua.create_table()?;
        let native = api::natives(&lua, &shared, &bridge, &watch)?;
        let kind = match purpose {
            Purpose::Scripts => "scripts",
            Purpose::Functions => "functions",
        };
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=prelude").into_function()?;
        let (globals, run, run_function, load) = prelude.call::<(Table, _, _, _)>((native, kind))?;
        lua.set_globals(globals)?;
        watch_over(&lua, &watch, &bridge, INSTRUCTIONS_PER_LOOK)?;
        // What making it has left behind is no script's.
        lua.gc_collect()?;
        let bodies = lua.create_table()?;
        Ok(Self { bodies, lua, run, run_function, load, bridge, shared, watch, limit: Cell::new(0) })
    }

    /// Compiles a text under the name that its errors show.
    ///
    /// # Errors
    /// What Lua says of it.
    pub(super) fn compile(&self, text: &[u8], name: &str) -> std::result::Result<Function, String> {
        // Lua takes what begins so for code that was compiled.
        let outcome = self.lua.load(text).set_name(name).set_mode(ChunkMode::Text).into_function();
        outcome.map_err(|error| message(&error))
    }

    /// Keeps a function that was compiled, under a name.
    ///
    /// # Errors
    /// If memory is short.
    pub(super) fn keep(&self, name: &str, body: &Function) -> Result<()> {
        let kept = self.bodies.raw_set(name, body);
        kept.map_err(|error| Error::owned(format!("ERR {}", message(&error))))
    }

    /// The function that is kept under a name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn kept(&self, name: &str) -> Result<Function> {
        let kept = self.bodies.raw_get(name);
        kept.map_err(|error| Error::owned(format!("ERR {}", message(&error))))
    }

    /// Keeps it no more.
    pub(super) fn forget(&self, name: &str) {
        let _ = self.bodies.raw_remove(name);
    }

    /// Runs a script or function and writes what it returns.
    ///
    /// # Errors
    /// What it raised or returned as an error.
    pub(super) fn run(&self, ctx: &mut Context<'_>, call: &Call<'_>) -> Result<()> {
        self.shared.begin(ctx.data.rng().next_u64());
        self.watch.begin(call.patience);
        let effects = ctx.effects();
        let serve = |ctx: &mut Context<'_>| {
            let running = call.running(ctx.effects() > effects);
            self.watch.serve(ctx, running);
        };
        let outcome = {
            let cell = RefCell::new(&mut *ctx);
            self.lua.scope(|scope| {
                let run = scope.create_function(|lua, ()| {
                    let mut ctx = cell.try_borrow_mut().map_err(mlua::Error::external)?;
                    if self.watch.is_due() {
                        serve(&mut ctx);
                        if self.watch.is_ending() {
                            watch_over(lua, &self.watch, &self.bridge, 1)?;
                        }
                    }
                    // What has written may finish, or it would stop halfway.
                    let allows_oom = call.allows_oom || ctx.effects() > effects;
                    let rules = ScriptRules { access: call.access, protocol: self.shared.protocol.get(), allows_oom };
                    api::call(lua, &mut ctx, rules, &self.shared, &self.shared.arguments.take())
                })?;
                let check = scope.create_function(|lua, ()| {
                    let mut ctx = cell.try_borrow_mut().map_err(mlua::Error::external)?;
                    api::check_command(lua, &mut ctx, &self.shared.arguments.take())
                })?;
                let busy = scope.create_function(|_, ()| {
                    let mut ctx = cell.try_borrow_mut().map_err(mlua::Error::external)?;
                    serve(&mut ctx);
                    Ok(())
                })?;
                self.bridge.raw_set("call", run)?;
                self.bridge.raw_set("check", check)?;
                self.bridge.raw_set("busy", busy)?;
                let body = if call.is_function { &self.run_function } else { &self.run };
                let keys = self.words(call.keys)?;
                let arguments = self.words(call.arguments)?;
                body.call::<(bool, Value)>((call.body, keys, arguments))
            })
        };
        for name in ["call", "check", "busy"] {
            let _ = self.bridge.raw_remove(name);
        }
        self.make_room();
        if let Some(error) = self.finish() {
            return Err(error);
        }
        let (done, value) = outcome.map_err(|error| Error::owned(format!("ERR {}", message(&error))))?;
        if !done {
            return Err(failure(&value, Some(call.name)));
        }
        if let Value::Table(table) = &value
            && let Ok(Value::String(text)) = table.raw_get("err")
        {
            return Err(Error::owned(convert::error_text(&text.as_bytes())));
        }
        let start = ctx.reply.position();
        let written = convert::write(&mut ctx.reply, &value, self.shared.protocol.get());
        if let Err(error) = written {
            ctx.reply.truncate(start);
            return Err(Error::owned(format!("ERR {}", message(&error))));
        }
        ctx.reply.bounded(start)
    }

    /// Runs the text of a library, which registers its functions.
    ///
    /// # Errors
    /// What it raised.
    pub(super) fn load(&self, body: &Function, register: &Register<'_>) -> std::result::Result<(), String> {
        self.shared.begin(0);
        self.watch.begin_loading(LOADING_MAX);
        let outcome = self.lua.scope(|scope| {
            let register = scope.create_function(|lua, ()| register(lua, self.shared.arguments.take()))?;
            self.bridge.raw_set("register", register)?;
            self.load.call::<(bool, Value)>(body)
        });
        let _ = self.bridge.raw_remove("register");
        if let Some(error) = self.finish() {
            return Err(error.text().trim_start_matches("ERR ").to_owned());
        }
        match outcome {
            Ok((true, _)) => Ok(()),
            Ok((false, value)) => Err(failure(&value, None).text().to_owned()),
            Err(error) => Err(message(&error)),
        }
    }

    /// Bytes that the state holds.
    pub(super) fn bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// Bounds what the state may hold; 0 doesn't.
    pub(super) fn limit(&self, bytes: usize) {
        self.limit.set(bytes);
        // Each state counts what it holds, so there is always something to set.
        let _ = self.lua.set_memory_limit(bytes);
    }

    /// Collects what a script left behind where the next one would soon find no room.
    fn make_room(&self) {
        let limit = self.limit.get();
        if limit > 0 && self.lua.used_memory() > limit / 4 * 3 {
            let _ = self.lua.gc_collect();
        }
    }

    /// Ends the watch. Returns why it ended what ran, if it did.
    fn finish(&self) -> Option<Error> {
        let ended = self.watch.finish();
        if ended.is_some() {
            // It looked at every single instruction lately.
            let _ = watch_over(&self.lua, &self.watch, &self.bridge, INSTRUCTIONS_PER_LOOK);
        }
        ended
    }

    fn words(&self, words: &[&[u8]]) -> mlua::Result<Table> {
        let table = self.lua.create_table_with_capacity(words.len(), 0)?;
        for (at, word) in (1_usize..).zip(words) {
            table.raw_set(at, self.lua.create_string(word)?)?;
        }
        Ok(table)
    }
}

/// Looks after the time every so many instructions. Once what runs is to be ended, that is at each of them.
fn watch_over(lua: &Lua, watch: &Rc<Watch>, bridge: &Table, instructions: u32) -> mlua::Result<()> {
    let (watch, bridge) = (Rc::clone(watch), bridge.clone());
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(instructions), move |lua, _| {
        let outcome = watch.look(|| bridge.raw_get::<Function>("busy")?.call::<()>(()));
        if outcome.is_err() && instructions > 1 {
            watch_over(lua, &watch, &bridge, 1)?;
        }
        outcome.map(|()| VmState::Continue)
    })
}

/// What a raised table says, and where it was raised.
fn failure(value: &Value, name: Option<&str>) -> Error {
    let table = match value {
        Value::Table(table) => table,
        // Where memory is short, nothing could be made of it.
        Value::String(text) => return Error::owned(format!("ERR {}", text.to_string_lossy())),
        Value::Error(error) => return Error::owned(format!("ERR {}", message(error))),
        _ => return Error::new("ERR unknown error"),
    };
    let text = match table.raw_get("err") {
        Ok(Value::String(text)) => convert::error_text(&text.as_bytes()),
        _ => "ERR unknown error".into(),
    };
    let place = table.raw_get::<String>("source").ok().zip(table.raw_get::<i64>("line").ok());
    Error::owned(match (name, place) {
        (Some(name), Some((source, line))) => format!("{text} script: {name}, on {source}:{line}."),
        _ => text,
    })
}

/// The first line of what the interpreter reports.
pub(super) fn message(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::SyntaxError { message, .. } | mlua::Error::RuntimeError(message) => message.clone(),
        mlua::Error::MemoryError(_) => "not enough memory".into(),
        mlua::Error::CallbackError { cause, .. } => return message(cause),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// How much a state grows, in percent, before its garbage is collected. Scripts are short: they leave little behind.
const GROWTH_PERCENT: std::ffi::c_int = 140;

/// How often it is looked whether a script has run for too long: about once a millisecond.
const INSTRUCTIONS_PER_LOOK: u32 = 100_000;

/// How long a library may take to be loaded, as in Redis.
const LOADING_MAX: Duration = Duration::from_millis(500);
