//! Random calls of every command, made from the command table's own syntax.
//!
//! A new command takes part as soon as it has a row: its words are drawn by what the syntax names them (`key`, `score`,
//! `member`, …). Most calls are well-formed, so that they do something; some are damaged, so that refusals occur.

use sanderling_core::{command::Command, hash::Rng};

/// A command's syntax, ready to be drawn from.
#[derive(Debug)]
pub struct Grammar {
    name: &'static str,
    group: &'static str,
    words: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    /// A word of the command's own: `LIMIT`.
    Literal(String),
    /// A word that the caller chooses: `member`.
    Value(String),
    /// One of several sequences: none at all where it is optional, more than once where it repeats.
    Choice { alternatives: Vec<Vec<Node>>, optional: bool, repeats: bool },
}

impl Grammar {
    /// Reads the syntax of a row.
    #[must_use]
    pub fn new(row: &Command) -> Self {
        let spaced = row.syntax.replace('[', " [ ").replace(']', " ] ").replace('<', " < ").replace('>', " > ");
        let mut tokens = spaced.split_whitespace().peekable();
        Self { name: row.name, group: row.group.name(), words: sequence(&mut tokens).0.swap_remove(0) }
    }

    /// Draws a call, the command's name first.
    pub fn draw(&self, rng: &mut Rng) -> Vec<Vec<u8>> {
        let is_lexicographic = self.name.ends_with("lex");
        let mut call = Call { words: vec![self.name.into()], group: self.group, keys_due: 0, is_lexicographic };
        call.push_all(&self.words, rng);
        let mut words = call.words;
        if rng.below(20) == 0 {
            let at = rng.index(words.len());
            match rng.below(3) {
                0 => words.truncate(at.max(1)),
                1 => words.push(number(rng)),
                _ if at > 0 => words[at] = text(rng),
                _ => {}
            }
        }
        words
    }
}

/// Reads alternatives up to a closing bracket; says whether they repeat.
fn sequence<'a>(tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> (Vec<Vec<Node>>, bool) {
    let mut alternatives = vec![Vec::new()];
    let mut repeats = false;
    while let Some(token) = tokens.next() {
        let node = match token {
            "]" | ">" => break,
            "[" | "<" => {
                let (alternatives, repeats) = sequence(tokens);
                Node::Choice { alternatives, optional: token == "[", repeats }
            }
            "|" => {
                alternatives.push(Vec::new());
                continue;
            }
            "..." => {
                repeats = true;
                continue;
            }
            _ if token.contains('|') => {
                let alternatives = token.split('|').map(|word| vec![word_node(word)]).collect();
                Node::Choice { alternatives, optional: false, repeats: false }
            }
            _ => word_node(token),
        };
        alternatives.last_mut().expect("there is always one").push(node);
    }
    (alternatives, repeats)
}

fn word_node(word: &str) -> Node {
    if word.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        Node::Literal(word.into())
    } else {
        Node::Value(word.into())
    }
}

struct Call {
    words: Vec<Vec<u8>>,
    group: &'static str,
    /// Keys that the number before them announced.
    keys_due: u64,
    /// Whether ranges are of members, not of scores.
    is_lexicographic: bool,
}

impl Call {
    fn push_all(&mut self, nodes: &[Node], rng: &mut Rng) {
        for node in nodes {
            match node {
                Node::Literal(word) => self.words.push(word.as_bytes().to_vec()),
                Node::Value(name) => {
                    let word = self.value(name, rng);
                    self.words.push(word);
                }
                Node::Choice { alternatives, optional, repeats } => {
                    for _ in 0..self.times(*optional, *repeats, rng) {
                        self.push_all(&alternatives[rng.index(alternatives.len())], rng);
                    }
                }
            }
        }
    }

    fn times(&mut self, optional: bool, repeats: bool, rng: &mut Rng) -> u64 {
        match (optional, repeats) {
            (_, true) if self.keys_due > 0 => std::mem::take(&mut self.keys_due) - 1,
            // Once in a while enough to take a collection past every threshold.
            (_, true) if rng.below(40) == 0 => 150,
            (_, true) => rng.below(4),
            (true, false) => u64::from(rng.below(3) == 0),
            (false, false) => 1,
        }
    }

    fn value(&mut self, name: &str, rng: &mut Rng) -> Vec<u8> {
        match name {
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" | "destkey" | "src" | "dst" => self.key(rng),
            "numkeys" => {
                self.keys_due = 1 + rng.below(3);
                format!("{}", self.keys_due).into_bytes()
            }
            "cursor" => b"0".to_vec(),
            "db" | "destination-db" => pick(rng, &["0", "1", "2", "16"]),
            "pattern" => pick(rng, &["*", "?", "[ab]*", "string:*", "1*"]),
            "type" => pick(rng, &["string", "hash", "SET", "zset", "list", "stream"]),
            "score" | "increment" | "decrement" => {
                pick(rng, &["0", "1", "-1", "2", "3", "4", "3.5", "-0.1", "1e3", "inf", "-inf", "x"])
            }
            "min" | "max" if self.is_lexicographic => pick(rng, &["-", "+", "[a", "(b", "[c", "+", "[e", "x"]),
            "min" | "max" => pick(rng, &["-inf", "+inf", "0", "1", "2", "(1", "3.5", "1000", "x"]),
            "seconds" | "milliseconds" => {
                pick(rng, &["1", "1000", "100", "100000", "100000", "0", "-1", "9223372036854775807"])
            }
            "unix-time-seconds" => pick(rng, &["1", "2000", "1000000000", "2000000000"]),
            "unix-time-milliseconds" => pick(rng, &["1", "1500000", "1000000000000", "2000000000000"]),
            "start" | "stop" | "end" | "index" | "count" | "limit" | "rank" | "len" | "num-matches" | "bit" => {
                pick(rng, &["0", "1", "2", "-1", "-2", "5", "100", "-100"])
            }
            "offset" => pick(rng, &["0", "1", "7", "8", "100", "-1", "#2"]),
            "encoding" => pick(rng, &["u8", "i5", "u1", "i64", "u64"]),
            _ => text(rng),
        }
    }

    /// Mostly a key that holds the command's type, if any; sometimes any other.
    fn key(&self, rng: &mut Rng) -> Vec<u8> {
        const GROUPS: [&str; 5] = ["string", "hash", "set", "sorted-set", "list"];
        let group =
            if rng.below(8) > 0 && GROUPS.contains(&self.group) { self.group } else { GROUPS[rng.index(GROUPS.len())] };
        format!("{group}:{}", rng.below(3)).into_bytes()
    }
}

/// A member, a field, an element, a value: from few enough that they meet again, of every kind that is kept apart.
fn text(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => Vec::new(),
        1 => number(rng),
        2 => vec![0xff, 0, b'\r', b'\n'],
        3 => vec![b'x'; 60 + rng.index(10)],
        4 => format!("{}", rng.below(300)).into_bytes(),
        _ => vec![b'a' + rng.below(4) as u8],
    }
}

fn number(rng: &mut Rng) -> Vec<u8> {
    pick(rng, &["0", "1", "-1", "10", "007", "3.5", "9223372036854775807", "-9223372036854775808", "1e300", "nan"])
}

fn pick(rng: &mut Rng, words: &[&str]) -> Vec<u8> {
    words[rng.index(words.len())].as_bytes().to_vec()
}
