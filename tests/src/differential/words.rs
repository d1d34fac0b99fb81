//! What stands for the words of a syntax: small pools, so that calls meet each other's keys, members and indices.

use sanderling_core::command::{Command, Group};
use sanderling_core::hash::Rng;

/// What an episode is like. Small pools make calls meet, large ones make values outgrow their small encodings.
#[derive(Clone, Debug)]
pub(super) struct Flavour {
    /// Keys of each type.
    pub(super) keys: u64,
    /// Members, fields and elements.
    pub(super) members: u64,
    /// Of a hundred members, how many are numbers.
    pub(super) numbers: u64,
    /// Of a hundred keys, how many are those of another type.
    pub(super) strays: u64,
    /// Of a hundred calls, how many are spoilt.
    pub(super) faults: u64,
    /// How often an argument may be repeated.
    pub(super) repeats: u64,
    /// Whether single arguments may have hundreds of megabytes.
    pub(super) huge: bool,
}

impl Flavour {
    pub(super) fn new(rng: &mut Rng, huge: bool) -> Self {
        Self {
            keys: pick(rng, &[1, 2, 3, 6]),
            members: pick(rng, &[4, 8, 24, 200, 1500]),
            numbers: pick(rng, &[0, 20, 100]),
            strays: pick(rng, &[1, 5, 12]),
            faults: pick(rng, &[2, 8, 25]),
            repeats: pick(rng, &[2, 4, 4, 40]),
            huge,
        }
    }
}

/// One of `choices`.
pub(super) fn pick<T: Clone>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.index(choices.len())].clone()
}

/// Whether something happens that does so once in `count` times.
pub(super) fn once_in(rng: &mut Rng, count: u64) -> bool {
    rng.below(count) == 0
}

fn text(rng: &mut Rng, choices: &[&str]) -> Vec<u8> {
    pick(rng, choices).as_bytes().to_vec()
}

fn between(rng: &mut Rng, from: i64, to: i64) -> Vec<u8> {
    number(rng, from, to).to_string().into_bytes()
}

fn number(rng: &mut Rng, from: i64, to: i64) -> i64 {
    from + rng.below((to - from + 1).unsigned_abs()) as i64
}

/// Whether a word of this name is the name of a key.
pub(super) fn is_key(name: &str) -> bool {
    matches!(
        name,
        "key" | "newkey" | "source" | "destination" | "key1" | "key2" | "dst" | "src" | "destkey" | "sourcekey"
    )
}

/// A key that mostly holds the type of `group`.
pub(super) fn key(rng: &mut Rng, flavour: &Flavour, group: Group) -> Vec<u8> {
    const TYPES: [Group; 8] = [
        Group::String,
        Group::List,
        Group::Set,
        Group::Hash,
        Group::SortedSet,
        Group::Stream,
        Group::Geo,
        Group::HyperLogLog,
    ];
    let group = match group {
        Group::Bitmap if once_in(rng, 2) => Group::String,
        Group::Bitmap => Group::Bitmap,
        group if TYPES.contains(&group) && rng.below(100) >= flavour.strays => group,
        _ => pick(rng, &TYPES),
    };
    match rng.below(flavour.keys + 1) {
        // Names are bytes, whatever they are.
        index if index == flavour.keys => [group.name().as_bytes(), b"\xff\x00\r\n".as_slice()].concat(),
        index => format!("{}:{index}", group.name()).into_bytes(),
    }
}

/// A member, field or element.
pub(super) fn member(rng: &mut Rng, flavour: &Flavour) -> Vec<u8> {
    let index = rng.below(flavour.members);
    if rng.below(100) < flavour.numbers {
        return format!("{}", index as i64 - 2).into_bytes();
    }
    match index {
        0 => Vec::new(),
        1 => b"\xff\x00\r\n".to_vec(),
        2 => vec![b'y'; 70],
        3 => b"1.50".to_vec(),
        index => format!("m{index}").into_bytes(),
    }
}

fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => format!("{}", rng.next_u64() as i64).into_bytes(),
        1..=4 => between(rng, -3, 100),
        5 => text(rng, &["2.5", "1e3", "-0", "3.0000", "inf", "0.1", "1e-7", "123456789.125"]),
        6 => vec![b'x'; rng.index(100)],
        7 => vec![0, 255, 13, 10],
        8 => Vec::new(),
        9 if once_in(rng, 60) => vec![b'z'; 2000 + rng.index(18_000)],
        _ => text(rng, &["a", "hello", "foobar", "0", "01", " 1"]),
    }
}

/// An id of a stream's entry: low, so that calls meet, and not by the clock.
fn stream_id(rng: &mut Rng, is_new: bool) -> Vec<u8> {
    let ms = if is_new { rng.below(60) } else { rng.below(40) };
    match rng.below(8) {
        0 if is_new => format!("{ms}-*").into_bytes(),
        1 => format!("{ms}").into_bytes(),
        _ => format!("{ms}-{}", rng.below(4)).into_bytes(),
    }
}

fn score(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => text(rng, &["inf", "-inf", "+inf", "1e300", "-0", "0.1", "1e-5", "3.0", "1.7976931348623157e308"]),
        1 | 2 => format!("{}", number(rng, -2000, 2000) as f64 / 8.0).into_bytes(),
        3 => format!("{}", f64::from_bits(rng.next_u64() >> 2)).into_bytes(),
        _ => between(rng, -3, 12),
    }
}

fn score_bound(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => text(rng, &["-inf", "+inf", "inf", "(inf", "(-inf"]),
        1 => [b"(".as_slice(), &score(rng)].concat(),
        _ => score(rng),
    }
}

/// A bound of a range by members.
pub(super) fn member_bound(rng: &mut Rng, flavour: &Flavour) -> Vec<u8> {
    match rng.below(6) {
        0 => b"-".to_vec(),
        1 => b"+".to_vec(),
        2 | 3 => [b"[".as_slice(), &member(rng, flavour)].concat(),
        _ => [b"(".as_slice(), &member(rng, flavour)].concat(),
    }
}

fn stream_bound(rng: &mut Rng, is_start: bool) -> Vec<u8> {
    match rng.below(6) {
        0 | 1 if is_start => b"-".to_vec(),
        0 | 1 => b"+".to_vec(),
        2 => [b"(".as_slice(), &stream_id(rng, false)].concat(),
        3 => text(rng, &["-", "+"]),
        _ => stream_id(rng, false),
    }
}

/// A word named `name` of the syntax of `row`.
pub(super) fn word(rng: &mut Rng, flavour: &Flavour, row: &Command, name: &str) -> Vec<u8> {
    if is_key(name) {
        return key(rng, flavour, row.group);
    }
    let is_lex = row.name.contains("lex");
    match name {
        // Far away, so that nothing falls due, and from so many that two are hardly ever the same.
        "seconds" => between(rng, 200_000, 50_000_000),
        "milliseconds" if row.group == Group::Stream => b"1".to_vec(),
        "milliseconds" => between(rng, 200_000_000, 50_000_000_000),
        "unix-time-seconds" => between(rng, 4_000_000_000, 4_000_000_050),
        "unix-time-milliseconds" if row.group == Group::Stream => text(rng, &["0", "1", "1000000", "1700000000000"]),
        "unix-time-milliseconds" => between(rng, 4_000_000_000_000, 4_000_000_000_050),
        "timeout" => b"0.001".to_vec(),
        "db" | "destination-db" | "index1" | "index2" => between(rng, 0, 3),
        "index" if row.name == "select" => between(rng, 0, 2),
        "start" | "end" if row.group == Group::Stream => stream_bound(rng, name == "start"),
        "start" | "end" if row.group == Group::Bitmap => between(rng, -10, 30),
        "count" | "num-matches" | "limit" if once_in(rng, 20) => text(rng, &["1000000", "2147483647", "4294967296"]),
        "count" | "num-matches" if row.flags.has(sanderling_core::command::Flags::RANDOM) => between(rng, -7, 12),
        "count" | "num-matches" => between(rng, -1, 7),
        "index" | "start" | "stop" | "end" | "rank" | "limit" => between(rng, -6, 9),
        "len" | "maxlen" | "min-match-len" => between(rng, 0, 6),
        "offset" if row.name.starts_with("bitfield") && once_in(rng, 3) => format!("#{}", rng.below(20)).into_bytes(),
        "offset" if row.group == Group::Bitmap => between(rng, 0, 200),
        "offset" if row.group == Group::String => between(rng, 0, 60),
        "offset" => between(rng, -1, 5),
        "bit" => between(rng, 0, 1),
        "value" if row.name == "setbit" => between(rng, 0, 1),
        "value" if row.group == Group::Bitmap => between(rng, -200, 300),
        "cursor" if !once_in(rng, 6) => b"0".to_vec(),
        "cursor" => between(rng, 0, 40),
        "min" | "max" if is_lex => member_bound(rng, flavour),
        "min" | "max" => score_bound(rng),
        "score" | "weight" => score(rng),
        "increment" if row.name.ends_with("float") || row.group == Group::SortedSet => score(rng),
        "increment" | "decrement" if once_in(rng, 12) => {
            text(rng, &["9223372036854775807", "-9223372036854775808", "-9223372036854775807"])
        }
        "increment" | "decrement" => between(rng, -100, 100),
        "longitude" => format!("{}", number(rng, -180_000_000, 180_000_000) as f64 / 1e6).into_bytes(),
        "latitude" => format!("{}", number(rng, -85_000_000, 85_000_000) as f64 / 1e6).into_bytes(),
        "radius" | "width" | "height" => {
            let scale = 10_i64.pow(rng.below(8) as u32);
            format!("{}", number(rng, 0, 300) as f64 * scale as f64 / 10.0).into_bytes()
        }
        "subcommand" => text(rng, &["TODENSE", "ENCODING", "DECODE", "GETREG"]),
        "encoding" => text(rng, &["u8", "i5", "u1", "i16", "u63", "i64", "i1", "u32"]),
        "pattern" if row.name.starts_with("sort") => {
            text(rng, &["string:*", "hash:*->m4", "nosort", "hash:0->*", "*", "#", "string:*->", "hash:0->m*"])
        }
        "pattern" => text(rng, &["*", "s*", "?i??:[01]", "h[^a]*", "*:1", "m1*", "m[1-3]", "\\*", "[a", "**s*:?"]),
        "type" => text(rng, &["string", "list", "set", "zset", "hash", "stream", "ZSET", "nothing"]),
        "group" => text(rng, &["g", "g", "g", "h"]),
        "consumer" => text(rng, &["a", "b", "c"]),
        "min-idle-time" => text(rng, &["0", "0", "0", "100000000000"]),
        "ms" => text(rng, &["0", "1000000000000"]),
        "threshold" if once_in(rng, 3) => stream_id(rng, false),
        "threshold" => between(rng, 0, 12),
        "entries-added" | "entries-read" => between(rng, -1, 40),
        "id" if row.name == "xreadgroup" && !once_in(rng, 3) => b">".to_vec(),
        "id" if row.name == "xread" && once_in(rng, 8) => b"$".to_vec(),
        "id" | "last-id" | "lastid" | "max-deleted-id" => stream_id(rng, row.name == "xadd"),
        "field" | "member" | "member1" | "member2" | "element" | "pivot" => member(rng, flavour),
        "sha1" => {
            text(rng, &["ffffffffffffffffffffffffffffffffffffffff", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "x"])
        }
        _ if row.group == Group::Stream || row.group == Group::Hash && once_in(rng, 2) => member(rng, flavour),
        _ => value(rng),
    }
}
