//! Reading a row's syntax (`key value [NX | XX] [EX seconds]`) into the arguments that `COMMAND DOCS` lists.
//!
//! ```text
//! alternatives = sequence ("|" sequence)*
//! sequence     = term*
//! term         = (word | "[" alternatives "]" | "<" alternatives ">") ["..."]
//! ```
//! A word in capitals is meant literally. `x [x ...]` is one argument that may be repeated.

use alloc::{vec, vec::Vec};

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The literal word before it.
    pub token: Option<&'static str>,
    /// What it is.
    pub kind: ArgumentKind,
    /// It may be left out.
    pub optional: bool,
    /// It may stand several times.
    pub multiple: bool,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A word that the caller chooses, under this name.
    Word(&'static str),
    /// Nothing but its token.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in this order.
    Block(Vec<Argument>),
}

/// Reads a syntax. Cost: O(length); what the grammar doesn't cover is read as words.
pub fn arguments(syntax: &'static str) -> Vec<Argument> {
    let mut parser = Parser { rest: syntax };
    match one_or_block(parser.alternatives()) {
        Argument { kind: ArgumentKind::Block(arguments), optional: false, multiple: false, token: None } => arguments,
        argument => vec![argument],
    }
}

impl Argument {
    /// The name under which Redis's tools show it: its own word's, or its token's.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            ArgumentKind::Word(name) => name,
            ArgumentKind::Token => self.token.unwrap_or_default(),
            ArgumentKind::OneOf(inner) | ArgumentKind::Block(inner) => {
                self.token.or_else(|| inner.first().map(Self::name)).unwrap_or_default()
            }
        }
    }

    /// Redis's word for what values it takes, by the habits of naming.
    pub fn type_name(&self) -> &'static str {
        const INTEGERS: [&str; 22] = [
            "client-id",
            "count",
            "cursor",
            "db",
            "decrement",
            "destination-db",
            "end",
            "index",
            "len",
            "limit",
            "maxlen",
            "milliseconds",
            "num-matches",
            "numkeys",
            "offset",
            "port",
            "protover",
            "rank",
            "seconds",
            "start",
            "stop",
            "timeout",
        ];
        match &self.kind {
            ArgumentKind::Token => "pure-token",
            ArgumentKind::OneOf(_) => "oneof",
            ArgumentKind::Block(_) => "block",
            ArgumentKind::Word("key" | "newkey" | "source" | "destination" | "key1" | "key2") => "key",
            ArgumentKind::Word("pattern") => "pattern",
            ArgumentKind::Word("score" | "weight" | "longitude" | "latitude") => "double",
            ArgumentKind::Word(name) if name.starts_with("unix-time") => "unix-time",
            ArgumentKind::Word(name) if INTEGERS.contains(name) => "integer",
            ArgumentKind::Word(_) => "string",
        }
    }

    const fn plain(kind: ArgumentKind) -> Self {
        Self { token: None, kind, optional: false, multiple: false }
    }
}

struct Parser {
    rest: &'static str,
}

impl Parser {
    fn peek(&self) -> &'static str {
        let rest = self.rest.trim_start();
        if rest.starts_with(['[', ']', '<', '>', '|']) {
            return rest.get(..1).unwrap_or_default();
        }
        let end = rest.find([' ', '[', ']', '<', '>', '|']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn take(&mut self) -> &'static str {
        let word = self.peek();
        self.rest = self.rest.trim_start().get(word.len()..).unwrap_or_default();
        word
    }

    /// What stands up to the end or to a closing bracket: the alternatives, each a sequence.
    fn alternatives(&mut self) -> Vec<Vec<Argument>> {
        let mut alternatives = vec![self.sequence()];
        while self.peek() == "|" {
            self.take();
            alternatives.push(self.sequence());
        }
        alternatives
    }

    /// A word, or several that exclude each other: `LEFT|RIGHT`.
    fn word(&mut self) -> Argument {
        let mut words = vec![vec![literal_or_name(self.take())]];
        while let Some(rest) = self.rest.strip_prefix('|')
            && rest.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        {
            self.rest = rest;
            words.push(vec![literal_or_name(self.take())]);
        }
        one_or_block(words)
    }

    fn sequence(&mut self) -> Vec<Argument> {
        let mut sequence: Vec<Argument> = Vec::new();
        loop {
            let argument = match self.peek() {
                "" | "|" | "]" | ">" => return with_tokens(sequence),
                open @ ("[" | "<") => {
                    self.take();
                    let alternatives = self.alternatives();
                    self.take();
                    let mut argument = one_or_block(alternatives);
                    if open == "[" && argument.multiple && repeats(&mut sequence, &argument) {
                        continue;
                    }
                    argument.optional |= open == "[";
                    argument
                }
                "..." => {
                    self.take();
                    if let [.., first] = sequence.as_mut_slice() {
                        first.multiple = true;
                    }
                    // `[field value ...]` repeats all that stands in its brackets.
                    if sequence.len() > 1 {
                        sequence.iter_mut().for_each(|argument| argument.multiple = false);
                        let block = ArgumentKind::Block(with_tokens(core::mem::take(&mut sequence)));
                        sequence = vec![Argument { multiple: true, ..Argument::plain(block) }];
                    }
                    continue;
                }
                _ => self.word(),
            };
            sequence.push(argument);
        }
    }
}

/// A word in capitals is meant literally, any other is the name of an argument.
fn literal_or_name(word: &'static str) -> Argument {
    match word.contains(|letter: char| letter.is_ascii_lowercase()) {
        true => Argument::plain(ArgumentKind::Word(word)),
        false => Argument { token: Some(word), ..Argument::plain(ArgumentKind::Token) },
    }
}

/// One argument that stands for all alternatives.
fn one_or_block(mut alternatives: Vec<Vec<Argument>>) -> Argument {
    let block = |mut sequence: Vec<Argument>| match (sequence.pop(), sequence.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            sequence.push(last);
            Argument::plain(ArgumentKind::Block(sequence))
        }
        (None, _) => Argument::plain(ArgumentKind::Block(Vec::new())),
    };
    match (alternatives.pop(), alternatives.is_empty()) {
        (Some(only), true) => block(only),
        (Some(last), false) => {
            alternatives.push(last);
            Argument::plain(ArgumentKind::OneOf(alternatives.into_iter().map(block).collect()))
        }
        (None, _) => Argument::plain(ArgumentKind::Block(Vec::new())),
    }
}

/// If the end of `sequence` is what `repeated` repeats, makes it repeatable instead: `key [key ...]`.
fn repeats(sequence: &mut Vec<Argument>, repeated: &Argument) -> bool {
    let once = Argument { multiple: false, ..repeated.clone() };
    let parts = match once.kind {
        ArgumentKind::Block(parts) => parts,
        _ => vec![once],
    };
    let Some(start) = sequence.len().checked_sub(parts.len()) else { return false };
    if sequence.get(start..) != Some(&parts) {
        return false;
    }
    sequence.truncate(start);
    sequence.push(repeated.clone());
    true
}

/// Joins a literal word with the word after it: `EX seconds`; with several where it leads the sequence: `LIMIT offset count`.
fn with_tokens(sequence: Vec<Argument>) -> Vec<Argument> {
    let is_word = |argument: &Argument| matches!(argument.kind, ArgumentKind::Word(_)) && !argument.optional;
    if let [Argument { kind: ArgumentKind::Token, token, optional: false, .. }, rest @ ..] = sequence.as_slice()
        && rest.len() > 1
        && rest.iter().all(is_word)
    {
        return vec![Argument { token: *token, ..Argument::plain(ArgumentKind::Block(rest.to_vec())) }];
    }
    let mut joined: Vec<Argument> = Vec::new();
    for argument in sequence {
        match joined.last_mut() {
            Some(before) if before.kind == ArgumentKind::Token && !before.optional && is_word(&argument) => {
                *before = Argument { token: before.token, ..argument };
            }
            _ => joined.push(argument),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    /// Writes arguments down shortly: `?` optional, `*` repeated, `TOKEN:name`, `(a|b)`, `{a b}`.
    fn shown(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let token = argument.token.unwrap_or_default();
            let body = match &argument.kind {
                ArgumentKind::Word(name) => format!(":{name}"),
                ArgumentKind::Token => String::new(),
                ArgumentKind::OneOf(inner) => {
                    format!(
                        "({})",
                        inner.iter().map(|one| shown(core::slice::from_ref(one))).collect::<Vec<_>>().join("|")
                    )
                }
                ArgumentKind::Block(inner) => format!("{{{}}}", shown(inner)),
            };
            let optional = if argument.optional { "?" } else { "" };
            let multiple = if argument.multiple { "*" } else { "" };
            format!("{token}{body}{optional}{multiple}")
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_forms_that_rows_use_are_read() {
        let check = |syntax, expected: &str| assert_eq!(shown(&arguments(syntax)), expected, "{syntax}");
        check("", "");
        check("key", ":key");
        check("key [key ...]", ":key*");
        check("key value [key value ...]", "{:key :value}*");
        check("key [NX | XX] [GET]", ":key (NX|XX)? GET?");
        check("[EX seconds | PX milliseconds | PERSIST]", "(EX:seconds|PX:milliseconds|PERSIST)?");
        check("key [LIMIT offset count]", ":key LIMIT{:offset :count}?");
        check("ON | OFF", "(ON|OFF)");
        check("source <LEFT | RIGHT> <LEFT | RIGHT>", ":source (LEFT|RIGHT) (LEFT|RIGHT)");
        check("key BEFORE|AFTER pivot", ":key (BEFORE|AFTER) :pivot");
        check("[ID client-id [client-id ...]]", "ID:client-id?*");
        check("numkeys key [key ...] [WEIGHTS weight [weight ...]]", ":numkeys :key* WEIGHTS:weight?*");
        check("[protover [AUTH username password]]", "{:protover AUTH{:username :password}?}?");
        check("[REPLACE] code", "REPLACE? :code");
        check("[member ...]", ":member?*");
        check("] | [ <", "");
    }

    #[test]
    fn every_row_s_syntax_names_something_for_each_word_of_its_arity() {
        for row in crate::command::table::all().flat_map(|row| core::iter::once(row).chain(row.subcommands)) {
            let name_words = if row.container.is_empty() { 1 } else { 2 };
            let words: usize = arguments(row.syntax).iter().map(required_words).sum();
            if row.subcommands.is_empty() {
                assert_eq!(words + name_words, row.arity.unsigned_abs() as usize, "{} {}", row.full_name(), row.syntax);
            }
        }
    }

    fn required_words(argument: &Argument) -> usize {
        if argument.optional {
            return 0;
        }
        let token = usize::from(argument.token.is_some());
        token
            + match &argument.kind {
                ArgumentKind::Word(_) => 1,
                ArgumentKind::Token => 0,
                ArgumentKind::OneOf(inner) => inner.iter().map(required_words).min().unwrap_or(0),
                ArgumentKind::Block(inner) => inner.iter().map(required_words).sum(),
            }
    }
}
