//! A user: how to log in as one, and what it may do.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt::Write;

use sha2::{Digest, Sha256};

use super::{CommandSet, Denial, Selector, selector::Patterns};
use crate::command::Command;

/// One user.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) name: Box<[u8]>,
    /// Whether anybody may log in as it.
    pub(crate) enabled: bool,
    /// Whether any password will do.
    pub(crate) nopass: bool,
    pub(crate) sanitizing: Sanitizing,
    /// SHA-256 of each password, in hexadecimal digits.
    pub(crate) passwords: Vec<Box<[u8]>>,
    pub(crate) root: Selector,
    pub(crate) selectors: Vec<Selector>,
}

/// Whether what `RESTORE` is given is looked at closely, as far as anybody said. It always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sanitizing {
    #[default]
    Unsaid,
    On,
    Off,
}

impl User {
    /// A user as it begins: off, without a password, and without any right but to `all_channels`.
    pub(crate) fn new(name: &[u8], all_channels: bool) -> Self {
        let mut user = Self { name: name.into(), ..Self::default() };
        if all_channels {
            user.root.channels = Patterns::All;
        }
        user
    }

    /// The user that connections have before they log in, as it is where nobody says otherwise.
    pub(crate) fn default_user() -> Self {
        let mut user = Self { enabled: true, nopass: true, ..Self::new(b"default", true) };
        user.root.commands = CommandSet::everything();
        user.root.keys = Patterns::All;
        user
    }

    /// Sets the only password; with `None`, any will do.
    pub(crate) fn set_password(&mut self, password: Option<&[u8]>) {
        self.nopass = password.is_none();
        self.passwords = password.into_iter().map(digest).collect();
    }

    /// Whether somebody with this password may log in.
    pub(crate) fn accepts(&self, password: &[u8]) -> bool {
        // All are compared, and each to its end, so that the duration tells nothing.
        let given = digest(password);
        let matches = self.passwords.iter().fold(false, |found, own| found | is_same(own, &given));
        self.enabled && (self.nopass || matches)
    }

    /// Whether a connection is its own without logging in.
    pub(crate) fn is_open(&self) -> bool {
        self.enabled && self.nopass
    }

    /// The selectors, the root first.
    pub(crate) fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        core::iter::once(&self.root).chain(&self.selectors)
    }

    /// Whether nothing needs to be checked.
    pub(crate) fn may_do_all(&self) -> bool {
        self.all_selectors().any(Selector::allows_all)
    }

    /// Checks a call, given as its words, the name first. One selector has to allow all of it; if none does, the one
    /// that came furthest says what is amiss.
    pub(crate) fn check(&self, row: &Command, words: &[&[u8]]) -> Result<(), Denial> {
        let mut denial = Denial::Command;
        for selector in self.all_selectors() {
            match selector.check(row, words) {
                Ok(()) => return Ok(()),
                Err(other) => denial = denial.max(other),
            }
        }
        Err(denial)
    }

    /// Whether a selector that allows the call lets every key be read.
    pub(crate) fn may_read_all_keys_in(&self, row: &Command, words: &[&[u8]]) -> bool {
        self.all_selectors().any(|selector| selector.may_read_all_keys() && selector.check(row, words).is_ok())
    }

    /// Whether a channel, or a pattern, may be listened to.
    pub(crate) fn may_use_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.may_use_channel(channel, is_pattern))
    }

    /// What is said in single words, in Redis's order.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &'static str> {
        let sanitizing = match self.sanitizing {
            Sanitizing::Unsaid => None,
            Sanitizing::On => Some("sanitize-payload"),
            Sanitizing::Off => Some("skip-sanitize-payload"),
        };
        [Some(if self.enabled { "on" } else { "off" }), self.nopass.then_some("nopass"), sanitizing]
            .into_iter()
            .flatten()
    }

    /// All of it as a line of an ACL file, from the name on.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("user {}", String::from_utf8_lossy(&self.name));
        // Writing to a string can't fail.
        self.flags().for_each(|flag| _ = write!(text, " {flag}"));
        self.passwords.iter().for_each(|hash| _ = write!(text, " #{}", String::from_utf8_lossy(hash)));
        let _ = write!(text, " {}", self.root.describe());
        self.selectors.iter().for_each(|selector| _ = write!(text, " ({})", selector.describe()));
        text
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(password: &[u8]) -> Box<[u8]> {
    hex(&Sha256::digest(password)).into_bytes().into()
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares without giving away by its duration how much of a guess is right.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other));
    one.len() == other.len() && differing == 0
}
