//! Random calls of every command on data, made from the syntax in its row.
//!
//! A new command is covered by being in the table. What a row's syntax doesn't say (which words a mode wants, what must
//! not be left to chance) is put right afterwards, command by command.

use sanderling_core::command::syntax::{Argument, ArgumentKind, arguments};
use sanderling_core::command::{Command, Group, Keys, table};
use sanderling_core::hash::Rng;

use super::check::{Check, check_of};
use super::faults::{is, spoil, tame};
use super::words::{Flavour, is_key, member_bound, once_in, pick, word};

/// A call and how its replies are compared.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) words: Vec<Vec<u8>>,
    pub(super) check: Check,
}

impl Call {
    pub(super) fn new(words: Vec<Vec<u8>>) -> Self {
        let check = check_of(&words);
        Self { words, check }
    }

    /// A call written as one line.
    pub(super) fn of(line: &str) -> Self {
        Self::new(line.split(' ').map(|word| word.as_bytes().to_vec()).collect())
    }

    /// A call of one key, after the words of `line`.
    pub(super) fn on(line: &str, key: &[u8], rest: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        Self::new([words(line), vec![key.to_vec()], words(rest)].concat())
    }
}

/// A row that is called, with its syntax read.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) row: &'static Command,
    arguments: Vec<Argument>,
    /// How often it is called, compared with others.
    weight: u64,
}

/// The rows that are called.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    weights: u64,
}

/// Commands on data that are not called by themselves, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("multi", "called with what is queued"),
    ("exec", "called with what is queued"),
    ("discard", "called with what is queued"),
    ("eval", "called with a script"),
    ("eval_ro", "called with a script"),
    ("lcs", "called on strings that are short for sure: Redis takes the product of both lengths as memory"),
    ("spop", "called with what looks at the set before and after"),
    ("srandmember", "called with what looks at the set before"),
    ("hrandfield", "called with what looks at the hash before"),
    ("zrandmember", "called with what looks at the sorted set before"),
    ("randomkey", "called with what lists the keys before"),
    ("scan", "called with what lists the keys before"),
    ("sscan", "called with what looks at the set before"),
    ("hscan", "called with what looks at the hash before"),
    ("zscan", "called with what looks at the sorted set before"),
    ("dump", "compressed in other places: that each restores what the other dumps is a test of its own"),
    ("migrate", "is not offered, and says so"),
    ("pfselftest", "takes seconds, and has nothing to do with data"),
];

impl Shapes {
    /// The rows that `is_known` says the other server has, too.
    pub(super) fn new(is_known: impl Fn(&Command) -> bool) -> Self {
        let rows = table::all().flat_map(|row| std::iter::once(row).chain(row.subcommands));
        let shapes: Vec<Shape> = rows
            .filter(|row| row.subcommands.is_empty() && is_on_data(row) && is_known(row))
            .map(|row| Shape { row, arguments: arguments(row.syntax), weight: weight(row) })
            .collect();
        let weights = shapes.iter().map(|shape| shape.weight).sum();
        Self { shapes, weights }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        self.shapes.len()
    }

    /// A call of any row.
    pub(super) fn call(&self, rng: &mut Rng, flavour: &Flavour) -> Call {
        let mut at = rng.below(self.weights);
        for shape in &self.shapes {
            match at.checked_sub(shape.weight) {
                Some(rest) => at = rest,
                None => return call_of(rng, flavour, shape),
            }
        }
        Call::of("PING")
    }

    /// A call of the row of this name, which others leave to chance.
    pub(super) fn named(&self, rng: &mut Rng, flavour: &Flavour, name: &str) -> Option<Call> {
        let row = table::find(name.as_bytes())?;
        Some(call_of(rng, flavour, &Shape { row, arguments: arguments(row.syntax), weight: 0 }))
    }
}

fn is_on_data(row: &Command) -> bool {
    let is_ours = match row.group {
        Group::Connection => matches!(row.name, "ping" | "echo" | "select") && row.container.is_empty(),
        Group::Server => matches!(row.name, "flushdb" | "flushall" | "swapdb" | "dbsize") && row.container.is_empty(),
        Group::Scripting => matches!(row.name, "evalsha" | "evalsha_ro" | "fcall" | "fcall_ro"),
        Group::PubSub => matches!(row.name, "publish" | "spublish"),
        _ => true,
    };
    is_ours && !LEFT_OUT.iter().any(|(name, _)| row.name == *name && row.container.is_empty())
}

fn weight(row: &Command) -> u64 {
    match (row.group, row.name) {
        // Emptying is a step as well, but nothing would ever grow.
        (_, "flushall" | "flushdb") => 1,
        (_, "swapdb" | "select" | "move" | "ping" | "echo" | "help" | "dbsize") => 3,
        (_, "unlink" | "del" | "rename" | "renamenx" | "ltrim" | "pfdebug" | "xdel" | "getdel") => 12,
        (Group::Scripting | Group::PubSub, _) => 1,
        _ if row.flags.has(sanderling_core::command::Flags::BLOCKING) && row.group != Group::Stream => 1,
        (_, "keys") => 5,
        (Group::Stream, _) => 45,
        _ => 30,
    }
}

fn call_of(rng: &mut Rng, flavour: &Flavour, shape: &Shape) -> Call {
    let row = shape.row;
    let mut words: Vec<Vec<u8>> = [row.container, row.name]
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| name.to_ascii_uppercase().into_bytes())
        .collect();
    Words { rng, flavour, row, words: &mut words, numkeys: None }.add_all(&shape.arguments);
    put_right(rng, flavour, row, &mut words);
    if rng.below(100) < flavour.faults {
        spoil(rng, flavour, &mut words);
    }
    finish(&mut words, flavour);
    Call::new(words)
}

/// What holds for each call, spoilt ones as well.
pub(super) fn finish(words: &mut Vec<Vec<u8>>, flavour: &Flavour) {
    tame(words, flavour.huge);
    let name = String::from_utf8_lossy(&words[0]).to_ascii_lowercase();
    let has = |words: &[Vec<u8>], option: &str| words.iter().skip(1).any(|word| is(word, option));
    match name.as_str() {
        // Ids by the clock are ids that no other call would name; see the unit that does it.
        // How much a rough trim leaves follows from the layout of memory.
        "xadd" | "xtrim" => {
            for word in words.iter_mut().skip(2) {
                match word.as_slice() {
                    b"*" => *word = b"70-*".to_vec(),
                    b"~" => *word = b"=".to_vec(),
                    _ => {}
                }
            }
        }
        // Which of those with equal weights comes first is open, and what is stored would tell.
        "sort" if has(words, "store") && has(words, "by") && has(words, "alpha") => {
            words.retain(|word| !is(word, "alpha"));
        }
        // WITHSCORE is of Redis 7.2.
        "zrank" | "zrevrank" => words.truncate(3),
        // Changes of groups are meant to be noticed.
        "watch" => {
            words.iter_mut().filter(|word| word.starts_with(b"stream")).for_each(|word| *word = b"string:0".to_vec())
        }
        // What is written into a HyperLogLog by other means is hardly one any more.
        "append" | "setrange" | "setbit" | "bitfield" => {
            words.iter_mut().filter(|word| word.starts_with(b"hyper")).for_each(|word| *word = b"string:0".to_vec());
        }
        // Asked for the count of one key alone, Redis writes it into the value, which other commands would see.
        "pfcount" if words.len() == 2 => words.push(words[1].clone()),
        // A range by members means nothing where scores differ.
        _ if name.contains("lex") || matches!(name.as_str(), "zrange" | "zrangestore") && has(words, "bylex") => {
            set_aside(words, if name == "zrangestore" { 2 } else { 1 }, ["even:0", "even:1"]);
        }
        // Half of what is added are keys that hold places alone; scores that are none have no place.
        "geoadd" if words.get(1).is_some_and(|key| key.ends_with(b"0")) => set_aside(words, 1, ["place:0", "place:1"]),
        name if name.starts_with("geo") && name != "geoadd" => {
            set_aside(words, if name == "geosearchstore" { 2 } else { 1 }, ["place:0", "place:1"]);
        }
        _ => {}
    }
    // What is stored would tell which of those near enough are taken, and the last bits of distances.
    if name == "geosearchstore" || name.starts_with("georadius") && (has(words, "store") || has(words, "storedist")) {
        words.retain(|word| !is(word, "any"));
        let option = words.iter().position(|word| is(word, "storedist"));
        let destination = if name == "geosearchstore" { option.map(|_| 1) } else { option.map(|at| at + 1) };
        if let Some(key) = destination.and_then(|at| words.get_mut(at)) {
            *key = b"distance".to_vec();
        }
    }
}

/// Replaces a key by one of those that no other command writes to.
fn set_aside(words: &mut [Vec<u8>], at: usize, keys: [&str; 2]) {
    if let Some(key) = words.get_mut(at) {
        *key = match key.last() {
            Some(b'1') => keys[1].into(),
            Some(b'2') => b"plain".to_vec(),
            _ => keys[0].into(),
        };
    }
}

/// Puts right what the syntax doesn't say.
fn put_right(rng: &mut Rng, flavour: &Flavour, row: &Command, words: &mut Vec<Vec<u8>>) {
    let has = |words: &[Vec<u8>], option: &str| words.iter().skip(1).any(|word| is(word, option));
    // Servers look up to ten times a second who has waited long enough.
    if let Some(at) =
        words.iter().position(|word| word == b"BLOCK").filter(|_| row.keys == Keys::Streams && !once_in(rng, 20))
    {
        words.drain(at..at + 2);
    }
    // As many ids as keys, or nothing would be read: one of each.
    if let Some(first) = words.iter().position(|word| word == b"STREAMS").filter(|_| row.keys == Keys::Streams)
        && words.len() > first + 3
        && !once_in(rng, 6)
    {
        words.drain(first + 2..words.len() - 1);
    }
    let bounds = if row.name == "zrangestore" { 3 } else { 2 };
    if matches!(row.name, "zrange" | "zrangestore") && words.len() > bounds + 1 && !once_in(rng, 10) {
        let is_lex = has(words, "bylex");
        for bound in &mut words[bounds..bounds + 2] {
            *bound = match (is_lex, rng.below(4)) {
                (true, _) => member_bound(rng, flavour),
                (_, 0) => pick(rng, &[b"-inf".to_vec(), b"+inf".to_vec(), b"(2".to_vec()]),
                _ => format!("{}", rng.below(14) as i64 - 5).into_bytes(),
            };
        }
    }
    if let Some(at) = words.iter().position(|word| is(word, "minid"))
        && let Some(threshold) = words.iter_mut().skip(at + 1).find(|word| !matches!(word.as_slice(), b"~" | b"="))
        && !once_in(rng, 10)
    {
        *threshold = format!("{}-{}", rng.below(40), rng.below(3)).into_bytes();
    }
    // Most commands on streams want ids in order, and a stream whose last id is high takes no more.
    if row.name == "xsetid" && !once_in(rng, 6) {
        words.truncate(3);
    }
}

struct Words<'a> {
    rng: &'a mut Rng,
    flavour: &'a Flavour,
    row: &'static Command,
    words: &'a mut Vec<Vec<u8>>,
    /// Where the number of keys stands that the next repeated key belongs to.
    numkeys: Option<usize>,
}

impl Words<'_> {
    fn add_all(&mut self, arguments: &[Argument]) {
        arguments.iter().for_each(|argument| self.add(argument));
    }

    fn add(&mut self, argument: &Argument) {
        if argument.optional && self.rng.below(5) < 3 {
            return;
        }
        let is_key = matches!(argument.kind, ArgumentKind::Word(name) if is_key(name));
        let repetitions = if argument.multiple { 1 + self.rng.below(self.flavour.repeats) } else { 1 };
        let repetitions = if is_key { repetitions.min(5) } else { repetitions };
        if is_key && let Some(at) = self.numkeys.take() {
            self.words[at] = format!("{repetitions}").into_bytes();
        }
        let repeats_token = self.row.name.starts_with("sort") && argument.token == Some("GET");
        if let Some(token) = argument.token.filter(|_| !repeats_token) {
            self.words.push(token.as_bytes().to_vec());
        }
        for _ in 0..repetitions {
            if repeats_token {
                self.words.push(b"GET".to_vec());
            }
            match &argument.kind {
                ArgumentKind::Token => {}
                ArgumentKind::Word("numkeys") => {
                    self.numkeys = Some(self.words.len());
                    self.words.push(b"0".to_vec());
                }
                ArgumentKind::Word(name) => {
                    let word = word(self.rng, self.flavour, self.row, name);
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
