//! The arguments of a call, read from left to right into what they mean.

use crate::{
    error::{Error, Result},
    num::{self, Extended},
};

/// A cursor over the words after a command's name.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    words: &'a [&'a [u8]],
}

impl<'a> Args<'a> {
    /// Starts at the first of `words`, the name not among them.
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self { words }
    }

    /// Words that are left.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether no word is left.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words that are left, without reading them.
    pub fn rest(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// The next word, without reading it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.words.first().copied()
    }

    /// Reads the next word if there is one.
    pub fn take(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// Reads the next word: a key, a value, a member.
    ///
    /// # Errors
    /// A syntax error if there's none, which the row's arity rules out for words that are always there.
    pub fn word(&mut self) -> Result<&'a [u8]> {
        self.take().ok_or(Error::SYNTAX)
    }

    /// Reads the next `count` words.
    ///
    /// # Errors
    /// A syntax error if there are fewer.
    pub fn words(&mut self, count: usize) -> Result<&'a [&'a [u8]]> {
        let (head, rest) = self.words.split_at_checked(count).ok_or(Error::SYNTAX)?;
        self.words = rest;
        Ok(head)
    }

    /// Reads the next word if it is `option`, in whatever case.
    pub fn take_if(&mut self, option: &str) -> bool {
        let matches = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(option.as_bytes()));
        if matches {
            self.take();
        }
        matches
    }

    /// Reads an integer.
    ///
    /// # Errors
    /// [`Error::NOT_AN_INTEGER`].
    pub fn integer(&mut self) -> Result<i64> {
        num::parse_i64(self.word()?).ok_or(Error::NOT_AN_INTEGER)
    }

    /// Reads an integer of 32 bits, such as the number of a database.
    ///
    /// # Errors
    /// [`Error::NOT_AN_INTEGER`], or another one for what takes more bits.
    pub fn small_integer(&mut self) -> Result<i32> {
        let range = Error::new("ERR value is out of range, value must between -2147483648 and 2147483647");
        i32::try_from(self.integer()?).map_err(|_| range)
    }

    /// Reads an integer that isn't negative.
    ///
    /// # Errors
    /// [`Error::NOT_AN_INTEGER`], or [`Error::NOT_POSITIVE`] for a negative one.
    pub fn count(&mut self) -> Result<usize> {
        let value = self.word()?;
        let value = num::parse_i64(value).ok_or(Error::NOT_POSITIVE)?;
        usize::try_from(value).map_err(|_| Error::NOT_POSITIVE)
    }

    /// Reads a floating-point number; infinities are numbers here.
    ///
    /// # Errors
    /// [`Error::NOT_A_FLOAT`].
    pub fn float(&mut self) -> Result<f64> {
        num::parse_f64(self.word()?).ok_or(Error::NOT_A_FLOAT)
    }

    /// Reads a number in the precision that sums of decimals need; infinities are numbers here.
    ///
    /// # Errors
    /// [`Error::NOT_A_FLOAT`].
    pub fn extended(&mut self) -> Result<Extended> {
        Extended::parse(self.word()?).ok_or(Error::NOT_A_FLOAT)
    }

    /// Reads the cursor of a scan: an unsigned number, in which C takes a sign and nothing at all as well, and sees nothing
    /// behind a NUL. What is negative counts from the largest number down.
    ///
    /// # Errors
    /// [`Error::INVALID_CURSOR`].
    pub fn cursor(&mut self) -> Result<u64> {
        let text = self.word()?.split(|byte| *byte == 0).next().unwrap_or_default();
        let (negative, digits) = match text {
            [] => return Ok(0),
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if !digits.first().is_some_and(u8::is_ascii_digit) {
            return Err(Error::INVALID_CURSOR);
        }
        let text = core::str::from_utf8(digits).map_err(|_| Error::INVALID_CURSOR)?;
        let cursor: u64 = text.parse().map_err(|_| Error::INVALID_CURSOR)?;
        Ok(if negative { cursor.wrapping_neg() } else { cursor })
    }

    /// Confirms that every word was read.
    ///
    /// # Errors
    /// A syntax error if not.
    pub fn end(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::SYNTAX) }
    }
}
