//! Which commands are allowed: rules as in Redis's access lists, of which the last that fits decides.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::fmt;

use crate::command::{CATEGORIES, Command};

/// The commands that a list of rules allows.
///
/// A rule is `@category`, `command` or `command|subcommand`, after a `+` (which may be left out) or a `-`. At the
/// beginning nothing is allowed; `@all` is every command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandSet {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    allows: bool,
    of: Of,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    All,
    /// By its place among all categories.
    Category(u8),
    /// A command with all its subcommands.
    Command(&'static str),
    Subcommand(&'static str, &'static str),
    /// A command where this word is its first.
    First(&'static str, Box<[u8]>),
}

/// Why a rule can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// There is no such category.
    NoCategory,
    /// There is no such command.
    NoCommand,
    /// The command has no such subcommand.
    NoSubcommand,
    /// Nothing stands after the `|`.
    NoWord,
    /// A word after a subcommand.
    WordOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCategory => "there is no such category",
            Self::NoCommand => "there is no such command",
            Self::NoSubcommand => "there is no such subcommand",
            Self::NoWord => "a subcommand is missing after the |",
            Self::WordOfSubcommand => "nothing may follow a subcommand",
        })
    }
}

/// How a command is found by its name: by the table, which stands above this.
type Find = fn(&[u8]) -> Option<&'static Command>;

impl CommandSet {
    /// Makes the set of all commands.
    pub fn everything() -> Self {
        Self { rules: vec![Rule { allows: true, of: Of::All }] }
    }

    /// Reads the rules of a token.
    ///
    /// # Errors
    /// A text that names the rule that can't be read, and says why: silently ignored, a `-` would allow too much.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>, find: Find) -> Result<Self, String> {
        let rules = rules.into_iter().map(|text| {
            let rule = match Rule::parse(text, find) {
                // Of calls without subcommands, a token allows all or none.
                Ok(Rule { of: Of::First(..), .. }) => Err(RuleError::NoSubcommand),
                read => read,
            };
            rule.map_err(|why| format!("rule {text:?}: {why}"))
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// The rules, the first first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a call of a command is in the set. Cost: O(rules).
    pub fn contains(&self, row: &Command, words: &[&[u8]]) -> bool {
        self.rules.iter().rev().find(|rule| rule.of.fits(row, words)).is_some_and(|rule| rule.allows)
    }

    /// Whether every command is in the set, those included that there aren't yet.
    pub fn is_everything(&self) -> bool {
        matches!(self.rules.first(), Some(Rule { allows: true, of: Of::All }))
            && self.rules.iter().all(|rule| rule.allows)
    }

    /// The set with one more rule, without the earlier ones that this one makes pointless.
    #[must_use]
    pub fn with(&self, rule: Rule) -> Self {
        let mut set = self.without(&rule);
        set.rules.push(rule);
        set
    }

    /// The set without the rules that this one would make pointless.
    #[must_use]
    pub fn without(&self, rule: &Rule) -> Self {
        Self { rules: self.rules.iter().filter(|other| !rule.of.covers(&other.of)).cloned().collect() }
    }

    /// Whether this is the same as another set of these commands, and of all that may come.
    pub fn agrees(&self, other: &Self, mut rows: impl Iterator<Item = &'static Command>) -> bool {
        let base = |set: &Self| matches!(set.rules.first(), Some(Rule { allows: true, of: Of::All }));
        // Rules about words say more than the commands do.
        let words = |set: &Self| set.rules.iter().any(|rule| matches!(rule.of, Of::First(..)));
        !words(self)
            && !words(other)
            && base(self) == base(other)
            && rows.all(|row| self.contains(row, &[]) == other.contains(row, &[]))
    }
}

impl fmt::Display for CommandSet {
    /// Writes the rules so that reading them makes the same set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.rules.first(), Some(Rule { of: Of::All, .. })) {
            f.write_str("-@all")?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let starts = index == 0 && rule.of == Of::All;
            write!(f, "{}{rule}", if starts { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Rule {
    /// Reads `@category`, `command`, `command|subcommand` or `command|word`, after a `+`, which may be left out, or a `-`.
    ///
    /// # Errors
    /// If it names what there isn't.
    pub fn parse(text: &str, find: Find) -> Result<Self, RuleError> {
        let lower = text.to_ascii_lowercase();
        let (allows, name) = match lower.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, lower.strip_prefix('+').unwrap_or(&lower)),
        };
        if name == "@all" {
            return Ok(Self { allows, of: Of::All });
        }
        if name.starts_with('@') {
            let place = CATEGORIES.iter().position(|category| *category == name).ok_or(RuleError::NoCategory)?;
            return Ok(Self { allows, of: Of::Category(place as u8) });
        }
        let Some((before, word)) = name.rsplit_once('|') else {
            let row = find(name.as_bytes()).ok_or(RuleError::NoCommand)?;
            return Ok(Self { allows, of: Of::Command(row.name) });
        };
        let Some(row) = find(before.as_bytes()) else {
            let (container, inner) = before.split_once('|').ok_or(RuleError::NoCommand)?;
            let row = find(container.as_bytes()).ok_or(RuleError::NoCommand)?;
            let is_there = row.subcommands.iter().any(|row| row.name == inner);
            return Err(if is_there { RuleError::WordOfSubcommand } else { RuleError::NoCommand });
        };
        if word.is_empty() {
            return Err(RuleError::NoWord);
        }
        let of = match row.subcommands.iter().find(|inner| inner.name == word) {
            Some(inner) => Of::Subcommand(row.name, inner.name),
            // Of DEBUG, Redis's table knows no subcommands: any word will do.
            None if allows && (row.subcommands.is_empty() || row.name == "debug") => {
                Of::First(row.name, word.as_bytes().into())
            }
            None => return Err(RuleError::NoSubcommand),
        };
        Ok(Self { allows, of })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.allows { "+" } else { "-" })?;
        match &self.of {
            Of::All => f.write_str("@all"),
            Of::Category(place) => f.write_str(CATEGORIES.get(usize::from(*place)).copied().unwrap_or_default()),
            Of::Command(name) => f.write_str(name),
            Of::Subcommand(container, name) => write!(f, "{container}|{name}"),
            Of::First(name, word) => write!(f, "{name}|{}", String::from_utf8_lossy(word)),
        }
    }
}

impl Of {
    fn fits(&self, row: &Command, words: &[&[u8]]) -> bool {
        match self {
            Self::All => true,
            Self::Category(place) => row.category_bits() >> place & 1 == 1,
            Self::Command(name) => {
                if row.container.is_empty() {
                    row.name == *name
                } else {
                    row.container == *name
                }
            }
            Self::Subcommand(container, name) => row.container == *container && row.name == *name,
            Self::First(name, first) => {
                let own = if row.container.is_empty() { row.name } else { row.container };
                own == *name && words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(first))
            }
        }
    }

    /// Whether a rule about this decides all that an earlier one about `other` does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Command(name), Self::Subcommand(container, _) | Self::First(container, _)) => name == container,
            (one, other) => one == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{boxed::Box, collections::BTreeSet, string::ToString};

    use proptest::prelude::*;

    use super::*;
    use crate::command::table;

    fn rows() -> impl Iterator<Item = &'static Command> {
        table::all().flat_map(|row| core::iter::once(row).chain(row.subcommands))
    }

    fn rule() -> impl Strategy<Value = String> {
        let names: Vec<Box<str>> = rows().map(|row| row.full_name().into()).collect();
        let categories: Vec<Box<str>> = CATEGORIES.into_iter().chain(["@all"]).map(Box::from).collect();
        let name = prop_oneof![prop::sample::select(names), prop::sample::select(categories)];
        (prop::sample::select(vec!["", "+", "-"]), name, any::<bool>()).prop_map(|(sign, name, shout)| {
            format!("{sign}{}", if shout { name.to_ascii_uppercase() } else { name.to_string() })
        })
    }

    proptest! {
        /// The model: a set of rows, to which each rule adds and from which it takes.
        #[test]
        fn agrees_with_adding_and_taking_away(rules in prop::collection::vec(rule(), 0..8)) {
            let set = CommandSet::parse(rules.iter().map(|rule| &**rule), table::find).unwrap();
            let mut model = BTreeSet::new();
            for rule in &rules {
                let lower = rule.to_lowercase();
                let name = lower.trim_start_matches(['+', '-']);
                for row in rows() {
                    let full = row.full_name();
                    let fits = name == "@all"
                        || row.categories().any(|category| category == name)
                        || full == name
                        || full.split_once('|').is_some_and(|(container, _)| container == name);
                    match (fits, lower.starts_with('-')) {
                        (true, true) => drop(model.remove(&*full)),
                        (true, false) => drop(model.insert(full.to_string())),
                        (false, _) => {}
                    }
                }
            }
            for row in rows() {
                prop_assert_eq!(set.contains(row, &[]), model.contains(&*row.full_name()), "{}", row.full_name());
            }
        }

        #[test]
        fn any_text_is_read_or_refused_by_name(text in "[-+@|a-z]{0,10}") {
            if let Err(why) = CommandSet::parse([&*text], table::find) {
                prop_assert!(why.contains(&text), "{}", why);
            }
        }
    }

    #[test]
    fn what_there_is_not_is_refused() {
        for bad in ["", "-", "@", "@nosuch", "nosuch", "get|x", "config|nosuch", "-get get"] {
            assert!(CommandSet::parse([bad], table::find).is_err(), "{bad:?}");
        }
    }
}
