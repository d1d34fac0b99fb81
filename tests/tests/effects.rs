//! What effects promise, for random calls of every command that the table lists.
//!
//! `SANDERLING_EFFECTS_SEED=17 cargo test -p sanderling-tests --test effects` repeats seed 17;
//! `SANDERLING_EFFECTS_SEEDS=1000` runs that many.

// A test fails by panicking, in its helpers as well.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use sanderling_core::{
    Engine, EngineOptions, Env, Role, SessionId,
    command::{Command, Flags, Group, table},
    effect::{Change, Effect, Put, StoredValue, stored_value},
    format::ChunkReader,
    hash::Rng,
};
use sanderling_tests::calls::Grammar;

#[test]
fn effects_say_all_and_undos_take_all_of_it_back() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SANDERLING_EFFECTS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SANDERLING_EFFECTS_SEEDS").unwrap_or(4),
    };
    let mut changed = BTreeSet::new();
    for seed in seeds {
        let run = std::panic::catch_unwind(|| run(seed, None, CALLS));
        changed.extend(run.unwrap_or_else(|_| panic!("seed {seed} fails; SANDERLING_EFFECTS_SEED={seed} repeats it")));
    }
    // A command that had no luck among all the others is called on its own, until it has changed something.
    for row in rows().filter(|row| row.flags.has(Flags::WRITE) && !changed.contains(row.name)) {
        let has_changed = (0..20).any(|seed| run(seed, Some(row.name), CALLS / 10).contains(row.name));
        assert!(has_changed, "{} never changes anything: the test doesn't call it as it should", row.name);
    }
}

/// The commands on data; those on connection and server have no effects.
fn rows() -> impl Iterator<Item = &'static Command> {
    let apart = [Group::Connection, Group::Server, Group::Transactions];
    table::all().filter(move |row| row.flags.has(Flags::WRITE) || !apart.contains(&row.group))
}

/// Runs random calls (half of them of one command, if it is named), and returns the commands that changed anything.
fn run(seed: u64, only: Option<&str>, calls: u64) -> BTreeSet<&'static str> {
    let grammars: Vec<(&Command, Grammar)> = rows().map(|row| (row, Grammar::new(row))).collect();
    let indices = |wanted: &dyn Fn(&Command) -> bool| -> Vec<usize> {
        (0..grammars.len()).filter(|index| wanted(grammars[*index].0)).collect()
    };
    // What adds data is called more often, or most calls would meet nothing.
    let builders = indices(&|row| row.flags.has(Flags::DENYOOM));
    let chosen = indices(&|row| only.is_none_or(|name| row.name == name));
    let mut rng = Rng::new(seed);
    let mut pair = Pair::new(seed);
    let mut changed = BTreeSet::new();
    for call in 0..calls {
        let among = if rng.below(2) == 0 { &builders } else { &chosen };
        let (row, grammar) = &grammars[among[rng.index(among.len())]];
        // Flushing takes the test back to its start, so it is left to happen rarely.
        if row.name.starts_with("flush") && rng.below(8) > 0 {
            continue;
        }
        let words = grammar.draw(&mut rng);
        let env = Env::new(1_000_000 + 10 * call, rng.next_u64());
        if pair.call(env, &words) {
            assert!(row.flags.has(Flags::WRITE) || pair.only_expired, "{} reads, and has effects", row.name);
            changed.insert(row.name);
        }
    }
    pair.check_snapshot(seed);
    changed
}

/// An engine that executes, and one that applies the effects.
struct Pair {
    primary: Engine,
    session: SessionId,
    copy: Engine,
    only_expired: bool,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut primary = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
        primary.keep_undos(true);
        primary.journal_mut().enable(true);
        let session = primary.open_session("127.0.0.1:50000", Env::new(0, 0));
        Self { primary, session, copy: empty(seed + 1), only_expired: true }
    }

    /// Makes a call, checks it, and says whether it had effects.
    fn call(&mut self, env: Env, words: &[Vec<u8>]) -> bool {
        let shown = || words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        let before = contents(&self.primary);
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut reply = Vec::new();
        self.primary.execute(env, self.session, &args, &mut reply);
        let after = contents(&self.primary);
        let bytes = self.primary.journal_mut().bytes().to_vec();
        self.primary.journal_mut().clear();
        self.only_expired = effects(&bytes).all(|(_, effect)| format!("{effect:?}").contains("Expired"));
        if reply.starts_with(b"-") {
            assert!(self.only_expired, "{} failed and had effects", shown());
        }

        let undos = self.primary.take_undos();
        self.primary.undo_all(undos);
        check_same(&self.primary, &before, || format!("{} is taken back", shown()));

        for engine in [&mut self.primary, &mut self.copy] {
            for (db, effect) in effects(&bytes) {
                assert!(engine.apply(db, &effect).changed, "{}: {effect:?} changes nothing", shown());
            }
            engine.journal_mut().clear();
            engine.take_undos();
            check_same(engine, &after, || format!("{} is all in its effects", shown()));
        }
        assert!(!bytes.is_empty() || before == after, "{} changed something without an effect", shown());
        !bytes.is_empty()
    }

    /// A snapshot holds everything.
    fn check_snapshot(&self, seed: u64) {
        let mut loaded = empty(seed + 2);
        let load = |chunk: Vec<u8>| {
            for effect in ChunkReader::new(&chunk).effects() {
                let (db, effect) = effect.unwrap();
                loaded.apply(db, &effect);
            }
        };
        self.primary.snapshot(|_, _| true, load);
        check_same(&loaded, &contents(&self.primary), || "a snapshot holds everything".into());
    }
}

fn empty(seed: u64) -> Engine {
    Engine::new(EngineOptions { seed, role: Role::Replica, ..EngineOptions::default() })
}

fn effects(bytes: &[u8]) -> impl Iterator<Item = (u8, Effect<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (db, effect, after) = Effect::decode(rest).expect("the journal holds effects");
        rest = after;
        Some((db, effect))
    })
}

/// Every key with a database and the effect that would put it there, encoded.
type Contents = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// Everything in an engine, in an order that doesn't depend on its seed.
fn contents(engine: &Engine) -> Contents {
    let mut contents = BTreeMap::new();
    for db in 0..16 {
        for entry in engine.keyspace().db(db).iter() {
            let mut value = stored_value(&entry.value);
            match &mut value {
                StoredValue::Set(members) => members.sort_unstable(),
                StoredValue::Hash(pairs) => pairs.sort_unstable(),
                _ => {}
            }
            let mut put = Vec::new();
            let change = Change::Put(Put { value, expires_at: entry.expires_at });
            Effect::new(&entry.key, change).encode(db, &mut put);
            contents.insert((db, entry.key.to_vec()), put);
        }
    }
    contents
}

/// Panics with the keys that differ, if any do.
fn check_same(engine: &Engine, expected: &Contents, what: impl Fn() -> String) {
    let found = contents(engine);
    if found != *expected {
        let show = |put: Option<&Vec<u8>>| put.map(|put| format!("{:?}", Effect::decode(put).unwrap().1));
        let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        for key in keys.into_iter().filter(|key| found.get(key) != expected.get(key)) {
            eprintln!("found {:?}, not {:?}", show(found.get(key)), show(expected.get(key)));
        }
        panic!("it doesn't hold that {}", what());
    }
}

/// Calls a seed.
const CALLS: u64 = 3_000;
