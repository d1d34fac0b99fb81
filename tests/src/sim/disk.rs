//! The server's disk: what was appended, and how much of it a crash can't take back.

/// One append.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// What a start wrote before anything else: the hub's head.
    Head(Vec<u8>),
    /// Records, one after the other.
    Records(Vec<u8>),
}

/// An append-only file with a cache in front.
#[derive(Debug, Default)]
pub(super) struct Disk {
    entries: Vec<Entry>,
    synced: usize,
}

impl Disk {
    pub(super) fn append(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Makes everything so far safe.
    pub(super) fn sync(&mut self) {
        self.synced = self.entries.len();
    }

    /// How many appends a crash may take.
    pub(super) fn unsynced(&self) -> usize {
        self.entries.len() - self.synced
    }

    /// Loses the last `count` appends, which weren't synced.
    pub(super) fn lose(&mut self, count: usize) {
        assert!(count <= self.unsynced(), "a disk keeps what was synced");
        self.entries.truncate(self.entries.len() - count);
        self.sync();
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
