//! How long ago, or how often, a key was used: 24 bits in its record.
//!
//! ```text
//! LRU   │ seconds, modulo 2^24                      │
//! LFU   │ minutes, modulo 2^16        │ counter     │    the counter grows with the logarithm of the uses
//! ```
//!
//! It is Redis's approximation, and its numbers: what `OBJECT IDLETIME` and `OBJECT FREQ` answer, and what eviction goes
//! by. Nothing of it is logged or replicated.

use crate::{env::UnixMillis, hash::Rng};

/// The 24 bits of a record.
pub(crate) type Stamp = [u8; 3];

/// How keys age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aging {
    /// Whether uses are counted, instead of their moment being kept.
    pub counts_uses: bool,
    /// How much more uses it takes to count one the more were counted: `lfu-log-factor`.
    pub log_factor: u64,
    /// After how many minutes one use is forgotten: `lfu-decay-time`; never if 0.
    pub decay_minutes: u64,
}

impl Aging {
    /// The stamp of a key that has just come to be.
    pub(crate) fn fresh(self, now: UnixMillis) -> Stamp {
        if self.counts_uses { lfu(now, INITIAL) } else { lru(now) }
    }

    /// The stamp of a key that is used now.
    pub(crate) fn used(self, stamp: Stamp, now: UnixMillis, rng: &mut Rng) -> Stamp {
        if !self.counts_uses {
            return lru(now);
        }
        let counter = self.frequency(stamp, now);
        let above = u64::from(counter.saturating_sub(INITIAL));
        let grows = counter < u8::MAX && rng.below(above * self.log_factor + 1) == 0;
        lfu(now, counter + u8::from(grows))
    }

    /// The stamp of a key that was used so many seconds ago, or so often: what of it is kept; nothing if that isn't given.
    #[cfg(feature = "server")]
    pub(crate) fn as_of(self, idle_seconds: Option<u64>, frequency: Option<u8>, now: UnixMillis) -> Option<Stamp> {
        match self.counts_uses {
            true => frequency.map(|counter| lfu(now, counter)),
            false => idle_seconds.map(|seconds| lru(UnixMillis(now.0.saturating_sub(seconds.saturating_mul(1000))))),
        }
    }

    /// The counter of a key's uses, what has been forgotten meanwhile taken off.
    pub(crate) fn frequency(self, [low, high, counter]: Stamp, now: UnixMillis) -> u8 {
        let then = u16::from_le_bytes([low, high]);
        let elapsed = u64::from((minutes(now) as u16).wrapping_sub(then));
        let forgotten = elapsed.checked_div(self.decay_minutes).unwrap_or(0);
        counter.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }

    /// Seconds since a key was used.
    pub(crate) fn idle_seconds(self, [a, b, c]: Stamp, now: UnixMillis) -> u64 {
        let then = u32::from_le_bytes([a, b, c, 0]);
        u64::from((now.0 / 1000) as u32).wrapping_sub(u64::from(then)) & 0xff_ffff
    }

    /// How fit a key is to go: the higher, the sooner.
    #[cfg(feature = "server")]
    pub(crate) fn fitness(self, stamp: Stamp, now: UnixMillis) -> u64 {
        if self.counts_uses { u64::from(u8::MAX - self.frequency(stamp, now)) } else { self.idle_seconds(stamp, now) }
    }
}

fn lru(now: UnixMillis) -> Stamp {
    let [a, b, c, ..] = (now.0 / 1000).to_le_bytes();
    [a, b, c]
}

fn lfu(now: UnixMillis, counter: u8) -> Stamp {
    let [low, high, ..] = minutes(now).to_le_bytes();
    [low, high, counter]
}

fn minutes(now: UnixMillis) -> u64 {
    now.0 / 60_000
}

/// What a new key's counter begins with, so that it isn't the first to go: Redis's `LFU_INIT_VAL`.
const INITIAL: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const LRU: Aging = Aging { counts_uses: false, log_factor: 10, decay_minutes: 1 };
    const LFU: Aging = Aging { counts_uses: true, ..LRU };

    #[test]
    fn idle_time_is_counted_over_the_turn_of_the_clock() {
        let turn = (1_u64 << 24) * 1000;
        let stamp = LRU.fresh(UnixMillis(turn - 2_000));
        assert_eq!(LRU.idle_seconds(stamp, UnixMillis(turn + 3_000)), 5);
    }

    #[cfg(feature = "server")]
    #[test]
    fn an_age_that_is_given_is_the_one_that_is_shown() {
        let now = UnixMillis(60_000 * 70_000);
        assert_eq!(LRU.as_of(Some(1000), Some(7), now).map(|stamp| LRU.idle_seconds(stamp, now)), Some(1000));
        assert_eq!(LFU.as_of(Some(1000), Some(100), now).map(|stamp| LFU.frequency(stamp, now)), Some(100));
        assert_eq!((LRU.as_of(None, Some(7), now), LFU.as_of(Some(1000), None, now)), (None, None));
        assert!(LRU.as_of(Some(u64::MAX), None, now).is_some());
    }

    #[test]
    fn uses_are_counted_slowly_and_forgotten_by_the_minute() {
        let mut rng = Rng::new(1);
        let now = UnixMillis(60_000 * 70_000);
        let mut stamp = LFU.fresh(now);
        (0..1_000).for_each(|_| stamp = LFU.used(stamp, now, &mut rng));
        let counted = LFU.frequency(stamp, now);
        assert!((12..=40).contains(&counted), "{counted} after a thousand uses");
        assert_eq!(LFU.frequency(stamp, UnixMillis(now.0 + 3 * 60_000)), counted - 3);
        assert_eq!(LFU.frequency(stamp, UnixMillis(now.0 + 999 * 60_000)), 0);
        assert_eq!(Aging { decay_minutes: 0, ..LFU }.frequency(stamp, UnixMillis(now.0 + 999 * 60_000)), counted);
    }
}
