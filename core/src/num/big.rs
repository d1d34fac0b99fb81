//! Natural numbers of any size: just what reading and writing decimals in binary takes.
//!
//! Schoolbook methods throughout, on numbers of some hundred 32-bit digits at most.

use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

/// A natural number: 32-bit digits, the lowest first, none zero at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl Big {
    pub(super) fn from_u64(value: u64) -> Self {
        let mut big = Self(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    /// Multiplies by one small number and adds another.
    pub(super) fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for digit in &mut self.0 {
            carry += u64::from(*digit) * u64::from(factor);
            *digit = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    pub(super) fn multiply_by_power_of_ten(&mut self, exponent: u32) {
        for _ in 0..exponent / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        for _ in 0..exponent % 9 {
            self.multiply_add(10, 0);
        }
    }

    pub(super) fn shifted_left(&self, bits: u32) -> Self {
        let mut shifted = vec![0; (bits / 32) as usize];
        let mut carry = 0;
        for digit in &self.0 {
            let wide = u64::from(*digit) << (bits % 32) | carry;
            shifted.push(wide as u32);
            carry = wide >> 32;
        }
        shifted.push(carry as u32);
        let mut big = Self(shifted);
        big.trim();
        big
    }

    /// Returns up to 128 bits from the top, how far they were shifted down, and whether others were lost.
    pub(super) fn topmost_bits(&self) -> (u128, u32, bool) {
        let mut bits = 0_u128;
        let mut digits = self.0.iter().rev();
        for digit in digits.by_ref().take(4) {
            bits = bits << 32 | u128::from(*digit);
        }
        (bits, 32 * digits.len() as u32, digits.any(|digit| *digit != 0))
    }

    /// Returns the quotient with 66 bits or more, as bits and a power of two, and whether anything is left over.
    pub(super) fn divided_by(&self, divisor: Self) -> (u128, i32, bool) {
        const QUOTIENT_BITS: i32 = 66;
        let shift = QUOTIENT_BITS + divisor.bits() as i32 - self.bits() as i32;
        let mut rest = self.shifted_left(shift.max(0).unsigned_abs());
        let mut subtrahend = divisor.shifted_left((-shift).max(0).unsigned_abs() + QUOTIENT_BITS as u32);
        let mut quotient = 0_u128;
        for _ in 0..=QUOTIENT_BITS {
            quotient <<= 1;
            if rest.cmp(&subtrahend) != Ordering::Less {
                rest.subtract(&subtrahend);
                quotient |= 1;
            }
            subtrahend.halve();
        }
        (quotient, -shift, !rest.0.is_empty())
    }

    /// Returns the decimal digits, as text; none for zero.
    pub(super) fn to_decimal(&self) -> Vec<u8> {
        let mut left = self.clone();
        let mut digits = Vec::with_capacity(self.0.len() * 10);
        while !left.0.is_empty() {
            let mut group = left.divide_by(1_000_000_000);
            for _ in 0..9 {
                digits.push(b'0' + (group % 10) as u8);
                group /= 10;
            }
        }
        let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        digits.truncate(digits.len() - zeros);
        digits.reverse();
        digits
    }

    fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| 32 * self.0.len() as u32 - top.leading_zeros())
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts what isn't larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        let others = other.0.iter().copied().chain(core::iter::repeat(0));
        for (digit, other) in self.0.iter_mut().zip(others) {
            let (difference, first) = digit.overflowing_sub(other);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *digit = difference;
            borrow = first || second;
        }
        self.trim();
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for digit in self.0.iter_mut().rev() {
            let low = *digit & 1;
            *digit = *digit >> 1 | carry << 31;
            carry = low;
        }
        self.trim();
    }

    /// Divides by a small number and returns the remainder.
    fn divide_by(&mut self, divisor: u32) -> u32 {
        let mut rest = 0;
        for digit in self.0.iter_mut().rev() {
            let wide = rest << 32 | u64::from(*digit);
            *digit = (wide / u64::from(divisor)) as u32;
            rest = wide % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    fn big(value: u128) -> Big {
        let mut big = Big::from_u64((value >> 64) as u64).shifted_left(64);
        let low = Big::from_u64(value as u64);
        big.0.resize(big.0.len().max(4), 0);
        big.0.iter_mut().zip(low.0).for_each(|(digit, low)| *digit = low);
        big.trim();
        big
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_number(value: u128) {
            let expected = if value == 0 { alloc::string::String::new() } else { format!("{value}") };
            prop_assert_eq!(big(value).to_decimal(), expected.into_bytes());
            prop_assert_eq!(big(value).topmost_bits(), (value, 0, false));
        }

        #[test]
        fn arithmetic_is_that_of_128_bits(a in any::<u128>(), b in any::<u64>(), factor: u32, shift in 0_u32..64) {
            let a = a >> shift;
            let mut difference = big(a.max(u128::from(b)));
            difference.subtract(&big(a.min(u128::from(b))));
            prop_assert_eq!(difference, big(a.abs_diff(u128::from(b))));
            let mut product = big(u128::from(b));
            product.multiply_add(factor, 7);
            prop_assert_eq!(product, big(u128::from(b) * u128::from(factor) + 7));
            prop_assert_eq!(big(u128::from(b)).shifted_left(shift), big(u128::from(b) << shift));
            prop_assert_eq!(big(a).cmp(&big(u128::from(b))), a.cmp(&u128::from(b)));
        }

        #[test]
        fn a_quotient_is_exact_to_66_bits(a in 1_u64.., b in 1_u64..) {
            let (bits, exponent, inexact) = big(u128::from(a)).divided_by(big(u128::from(b)));
            prop_assert!(bits >> 65 != 0);
            // (bits + something below 1 where inexact) × 2^exponent × b is a.
            let scale = exponent.unsigned_abs();
            let scaled = big(u128::from(a)).shifted_left(scale);
            let product = |bits: u128| {
                let mut product = Big(Vec::new());
                for bit in (0..u64::BITS).filter(|bit| b >> bit & 1 == 1) {
                    let mut sum = big(bits).shifted_left(bit);
                    sum.0.resize(sum.0.len().max(product.0.len()) + 1, 0);
                    let mut carry = 0;
                    for (digit, other) in sum.0.iter_mut().zip(product.0.iter().chain(core::iter::repeat(&0))) {
                        carry += u64::from(*digit) + u64::from(*other);
                        *digit = carry as u32;
                        carry >>= 32;
                    }
                    sum.trim();
                    product = sum;
                }
                product
            };
            prop_assert!(exponent <= 0);
            let ordering = product(bits).cmp(&scaled);
            prop_assert_eq!(ordering, if inexact { Ordering::Less } else { Ordering::Equal });
            prop_assert_eq!(product(bits + 1).cmp(&scaled), Ordering::Greater);
        }
    }
}
