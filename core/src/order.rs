//! Sorting, in a form that costs a WebAssembly module little.
//!
//! The standard library's sorts are the fastest there are and take some five kilobytes of code for each type and each
//! comparison. A native build has that room. A module that is downloaded shares one merge sort of positions among all
//! types, and then moves the elements; that is about half as fast, and a twentieth of the size. Both are stable, so
//! results don't depend on which of them ran.

use alloc::vec::Vec;
use core::{cmp::Ordering, mem};

/// Sorts by a comparison; what compares as equal keeps its order. Cost: O(n log n) comparisons.
pub(crate) fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    if cfg!(feature = "small") { sort_small(items, &mut compare) } else { items.sort_by(compare) }
}

/// Sorts in the type's own order. Cost: O(n log n) comparisons.
pub(crate) fn sort<T: Ord>(items: &mut [T]) {
    if cfg!(feature = "small") { sort_small(items, &mut T::cmp) } else { items.sort_unstable() }
}

/// Moves the `count` smallest elements to the front, in no order, and returns the largest of them; `None` if there
/// are fewer. Cost: O(n), or O(n log n) where code has to be small.
pub(crate) fn smallest<T: Ord>(items: &mut [T], count: usize) -> Option<&T> {
    let last = count.checked_sub(1).filter(|last| *last < items.len())?;
    if cfg!(feature = "small") {
        sort(items);
        items.get(last)
    } else {
        Some(items.select_nth_unstable(last).1)
    }
}

fn sort_small<T>(items: &mut [T], compare: &mut dyn FnMut(&T, &T) -> Ordering) {
    let mut is_less = |one: usize, other: usize| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other) == Ordering::Less,
        _ => false,
    };
    let order = order_of(items.len(), &mut is_less);
    move_into(&order, &mut |one, other| items.swap(one, other));
}

/// Returns the positions of `count` elements in their order: runs of doubled width are merged, from single ones up.
fn order_of(count: usize, is_less: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut runs: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1;
    while width < count {
        merged.clear();
        for pair in runs.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some((&one, left_rest)), Some((&other, right_rest))) = (left.split_first(), right.split_first())
            {
                if is_less(other, one) {
                    merged.push(other);
                    right = right_rest;
                } else {
                    merged.push(one);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        mem::swap(&mut runs, &mut merged);
        width *= 2;
    }
    runs
}

/// Swaps elements until at each position is the one that `order` names for it. Cost: O(n), each swap settles one.
fn move_into(order: &[usize], swap: &mut dyn FnMut(usize, usize)) {
    // Where each element goes, kept up to date as the elements move.
    let mut goes_to = order.to_vec();
    for (to, &from) in order.iter().enumerate() {
        if let Some(place) = goes_to.get_mut(from) {
            *place = to;
        }
    }
    for at in 0..goes_to.len() {
        while let Some(&to) = goes_to.get(at)
            && to != at
        {
            swap(at, to);
            goes_to.swap(at, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{smallest, sort_small};

    proptest! {
        #[test]
        fn the_small_sort_is_the_stable_sort(keys in prop::collection::vec(0..40_u8, 0..200)) {
            let mut items: Vec<(u8, usize)> = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_small(&mut items, &mut |one, other| one.0.cmp(&other.0));
            prop_assert_eq!(items, expected);
        }

        #[test]
        fn the_smallest_come_first(mut items in prop::collection::vec(any::<u16>(), 0..100), count in 0..120_usize) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let expected = count.checked_sub(1).and_then(|last| sorted.get(last).copied());
            prop_assert_eq!(smallest(&mut items, count).copied(), expected);
            if expected.is_some() {
                items.truncate(count);
                items.sort_unstable();
                sorted.truncate(count);
                prop_assert_eq!(items, sorted);
            }
        }
    }
}
