//! The calls that took longer than others: `SLOWLOG`.

use alloc::{boxed::Box, collections::VecDeque, format, string::String, vec::Vec};

use crate::env::UnixMillis;

/// The slow calls, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<SlowCall>,
    next: u64,
}

/// A call that took long.
#[derive(Debug)]
pub(crate) struct SlowCall {
    /// Its number: one for each since the start.
    pub(crate) id: u64,
    /// Microseconds that it took.
    pub(crate) micros: u64,
    /// Its words, as far as they are kept.
    pub(crate) words: Vec<Box<[u8]>>,
    pub(crate) origin: SlowOrigin,
}

/// When a slow call ran, and who made it.
#[derive(Debug)]
pub(crate) struct SlowOrigin {
    pub(crate) at: UnixMillis,
    pub(crate) address: String,
    pub(crate) name: String,
}

impl SlowLog {
    /// Takes in a call, and forgets what is older than the `len_max` newest.
    pub(crate) fn push(&mut self, words: &[&[u8]], micros: u64, origin: SlowOrigin, len_max: usize) {
        self.entries.push_front(SlowCall { id: self.next, micros, words: shortened(words), origin });
        self.next += 1;
        self.entries.truncate(len_max);
    }

    /// The calls, the newest first.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &SlowCall> {
        self.entries.iter()
    }

    /// Forgets all calls.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Words of a call that are kept, and bytes of each.
const WORDS_MAX: usize = 32;
const WORD_BYTES_MAX: usize = 128;

/// A call's words, those left out that are too many, and of each what is too long.
fn shortened(words: &[&[u8]]) -> Vec<Box<[u8]>> {
    let is_long = words.len() > WORDS_MAX;
    let kept = if is_long { WORDS_MAX - 1 } else { words.len() };
    let mut shown: Vec<Box<[u8]>> = words
        .iter()
        .take(kept)
        .map(|word| match word.split_at_checked(WORD_BYTES_MAX) {
            Some((head, rest)) if !rest.is_empty() => {
                let note = format!("... ({} more bytes)", rest.len());
                [head, note.as_bytes()].concat().into()
            }
            _ => (*word).into(),
        })
        .collect();
    if is_long {
        shown.push(format!("... ({} more arguments)", words.len() - kept).into_bytes().into());
    }
    shown
}
