//! What a grant promises, on random calls of every command: what it lets pass changes only what may be written, and
//! tells nothing about what may not be read.

use alloc::{format, string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{
    Engine, EngineOptions, Env,
    command::{Group, table},
    effect::tests::calls::{Call, START_MS, call_of},
    format::effects,
    hash::Rng,
    resp::Protocol,
};

/// The types whose keys the calls use, two of each.
const GROUPS: [Group; 5] = [Group::String, Group::List, Group::Set, Group::Hash, Group::SortedSet];

fn keys() -> impl Iterator<Item = Vec<u8>> {
    GROUPS.into_iter().flat_map(|group| (0..2).map(move |index| format!("{}{index}", group.name()).into_bytes()))
}

fn env() -> Env {
    Env::new(START_MS, 5)
}

/// The rows that touch data, whoever may call them.
fn rows() -> Vec<&'static Command> {
    table::all().filter(|row| row.flags.has(Flags::READ) || row.flags.has(Flags::WRITE)).collect()
}

fn grant(read: &[Vec<u8>], write: &[Vec<u8>]) -> Grant {
    Grant {
        read: Interest::new(read.iter().map(Vec::as_slice)),
        write: Interest::new(write.iter().map(Vec::as_slice)),
        ..Grant::everything()
    }
}

/// Some of the keys.
fn some_keys() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::sample::subsequence(keys().collect::<Vec<_>>(), 0..=10)
}

fn run(engine: &mut Engine, call: &Call) -> Vec<u8> {
    let session = engine.open_session("test", env());
    engine.session_mut(session).protocol = Protocol::Resp3;
    let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
    let mut reply = Vec::new();
    engine.execute(env(), session, &words, &mut reply);
    engine.close_session(session);
    reply
}

/// An engine with a value of its type under each key, of numbers so that everything works on it. What `grant` may not read depends on `hidden`, which the calls
/// never name; its size and order don't.
fn filled(grant: &Grant, hidden: u8) -> Engine {
    let mut engine = Engine::new(EngineOptions::default());
    engine.journal_mut().enable(true);
    for (at, key) in keys().enumerate() {
        let first = if grant.may_read(&key) { 1 } else { hidden };
        let [one, two] = [1, 2].map(|index| format!("{first}{index}").into_bytes());
        let words = match GROUPS[at / 2] {
            Group::String => vec![b"SET".to_vec(), key, one],
            Group::List => vec![b"RPUSH".to_vec(), key, one, two],
            Group::Set => vec![b"SADD".to_vec(), key, one, two],
            Group::Hash => vec![b"HSET".to_vec(), key, one.clone(), one, two.clone(), two],
            _ => vec![b"ZADD".to_vec(), key, b"1".to_vec(), one, b"2".to_vec(), two],
        };
        run(&mut engine, &words);
    }
    engine.journal_mut().clear();
    engine
}

/// What stands under a key in any database.
fn stored(engine: &Engine, key: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = vec![];
    engine.snapshot(|_, other| other == key, |chunk| chunks.push(chunk));
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn what_passes_changes_what_may_be_written_and_tells_nothing_of_what_may_not_be_read(
        read in some_keys(), write in some_keys(), seed: u64,
    ) {
        let grant = grant(&read, &write);
        let call = call_of(&mut Rng::new(seed), &rows());
        let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        if grant.check_call(&words).is_err() {
            return Ok(());
        }
        let (mut one, mut other) = (filled(&grant, 8), filled(&grant, 9));
        prop_assert_eq!(run(&mut one, &call).escape_ascii().to_string(), run(&mut other, &call).escape_ascii().to_string());
        for (_, effect) in effects(one.journal_mut().bytes()).flatten() {
            prop_assert!(grant.may_write(&effect.key), "{:?} changed", effect.key);
        }
        for key in &read {
            prop_assert_eq!(stored(&one, key), stored(&other, key));
        }
    }

    #[test]
    fn everything_is_everything_and_nothing_is_nothing(seed: u64) {
        let call = call_of(&mut Rng::new(seed), &rows());
        let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(Grant::everything().check_call(&words).err(), find_row(&words).err());
        let row = find_row(&words).map(|(row, _)| row);
        prop_assume!(row.is_ok_and(|row| row.flags.has(Flags::ALL_KEYS) || row.key_uses(&words).next().is_some()));
        let refusal = grant(&[], &[]).check_call(&words).unwrap_err();
        prop_assert_eq!(refusal.code(), "NOPERM");
    }
}

/// A test that lets everything pass or nothing would show nothing.
#[test]
fn most_commands_pass_with_less_than_everything() {
    let grant = grant(&keys().filter(|key| key.ends_with(b"0")).collect::<Vec<_>>(), &keys().collect::<Vec<_>>());
    let mut rng = Rng::new(1);
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..1_000 {
        let call = call_of(&mut rng, &rows());
        let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        match grant.check_call(&words) {
            Ok(()) => passed += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(passed > 250 && refused > 250, "{passed} passed, {refused} were refused");
}

#[test]
fn options_and_places_decide_what_is_read() {
    let grant = grant(&[b"r".to_vec(), b"rw".to_vec()], &[b"w".to_vec(), b"rw".to_vec()]);
    let check = |call: &str, passes: bool| {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let outcome = grant.check_call(&words);
        assert_eq!(outcome.is_ok(), passes, "{call}: {outcome:?}");
    };
    for call in ["GET r", "MGET r rw", "SET w x", "SET w GET", "SET rw x GET", "ZADD w 1 incr", "ZADD rw INCR 1 a"] {
        check(call, true);
    }
    for call in ["GET w", "MGET r w", "SET r x", "SET w x PX 9 get", "ZADD w XX incr 1 a", "INCR w", "GETDEL w"] {
        check(call, false);
    }
    for call in
        ["COPY r w", "SINTERSTORE w r rw", "ZUNIONSTORE w 1 r", "BITOP AND w r", "RENAME rw w", "LMOVE rw w LEFT LEFT"]
    {
        check(call, true);
    }
    for call in
        ["COPY w rw", "SINTERSTORE r w", "ZUNIONSTORE w 1 w", "BITOP AND r rw", "RENAME r w", "LMOVE w rw LEFT LEFT"]
    {
        check(call, false);
    }
    for call in ["KEYS r", "DBSIZE", "FLUSHDB", "SORT r", "SCAN 0 MATCH r", "RANDOMKEY", "WATCH w", "OBJECT ENCODING w"]
    {
        check(call, false);
    }
}

#[test]
fn errors_are_in_the_words_of_redis() {
    let subject = "alice".into();
    let commands = CommandSet::parse(["@all", "-@dangerous", "-flushdb", "+config|get"], table::find).unwrap();
    let grant = Grant { subject, commands, ..grant(&[], &[]) };
    let text = |words: &[&[u8]]| grant.check_call(words).map_or_else(|error| error.text().into(), |()| String::new());
    assert_eq!(text(&[b"FLUSHDB"]), "NOPERM User alice has no permissions to run the 'flushdb' command");
    assert_eq!(text(&[b"GET", b"k\xff"]), "NOPERM No permissions to access the 'k\u{fffd}' key");
    assert_eq!(text(&[b"GET"]), "ERR wrong number of arguments for 'get' command");
    assert!(text(&[b"GET", &[b'k'; 9000]]).len() < 200);
    #[cfg(feature = "server")]
    assert_eq!(
        text(&[b"CONFIG", b"SET", b"a", b"b"]),
        "NOPERM User alice has no permissions to run the 'config|set' command"
    );
    #[cfg(feature = "server")]
    assert_eq!(text(&[b"CONFIG", b"GET", b"a"]), "");
}

#[test]
fn a_grant_ends_when_its_time_has_come() {
    let grant = Grant { expires_at: Some(UnixMillis(10)), ..Grant::everything() };
    assert!(!grant.has_expired(UnixMillis(9)) && grant.has_expired(UnixMillis(10)));
    assert!(!Grant::everything().has_expired(UnixMillis(u64::MAX)));
}

#[test]
fn channels_and_their_globs() {
    let grant = Grant { channels: Interest::new([b"news:*".as_slice()]), ..Grant::everything() };
    assert!(grant.may_use_channel(b"news:1") && !grant.may_use_channel(b"new"));
    assert!(grant.may_use_channel_glob(b"news:*") && !grant.may_use_channel_glob(b"news:1*"));
    assert!(!grant.may_use_channel_glob(b"*") && Grant::everything().may_use_channel_glob(b"a*"));
}
