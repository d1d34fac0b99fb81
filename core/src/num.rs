//! Numbers in text, read and written as Redis does.
//!
//! Strict both ways: what an integer parser accepts is exactly what the writer produces, so that a string may be held as
//! an integer and printed again unchanged. Floating-point numbers are printed with the fewest digits that read back
//! equal, laid out as Redis 7.2 and later lay them out.

mod big;
mod decimal;
mod extended;
mod hex;

use alloc::vec::Vec;

pub use self::extended::Extended;

/// An integer as text, without an allocation.
///
/// ```
/// use sanderling_core::num::IntText;
/// assert_eq!(IntText::new(-42).as_bytes(), b"-42");
/// ```
#[derive(Clone, Copy)]
pub struct IntText {
    bytes: [u8; INT_TEXT_MAX],
    length: u8,
}

impl IntText {
    /// Writes `value` in decimal.
    #[must_use]
    pub fn new(value: i64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(value).as_bytes();
        let mut bytes = [0; INT_TEXT_MAX];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Self { bytes, length: text.len() as u8 }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl core::fmt::Debug for IntText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "IntText({})", alloc::string::String::from_utf8_lossy(self.as_bytes()))
    }
}

impl AsRef<[u8]> for IntText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Reads an integer in the one form in which it is written.
///
/// Refuses a plus sign, spaces, leading zeros, `-0`, an empty text, and what doesn't fit.
///
/// ```
/// use sanderling_core::num::parse_i64;
/// assert_eq!(parse_i64(b"-12"), Some(-12));
/// assert_eq!(parse_i64(b"012"), None);
/// ```
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() < INT_TEXT_MAX => {}
        _ => return None,
    }
    let mut magnitude = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits, the most that get here, stay below 10^19 and so within 64 bits.
        magnitude = magnitude.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads a floating-point number: decimal or hexadecimal, with or without an exponent, or `inf` and `infinity` in any
/// case and sign.
///
/// Refuses an empty text, spaces, NaN, and a number too large or too small to be told from infinity or zero.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let is_infinite = unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity");
    let value = if is_infinite {
        f64::INFINITY
    } else if let Some((bits, exponent, inexact)) = hex::parse(unsigned) {
        let value = from_binary(bits, exponent, inexact);
        if value.is_infinite() || value == 0.0 && bits != 0 {
            return None;
        }
        value
    } else {
        parse_unsigned_f64(unsigned)?
    };
    Some(if negative { -value } else { value })
}

/// Reads a number as C's `strtod` does where Redis asks no more of it, for the bounds of a range of scores and for `SORT`:
/// spaces before it, and nothing at all for 0. What follows a NUL isn't seen.
///
/// A number too large or too small is infinity or 0, and `false` stands beside it.
#[must_use]
pub fn parse_f64_leniently(text: &[u8]) -> Option<(f64, bool)> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some((0.0, true));
    }
    let text = text.trim_ascii_start();
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if matches!(unsigned.first(), Some(b'-' | b'+')) {
        return None;
    }
    let (value, fits) = match (parse_f64(unsigned), hex::parse(unsigned)) {
        (Some(value), _) => (value, true),
        (None, Some((bits, exponent, inexact))) => (from_binary(bits, exponent, inexact), false),
        (None, None) => (if decimal::Decimal::parse(unsigned)?.magnitude() > 0 { f64::INFINITY } else { 0.0 }, false),
    };
    Some((if negative { -value } else { value }, fits))
}

/// `bits` × 2^`exponent`, and a little more if that is `inexact`, as the nearest double.
fn from_binary(bits: u64, exponent: i32, inexact: bool) -> f64 {
    libm::ldexp((bits | u64::from(inexact)) as f64, exponent)
}

#[cfg(feature = "small")]
use decimal::parse_f64 as parse_unsigned_f64;

/// Reads an unsigned decimal number as the nearest double; nothing if that is infinite, or 0 for what isn't.
#[cfg(not(feature = "small"))]
fn parse_unsigned_f64(text: &[u8]) -> Option<f64> {
    // Names and a second sign, which the standard library takes, too, begin otherwise.
    text.first().filter(|byte| byte.is_ascii_digit() || **byte == b'.')?;
    let value: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    let mut mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let is_lost = value == 0.0 && mantissa.any(|byte| matches!(byte, b'1'..=b'9'));
    (value.is_finite() && !is_lost).then_some(value)
}

/// Appends an integer in decimal.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer in decimal.
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a score or another double as replies show it: `3`, `3.5`, `1e+21`, `inf`, `-inf`.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= INTEGRAL_MAX && (value as i64) as f64 == value {
        write_i64(out, value as i64);
    } else {
        Decimal::new(value).write_general(out);
    }
}

/// Returns a double as replies show it; see [`write_f64`].
#[must_use]
pub fn f64_text(value: f64) -> Vec<u8> {
    let mut text = Vec::new();
    write_f64(&mut text, value);
    text
}

/// The shortest decimal digits of a finite double that isn't zero: ±0.d₁d₂d₃… × 10^`point`.
struct Decimal {
    negative: bool,
    digits: [u8; DIGITS_MAX],
    count: usize,
    point: i32,
}

impl Decimal {
    fn new(value: f64) -> Self {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut decimal = Self { negative, digits: [b'0'; DIGITS_MAX], count: 0, point: whole.len() as i32 };
        decimal.point += exponent.parse::<i32>().unwrap_or(0);
        for digit in whole.bytes().chain(fraction.bytes()) {
            if decimal.count == 0 && digit == b'0' {
                decimal.point -= 1;
            } else if let Some(place) = decimal.digits.get_mut(decimal.count) {
                *place = digit;
                decimal.count += 1;
            }
        }
        decimal.trim();
        decimal
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    fn trim(&mut self) {
        self.count -= self.digits().iter().rev().take_while(|digit| **digit == b'0').count();
    }

    /// Without an exponent where that is short, else with one: the layout of the fpconv library that Redis uses.
    fn write_general(&self, out: &mut Vec<u8>) {
        let last = self.point - self.count as i32;
        let first = self.point - 1;
        let whole_is_short = last >= 0 && first < self.count as i32 + 7;
        let fraction_is_short = last < 0 && (last > -7 || first.abs() < 4);
        if whole_is_short || fraction_is_short {
            return self.write_fixed(out);
        }
        if self.negative {
            out.push(b'-');
        }
        if let Some((first, rest)) = self.digits().split_first() {
            out.push(*first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
        }
        out.extend_from_slice(if first < 0 { b"e-" } else { b"e+" });
        write_i64(out, i64::from(first.abs()));
    }

    fn write_fixed(&self, out: &mut Vec<u8>) {
        let digits = self.digits();
        if self.negative {
            out.push(b'-');
        }
        let whole = usize::try_from(self.point).unwrap_or(0);
        if whole == 0 {
            out.push(b'0');
        }
        for index in 0..whole {
            out.push(digits.get(index).copied().unwrap_or(b'0'));
        }
        if let Some(fraction) = digits.get(whole..)
            && !fraction.is_empty()
        {
            out.push(b'.');
            out.extend((self.point..0).map(|_| b'0'));
            out.extend_from_slice(fraction);
        }
    }
}

/// The longest integer: a sign and nineteen digits.
const INT_TEXT_MAX: usize = 20;

/// More digits than this are never needed to tell two doubles apart.
const DIGITS_MAX: usize = 17;

/// Up to this magnitude a whole number is printed as an integer: half of what 64 bits hold, as in Redis.
const INTEGRAL_MAX: f64 = (i64::MAX / 2) as f64;

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    fn general(value: f64) -> String {
        String::from_utf8(f64_text(value)).unwrap()
    }

    #[test]
    fn integers_in_their_one_form() {
        for (text, value) in
            [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(parse_i64(text.as_bytes()), Some(value));
        }
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "-01",
            "00",
            "1.0",
            "1e3",
            "0x1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551617",
            "99999999999999999999",
            "100000000000000000000000",
            "a",
            "1\0",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_in_many_forms() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("1", 1.0),
            ("+1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("-1.5E-3", -0.0015),
            ("0e999", 0.0),
            ("inf", f64::INFINITY),
            ("+Inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("007", 7.0),
            ("5e-324", 5e-324),
            ("0x10", 16.0),
            ("-0X1.8p1", -3.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        for text in [
            "",
            " 1",
            "1 ",
            "nan",
            "-NaN",
            ".",
            "e5",
            "1e",
            "1e999",
            "-1e999",
            "1e-999",
            "--1",
            "1_0",
            "1,5",
            "infi",
            "\u{ff11}",
            "0x",
            "0x1p2000",
            "0x1p-2000",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_f64(b"\xff"), None);
    }

    #[test]
    fn bounds_are_read_as_c_reads_them() {
        for (text, value) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("\t-1.5", Some(-1.5)),
            ("1e999", Some(f64::INFINITY)),
            ("-1e999", Some(f64::NEG_INFINITY)),
            ("1e-999", Some(0.0)),
            ("0x1p2000", Some(f64::INFINITY)),
            ("1\0x", Some(1.0)),
            ("\0", Some(0.0)),
            ("inf", Some(f64::INFINITY)),
            (" ", None),
            ("1 ", None),
            ("--1", None),
            ("nan", None),
            ("e5", None),
            ("-", None),
        ] {
            assert_eq!(parse_f64_leniently(text.as_bytes()).map(|(value, _)| value), value, "{text:?}");
        }
        assert_eq!(parse_f64_leniently(b"1e999"), Some((f64::INFINITY, false)));
        assert_eq!(parse_f64_leniently(b"0e999"), Some((0.0, true)));
    }

    /// The expectations were read off a Redis server for what `ZADD` stores and `ZSCORE` returns, except where the fewest
    /// digits (which Redis prints from 7.2 on) are fewer than the seventeen that older ones print.
    #[test]
    fn replies_show_doubles_as_redis_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (3.5, "3.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000"),
            (1e17, "100000000000000000"),
            (1e18, "1000000000000000000"),
            (1e19, "1e+19"),
            (1e21, "1e+21"),
            (-2.5e30, "-2.5e+30"),
            (1e-5, "0.00001"),
            (1e-7, "1e-7"),
            (1.5e-10, "1.5e-10"),
            (123.456, "123.456"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (0.000123456, "1.23456e-4"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    proptest! {
        #[test]
        fn integers_round_trip(value: i64) {
            let text = IntText::new(value);
            prop_assert_eq!(format!("{value}").into_bytes(), text.as_bytes());
            prop_assert_eq!(parse_i64(text.as_bytes()), Some(value));
        }

        /// Accepting only what would be written again is what lets a string be held as an integer.
        #[test]
        fn what_parses_is_written_the_same(text in "[-+ 0]{0,2}[0-9]{0,20}") {
            let expected = text.parse::<i64>().ok().filter(|value| format!("{value}") == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), expected);
        }

        #[test]
        fn doubles_round_trip(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(parse_f64(general(value).as_bytes()), Some(value));
        }

        #[test]
        fn no_input_panics(text: Vec<u8>, bits: u64) {
            let _ = (parse_i64(&text), parse_f64(&text), general(f64::from_bits(bits)));
        }
    }
}
