//! What scripts call under the name `redis`, apart from what is plain Lua.
//!
//! A function answers `true` and its results, or `false` and what its wrapper in the prelude raises: an error that is
//! raised here would reach the script as something that isn't Lua's.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

use mlua::{Function, IntoLuaMulti, Lua, LuaString, MultiValue, Result, Table, Value};
use sanderling_core::command::{Context, ScriptRules};
use sanderling_core::families::connection::REDIS_VERSION;
use sanderling_core::resp::Protocol;
use sha1::{Digest, Sha1};
use smallvec::SmallVec;
use tracing::{debug, info, trace, warn};

use super::convert::{self, error_table};
use super::random::Random;
use super::watch::Watch;
use super::{bit, cjson, cmsgpack, pack};

/// What the functions of a state share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The version in which the running script gets replies.
    pub(super) protocol: Cell<Protocol>,
    pub(super) random: RefCell<Random>,
    /// Lua's `string.format`, for numbers as C writes them.
    pub(super) format: Function,
    /// What stands for null in JSON.
    pub(super) null: Value,
    /// The arguments of a call on their way from the function that scripts see to the one that reaches the engine.
    pub(super) arguments: RefCell<MultiValue>,
}

impl Shared {
    pub(super) fn new(lua: &Lua) -> Result<Self> {
        let strings: Table = lua.globals().raw_get("string")?;
        Ok(Self {
            protocol: Cell::new(Protocol::Resp2),
            random: RefCell::new(Random::new(0)),
            format: strings.raw_get("format")?,
            null: Value::NULL,
            arguments: RefCell::new(MultiValue::new()),
        })
    }

    /// Makes everything as it is at the beginning of each script.
    pub(super) fn begin(&self, seed: u64) {
        self.protocol.set(Protocol::Resp2);
        self.random.replace(Random::new(seed as u32));
    }

    /// A number as C's `%.Ng` writes it.
    pub(super) fn number(&self, digits: u8, number: f64) -> Result<Vec<u8>> {
        if number == number.trunc()
            && number.abs() < 1e15
            && digits >= 15
            && !(number == 0.0 && number.is_sign_negative())
        {
            return Ok(format!("{}", number as i64).into_bytes());
        }
        let text: LuaString = self.format.call((format!("%.{digits}g"), number))?;
        Ok(text.as_bytes().to_vec())
    }
}

/// What a native function answers.
pub(super) type Answer = std::result::Result<MultiValue, Failure>;

/// What a native function raises.
#[derive(Debug)]
pub(super) enum Failure {
    /// A text, before which the place stands where it was raised.
    Text(String),
    /// An error as Redis's own functions raise it.
    Reply(&'static str),
    /// The interpreter's own: memory is short.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Self {
        Self::Lua(error)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What is raised, until a script catches it or the call is over.
#[derive(Debug)]
enum Raised {
    /// A string.
    Text(String),
    /// A table with this as its `err`.
    Table(Vec<u8>),
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Table(text) => f.write_str(&String::from_utf8_lossy(text)),
        }
    }
}

impl std::error::Error for Raised {}

/// Makes a function that scripts can call.
pub(super) fn native(lua: &Lua, run: impl Fn(&Lua, MultiValue) -> Answer + 'static) -> Result<Function> {
    lua.create_function(move |lua, args: MultiValue| {
        run(lua, args).map_err(|failure| match failure {
            Failure::Text(text) => mlua::Error::external(Raised::Text(format!("{}{text}", place_of_caller(lua)))),
            Failure::Reply(text) => mlua::Error::external(Raised::Table(text.into())),
            Failure::Lua(error) => error,
        })
    })
}

/// Where the function was called that is running, as Lua puts it before a message.
fn place_of_caller(lua: &Lua) -> String {
    let look = |at: &mlua::debug::Debug<'_>| {
        let line = at.current_line()?;
        Some(format!("{}:{line}: ", at.source().short_src?))
    };
    lua.inspect_stack(1, look).flatten().unwrap_or_default()
}

/// What was raised as something of Lua's.
fn plain(lua: &Lua, error: &mlua::Error) -> Result<Value> {
    match error {
        mlua::Error::CallbackError { cause, .. } => plain(lua, cause),
        mlua::Error::ExternalError(error) => match error.downcast_ref::<Raised>() {
            Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
            Some(Raised::Table(text)) => Ok(Value::Table(error_table(lua, text)?)),
            None => Ok(Value::String(lua.create_string(error.to_string())?)),
        },
        other => Ok(Value::String(lua.create_string(super::machine::message(other))?)),
    }
}

/// Makes a function that does what the bridge holds under a name while it does, and raises what that answers with `false`.
fn bridged(
    lua: &Lua,
    shared: &Rc<Shared>,
    bridge: &Table,
    (name, outside): (&'static str, &'static str),
    raises: bool,
) -> Result<Function> {
    let (shared, bridge) = (Rc::clone(shared), bridge.clone());
    lua.create_function(move |lua, args: MultiValue| {
        let (done, value) = match bridge.raw_get::<Option<Function>>(name)? {
            Some(run) => {
                // Not on Lua's stack, where there may be no room for them a second time.
                shared.arguments.replace(args);
                run.call::<(bool, Value)>(())?
            }
            None => (false, Value::Table(error_table(lua, outside)?)),
        };
        match &value {
            Value::Table(table) if raises && !done => {
                let text: LuaString = table.raw_get("err")?;
                Err(mlua::Error::external(Raised::Table(text.as_bytes().to_vec())))
            }
            _ => Ok(value),
        }
    })
}

/// Everything that the prelude is handed.
pub(super) fn natives(lua: &Lua, shared: &Rc<Shared>, bridge: &Table, watch: &Rc<Watch>) -> Result<Table> {
    let native = lua.create_table()?;
    let redis = redis(lua, shared)?;
    redis.raw_set("call", bridged(lua, shared, bridge, ("call", OUTSIDE), true)?)?;
    redis.raw_set("pcall", bridged(lua, shared, bridge, ("call", OUTSIDE), false)?)?;
    redis.raw_set("acl_check_cmd", bridged(lua, shared, bridge, ("check", OUTSIDE), true)?)?;
    native.raw_set("redis", redis)?;
    native.raw_set("register_function", bridged(lua, shared, bridge, ("register", ONLY_LOADING), true)?)?;
    native.raw_set("random", super::random::functions(lua, shared)?)?;
    native.raw_set("bit", bit::functions(lua)?)?;
    native.raw_set("struct", pack::functions(lua)?)?;
    native.raw_set("cmsgpack", cmsgpack::functions(lua)?)?;
    let state = Rc::clone(shared);
    native.raw_set("new_cjson", lua.create_function(move |lua, ()| cjson::functions(lua, &state))?)?;
    let caught = |lua: &Lua, raised: Value| match &raised {
        Value::Error(error) => plain(lua, error),
        _ => Ok(raised),
    };
    native.raw_set("plain", lua.create_function(caught)?)?;
    let watch = Rc::clone(watch);
    native.raw_set("is_ending", lua.create_function(move |_, ()| Ok(watch.is_ending()))?)?;
    native.raw_set("handler", lua.create_function(|lua, raised: Value| handle(lua, raised))?)?;
    Ok(native)
}

fn redis(lua: &Lua, shared: &Rc<Shared>) -> Result<Table> {
    let redis = lua.create_table()?;
    redis.raw_set("sha1hex", native(lua, sha1hex)?)?;
    redis.raw_set("error_reply", native(lua, |lua, args| single_field(lua, args, "err"))?)?;
    redis.raw_set("status_reply", native(lua, |lua, args| single_field(lua, args, "ok"))?)?;
    redis.raw_set("log", native(lua, log)?)?;
    let state = Rc::clone(shared);
    let setresp = move |_: &Lua, args: MultiValue| match (args.len(), args.front()) {
        (1, Some(Value::Integer(2))) => {
            state.protocol.set(Protocol::Resp2);
            Ok(MultiValue::new())
        }
        (1, Some(Value::Integer(3))) => {
            state.protocol.set(Protocol::Resp3);
            Ok(MultiValue::new())
        }
        (1, _) => Err(Failure::Reply("ERR RESP version must be 2 or 3.")),
        _ => Err(Failure::Reply("ERR redis.setresp() requires one argument.")),
    };
    redis.raw_set("setresp", native(lua, setresp)?)?;
    redis.raw_set("set_repl", native(lua, |_, args| set_repl(&args))?)?;
    redis.raw_set("replicate_commands", native(lua, |lua, _| Ok(true.into_lua_multi(lua)?))?)?;
    // There is no debugger, so it is never stopped at.
    redis.raw_set("breakpoint", native(lua, |lua, _| Ok(false.into_lua_multi(lua)?))?)?;
    redis.raw_set("debug", native(lua, |_, _| Ok(MultiValue::new()))?)?;
    for (name, value) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
        ("REDIS_VERSION_NUM", version_number()),
    ] {
        redis.raw_set(name, value)?;
    }
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    Ok(redis)
}

/// Runs a command of a script: answers whether it could be run, and its reply or the error.
pub(super) fn call(
    lua: &Lua,
    ctx: &mut Context<'_>,
    rules: ScriptRules,
    shared: &Shared,
    args: &MultiValue,
) -> Result<(bool, Value)> {
    let failed = |text: &str| Ok((false, Value::Table(error_table(lua, text)?)));
    if args.is_empty() {
        return failed("ERR Please specify at least one argument for this redis lib call");
    }
    // The words stand one after the other, and each ends where the next begins.
    let (mut text, mut ends): (SmallVec<[u8; 128]>, SmallVec<[usize; 8]>) = Default::default();
    for value in args {
        match value {
            Value::String(word) => text.extend_from_slice(&word.as_bytes()),
            Value::Integer(number) => text.extend_from_slice(format!("{number}").as_bytes()),
            Value::Number(number) => text.extend_from_slice(&shared.number(17, *number)?),
            _ => return failed("ERR Lua redis lib command arguments must be strings or integers"),
        }
        ends.push(text.len());
    }
    let starts = std::iter::once(&0).chain(&ends);
    let words: SmallVec<[&[u8]; 8]> =
        starts.zip(&ends).map(|(start, end)| text.get(*start..*end).unwrap_or_default()).collect();
    let mut reply = Vec::new();
    match ctx.call_from_script(&words, rules, &mut reply) {
        Ok(()) => Ok((!reply.starts_with(b"-"), convert::to_lua(lua, &reply, rules.protocol)?)),
        Err(error) => failed(error.text()),
    }
}

/// `redis.acl_check_cmd`: answers whether the script may make a call.
pub(super) fn check_command(lua: &Lua, ctx: &mut Context<'_>, args: &MultiValue) -> Result<(bool, Value)> {
    let failed = |text: &str| Ok((false, Value::Table(error_table(lua, text)?)));
    if args.is_empty() {
        return failed("ERR Please specify at least one argument for this redis lib call");
    }
    let mut words = Vec::new();
    for value in args {
        let Some(text) = lua.coerce_string(value.clone())? else {
            return failed("ERR Lua redis lib command arguments must be strings or integers");
        };
        words.push(text);
    }
    let words: Vec<_> = words.iter().map(LuaString::as_bytes).collect();
    let words: Vec<&[u8]> = words.iter().map(|word| &**word).collect();
    match ctx.may_call_from_script(&words) {
        Some(may) => Ok((true, Value::Boolean(may))),
        None => failed("ERR Invalid command passed to redis.acl_check_cmd()"),
    }
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Answer {
    let [text] = exactly(lua, args)?;
    Ok(hex_sha1(&text.as_bytes()).into_lua_multi(lua)?)
}

/// The SHA-1 digest of a text in hexadecimal digits, as scripts are called by.
pub(super) fn hex_sha1(text: &[u8]) -> String {
    let digest = Sha1::digest(text);
    digest.iter().fold(String::with_capacity(40), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// So many arguments, all of them texts or numbers.
fn exactly<const COUNT: usize>(lua: &Lua, args: MultiValue) -> std::result::Result<[LuaString; COUNT], Failure> {
    const WRONG: Failure = Failure::Reply("ERR wrong number of arguments");
    let mut texts = Vec::with_capacity(COUNT);
    for value in args {
        texts.push(lua.coerce_string(value)?.ok_or(WRONG)?);
    }
    texts.try_into().map_err(|_| WRONG)
}

fn single_field(lua: &Lua, args: MultiValue, field: &'static str) -> Answer {
    const WRONG: Failure = Failure::Reply("ERR wrong number or type of arguments");
    let text = match (args.len(), args.front()) {
        (1, Some(Value::String(text))) => text.clone(),
        _ => return Err(WRONG),
    };
    let table = lua.create_table()?;
    if field == "err" {
        let text = text.as_bytes();
        let text = text.strip_prefix(b"-").unwrap_or(&text);
        let text = if text.is_empty() { b"ERR" } else { text };
        table.raw_set(field, lua.create_string(text)?)?;
    } else {
        table.raw_set(field, text)?;
    }
    Ok(table.into_lua_multi(lua)?)
}

fn log(lua: &Lua, mut args: MultiValue) -> Answer {
    if args.len() < 2 {
        return Err(Failure::Reply("ERR redis.log() requires two arguments or more."));
    }
    let level = match args.pop_front() {
        Some(Value::Integer(level @ 0..=3)) => level,
        Some(Value::Integer(_)) => return Err(Failure::Reply("ERR Invalid log level.")),
        _ => return Err(Failure::Reply("ERR First argument must be a number (log level).")),
    };
    let mut text = String::new();
    for value in args {
        let word = lua.coerce_string(value)?;
        text += if text.is_empty() { "" } else { " " };
        text += &word.map(|word| word.to_string_lossy()).unwrap_or_default();
    }
    match level {
        0 => trace!("script: {text}"),
        1 => debug!("script: {text}"),
        2 => info!("script: {text}"),
        _ => warn!("script: {text}"),
    }
    Ok(MultiValue::new())
}

/// Everything that a script does is logged and sent to replicas, whole: to ask for less is refused rather than ignored.
fn set_repl(args: &MultiValue) -> Answer {
    match (args.len(), args.front()) {
        (1, Some(Value::Integer(3))) => Ok(MultiValue::new()),
        (1, Some(Value::Integer(0..=2))) => {
            Err(Failure::Reply("ERR redis.set_repl() can't keep effects back: all of them are logged and replicated"))
        }
        (1, _) => Err(Failure::Reply(
            "ERR Invalid replication flags. Please use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        )),
        _ => Err(Failure::Reply("ERR redis.set_repl() requires two arguments.")),
    }
}

/// Makes a table of whatever was raised, with the place in the script where that was.
fn handle(lua: &Lua, raised: Value) -> Result<Table> {
    let raised = match raised {
        Value::Error(error) => plain(lua, &error)?,
        raised => raised,
    };
    let table = match raised {
        Value::Table(table) => table,
        other => {
            let name = other.type_name();
            let text = lua.coerce_string(other)?;
            error_table(lua, format!("ERR {}", text.map_or_else(|| name.into(), |text| text.to_string_lossy())))?
        }
    };
    let mut level = 1;
    let place = loop {
        let look = lua.inspect_stack(level, |at| {
            let source = at.source();
            let own = source.source.as_deref() == Some("=prelude");
            (source.what != "C" && !own).then(|| (source.source.map(|name| name.into_owned()), at.current_line()))
        });
        match look {
            None => break None,
            Some(Some(place)) => break Some(place),
            Some(None) => level += 1,
        }
    };
    if let Some((Some(source), Some(line))) = place {
        table.raw_set("source", source)?;
        table.raw_set("line", line)?;
    }
    Ok(table)
}

/// The version as `0x00MMmmpp`.
fn version_number() -> i64 {
    REDIS_VERSION.split('.').fold(0, |number, part| (number << 8) | part.parse::<i64>().unwrap_or(0))
}

/// What is raised by functions that need a running script.
const OUTSIDE: &str = "ERR redis.call/pcall can only be called inside a script invocation";
const ONLY_LOADING: &str = "ERR redis.register_function can only be called on FUNCTION LOAD command";
