//! The flags of a bench: each takes one value, and a list's items are parted by commas. `--quick` alone takes none: with it
//! a bench is over in some minutes, and what it shows is not to be quoted.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Result, bail};

/// The flags of a call that have not been asked for yet.
#[derive(Debug)]
pub(super) struct Flags<'a> {
    usage: &'a str,
    given: Vec<(&'a str, &'a str)>,
    /// Whether little is to be measured.
    pub(super) is_quick: bool,
}

impl<'a> Flags<'a> {
    /// Pairs flags with their values.
    ///
    /// # Errors
    /// When something is no flag, or a flag has no value.
    pub(super) fn new(usage: &'a str, arguments: &'a [String]) -> Result<Self> {
        let (mut given, mut is_quick) = (Vec::new(), false);
        let mut rest = arguments;
        while let [first, after @ ..] = rest {
            rest = match after {
                _ if first == "--quick" => {
                    is_quick = true;
                    after
                }
                [value, after @ ..] if first.starts_with("--") => {
                    given.push((first.as_str(), value.as_str()));
                    after
                }
                _ => bail!("{first:?} is no flag with a value; usage: cargo xtask bench {usage}"),
            };
        }
        Ok(Self { usage, given, is_quick })
    }

    /// Takes every value of a flag.
    pub(super) fn all(&mut self, flag: &str) -> Vec<&'a str> {
        let values = self.given.iter().filter(|(given, _)| *given == flag).map(|(_, value)| *value).collect();
        self.given.retain(|(given, _)| *given != flag);
        values
    }

    /// Returns the first if much is to be measured, and the second with `--quick`.
    pub(super) fn full_or<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// Takes the last value of a flag, or `default`.
    pub(super) fn one<T: FromStr>(&mut self, flag: &str, default: T) -> Result<T> {
        match self.all(flag).pop().map(str::parse) {
            None => Ok(default),
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) => bail!("{flag} wants something else; usage: cargo xtask bench {}", self.usage),
        }
    }

    /// Takes the items of a list, of which each must be among `allowed`; all of those if the flag isn't given.
    pub(super) fn some_of<T: Copy>(&mut self, flag: &str, allowed: &[T], name: impl Fn(T) -> String) -> Result<Vec<T>> {
        let Some(list) = self.all(flag).pop() else { return Ok(allowed.to_vec()) };
        let find = |item: &str| allowed.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(item));
        let items: Vec<Option<T>> = list.split(',').map(find).collect();
        match items.iter().copied().collect() {
            Some(items) => Ok(items),
            None => bail!("{flag} takes {}", joined(allowed.iter().map(|one| name(*one)), ",")),
        }
    }

    /// Takes the items of a list of numbers.
    pub(super) fn numbers(&mut self, flag: &str, default: &[u32]) -> Result<Vec<u32>> {
        let Some(list) = self.all(flag).pop() else { return Ok(default.to_vec()) };
        match list.split(',').map(str::parse).collect() {
            Ok(numbers) => Ok(numbers),
            Err(_) => bail!("{flag} wants numbers, parted by commas"),
        }
    }

    /// Checks that every flag was asked for.
    ///
    /// # Errors
    /// When one was not: there is no such flag.
    pub(super) fn end(self) -> Result<()> {
        match self.given.first() {
            None => Ok(()),
            Some((flag, _)) => bail!("there is no flag {flag}; usage: cargo xtask bench {}", self.usage),
        }
    }
}

/// Joins what can be shown.
pub(super) fn joined<T: Display>(items: impl IntoIterator<Item = T>, separator: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn flags_are_read_and_unknown_ones_refused() {
        let arguments: Vec<String> = ["--rounds", "3", "--quick", "--only", "GET,set", "--x", "1"]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
        let mut flags = Flags::new("server", &arguments).unwrap();
        assert_eq!(flags.one("--rounds", 5).unwrap(), 3);
        assert_eq!(flags.some_of("--only", &["SET", "GET", "INCR"], str::to_owned).unwrap(), ["GET", "SET"]);
        assert_eq!(flags.numbers("--bytes", &[32]).unwrap(), [32]);
        assert_eq!((flags.is_quick, flags.full_or(2, 1)), (true, 1));
        assert!(flags.end().is_err_and(|error| error.to_string().contains("--x")));
        assert!(Flags::new("server", &arguments[1..2]).is_err());
    }
}
