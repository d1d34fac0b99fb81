//! Hexadecimal floating-point numbers, `0x1.8p3`, which C reads wherever it reads decimal ones, and so Redis.

/// Reads an unsigned number that begins with `0x`: its leading bits, the power of two that they are multiplied by, and
/// whether something was cut off behind them. Nothing if it is written otherwise. Cost: O(digits).
pub(super) fn parse(text: &[u8]) -> Option<(u64, i32, bool)> {
    let [b'0', b'x' | b'X', rest @ ..] = text else { return None };
    let (digits, exponent) = match rest.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(at) => (rest.get(..at)?, read_exponent(rest.get(at + 1..)?)?),
        None => (rest, 0),
    };
    let (mut bits, mut shift, mut inexact) = (0_u64, 0_i32, false);
    let (mut count, mut is_fraction) = (0_usize, false);
    for &byte in digits {
        if byte == b'.' && !is_fraction {
            is_fraction = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        count += 1;
        if bits >> 60 == 0 {
            bits = bits << 4 | u64::from(digit);
            shift = shift.saturating_sub(if is_fraction { 4 } else { 0 });
        } else {
            inexact |= digit != 0;
            shift = shift.saturating_add(if is_fraction { 0 } else { 4 });
        }
    }
    (count > 0).then_some((bits, shift.saturating_add(exponent), inexact))
}

/// Reads a decimal exponent; one out of all reason becomes one that is far enough.
fn read_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i32;
    for byte in digits {
        let digit = char::from(*byte).to_digit(10)?;
        value = value.saturating_mul(10).saturating_add(digit as i32).min(FAR);
    }
    Some(if negative { -value } else { value })
}

/// An exponent past every format's, and far from overflow.
const FAR: i32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_point_and_exponent_are_read() {
        for (text, expected) in [
            ("0x10", Some((16, 0, false))),
            ("0X1.8p3", Some((0x18, -1, false))),
            ("0x.8", Some((8, -4, false))),
            ("0x1p-2", Some((1, -2, false))),
            ("0xfffffffffffffffff", Some((u64::MAX, 4, true))),
            ("0x1p99999999999", Some((1, FAR, false))),
            ("0x", None),
            ("0x.", None),
            ("0x1p", None),
            ("0x1.2.3", None),
            ("0xg", None),
            ("10", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
