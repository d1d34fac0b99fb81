//! Ranges of positions as commands give them: both ends included, negative ones counted from the end.

use core::ops::Range;

/// Returns the positions from `start` to `end` in something of `len` elements; empty where there are none.
///
/// ```
/// use sanderling_core::types::range::positions;
/// assert_eq!(positions(0, -1, 3), 0..3);
/// assert_eq!(positions(-100, 1, 3), 0..2);
/// assert_eq!(positions(2, 1, 3), 0..0);
/// ```
pub fn positions(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_front = |position: i64| if position < 0 { position.saturating_add(len) } else { position };
    let start = from_front(start).max(0);
    let end = from_front(end).min(len - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

/// Returns the index that a position stands for, if it lies inside something of `len` elements.
pub fn position(position: i64, len: usize) -> Option<usize> {
    let index = match usize::try_from(position) {
        Ok(index) => index,
        Err(_) => len.checked_sub(usize::try_from(position.unsigned_abs()).ok()?)?,
    };
    (index < len).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_position() -> impl Strategy<Value = i64> {
        prop_oneof![4 => -12..12_i64, 1 => prop::sample::select(alloc::vec![i64::MIN, i64::MAX, i64::MIN + 1])]
    }

    proptest! {
        #[test]
        fn positions_are_those_that_lie_between(start in any_position(), end in any_position(), len in 0..10_usize) {
            let absolute = |position: i64| if position < 0 { i128::from(position) + len as i128 } else { i128::from(position) };
            let expected: alloc::vec::Vec<usize> =
                (0..len).filter(|at| (absolute(start)..=absolute(end)).contains(&(*at as i128))).collect();
            prop_assert_eq!(positions(start, end, len).collect::<alloc::vec::Vec<_>>(), expected);
            let at = usize::try_from(absolute(start)).ok().filter(|at| *at < len);
            prop_assert_eq!(position(start, len), at);
        }
    }
}
