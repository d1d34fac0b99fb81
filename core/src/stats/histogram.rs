//! Durations by their size: sixteen steps to each power of two, so that a percentile is off by a sixteenth at most.
//!
//! The shape is that of an HDR histogram with a fixed range, as in Gil Tene's library, with fewer steps.

/// How often durations of each size occurred.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: [u64; BUCKETS],
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts a duration; what takes longer than a second counts as one.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.total += 1;
        if let Some(count) = self.counts.get_mut(bucket(nanos.min(NANOS_MAX))) {
            *count += 1;
        }
    }

    /// Durations that were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Nanoseconds that `percent` of the durations don't pass.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let wanted = libm::ceil(percent / 100.0 * self.total as f64).max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return highest(index);
            }
        }
        0
    }

    /// Durations up to each power of two of a kibi-nanosecond: microseconds, and how many took no longer, where that is
    /// more than before.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut before = 0;
        (10..=NANOS_BITS).filter_map(move |bits| {
            let bound = 1_u64 << bits;
            let count = self.counts.iter().take(bucket(bound)).sum();
            let grown = count > before;
            before = count;
            // The largest number that Redis's steps, of two digits, don't tell from the bound.
            let micros = (bound + (1 << (bits - 7)) - 1) / 1000;
            grown.then_some((micros, count))
        })
    }
}

/// Steps to a power of two.
const STEPS: usize = 16;
/// The longest duration that is told apart: a second.
const NANOS_MAX: u64 = 1 << 30;
const NANOS_BITS: usize = 31;
const BUCKETS: usize = (NANOS_BITS - 3) * STEPS;

/// Where a duration is counted.
fn bucket(nanos: u64) -> usize {
    let bits = nanos.max(1).ilog2() as usize;
    if bits < 4 { nanos as usize } else { (bits - 3) * STEPS + ((nanos >> (bits - 4)) as usize & (STEPS - 1)) }
}

/// The longest duration that is counted there.
fn highest(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (bits, step) = (bucket / STEPS + 3, bucket % STEPS);
    (((STEPS + step + 1) as u64) << (bits - 4)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_what_lies_within_a_sixteenth(nanos in 0..=NANOS_MAX) {
            let highest = highest(bucket(nanos));
            prop_assert!(nanos <= highest && highest - nanos <= nanos / 16 + 1);
            prop_assert!(bucket(nanos) < BUCKETS);
        }

        #[test]
        fn percentiles_and_steps_agree_with_the_sorted_durations(mut nanos in prop::collection::vec(1..NANOS_MAX, 1..50)) {
            let mut histogram = Histogram::default();
            nanos.iter().for_each(|nanos| histogram.record(*nanos));
            nanos.sort_unstable();
            prop_assert_eq!(bucket(histogram.percentile(0.0)), bucket(nanos[0]));
            prop_assert_eq!(bucket(histogram.percentile(50.0)), bucket(nanos[(nanos.len() - 1) / 2]));
            prop_assert_eq!(bucket(histogram.percentile(100.0)), bucket(nanos[nanos.len() - 1]));
            let steps: Vec<_> = histogram.steps().collect();
            prop_assert_eq!(steps.last().map(|(_, count)| *count), Some(nanos.len() as u64));
            prop_assert!(steps.is_sorted_by(|one, other| one.0 < other.0 && one.1 < other.1));
        }
    }

    #[test]
    fn steps_are_those_of_redis() {
        let mut histogram = Histogram::default();
        for bits in 10..16 {
            histogram.record((1 << bits) - 1);
        }
        let micros: Vec<u64> = histogram.steps().map(|(micros, _)| micros).collect();
        assert_eq!(micros, [1, 2, 4, 8, 16, 33]);
    }
}
