//! Records that are about to be read, changed or removed, brought near the processor.
//!
//! A lookup waits for memory several times, each time for what the one before said. Here several go side by side, a step of
//! all before the next step of any; see [`Segmented::warm`](super::Segmented::warm). It knows what will be looked at, and
//! changes nothing.

#[cfg(feature = "server")]
use super::{Column, Segment, WARMED_SEGMENTS_MIN};
use super::{Keyed, Records, WARMED_MAX};
use crate::hash::hash;
#[cfg(feature = "server")]
use {crate::hash::Rng, alloc::vec::Vec};

impl<K: Keyed> Records<K> {
    /// As [`Self::warm`], for keys: [`WARMED_MAX`] at most.
    pub fn warm_keys<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        let mut hashes = [0; WARMED_MAX];
        let mut count = 0;
        for (place, key) in hashes.iter_mut().zip(keys) {
            *place = hash(self.seed, key);
            count += 1;
        }
        let mut sum = 0_usize;
        self.warm(hashes.get(..count).unwrap_or_default(), |record| {
            // Both ends: a record may lie across two lines of the cache.
            let (first, last) = (record.first().copied(), record.last().copied());
            sum += usize::from(first.unwrap_or_default()) + usize::from(last.unwrap_or_default());
        });
        // Else the compiler would see that nobody wants to know.
        core::hint::black_box(sum);
    }

    /// Brings the records that [`Segmented::sample`](super::Segmented::sample) will draw by these generators,
    /// [`WARMED_MAX`] at most, near the processor, and what it takes to remove them: a step of all before the next of any.
    #[cfg(feature = "server")]
    pub fn warm_drawn(&self, rngs: impl Iterator<Item = Rng>) {
        if self.segments.len() < WARMED_SEGMENTS_MIN {
            return;
        }
        let mut rngs: Vec<Rng> = rngs.take(WARMED_MAX).collect();
        let mut sum = 0_usize;
        for mut rng in rngs.iter().cloned() {
            // More than one try is rare enough.
            sum += self.segments.get(rng.index(self.segments.len())).map_or(0, Segment::len);
        }
        let mut drawn = [(0, 0, 0); WARMED_MAX];
        for (place, rng) in drawn.iter_mut().zip(&mut rngs) {
            let Some((at, index)) = self.draw(rng) else { continue };
            let Some(segment) = self.segments.get(at) else { continue };
            // The last record is to take the place of the one that goes.
            let last = segment.len().saturating_sub(1);
            let starts = [index, last].map(|index| segment.entries.starts.get(index).copied());
            sum += starts.into_iter().flatten().map(|start| start as usize).sum::<usize>();
            *place = (at, index, last);
        }
        let drawn = drawn.get(..rngs.len()).unwrap_or_default();
        let touch = |at: usize, index: usize| {
            let record = self.segments.get(at).and_then(|segment| segment.entries.get(index));
            record.and_then(<[u8]>::first).map_or(0, |byte| usize::from(*byte))
        };
        sum += drawn.iter().map(|(at, index, last)| touch(*at, *index) + touch(*at, *last)).sum::<usize>();
        let mut hashes = [0; WARMED_MAX];
        for (place, (at, index, last)) in hashes.iter_mut().zip(drawn) {
            let Some(segment) = self.segments.get(*at) else { continue };
            let [hash, last_hash] =
                [*index, *last].map(|index| segment.entries.hash(self.seed, index).unwrap_or_default());
            sum += [hash, last_hash].into_iter().map(|hash| segment.touch_home(hash)).sum::<usize>();
            *place = hash;
        }
        // Those that stand behind it in the index may have to move up, which takes their hashes.
        let runs = drawn.iter().zip(hashes).filter_map(|((at, ..), hash)| Some((*at, self.segments.get(*at)?, hash)));
        let mut behind = Vec::with_capacity(4 * WARMED_MAX);
        for (at, segment, hash) in runs {
            for index in segment.run(hash) {
                sum += segment.entries.starts.get(index).map_or(0, |start| *start as usize);
                behind.push((at, index));
            }
        }
        sum += behind.into_iter().map(|(at, index)| touch(at, index)).sum::<usize>();
        core::hint::black_box(sum);
    }
}
