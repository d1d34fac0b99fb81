//! Scripts on an engine without a server around it.

use proptest::prelude::*;
use sanderling_core::{Engine, EngineOptions, Env, SessionId};

use super::Scripts;

/// An engine that runs scripts, and one session of it.
struct Lab {
    engine: Engine,
    session: SessionId,
    _folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = Engine::new(EngineOptions::default());
        engine.set_interpreter(Box::new(Scripts::open(folder.path()).unwrap()));
        engine.journal_mut().enable(true);
        let session = engine.open_session("127.0.0.1:1", Env::new(1_000, 0));
        Self { engine, session, _folder: folder }
    }

    fn call(&mut self, words: &[&[u8]]) -> String {
        let mut reply = Vec::new();
        self.engine.execute(Env::new(1_000, 7), self.session, words, &mut reply);
        String::from_utf8_lossy(&reply).into_owned()
    }

    fn eval(&mut self, script: &str) -> String {
        self.call(&[b"EVAL", script.as_bytes(), b"0"])
    }
}

#[test]
fn a_script_is_one_call_whose_effects_stand_together_in_the_journal() {
    let mut lab = Lab::new();
    lab.eval("redis.call('set', 'a', 1) redis.call('incr', 'b') redis.call('rpush', 'c', 'x')");
    assert_eq!(lab.engine.journal_mut().count(), 3);
    lab.engine.journal_mut().clear();
    // What was done before an error stays done, as in Redis.
    assert!(lab.eval("redis.call('incr', 'b') error('no')").starts_with("-ERR user_script:1: no"));
    assert_eq!(lab.engine.journal_mut().count(), 1);
    lab.engine.journal_mut().clear();
    lab.eval("return redis.call('get', 'a')");
    assert_eq!(lab.engine.journal_mut().count(), 0);
}

#[test]
fn all_commands_of_a_script_see_one_time() {
    let mut lab = Lab::new();
    let script = "redis.call('set', 'k', 'v', 'px', 1) for i = 1, 1e6 do end return {redis.call('exists', 'k'), redis.call('pttl', 'k')}";
    assert_eq!(lab.eval(script), "*2\r\n:1\r\n:1\r\n");
}

#[test]
fn scripts_leave_nothing_to_each_other() {
    let mut lab = Lab::new();
    for attempt in [
        "x = 1",
        "_G.x = 1",
        "redis.x = 1",
        "string.x = 1",
        "rawset(_G, 'x', 1)",
        "rawset(math, 'x', 1)",
        "table.insert(redis, 'x')",
        "setmetatable(_G, {})",
        "getmetatable(_G).__index = {}",
        "getmetatable(_G).__newindex = nil",
        "getmetatable('').__index = {}",
        "local _, t = pairs(_G) t.x = 1",
        "redis.call = nil",
        "cjson.null = 1",
    ] {
        let reply = lab.eval(attempt);
        assert!(reply.contains("Attempt to modify a readonly table"), "{attempt}: {reply}");
    }
    for missing in ["print", "dofile", "loadfile", "require", "module", "getfenv", "setfenv", "debug", "io", "newproxy"]
    {
        let reply = lab.eval(&format!("return {missing}"));
        assert!(reply.contains("Script attempted to access nonexistent global variable"), "{missing}: {reply}");
    }
    assert_eq!(
        lab.eval("return {type(os.clock), tostring(rawget(os, 'exit')), tostring(rawget(string, 'x'))}"),
        "*3\r\n$8\r\nfunction\r\n$3\r\nnil\r\n$3\r\nnil\r\n"
    );
}

#[test]
fn compiled_code_is_not_run() {
    let mut lab = Lab::new();
    let dumped = "return (loadstring(string.dump(function() return 1 end)))";
    assert_eq!(lab.eval(dumped), "$-1\r\n");
    assert_eq!(
        lab.eval("local read return load(function() if not read then read = true return '\\27Lua' end end)"),
        "$-1\r\n"
    );
    let reply = lab.call(&[b"EVAL", b"\x1bLua\x51\0\x01\x04", b"0"]);
    assert!(reply.starts_with("-ERR Error compiling script"), "{reply}");
}

#[test]
fn a_seed_gives_the_same_numbers_and_an_environment_too() {
    let mut lab = Lab::new();
    let script = "return {tostring(math.random()), math.random(10), math.random(5, 6)}";
    assert_eq!(lab.eval(script), lab.eval(script), "the environment is the same");
    let seeded = "math.randomseed(10) return tostring(math.random())";
    assert_eq!(lab.eval(seeded), lab.eval(seeded));
}

#[test]
fn a_transaction_may_hold_scripts() {
    let mut lab = Lab::new();
    lab.call(&[b"MULTI"]);
    assert_eq!(lab.eval("return redis.call('incr', 'n')"), "+QUEUED\r\n");
    lab.call(&[b"INCR", b"n"]);
    assert_eq!(lab.call(&[b"EXEC"]), "*2\r\n:1\r\n:2\r\n");
    assert_eq!(lab.engine.journal_mut().count(), 2);
}

#[test]
fn scripts_that_came_by_eval_are_forgotten_before_the_memory_is_full() {
    let mut lab = Lab::new();
    let loaded = lab.call(&[b"SCRIPT", b"LOAD", b"return 'kept'"]);
    let digest = loaded.split("\r\n").nth(1).unwrap().to_owned();
    for number in 0..600 {
        lab.eval(&format!("return {number}"));
    }
    assert_eq!(lab.call(&[b"EVALSHA", digest.as_bytes(), b"0"]), "$4\r\nkept\r\n");
    let first = super::api::hex_sha1(b"return 0");
    assert!(lab.call(&[b"EVALSHA", first.as_bytes(), b"0"]).starts_with("-NOSCRIPT"));
}

#[test]
fn what_is_nested_or_long_beyond_measure_is_an_error() {
    // A test's thread has less of a stack than the thread of a server has.
    let thread = std::thread::Builder::new().stack_size(8 * 1024 * 1024).spawn(try_what_has_no_measure).unwrap();
    thread.join().unwrap();
}

fn try_what_has_no_measure() {
    let mut lab = Lab::new();
    let deep = "local t = {} local at = t for i = 1, 100000 do at[1] = {} at = at[1] end ";
    assert!(lab.eval(&format!("{deep} return t")).ends_with("-ERR reached lua stack limit\r\n"));
    for script in [
        &*format!("{deep} return cjson.encode(t)"),
        "return cjson.decode(string.rep('[', 100000))",
        "return cmsgpack.unpack(string.rep('\\145', 100000))",
        "return cmsgpack.unpack(string.rep('\\161x', 100000))",
        "return struct.unpack(string.rep('c1', 10000), string.rep('x', 10000))",
        "return redis.call(unpack({}, 1, 1e6))",
        "local function f() return f() + 1 end return f()",
        "return ('x'):rep(1e5):find(('.-'):rep(1e5) .. 'y')",
        "return string.gsub(('x'):rep(1e5), ('x?'):rep(1e5), 'y')",
    ] {
        let reply = lab.eval(script);
        assert!(reply.starts_with("-ERR "), "{script}: {reply}");
    }
    assert_eq!(lab.eval("return ('-'):rep(1e5):find(('-'):rep(9e4), 1, true)"), ":1\r\n");
    assert_eq!(lab.eval(&format!("{deep} return #cmsgpack.pack(t)")), ":17\r\n");
}

#[test]
fn a_function_that_kept_redis_call_works_in_the_next_call() {
    let mut lab = Lab::new();
    let code = "#!lua name=lib\nlocal call\nredis.register_function('f', function(keys) call = call or redis.call return call('incr', keys[1]) end)";
    assert_eq!(lab.call(&[b"FUNCTION", b"LOAD", code.as_bytes()]), "$3\r\nlib\r\n");
    assert_eq!(lab.call(&[b"FCALL", b"f", b"1", b"n"]), ":1\r\n");
    assert_eq!(lab.call(&[b"FCALL", b"f", b"1", b"n"]), ":2\r\n");
}

#[test]
fn libraries_are_dumped_and_restored_by_their_policies() {
    let mut lab = Lab::new();
    let load = |lab: &mut Lab, name: &str, value: u8| {
        let code = format!("#!lua name={name}\nredis.register_function('{name}', function() return {value} end)");
        lab.call(&[b"FUNCTION", b"LOAD", b"REPLACE", code.as_bytes()])
    };
    load(&mut lab, "a", 1);
    let mut dump = Vec::new();
    lab.engine.execute(Env::new(0, 0), lab.session, &[b"FUNCTION", b"DUMP"], &mut dump);
    let start = dump.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let dump = dump[start..dump.len() - 2].to_vec();
    load(&mut lab, "a", 2);
    load(&mut lab, "b", 3);
    assert!(lab.call(&[b"FUNCTION", b"RESTORE", &dump]).contains("Library a already exists"));
    assert_eq!(lab.call(&[b"FCALL", b"a", b"0"]), ":2\r\n");
    assert_eq!(lab.call(&[b"FUNCTION", b"RESTORE", &dump, b"REPLACE"]), "+OK\r\n");
    assert_eq!(lab.call(&[b"FCALL", b"a", b"0"]), ":1\r\n");
    assert_eq!(lab.call(&[b"FCALL", b"b", b"0"]), ":3\r\n");
    assert_eq!(lab.call(&[b"FUNCTION", b"RESTORE", &dump, b"FLUSH"]), "+OK\r\n");
    assert!(lab.call(&[b"FCALL", b"b", b"0"]).contains("Function not found"));
}

/// A value that all of the formats can hold, as Lua writes it.
fn literal() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-1_000_000_i64..1_000_000).prop_map(|number| number.to_string()),
        (-1000.0..1000.0_f64).prop_map(|number| format!("{number:.3}")),
        "[a-z /\\\\\"]{0,40}".prop_map(|text| format!("{text:?}")),
        any::<bool>().prop_map(|value| value.to_string()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(|values| format!("{{{}}}", values.join(","))),
            prop::collection::btree_map("[a-z]{1,6}x", inner, 1..5).prop_map(|pairs| {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

const SAME: &str = "
    local function same(a, b)
        if type(a) ~= 'table' or type(b) ~= 'table' then
            return a == b or (type(a) == 'number' and type(b) == 'number' and math.abs(a - b) < 1e-9)
        end
        for k, v in pairs(a) do if not same(v, b[k]) then return false end end
        for k in pairs(b) do if a[k] == nil then return false end end
        return true
    end ";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_round_trip_through_the_formats(value in literal()) {
        let mut lab = Lab::new();
        let script = format!(
            "{SAME} local v = {value} return {{same(v, cjson.decode(cjson.encode(v))), same(v, cmsgpack.unpack(cmsgpack.pack(v)))}}"
        );
        prop_assert_eq!(lab.eval(&script), "*2\r\n:1\r\n:1\r\n");
    }

    #[test]
    fn numbers_round_trip_through_packed_structures(number in any::<i32>(), big in any::<bool>(), size in 4..9) {
        let mut lab = Lab::new();
        let order = if big { '>' } else { '<' };
        let script = format!("return struct.unpack('{order}i{size}', struct.pack('{order}i{size}', {number}))");
        prop_assert_eq!(lab.eval(&script), format!(":{number}\r\n"));
    }

    #[test]
    fn whatever_is_decoded_is_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut lab = Lab::new();
        for library in ["cjson.decode(ARGV[1])", "cmsgpack.unpack(ARGV[1])", "struct.unpack(ARGV[1], ARGV[1])"] {
            let script = format!("return {library}");
            let reply = lab.call(&[b"EVAL", script.as_bytes(), b"0", &bytes]);
            prop_assert!(reply.ends_with("\r\n"));
        }
    }

    #[test]
    fn whatever_is_evaluated_has_a_reply(script in "[a-z(){}=.,' \\[\\]#~+*/0-9\n-]{0,60}") {
        let mut lab = Lab::new();
        prop_assert!(lab.call(&[b"EVAL", script.as_bytes(), b"0"]).ends_with("\r\n"));
    }
}
