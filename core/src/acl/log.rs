//! What was denied to whom: `ACL LOG`.

use alloc::{boxed::Box, collections::VecDeque, string::String};

use crate::env::UnixMillis;

/// Denied calls and logins, the newest first.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// Entries that are kept: `acllog-max-len`.
    pub(crate) len_max: usize,
    begun: u64,
}

/// What was denied, once or several times within a minute.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) count: u64,
    /// `command`, `key`, `channel` or `auth`.
    pub(crate) reason: &'static str,
    pub(crate) occasion: Occasion,
    /// The command, key or channel.
    pub(crate) object: Box<[u8]>,
    pub(crate) user: Box<[u8]>,
    pub(crate) created_at: UnixMillis,
    pub(crate) updated_at: UnixMillis,
    /// The connection, as `CLIENT LIST` shows it.
    pub(crate) client: String,
}

/// In what a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    Toplevel,
    Multi,
    Script,
}

impl Occasion {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Toplevel => "toplevel",
            Self::Multi => "multi",
            Self::Script => "lua",
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: VecDeque::new(), len_max: 128, begun: 0 }
    }
}

impl Log {
    /// Takes in what was denied: with a recent entry that says the same, or as a new one.
    pub(crate) fn add(&mut self, mut entry: Entry) {
        let is_same = |other: &Entry| {
            other.reason == entry.reason
                && other.occasion == entry.occasion
                && other.object == entry.object
                && other.user == entry.user
                && entry.updated_at.ms_since(other.updated_at) <= SAME_MS_MAX
        };
        let known = self.entries.iter().take(COMPARED_MAX).position(is_same);
        match known.and_then(|place| self.entries.remove(place)) {
            Some(known) => {
                (entry.id, entry.count, entry.created_at) = (known.id, known.count + 1, known.created_at);
            }
            None => {
                entry.id = self.begun;
                self.begun += 1;
            }
        }
        self.entries.push_front(entry);
        self.entries.truncate(self.len_max);
    }

    /// The newest entries.
    pub(crate) fn newest(&self, count: usize) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter().take(count)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// How long the same denials count as one.
const SAME_MS_MAX: u64 = 60_000;

/// Entries that a new one is compared with.
const COMPARED_MAX: usize = 10;
