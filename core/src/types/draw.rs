//! Drawing elements at random: what `HRANDFIELD`, `SRANDMEMBER`, `SPOP` and `ZRANDMEMBER` have in common.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::hash::Rng;

/// Returns `count` different elements of a collection of `len`, every choice of them equally likely; all of them, in
/// the collection's order, where `count` is not below `len`.
///
/// `all` yields the collection, `sample` draws from it. Few elements are drawn one by one, and again where one comes up
/// twice; for many, the collection is shuffled as far as needed. Cost: O(`count` log `count`) or O(n).
pub fn draw_distinct<T: Ord + Copy>(
    len: usize,
    count: usize,
    rng: &mut Rng,
    all: impl Iterator<Item = T>,
    mut sample: impl FnMut(&mut Rng) -> Option<T>,
) -> Vec<T> {
    if count >= len {
        return all.collect();
    }
    // Below a third, less than half a draw in vain is expected for each element.
    if count < len / 3 {
        let mut seen = BTreeSet::new();
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            let Some(element) = sample(rng) else { break };
            if seen.insert(element) {
                drawn.push(element);
            }
        }
        return drawn;
    }
    let mut elements: Vec<T> = all.collect();
    for at in 0..count {
        let other = at + rng.index(elements.len().saturating_sub(at));
        elements.swap(at, other);
    }
    elements.truncate(count);
    elements
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::hash::Rng, *};

    fn draw(len: usize, count: usize, rng: &mut Rng) -> Vec<usize> {
        draw_distinct(len, count, rng, 0..len, |rng| Some(rng.index(len)))
    }

    proptest! {
        #[test]
        fn draws_as_many_as_there_are(len in 0_usize..200, count in 0_usize..250, seed: u64) {
            let drawn = draw(len, count, &mut Rng::new(seed));
            prop_assert_eq!(drawn.len(), len.min(count));
            prop_assert!(drawn.iter().all(|element| *element < len));
            prop_assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
        }
    }

    #[test]
    fn every_element_is_as_likely_in_every_place() {
        for (len, count) in [(12, 2), (12, 6)] {
            let mut rng = Rng::new(9);
            let mut counts = alloc::vec![alloc::vec![0_u32; len]; count];
            for _ in 0..len * 1_000 {
                for (place, element) in draw(len, count, &mut rng).into_iter().enumerate() {
                    counts[place][element] += 1;
                }
            }
            // Six standard deviations around the expected 1,000.
            assert!(counts.iter().flatten().all(|count| (810..=1_190).contains(count)), "{counts:?}");
        }
    }
}
