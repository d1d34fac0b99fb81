//! Sums of decimal numbers in extended precision: what `INCRBYFLOAT` and `HINCRBYFLOAT` compute with.
//!
//! Redis adds in C's `long double`, on x86 the 80-bit format: 64 bits of significand, 15 of exponent. That is why 0.1
//! and 0.2 make 0.3 there. A server and a tab have to agree with it and with each other, and WebAssembly knows no such
//! type, so it is done here with integers: reading and writing are correctly rounded (half to even), like glibc's.
//! Left out is the lesser precision of subnormal numbers, which 17 decimals can't show.

use alloc::vec::Vec;

use super::{big::Big, decimal::Decimal, hex};

/// A number in the format of x87's extended precision.
///
/// ```
/// use sanderling_core::num::Extended;
/// let sum = Extended::parse(b"0.1").unwrap() + Extended::parse(b"0.2").unwrap();
/// assert_eq!(sum.to_text(), b"0.3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Magnitude {
    Zero,
    /// `significand` × 2^`exponent`, the topmost bit of the significand set.
    Finite {
        significand: u64,
        exponent: i32,
    },
    Infinite,
}

impl Extended {
    /// Nothing: where a counter starts.
    pub const ZERO: Self = Self { negative: false, magnitude: Magnitude::Zero };

    /// Reads a decimal number, with or without an exponent, or `inf` and `infinity` in any case.
    ///
    /// Refuses an empty text, spaces, NaN, what is too large or too small for the format, and texts of 5 KB and more.
    /// Cost: O(digits); some hundred nanoseconds where digits and exponent don't fit in 64 bits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let is_infinite = unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity");
        let magnitude = if is_infinite { Magnitude::Infinite } else { Magnitude::parse(unsigned)? };
        Some(Self { negative, magnitude })
    }

    /// Tells whether the number is neither of the infinities.
    #[must_use]
    pub const fn is_finite(self) -> bool {
        !matches!(self.magnitude, Magnitude::Infinite)
    }

    /// Returns the number with up to 17 decimals, without an exponent and without zeros at the end.
    #[must_use]
    pub fn to_text(self) -> Vec<u8> {
        let (mut digits, decimals) = match self.magnitude {
            Magnitude::Zero => (Vec::new(), 0),
            Magnitude::Infinite => return if self.negative { b"-inf".into() } else { b"inf".into() },
            Magnitude::Finite { significand, exponent: exponent @ 0.. } => {
                (Big::from_u64(significand).shifted_left(exponent.unsigned_abs()).to_decimal(), 0)
            }
            // 10^17 takes 57 bits, so this product fits in 128.
            Magnitude::Finite { significand, exponent } => {
                let scaled = u128::from(significand) * DECIMALS_SCALE;
                (decimal_digits(shift_right_rounding(scaled, exponent.unsigned_abs())), DECIMALS)
            }
        };
        let zeros = digits.iter().rev().take(decimals).take_while(|digit| **digit == b'0').count();
        digits.truncate(digits.len() - zeros);
        let decimals = decimals.saturating_sub(zeros);
        let whole = digits.len().saturating_sub(decimals);
        let mut text = Vec::with_capacity(digits.len() + DECIMALS + 3);
        if self.negative && !digits.is_empty() {
            text.push(b'-');
        }
        if whole == 0 {
            text.push(b'0');
        }
        text.extend(digits.iter().take(whole));
        if decimals > 0 && !digits.is_empty() {
            text.push(b'.');
            text.resize(text.len() + decimals.saturating_sub(digits.len()), b'0');
            text.extend(digits.iter().skip(whole));
        }
        text
    }

    /// Returns the number with so many decimals, at most 17, the nearest text to it.
    #[must_use]
    pub fn to_fixed(self, decimals: usize) -> Vec<u8> {
        let decimals = decimals.min(DECIMALS);
        let scale = 10_u128.pow(decimals as u32);
        let mut digits = match self.magnitude {
            Magnitude::Infinite => return self.to_text(),
            Magnitude::Zero => Vec::new(),
            Magnitude::Finite { significand, exponent: exponent @ 0.. } => {
                let mut digits = Big::from_u64(significand).shifted_left(exponent.unsigned_abs()).to_decimal();
                digits.resize(digits.len() + decimals, b'0');
                digits
            }
            Magnitude::Finite { significand, exponent } => {
                decimal_digits(shift_right_rounding(u128::from(significand) * scale, exponent.unsigned_abs()))
            }
        };
        let missing = (decimals + 1).saturating_sub(digits.len());
        digits.splice(..0, core::iter::repeat_n(b'0', missing));
        if decimals > 0 {
            digits.insert(digits.len() - decimals, b'.');
        }
        if self.negative {
            digits.insert(0, b'-');
        }
        digits
    }

    const fn new(negative: bool, magnitude: Magnitude) -> Self {
        Self { negative, magnitude }
    }
}

impl From<i64> for Extended {
    fn from(value: i64) -> Self {
        Self::new(value < 0, Magnitude::rounded(u128::from(value.unsigned_abs()), 0, false))
    }
}

impl From<f64> for Extended {
    /// The same number; one that is no number becomes infinite.
    fn from(value: f64) -> Self {
        let magnitude = match value.is_finite() {
            true => {
                let bits = value.abs().to_bits();
                let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
                let significand = if exponent == 0 { fraction } else { fraction | 1 << 52 };
                Magnitude::rounded(u128::from(significand), exponent.max(1) - 1075, false)
            }
            false => Magnitude::Infinite,
        };
        Self::new(value.is_sign_negative() && magnitude != Magnitude::Zero, magnitude)
    }
}

impl core::ops::Add for Extended {
    type Output = Self;

    /// Returns the sum, correctly rounded. Of opposite infinities there is none; it is infinite here, for a caller that
    /// refuses both.
    fn add(self, other: Self) -> Self {
        let ((significand, exponent), (other_significand, other_exponent)) = match (self.magnitude, other.magnitude) {
            (Magnitude::Infinite, _) | (_, Magnitude::Zero) => return self,
            (_, Magnitude::Infinite) | (Magnitude::Zero, _) => return other,
            (
                Magnitude::Finite { significand: a, exponent: a_exponent },
                Magnitude::Finite { significand: b, exponent: b_exponent },
            ) => ((a, a_exponent), (b, b_exponent)),
        };
        if (exponent, significand) < (other_exponent, other_significand) {
            return other + self;
        }
        // 63 bits below the larger number keep whatever can decide its rounding; the rest is kept as a single bit.
        let larger = u128::from(significand) << GUARD_BITS;
        let aligned = u128::from(other_significand) << GUARD_BITS;
        let distance = exponent.abs_diff(other_exponent);
        let smaller = aligned.checked_shr(distance).unwrap_or(0);
        let inexact = smaller.checked_shl(distance).unwrap_or(0) != aligned;
        let sum =
            if self.negative == other.negative { larger + smaller } else { larger - smaller - u128::from(inexact) };
        let magnitude = Magnitude::rounded(sum, exponent - GUARD_BITS as i32, inexact);
        Self::new(self.negative && magnitude != Magnitude::Zero, magnitude)
    }
}

impl Magnitude {
    /// Reads an unsigned number; nothing if that would be infinite, or zero for what isn't.
    fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_BYTES_MAX {
            return None;
        }
        if let Some((bits, exponent, inexact)) = hex::parse(text) {
            let magnitude = Self::rounded(bits.into(), exponent, inexact);
            return (bits == 0 || matches!(magnitude, Self::Finite { .. })).then_some(magnitude);
        }
        let decimal = Decimal::parse(text)?;
        if decimal.is_zero() {
            return Some(Self::Zero);
        }
        if decimal.magnitude().abs() > DECIMAL_EXPONENT_MAX {
            return None;
        }
        let (bits, exponent, inexact) = decimal.to_binary();
        let magnitude = Self::rounded(bits, exponent, inexact);
        matches!(magnitude, Self::Finite { .. }).then_some(magnitude)
    }

    /// Returns `bits` × 2^`exponent` with 64 significant bits; `inexact` says that a little more than `bits` is meant.
    fn rounded(bits: u128, exponent: i32, inexact: bool) -> Self {
        let excess = (u128::BITS - bits.leading_zeros()).saturating_sub(u64::BITS);
        if bits == 0 {
            return Self::Zero;
        }
        let (kept, dropped) = (bits >> excess, bits & ((1 << excess) - 1));
        let half = if excess == 0 { u128::MAX } else { 1 << (excess - 1) };
        let up = dropped > half || dropped == half && (inexact || kept & 1 == 1);
        let mut kept = kept + u128::from(up);
        let mut exponent = exponent + excess as i32;
        if kept >> u64::BITS != 0 {
            kept >>= 1;
            exponent += 1;
        }
        let significand = kept as u64;
        let shift = significand.leading_zeros();
        exponent -= shift as i32;
        if exponent > EXPONENT_MAX {
            return Self::Infinite;
        }
        if exponent < EXPONENT_MIN {
            return Self::Zero;
        }
        Self::Finite { significand: significand << shift, exponent }
    }
}

fn shift_right_rounding(value: u128, shift: u32) -> u128 {
    if shift >= u128::BITS {
        return 0;
    }
    let (kept, dropped) = (value >> shift, value & ((1 << shift) - 1));
    let half = if shift == 0 { u128::MAX } else { 1 << (shift - 1) };
    kept + u128::from(dropped > half || dropped == half && kept & 1 == 1)
}

fn decimal_digits(mut value: u128) -> Vec<u8> {
    let mut digits = Vec::with_capacity(40);
    while value > 0 {
        digits.push(b'0' + (value % 10) as u8);
        value /= 10;
    }
    digits.reverse();
    digits
}

/// How many decimals are written.
const DECIMALS: usize = 17;
const DECIMALS_SCALE: u128 = 10_u128.pow(DECIMALS as u32);

/// Bits below the significand while adding: as many as leave room for a carry.
const GUARD_BITS: u32 = 63;

/// The exponents of a significand of 64 bits: those of the format, whose point stands after the first bit, less 63.
const EXPONENT_MAX: i32 = 16_383 - 63;
/// As small as the format's subnormal numbers, which have all their digits here.
const EXPONENT_MIN: i32 = -16_382 - 63 - 63;

/// Numbers with more digits before or after the point are infinite or zero; this is well past both.
const DECIMAL_EXPONENT_MAX: i32 = 5_000;

/// Redis's bound on the text of such a number.
const TEXT_BYTES_MAX: usize = 5 * 1024;

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    fn text(value: Extended) -> String {
        String::from_utf8(value.to_text()).unwrap()
    }

    #[track_caller]
    fn check(a: &str, b: &str, sum: &str) {
        let parse = |text: &str| Extended::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"));
        assert_eq!(text(parse(a) + parse(b)), sum, "{a} + {b}");
        assert_eq!(text(parse(b) + parse(a)), sum, "{b} + {a}");
    }

    /// What a Redis server on x86-64 answers to `SET k a` and `INCRBYFLOAT k b`.
    #[test]
    fn sums_are_those_of_redis() {
        check("0.1", "0.2", "0.3");
        check("10.50", "0.1", "10.6");
        check("5.0e3", "2.0e2", "5200");
        check("3", "1.00000000000000005", "4.00000000000000005");
        check("9223372036854775807", "1", "9223372036854775808");
        check("18446744073709551615", "1", "18446744073709551616");
        check("1", "-1", "0");
        check("-1e-18", "0", "0");
        check("1", "1e-17", "1.00000000000000001");
        check("1e-17", "1e-17", "0.00000000000000002");
        check("1e30", "1", "1000000000000000000024696061952");
        check("123456789.123456789", "987654321.987654321", "1111111111.11111110995989293");
        check("256.1", "0", "256.10000000000000001");
        check("17179869184", "1.5", "17179869185.5");
        check("-12.5", "+.5", "-12");
        check("1e4000", "-1e4000", "0");
        check("4.e-3", "00.0010", "0.005");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "e1", "1e", "1e+", " 1", "1 ", "nan", "-nan", "1.2.3", "1x", "1e5000", "1e-5000", "0x",
            "infinite",
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Extended::parse(&b"1".repeat(TEXT_BYTES_MAX)), None);
        for text in ["inf", "-INF", "+Infinity"] {
            assert!(!Extended::parse(text.as_bytes()).unwrap().is_finite());
        }
        let huge = Extended::parse(b"1e4932").unwrap();
        assert!(huge.is_finite() && !(huge + huge).is_finite());
        assert_eq!(Extended::parse(b"0e99999999999"), Some(Extended::ZERO));
        assert_eq!(Extended::from(i64::MIN).to_text(), b"-9223372036854775808");
    }

    proptest! {
        /// Within 64 bits everything is exact.
        #[test]
        fn integers_add_up(a in -(1_i64 << 62)..1 << 62, b in -(1_i64 << 62)..1 << 62) {
            prop_assert_eq!(text(Extended::from(a) + Extended::from(b)), format!("{}", a + b));
            prop_assert_eq!(Extended::parse(format!("{a}").as_bytes()), Some(Extended::from(a)));
        }

        /// A double is exact in the format, so its shortest digits and all of its digits are read as the same number.
        #[test]
        fn doubles_are_read_exactly(value in prop::num::f64::NORMAL) {
            prop_assume!(value.abs() < 1e300 && value.abs() > 1e-300);
            let exact = format!("{value:.1100}");
            let parsed = Extended::parse(exact.as_bytes()).unwrap();
            let Magnitude::Finite { significand, exponent } = parsed.magnitude else { panic!("{value} is finite") };
            prop_assert_eq!(significand & 0x7ff, 0, "53 bits are significant");
            prop_assert_eq!(libm::ldexp((significand >> 11) as f64, exponent + 11), value.abs());
        }

        /// Below 128 an error in the last bit is less than half a unit of the last decimal.
        #[test]
        fn what_is_written_with_few_digits_is_read_and_written_again(whole in 0_u64..128, fraction in "[0-9]{0,12}[1-9]", negative: bool) {
            let written = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
            prop_assert_eq!(text(Extended::parse(written.as_bytes()).unwrap()), written);
        }

        #[test]
        fn no_input_panics(a in "[-+]?[0-9]{0,30}[.]?[0-9]{0,30}(e[-+]?[0-9]{1,5})?", b: Vec<u8>) {
            let (a, b) = (Extended::parse(a.as_bytes()), Extended::parse(&b));
            let _ = text(a.unwrap_or(Extended::ZERO) + b.unwrap_or(Extended::ZERO));
        }
    }
}
