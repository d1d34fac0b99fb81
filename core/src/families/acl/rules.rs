//! The rules of `ACL SETUSER`, of ACL files and of the configuration's `user` lines: words, each of which changes a user.

use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use crate::{
    acl::{CommandSet, KeyPattern, Patterns, Rule, RuleError, Sanitizing, Selector, User, digest},
    command::{Command, table},
};

/// Why a rule can't be followed, in Redis's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str);

impl Refusal {
    /// A command or category that isn't there, perhaps not any more.
    pub(super) const UNKNOWN: Self = Self("Unknown command or category name in ACL");
    const SYNTAX: Self = Self("Syntax error");
    const AFTER_ALL_KEYS: Self = Self(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
    );
    const AFTER_ALL_CHANNELS: Self = Self(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
    );
    const NO_PASSWORD: Self = Self("The password you are trying to remove from the user does not exist");
    const BAD_HASH: Self =
        Self("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters");
    const WORD_OF_SUBCOMMAND: Self = Self("Allowing first-arg of a subcommand is not supported");
}

/// The rules with those of a selector, which may be several words in parentheses, as one.
///
/// # Errors
/// The word with the parenthesis that isn't closed.
pub(super) fn merged<'a>(words: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, &'a [u8]> {
    let mut rules = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for word in words {
        match &mut open {
            Some((_, text)) => {
                text.push(b' ');
                text.extend_from_slice(word);
                if word.ends_with(b")")
                    && let Some((_, text)) = open.take()
                {
                    rules.push(Cow::Owned(text));
                }
            }
            None if word.starts_with(b"(") && !word.ends_with(b")") => open = Some((word, word.to_vec())),
            None => rules.push(Cow::Borrowed(*word)),
        }
    }
    match open {
        Some((start, _)) => Err(start),
        None => Ok(rules),
    }
}

impl User {
    /// Follows one rule. `all_channels` is what a user begins with.
    pub(super) fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), Refusal> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        match rule {
            [] => {}
            _ if is("on") => self.enabled = true,
            _ if is("off") => self.enabled = false,
            _ if is("sanitize-payload") => self.sanitizing = Sanitizing::On,
            _ if is("skip-sanitize-payload") => self.sanitizing = Sanitizing::Off,
            _ if is("nopass") => self.set_password(None),
            _ if is("resetpass") => self.forget_passwords(),
            _ if is("clearselectors") => self.selectors.clear(),
            _ if is("reset") => {
                *self = Self { sanitizing: Sanitizing::On, ..Self::new(&self.name, all_channels) };
            }
            [b'>', password @ ..] => self.add_password(digest(password)),
            [b'#', hash @ ..] => self.add_password(checked_hash(hash)?),
            [b'<', password @ ..] => self.remove_password(&digest(password))?,
            [b'!', hash @ ..] => self.remove_password(&checked_hash(hash)?)?,
            [b'(', rules @ .., b')'] => {
                let mut selector = Selector::default();
                let words = rules.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                words.into_iter().try_for_each(|word| selector.apply(word))?;
                self.selectors.push(selector);
            }
            _ => self.root.apply(rule)?,
        }
        Ok(())
    }

    fn forget_passwords(&mut self) {
        self.nopass = false;
        self.passwords.clear();
    }

    fn add_password(&mut self, hash: Box<[u8]>) {
        self.nopass = false;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
    }

    fn remove_password(&mut self, hash: &[u8]) -> Result<(), Refusal> {
        let place = self.passwords.iter().position(|own| **own == *hash).ok_or(Refusal::NO_PASSWORD)?;
        self.passwords.remove(place);
        Ok(())
    }
}

fn checked_hash(hash: &[u8]) -> Result<Box<[u8]>, Refusal> {
    match hash.len() == 64 && hash.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        true => Ok(hash.into()),
        false => Err(Refusal::BAD_HASH),
    }
}

impl Selector {
    fn apply(&mut self, rule: &[u8]) -> Result<(), Refusal> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        match rule {
            _ if is("allkeys") || is("~*") => self.keys = Patterns::All,
            _ if is("resetkeys") => self.keys = Patterns::default(),
            _ if is("allchannels") || is("&*") => self.channels = Patterns::All,
            _ if is("resetchannels") => self.channels = Patterns::default(),
            _ if is("allcommands") => self.add_rule(b"+@all")?,
            _ if is("nocommands") => self.add_rule(b"-@all")?,
            [b'~' | b'%', ..] => self.add_keys(rule)?,
            [b'&', glob @ ..] => self.add_channels(glob)?,
            [b'+' | b'-', ..] => self.add_rule(rule)?,
            _ => return Err(Refusal::SYNTAX),
        }
        Ok(())
    }

    fn add_keys(&mut self, rule: &[u8]) -> Result<(), Refusal> {
        let Patterns::Some(patterns) = &mut self.keys else { return Err(Refusal::AFTER_ALL_KEYS) };
        let (mut reads, mut writes) = (false, false);
        let glob = match rule {
            [b'~', glob @ ..] => {
                (reads, writes) = (true, true);
                glob
            }
            [_, rest @ ..] => {
                let tilde = rest.iter().position(|byte| *byte == b'~').ok_or(Refusal::SYNTAX)?;
                for letter in rest.iter().take(tilde) {
                    let used = match letter {
                        b'r' | b'R' => &mut reads,
                        b'w' | b'W' => &mut writes,
                        _ => return Err(Refusal::SYNTAX),
                    };
                    if core::mem::replace(used, true) {
                        return Err(Refusal::SYNTAX);
                    }
                }
                rest.get(tilde + 1..).unwrap_or_default()
            }
            [] => return Err(Refusal::SYNTAX),
        };
        if !super::is_name(glob) || !(reads || writes) {
            return Err(Refusal::SYNTAX);
        }
        match patterns.iter_mut().find(|pattern| *pattern.glob == *glob) {
            Some(known) => {
                known.reads |= reads;
                known.writes |= writes;
            }
            None => patterns.push(KeyPattern { glob: glob.into(), reads, writes }),
        }
        Ok(())
    }

    fn add_channels(&mut self, glob: &[u8]) -> Result<(), Refusal> {
        let Patterns::Some(globs) = &mut self.channels else { return Err(Refusal::AFTER_ALL_CHANNELS) };
        if !super::is_name(glob) {
            return Err(Refusal::SYNTAX);
        }
        if globs.iter().all(|known| **known != *glob) {
            globs.push(glob.into());
        }
        Ok(())
    }

    /// Adds a rule about commands, unless it changes nothing.
    fn add_rule(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let text = core::str::from_utf8(text).map_err(|_| Refusal::UNKNOWN)?;
        let rule = Rule::parse(text, table::find).map_err(|why| match why {
            RuleError::NoWord => Refusal::SYNTAX,
            RuleError::WordOfSubcommand => Refusal::WORD_OF_SUBCOMMAND,
            RuleError::NoCategory | RuleError::NoCommand | RuleError::NoSubcommand => Refusal::UNKNOWN,
        })?;
        self.commands = settled(with_rule(&self.commands, rule));
        Ok(())
    }
}

/// The set with one more rule, unless that changes nothing.
fn with_rule(set: &CommandSet, rule: Rule) -> CommandSet {
    let before = set.without(&rule);
    let after = before.with(rule);
    if after.agrees(&before, rows()) { before } else { after }
}

/// The set without those of its rules that change nothing since others have gone: reading what is told of it then makes
/// just this set.
fn settled(mut set: CommandSet) -> CommandSet {
    loop {
        let again = set.rules().iter().cloned().fold(CommandSet::default(), |set, rule| with_rule(&set, rule));
        if again.rules().len() == set.rules().len() {
            return again;
        }
        set = again;
    }
}

/// Every command, subcommands included.
pub(super) fn rows() -> impl Iterator<Item = &'static Command> {
    table::all().flat_map(|row| core::iter::once(row).chain(row.subcommands))
}
