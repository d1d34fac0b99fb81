//! Random calls of every command on data, made from the syntax in its row.
//!
//! A new command is covered by being in the table. Its arguments are drawn by their names from small pools, so that
//! calls meet each other's keys, members and indices; some calls fail, as in life.

use alloc::{format, vec, vec::Vec};

use proptest::prelude::*;

use crate::{
    blob::Blob,
    command::{
        Command, Flags, Group, Keys,
        syntax::{Argument, ArgumentKind, arguments},
        table,
    },
    effect::{Change, Effect, Put, StoredValue},
    hash::Rng,
    keyspace::{Keyspace, ValueBuf},
    types::{
        encoding::Encoding,
        stream::{StoredStream, StreamId},
        string::StrBuf,
    },
};

/// A call: its words, the name first.
pub(crate) type Call = Vec<Vec<u8>>;

/// Something that happens to an engine.
#[derive(Clone)]
pub(super) enum Step {
    /// A call by itself, or several as a transaction.
    Calls(Vec<Call>),
    /// Time passes, in milliseconds.
    Wait(u64),
    /// The engine removes what is due.
    Expire,
}

/// When the tests begin, in milliseconds: a deadline given in seconds since the epoch is near it.
pub(crate) const START_MS: u64 = 1_000_000;

/// A run of steps. Fewer steps are simpler; a step itself isn't made simpler, because its words belong together.
pub(super) fn steps(count_max: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<u64>().no_shrink().prop_map(|seed| step(&mut Rng::new(seed))), 1..count_max)
}

/// One step.
pub(super) fn step(rng: &mut Rng) -> Step {
    match rng.below(12) {
        0 => Step::Wait(rng.below(30_000)),
        1 => Step::Expire,
        2 => Step::Calls((0..2 + rng.below(3)).map(|_| call(rng)).collect()),
        _ => Step::Calls(vec![call(rng)]),
    }
}

fn call(rng: &mut Rng) -> Call {
    // It takes several calls until something is pending, so those on streams come more often than there are rows.
    let only_streams = rng.below(4) == 0;
    let rows = writing_rows().filter(|row| !only_streams || row.group == Group::Stream);
    call_of(rng, &rows.collect::<Vec<_>>())
}

/// A call of one of `rows`.
pub(crate) fn call_of(rng: &mut Rng, rows: &[&'static Command]) -> Call {
    let row = rows[rng.index(rows.len())];
    let everything = row.flags.has(Flags::ALL_KEYS);
    // Emptying a database is a step as well, but one in a few hundred, or nothing would ever grow.
    if everything && rng.below(8) > 0 {
        return call_of(rng, rows);
    }
    let mut words: Call =
        [row.container, row.name].iter().filter(|name| !name.is_empty()).map(|name| name.as_bytes().to_vec()).collect();
    Words { rng, row, words: &mut words, numkeys: None, numfields: None }.add_all(&arguments(row.syntax));
    // Ids by the clock are ids that no other call would name.
    if row.name == "xadd"
        && rng.below(8) > 0
        && let Some(id) = words.iter_mut().find(|word| **word == b"*")
    {
        *id = stream_id(rng, true);
    }
    // What is stored isn't shown as well, or the call would be refused.
    if words.iter().any(|word| word.starts_with(b"STORE")) && row.name.starts_with("georadius") {
        words.retain(|word| !word.starts_with(b"WITH"));
    }
    if let ("restore", [_, key, _, payload, ..]) = (row.name, words.as_mut_slice()) {
        *payload = crate::format::rdb::dump(stored(rng, key).as_value());
    }
    // As many ids as keys, or nothing would be read: one of each.
    if let Some(first) = words.iter().position(|word| word == b"STREAMS").filter(|_| row.keys == Keys::Streams) {
        words.drain(first + 2..words.len() - 1);
    }
    words
}

/// The rows that change data. Libraries of functions are data of an interpreter, and there is none here; nor is anybody
/// who may debug.
pub(super) fn writing_rows() -> impl Iterator<Item = &'static Command> {
    let all = table::all().flat_map(|row| core::iter::once(row).chain(row.subcommands));
    all.filter(|row| row.flags.has(Flags::WRITE) && !["function", "debug"].contains(&row.container))
}

struct Words<'a> {
    rng: &'a mut Rng,
    row: &'static Command,
    words: &'a mut Call,
    /// Where the number of keys stands that the next repeated key belongs to.
    numkeys: Option<usize>,
    /// The same of fields.
    numfields: Option<usize>,
}

impl Words<'_> {
    fn add_all(&mut self, arguments: &[Argument]) {
        arguments.iter().for_each(|argument| self.add(argument));
    }

    fn add(&mut self, argument: &Argument) {
        if argument.optional && self.rng.below(2) == 0 {
            return;
        }
        let is_key = argument.type_name() == "key";
        let repetitions = if argument.multiple { 1 + self.rng.below(3) } else { 1 };
        if is_key && let Some(at) = self.numkeys.take() {
            self.words[at] = format!("{repetitions}").into_bytes();
        }
        if argument.multiple
            && let Some(at) = self.numfields.take()
        {
            self.words[at] = format!("{repetitions}").into_bytes();
        }
        if let Some(token) = argument.token {
            self.words.push(token.as_bytes().to_vec());
        }
        for _ in 0..repetitions {
            match &argument.kind {
                ArgumentKind::Token => {}
                ArgumentKind::Word("numkeys") => {
                    self.numkeys = Some(self.words.len());
                    self.words.push(b"1".to_vec());
                }
                ArgumentKind::Word("numfields") => {
                    self.numfields = Some(self.words.len());
                    self.words.push(b"1".to_vec());
                }
                ArgumentKind::Word(name) => {
                    let word = word(self.rng, self.row, name, is_key);
                    self.words.push(word);
                }
                ArgumentKind::OneOf(inner) => {
                    let chosen = self.rng.index(inner.len());
                    self.add(&inner[chosen]);
                }
                ArgumentKind::Block(inner) => self.add_all(inner),
            }
        }
    }
}

fn word(rng: &mut Rng, row: &Command, name: &str, is_key: bool) -> Vec<u8> {
    let pick = |rng: &mut Rng, words: &[&str]| words[rng.index(words.len())].as_bytes().to_vec();
    let integer = |rng: &mut Rng, from: i64, to: i64| format!("{}", from + rng.below((to - from) as u64) as i64);
    if is_key {
        return key(rng, row.group);
    }
    match name {
        "ttl" => integer(rng, -1, 60_000).into_bytes(),
        "frequency" => integer(rng, 0, 256).into_bytes(),
        "seconds" => integer(rng, -2, 60).into_bytes(),
        "milliseconds" => integer(rng, -1000, 60_000).into_bytes(),
        "unix-time-seconds" => integer(rng, START_MS as i64 / 1000 - 5, START_MS as i64 / 1000 + 200).into_bytes(),
        "unix-time-milliseconds" => integer(rng, START_MS as i64 - 5000, START_MS as i64 + 200_000).into_bytes(),
        "db" | "destination-db" | "index1" | "index2" => integer(rng, 0, 3).into_bytes(),
        "count" | "index" | "start" | "stop" | "end" | "rank" | "limit" => integer(rng, -4, 7).into_bytes(),
        "offset" => integer(rng, 0, 40).into_bytes(),
        "bit" => integer(rng, 0, 2).into_bytes(),
        "value" if row.group == Group::Bitmap => integer(rng, 0, 2).into_bytes(),
        "min" => pick(rng, &["-inf", "-", "0", "(1", "[b", "(a", "-2"]),
        "max" => pick(rng, &["+inf", "+", "2", "(3", "[d", "(e", "1.5"]),
        "score" | "weight" => pick(rng, &["0", "1", "-1", "2.5", "3", "1e300", "-0", "inf", "-inf"]),
        "increment" | "decrement" => pick(rng, &["1", "-1", "7", "0.5", "-2.25", "9223372036854775807", "0"]),
        "longitude" | "latitude" => pick(rng, &["0", "1", "1.5", "-2", "179.9"]),
        "radius" | "width" | "height" => pick(rng, &["1000000", "30000000", "0"]),
        "subcommand" => pick(rng, &["TODENSE", "ENCODING"]),
        "encoding" => pick(rng, &["u8", "i5", "u1", "i16", "u63"]),
        "pattern" => pick(rng, &["*", "a*", "#", "nosort", "s?*"]),
        "type" => pick(rng, &["string", "list"]),
        "group" => pick(rng, &["g", "g", "g", "h"]),
        "consumer" => pick(rng, &["a", "b", "c"]),
        "min-idle-time" | "ms" => integer(rng, 0, 3).into_bytes(),
        "threshold" => integer(rng, 0, 4).into_bytes(),
        "entries-added" | "entries-read" => integer(rng, -1, 20).into_bytes(),
        "id" if row.name == "xreadgroup" && rng.below(3) > 0 => b">".to_vec(),
        "id" | "last-id" | "lastid" | "max-deleted-id" => stream_id(rng, row.name == "xadd"),
        "field" | "member" | "element" | "pivot" => pick(rng, &["a", "b", "c", "d", "e", "1", "2", "30", "", "long"]),
        _ => value(rng),
    }
}

/// A value of the type that the key's name says.
fn stored(rng: &mut Rng, key: &[u8]) -> ValueBuf {
    let words = [value(rng), value(rng)];
    let [one, other] = [0, 1].map(|index| Blob::from(words[index].as_slice()));
    let stored = match key.trim_ascii_end().split_last().map_or(key, |(_, name)| name) {
        b"list" => StoredValue::List(vec![one, other]),
        b"set" => StoredValue::Set(vec![one, other]),
        b"hash" => StoredValue::Hash(vec![(one, other)]),
        b"sorted-set" => StoredValue::ZSet(vec![(1.0, one)]),
        b"stream" => {
            let id = StreamId { ms: START_MS, seq: rng.below(3) };
            let entries = vec![(id, vec![one, other])];
            StoredValue::Stream(StoredStream { last_id: id, added: 1, entries, ..StoredStream::default() }.into())
        }
        _ => StoredValue::String(one),
    };
    let mut keyspace = Keyspace::new(Encoding::default());
    keyspace.apply(0, &Effect::new(b"k", Change::Put(Put { value: stored, expires_at: None })), None);
    keyspace.db_mut(0).take(b"k").map_or(ValueBuf::String(StrBuf::default()), |entry| entry.value)
}

/// An id of those that the first entries of a stream get, by the clock or as a call says; sometimes half of one.
fn stream_id(rng: &mut Rng, is_new: bool) -> Vec<u8> {
    let ms = if rng.below(2) == 0 { START_MS } else { rng.below(3) };
    match rng.below(6) {
        0 if is_new => format!("{ms}-*").into_bytes(),
        1 => format!("{ms}").into_bytes(),
        _ => format!("{ms}-{}", rng.below(3)).into_bytes(),
    }
}

/// Names that members of one type mostly share, so that calls meet what they can work on.
fn key(rng: &mut Rng, group: Group) -> Vec<u8> {
    const GROUPS: [Group; 6] = [Group::String, Group::List, Group::Set, Group::Hash, Group::SortedSet, Group::Stream];
    let group = match group {
        Group::Bitmap => Group::String,
        Group::Generic | Group::Server => GROUPS[rng.index(GROUPS.len())],
        group if rng.below(16) > 0 => group,
        _ => GROUPS[rng.index(GROUPS.len())],
    };
    format!("{}{}", group.name(), rng.below(2)).into_bytes()
}

fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => format!("{}", rng.next_u64() as i64).into_bytes(),
        1 => format!("{}", rng.below(100)).into_bytes(),
        2 => b"2.5".to_vec(),
        3 => vec![b'x'; rng.index(100)],
        4 => vec![0, 255, 13, 10],
        _ => b"a".to_vec(),
    }
}

impl core::fmt::Debug for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Wait(ms) => write!(f, "wait {ms} ms"),
            Self::Expire => f.write_str("expire"),
            Self::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    f.write_str(if index > 0 { "; " } else { "" })?;
                    call.iter().try_for_each(|word| write!(f, "{} ", word.escape_ascii()))?;
                }
                Ok(())
            }
        }
    }
}
