//! Which commands are allowed: rules as in Redis's access lists, of which the last that fits decides.

use alloc::{format, string::String, vec, vec::Vec};

use crate::command::{Command, table};

/// The commands that a list of rules allows.
///
/// A rule is `@category`, `command` or `command|subcommand`, after a `+` (which may be left out) or a `-`. At the
/// beginning nothing is allowed; `@all` is every command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSet {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allows: bool,
    of: Of,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    All,
    /// With its `@`.
    Category(&'static str),
    /// A command with all its subcommands.
    Command(&'static str),
    Subcommand(&'static str, &'static str),
}

impl CommandSet {
    /// Makes the set of all commands.
    pub fn everything() -> Self {
        Self { rules: vec![Rule { allows: true, of: Of::All }] }
    }

    /// Reads rules.
    ///
    /// # Errors
    /// A text that names the rule that can't be read, and says why: silently ignored, a `-` would allow too much.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let rules = rules.into_iter().map(|rule| Rule::parse(rule).map_err(|why| format!("rule {rule:?}: {why}")));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// Whether a command is in the set.
    pub fn contains(&self, row: &Command) -> bool {
        self.rules.iter().rev().find(|rule| rule.of.fits(row)).is_some_and(|rule| rule.allows)
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, &'static str> {
        let rule = rule.to_ascii_lowercase();
        let (allows, name) = match rule.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, rule.strip_prefix('+').unwrap_or(&rule)),
        };
        let of = if name == "@all" {
            Of::All
        } else if name.starts_with('@') {
            Of::Category(CATEGORIES.into_iter().find(|category| *category == name).ok_or("there is no such category")?)
        } else {
            let (name, inner) = name.split_once('|').map_or((name, None), |(name, inner)| (name, Some(inner)));
            let row = table::find(name.as_bytes()).ok_or("there is no such command")?;
            match inner {
                None => Of::Command(row.name),
                Some(inner) => {
                    let inner = row.subcommands.iter().find(|row| row.name == inner);
                    Of::Subcommand(row.name, inner.ok_or("there is no such subcommand")?.name)
                }
            }
        };
        Ok(Self { allows, of })
    }
}

impl Of {
    fn fits(&self, row: &Command) -> bool {
        match *self {
            Self::All => true,
            Self::Category(category) => row.categories().any(|own| own == category),
            Self::Command(name) => {
                if row.container.is_empty() {
                    row.name == name
                } else {
                    row.container == name
                }
            }
            Self::Subcommand(container, name) => row.container == container && row.name == name,
        }
    }
}

/// The categories that Redis knows, whether or not a command of ours is in them.
const CATEGORIES: [&str; 21] = [
    "@admin",
    "@bitmap",
    "@blocking",
    "@connection",
    "@dangerous",
    "@fast",
    "@geo",
    "@hash",
    "@hyperloglog",
    "@keyspace",
    "@list",
    "@pubsub",
    "@read",
    "@scripting",
    "@set",
    "@slow",
    "@sortedset",
    "@stream",
    "@string",
    "@transaction",
    "@write",
];

#[cfg(test)]
mod tests {
    use alloc::{boxed::Box, collections::BTreeSet, string::ToString};

    use proptest::prelude::*;

    use super::*;

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
            let set = CommandSet::parse(rules.iter().map(|rule| &**rule)).unwrap();
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
                prop_assert_eq!(set.contains(row), model.contains(&*row.full_name()), "{}", row.full_name());
            }
        }

        #[test]
        fn any_text_is_read_or_refused_by_name(text in "[-+@|a-z]{0,10}") {
            if let Err(why) = CommandSet::parse([&*text]) {
                prop_assert!(why.contains(&text), "{}", why);
            }
        }
    }

    #[test]
    fn every_category_of_a_row_is_known() {
        for row in rows() {
            assert!(row.categories().all(|category| CATEGORIES.contains(&category)), "{}", row.full_name());
        }
        for bad in ["", "-", "@", "@nosuch", "nosuch", "get|x", "config|nosuch", "-get get"] {
            assert!(CommandSet::parse([bad]).is_err(), "{bad:?}");
        }
    }
}
