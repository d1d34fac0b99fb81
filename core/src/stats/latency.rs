//! What made the server stand still for a moment: `LATENCY`.

use alloc::collections::{BTreeMap, VecDeque};

use crate::env::UnixMillis;

/// The events, by their names.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    events: BTreeMap<&'static str, LatencyEvent>,
}

/// Every time that something took long.
#[derive(Debug, Default)]
pub(crate) struct LatencyEvent {
    /// Second and milliseconds, the oldest first; of one second the longest.
    samples: VecDeque<(u64, u64)>,
    /// The longest of all, milliseconds.
    pub(crate) longest_ms: u64,
}

impl Latency {
    /// Takes in that something took `ms`.
    pub(crate) fn add(&mut self, event: &'static str, now: UnixMillis, ms: u64) {
        let event = self.events.entry(event).or_default();
        let second = now.0 / 1000;
        event.longest_ms = event.longest_ms.max(ms);
        match event.samples.back_mut() {
            Some((last, longest)) if *last == second => *longest = ms.max(*longest),
            _ => event.samples.push_back((second, ms)),
        }
        if event.samples.len() > SAMPLES_MAX {
            event.samples.pop_front();
        }
    }

    /// An event by its name.
    pub(crate) fn event(&self, name: &[u8]) -> Option<&LatencyEvent> {
        self.events.iter().find(|(event, _)| event.as_bytes() == name).map(|(_, event)| event)
    }

    /// All events, by name.
    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &LatencyEvent)> {
        self.events.iter().map(|(name, event)| (*name, event))
    }

    /// Forgets the events of these names, or all if there are none. Returns how many there were.
    pub(crate) fn reset(&mut self, names: &[&[u8]]) -> usize {
        let before = self.events.len();
        self.events.retain(|name, _| !names.is_empty() && !names.contains(&name.as_bytes()));
        before - self.events.len()
    }
}

impl LatencyEvent {
    /// Second and milliseconds of each time, the oldest first.
    pub(crate) fn samples(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.samples.iter().copied()
    }

    /// The last time.
    pub(crate) fn last(&self) -> (u64, u64) {
        self.samples.back().copied().unwrap_or_default()
    }
}

/// Times of one event that are kept.
const SAMPLES_MAX: usize = 160;
