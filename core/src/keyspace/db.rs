//! One logical database: a table of entries and an index of deadlines.

use alloc::boxed::Box;

use super::{Entry, Value, expiry::ExpiryIndex};
use crate::{
    env::UnixMillis,
    hash::{Rng, hash},
    table::{Table, WARMED_MAX},
};

/// A logical database.
#[derive(Debug)]
pub struct Db {
    seed: u64,
    table: Table<Entry>,
    expiring: ExpiryIndex,
    /// Keys that have a deadline.
    volatile: usize,
    /// When parts of values expire, by the first of each value.
    parts_expiring: ExpiryIndex,
    /// Keys with such a value.
    parts_volatile: usize,
    /// What keys and values take on the heap, beside their places in the table.
    heap_bytes: usize,
}

impl Db {
    pub(crate) fn new(seed: u64) -> Self {
        let (expiring, parts_expiring) = (ExpiryIndex::default(), ExpiryIndex::default());
        Self { seed, table: Table::new(), expiring, volatile: 0, parts_expiring, parts_volatile: 0, heap_bytes: 0 }
    }

    /// Keys in the database, those included whose deadline has passed and that weren't removed yet.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the database holds no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Keys that have a deadline.
    pub fn volatile_len(&self) -> usize {
        self.volatile
    }

    /// The bytes that the database takes in memory: its table, keys, values and deadlines. Cost: O(1).
    pub fn allocated_bytes(&self) -> usize {
        self.table.allocated_bytes() + self.heap_bytes + self.index_bytes()
    }

    /// What [`Db::allocated_bytes`] keeps count of, counted anew. Cost: O(keys).
    pub fn counted_bytes(&self) -> usize {
        let entries: usize = self.iter().map(Entry::heap_bytes).sum();
        self.table.allocated_bytes() + entries + self.index_bytes()
    }

    fn index_bytes(&self) -> usize {
        self.expiring.allocated_bytes() + self.parts_expiring.allocated_bytes()
    }

    /// The entry of a key, whether its deadline has passed or not. Cost: O(1).
    pub fn find(&self, key: &[u8]) -> Option<&Entry> {
        self.table.find(hash(self.seed, key), |entry| *entry.key == *key)
    }

    /// Brings the entries of keys that are about to be read or written near the processor; see [`Table::warm`].
    pub fn warm<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        let mut hashes = [0; WARMED_MAX];
        let mut count = 0;
        for (place, key) in hashes.iter_mut().zip(keys) {
            *place = hash(self.seed, key);
            count += 1;
        }
        let mut sum = 0_usize;
        self.table.warm(hashes.get(..count).unwrap_or_default(), |entry| {
            sum = sum.wrapping_add(entry.touched());
        });
        // Else the compiler would see that nobody wants to know.
        core::hint::black_box(sum);
    }

    /// All entries, in the order of the keys' hashes.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// Visits about `count` entries from `cursor` on; returns where to go on, 0 at the end. An entry that stays
    /// is visited exactly once, whatever else comes and goes meanwhile.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: impl FnMut(&'a Entry)) -> u64 {
        self.table.scan(cursor, count, visit)
    }

    /// The place of a key in the order of [`Db::scan`], whether it exists or not: once the cursor is beyond, the scan has
    /// been there.
    pub fn place(&self, key: &[u8]) -> u64 {
        Table::<Entry>::place(hash(self.seed, key))
    }

    /// An entry drawn at random, each about as likely.
    pub fn sample(&self, rng: &mut Rng) -> Option<&Entry> {
        self.table.sample(rng)
    }

    /// When the next key, or the next part of a value, may be due.
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        [self.expiring.next_at(), self.parts_expiring.next_at()].into_iter().flatten().min()
    }

    /// Takes from the index the next key that is due at `now`. The caller removes the key, or it is lost to the index.
    pub(crate) fn pop_due(&mut self, now: UnixMillis) -> Option<Box<[u8]>> {
        while let Some(hash) = self.expiring.pop_due(now) {
            // Of two keys with one hash both deadlines are in the heap, so each comes up in its turn.
            if let Some(entry) = self.table.find(hash, |entry| entry.is_due(now)) {
                return Some(entry.key.clone());
            }
        }
        None
    }

    /// A key that has a part which is due at `now`.
    pub(crate) fn key_of_due_part(&mut self, now: UnixMillis) -> Option<&Entry> {
        let is_due = |entry: &Entry| entry.value.next_expiry().is_some_and(|at| at <= now);
        while let Some(hash) = self.parts_expiring.peek_due(now) {
            // It stays in the index until its value says otherwise.
            if self.table.find(hash, is_due).is_some() {
                return self.table.find(hash, is_due);
            }
            self.parts_expiring.pop_due(now);
        }
        None
    }

    /// Makes a change to the value of a key, if it exists, and keeps count of what it takes.
    pub(crate) fn change<R>(&mut self, key: &[u8], change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.find_mut(key)?;
        let (before, expiry_before) = (entry.value.heap_bytes(), entry.value.next_expiry());
        let result = change(entry);
        let (after, expiry_after) = (entry.value.heap_bytes(), entry.value.next_expiry());
        self.heap_bytes = self.heap_bytes - before + after;
        if expiry_before != expiry_after {
            self.note_parts(hash(self.seed, key), expiry_before, expiry_after);
        }
        Some(result)
    }

    /// Notes that the first deadline of the parts of a key's value has changed.
    fn note_parts(&mut self, hash: u64, before: Option<UnixMillis>, after: Option<UnixMillis>) {
        if before == after {
            return;
        }
        if let Some(at) = after {
            self.parts_expiring.push(at, hash);
        }
        self.parts_volatile = self.parts_volatile + usize::from(after.is_some()) - usize::from(before.is_some());
        if self.parts_volatile == 0 {
            self.parts_expiring.clear();
        } else if self.parts_expiring.is_mostly_stale(self.parts_volatile) {
            let table = &self.table;
            let holds = |at, hash| table.find(hash, |entry| entry.value.next_expiry() == Some(at)).is_some();
            self.parts_expiring.retain(holds);
        }
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn find_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.table.find_mut(hash(self.seed, key), |entry| *entry.key == *key)
    }

    /// Adds a key that doesn't exist.
    pub(crate) fn insert_new(&mut self, key: Box<[u8]>, value: Value, expires_at: Option<UnixMillis>) {
        let hash_of = hash(self.seed, &key);
        debug_assert!(self.find(&key).is_none(), "a key is inserted once");
        if let Some(at) = expires_at {
            self.volatile += 1;
            self.expiring.push(at, hash_of);
        }
        let entry = Entry { key, value, expires_at };
        self.heap_bytes += entry.heap_bytes();
        let part_expires_at = entry.value.next_expiry();
        self.table.insert_unique(hash_of, entry);
        self.note_parts(hash_of, None, part_expires_at);
    }

    /// Puts a whole entry in place; returns what stood there.
    pub(crate) fn replace(&mut self, entry: Entry) -> Option<Entry> {
        let hash = hash(self.seed, &entry.key);
        let Some(place) = self.table.find_mut(hash, |other| *other.key == *entry.key) else {
            self.insert_new(entry.key, entry.value, entry.expires_at);
            return None;
        };
        let (bytes, expires_at) = (entry.heap_bytes(), entry.expires_at);
        let part_expires_at = entry.value.next_expiry();
        let before = core::mem::replace(place, entry);
        self.heap_bytes = self.heap_bytes + bytes - before.heap_bytes();
        if let Some(at) = expires_at.filter(|_| expires_at != before.expires_at) {
            self.expiring.push(at, hash);
        }
        self.volatile = self.volatile + usize::from(expires_at.is_some()) - usize::from(before.expires_at.is_some());
        self.forget_stale_deadlines();
        self.note_parts(hash, before.value.next_expiry(), part_expires_at);
        Some(before)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let hash = hash(self.seed, key);
        let entry = self.table.remove(hash, |entry| *entry.key == *key)?;
        self.heap_bytes -= entry.heap_bytes();
        self.note_parts(hash, entry.value.next_expiry(), None);
        if entry.expires_at.is_some() {
            self.volatile -= 1;
            self.forget_stale_deadlines();
        }
        Some(entry)
    }

    /// Sets or clears a key's deadline; returns the one before, `None` if there's no such key.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expires_at: Option<UnixMillis>) -> Option<Option<UnixMillis>> {
        let hash = hash(self.seed, key);
        let entry = self.find_mut(key)?;
        let before = core::mem::replace(&mut entry.expires_at, expires_at);
        if before == expires_at {
            return Some(before);
        }
        if let Some(at) = expires_at {
            self.expiring.push(at, hash);
        }
        match (before.is_some(), expires_at.is_some()) {
            (false, true) => self.volatile += 1,
            (true, false) => self.volatile -= 1,
            _ => {}
        }
        self.forget_stale_deadlines();
        Some(before)
    }

    /// Empties the database and returns what it held.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::new(self.seed))
    }

    fn forget_stale_deadlines(&mut self) {
        if self.volatile == 0 {
            self.expiring.clear();
        } else if self.expiring.is_mostly_stale(self.volatile) {
            let table = &self.table;
            self.expiring.retain(|at, hash| table.find(hash, |entry| entry.expires_at == Some(at)).is_some());
        }
    }
}
