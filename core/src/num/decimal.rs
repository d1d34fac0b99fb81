//! Reading decimal numbers: from digits and a power of ten to bits and a power of two, exactly.
//!
//! Where it counts how long the code is, doubles are read by this, too. The standard library reads them faster, with ten
//! kilobytes of tables that no compression makes smaller.

use alloc::vec::Vec;

use super::big::Big;

/// An unsigned number as it is written: `digits` × 10^`exponent`, the digits as values from 0 to 9, the first of them
/// not 0.
#[derive(Debug)]
pub(super) struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    /// Reads digits with or without a point and an exponent.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (text.get(..at)?, parse_exponent(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.');
        let decimals = point.map_or(0, |at| mantissa.len() - at - 1);
        let mut digits = Vec::with_capacity(mantissa.len());
        for (at, byte) in mantissa.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits.push(byte - b'0'),
                _ if Some(at) == point => {}
                _ => return None,
            }
        }
        if digits.is_empty() {
            return None;
        }
        let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.truncate(digits.len() - trailing);
        digits.drain(..leading.min(digits.len()));
        let shift = i64::try_from(trailing).ok()? - i64::try_from(decimals).ok()?;
        let exponent = i32::try_from(i64::from(exponent) + shift).ok()?;
        Some(Self { digits, exponent })
    }

    /// Whether it is 0.
    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Digits in front of the point; if negative, zeros behind it.
    pub(super) fn magnitude(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX).saturating_add(self.exponent)
    }

    /// The number as bits × 2^exponent, and whether a little more than that is meant; then there are 66 bits or more.
    ///
    /// Cost: quadratic in digits and exponent, which the caller has bounded.
    pub(super) fn to_binary(&self) -> (u128, i32, bool) {
        self.to_binary_small().unwrap_or_else(|| self.to_binary_big())
    }

    /// The way of ordinary numbers, whose digits and power of ten fit in 64 bits each.
    fn to_binary_small(&self) -> Option<(u128, i32, bool)> {
        if self.digits.len() > SMALL_DIGITS_MAX {
            return None;
        }
        let value = self.digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
        let power = 10_u64.checked_pow(self.exponent.unsigned_abs())?;
        if self.exponent >= 0 {
            return Some((u128::from(value) * u128::from(power), 0, false));
        }
        let shift = u128::from(value).leading_zeros();
        let (numerator, divisor) = (u128::from(value) << shift, u128::from(power));
        // At least 64 bits; one more, and whether anything is left, is what rounding needs.
        let (quotient, rest) = (numerator / divisor, 2 * (numerator % divisor));
        let bits = (quotient << 1) + u128::from(rest >= divisor);
        Some((bits, -(shift as i32) - 1, rest % divisor != 0))
    }

    fn to_binary_big(&self) -> (u128, i32, bool) {
        let mut numerator = Big::from_u64(0);
        for digit in &self.digits {
            numerator.multiply_add(10, u32::from(*digit));
        }
        if self.exponent >= 0 {
            numerator.multiply_by_power_of_ten(self.exponent.unsigned_abs());
            let (bits, shift, inexact) = numerator.topmost_bits();
            return (bits, shift as i32, inexact);
        }
        let mut divisor = Big::from_u64(1);
        divisor.multiply_by_power_of_ten(self.exponent.unsigned_abs());
        numerator.divided_by(divisor)
    }
}

/// Reads an unsigned decimal number as the nearest double; nothing if that is infinite, or 0 for what isn't.
#[cfg(any(feature = "small", test))]
pub(super) fn parse_f64(text: &[u8]) -> Option<f64> {
    let mut decimal = Decimal::parse(text)?;
    if decimal.is_zero() {
        return Some(0.0);
    }
    if decimal.magnitude().abs() > F64_MAGNITUDE_MAX {
        return None;
    }
    // No two doubles, nor the middle between two, agree in so many digits: what comes behind can only tip the scales.
    let beyond = decimal.digits.len().saturating_sub(F64_DIGITS_MAX);
    decimal.digits.truncate(F64_DIGITS_MAX);
    decimal.exponent += beyond as i32;
    let (bits, exponent, inexact) = decimal.to_binary();
    let value = nearest_f64(bits, exponent, inexact || beyond > 0);
    (value.is_finite() && value != 0.0).then_some(value)
}

/// Returns the double nearest to `bits` × 2^`exponent`, the even one of two; `inexact` says that a little more is meant.
#[cfg(any(feature = "small", test))]
fn nearest_f64(bits: u128, exponent: i32, inexact: bool) -> f64 {
    let length = (u128::BITS - bits.leading_zeros()) as i32;
    let lowest = (exponent + length - f64::MANTISSA_DIGITS as i32).max(F64_EXPONENT_MIN);
    let excess = lowest - exponent;
    if excess <= 0 {
        // Fewer bits than a double has; then they are all there are, or a double has them and more zeros.
        return libm::ldexp(bits as f64, exponent);
    }
    let excess = excess.unsigned_abs();
    let kept = bits.checked_shr(excess).unwrap_or(0);
    let dropped = bits - kept.checked_shl(excess).unwrap_or(0);
    // Past 127 bits, half of the lowest is more than all there is.
    let half = 1_u128.checked_shl(excess - 1).unwrap_or(u128::MAX);
    let up = dropped > half || dropped == half && (inexact || kept & 1 == 1);
    libm::ldexp((kept + u128::from(up)) as f64, lowest)
}

/// Reads a power of ten; what is beyond any use becomes a number that is so too.
fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value: i32, digit| (value * 10 + i32::from(digit - b'0')).min(100_000));
    Some(if negative { -value } else { value })
}

/// So many digits fit in 64 bits.
const SMALL_DIGITS_MAX: usize = 19;

/// More digits than the longest double, or middle between two, has: 767.
#[cfg(any(feature = "small", test))]
const F64_DIGITS_MAX: usize = 800;
/// Doubles have fewer digits before the point, and fewer zeros behind it.
#[cfg(any(feature = "small", test))]
const F64_MAGNITUDE_MAX: i32 = 400;
/// The exponent of the smallest double.
#[cfg(any(feature = "small", test))]
const F64_EXPONENT_MIN: i32 = -1074;

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    /// What the standard library reads, refused where it is infinite or lost.
    fn expected(text: &str) -> Option<f64> {
        let value: f64 = text.parse().ok()?;
        let lost = value == 0.0
            && text.split(['e', 'E']).next().is_some_and(|digits| digits.contains(|c| ('1'..='9').contains(&c)));
        (value.is_finite() && !lost).then_some(value)
    }

    #[track_caller]
    fn check(text: &str) {
        assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), expected(text).map(f64::to_bits), "{text}");
    }

    #[test]
    fn doubles_at_the_edges_are_the_nearest() {
        for text in [
            "5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "9007199254740993",
            "9007199254740993.0000000000000000000000001",
            "0.1",
            "1e22",
            "1e23",
            "8.5e-5",
            "0e400",
            "1e400",
            "1e-400",
            "123456789012345678901234567890e-20",
            "1e310",
            "0.000001e314",
        ] {
            check(text);
        }
        let middle = format!("{:.1100}", 1.0 + f64::EPSILON / 2.0);
        check(&middle);
        check(&(middle + "1"));
        check(&"9".repeat(2_000));
        check(&format!("0.{}1e1990", "0".repeat(2_000)));
    }

    proptest! {
        #[test]
        fn every_double_is_read_again(bits: u64) {
            let value = f64::from_bits(bits).abs();
            prop_assume!(value.is_finite());
            check(&format!("{value:e}"));
            check(&format!("{value}"));
        }

        #[test]
        fn the_nearest_double_is_that_of_the_standard_library(text in "[0-9]{0,25}[.]?[0-9]{0,25}(e[-+]?[0-9]{1,3})?") {
            check(&text);
        }

        /// The middle between two doubles, written out, and what is a little less or more.
        #[test]
        fn the_middle_goes_to_the_even_one(bits in 0_u64..0x7fef_ffff_ffff_ffff, tail in "[0-9]{0,3}") {
            let (low, high) = (f64::from_bits(bits), f64::from_bits(bits + 1));
            prop_assume!(low > 1e-290 && high < 1e290);
            let exact = |value: f64| format!("{value:.1100}");
            let text: String = exact(low);
            let (low, high) = (Decimal::parse(text.as_bytes()).unwrap(), exact(high));
            prop_assume!(!low.is_zero());
            check(&format!("{text}{tail}"));
            check(&format!("{high}{tail}"));
        }

        /// Both ways of reading give the same number: zeros in front of the exponent make the small way impossible.
        #[test]
        fn the_small_way_is_the_big_way(digits in 1_u64..10_000_000_000_000_000_000, exponent in -19_i32..=19) {
            let decimal = Decimal { digits: format!("{digits}").bytes().map(|byte| byte - b'0').collect(), exponent };
            let nearest = |(bits, exponent, inexact)| nearest_f64(bits, exponent, inexact);
            prop_assert_eq!(nearest(decimal.to_binary_small().unwrap()), nearest(decimal.to_binary_big()));
        }
    }
}
