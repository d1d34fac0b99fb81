//! One logical database: a table of records, the values that are too large for one, and an index of deadlines.

use alloc::boxed::Box;
#[cfg(feature = "server")]
use alloc::vec::Vec;

use super::{
    Entry, EntryBuf, Value, ValueBuf,
    aging::Stamp,
    expiry::ExpiryIndex,
    objects::{Objects, PLACE_BYTES},
    parts::PartsIndex,
    record::{Layout, Payload, Record},
};
use crate::{
    env::UnixMillis,
    hash::{Rng, hash},
    table::Records,
    types::{
        hash::{Hash, HashRef},
        string::{Expiry, Str, StrBuf},
    },
};

/// A logical database.
#[derive(Debug)]
pub struct Db {
    table: Records<Layout>,
    objects: Objects,
    expiring: ExpiryIndex,
    /// Keys that have a deadline.
    volatile: usize,
    /// When parts of values expire, by the first of each value.
    parts: PartsIndex,
    /// The stamp of what is written next: that of the key which was touched last.
    stamp: Stamp,
    /// Large values that were dropped, for somebody else to free; nobody wants them if `None`.
    #[cfg(feature = "server")]
    pub(super) garbage: Option<Vec<ValueBuf>>,
}

/// What of a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// Parts of its value, all of them perhaps.
    Parts,
    /// The key.
    Key,
}

impl Db {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: Records::seeded(seed),
            objects: Objects::default(),
            expiring: ExpiryIndex::default(),
            volatile: 0,
            parts: PartsIndex::default(),
            stamp: [0; 3],
            #[cfg(feature = "server")]
            garbage: None,
        }
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
        self.table.allocated_bytes() + self.objects.allocated_bytes() + self.index_bytes()
    }

    /// What [`Db::allocated_bytes`] keeps count of, counted anew. Cost: O(keys).
    pub fn counted_bytes(&self) -> usize {
        self.table.allocated_bytes() + self.objects.counted_bytes() + self.index_bytes()
    }

    fn index_bytes(&self) -> usize {
        self.expiring.allocated_bytes() + self.parts.allocated_bytes()
    }

    /// The entry of a key, whether its deadline has passed or not. Cost: O(1).
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.table.get(key).map(|record| self.entry(record))
    }

    /// Stamps a key as used, and keeps the stamp for what is written to it: `None` is the stamp of a key that isn't there
    /// yet. Returns what of it is due, `None` if there's no such key.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        key: &[u8],
        now: UnixMillis,
        stamp: impl FnOnce(Option<Stamp>) -> Stamp,
    ) -> Option<Due> {
        let Some(record) = self.table.get_mut(key) else {
            self.stamp = stamp(None);
            return None;
        };
        let Record { expires_at, payload, .. } = Record::parse(record);
        let mut due = if expires_at.is_some_and(|at| at <= now) { Due::Key } else { Due::Nothing };
        if let Payload::Object(number) = payload
            && due == Due::Nothing
            && self.objects.get(number).and_then(ValueBuf::next_expiry).is_some_and(|at| at <= now)
        {
            due = Due::Parts;
        }
        if let Some(place) = Record::stamp_mut(record) {
            *place = stamp(Some(*place));
            self.stamp = *place;
        }
        Some(due)
    }

    /// Visits about `count` keys that have a deadline, drawn at random.
    #[cfg(feature = "server")]
    pub(crate) fn sample_volatile<'a>(&'a self, rng: &mut Rng, count: usize, mut visit: impl FnMut(Entry<'a>)) {
        let drawn = (0..VOLATILE_TRIES_MAX).filter_map(|_| self.expiring.draw(rng));
        let drawn: Vec<(u64, u64)> = drawn.collect();
        // Few pairs are stale, and few segments of a pair without a key; if these all are, all others are looked at.
        for (note, hash) in drawn.into_iter().chain(self.expiring.iter()) {
            if self.table.note(hash) != note {
                continue;
            }
            let volatile = self.table.neighbours(hash).filter(|record| Record::parse(record).expires_at.is_some());
            let found: Vec<&[u8]> = volatile.collect();
            if found.is_empty() {
                continue;
            }
            for _ in 0..count {
                if let Some(record) = found.get(rng.index(found.len())) {
                    visit(self.entry(record));
                }
            }
            return;
        }
    }

    /// Makes the earliest note of a segment say when a key of it is due, for [`Db::first_due`].
    #[cfg(feature = "server")]
    pub(crate) fn settle_first_due(&mut self) {
        while let Some((at, hash)) = self.expiring.peek() {
            let deadlines = self.table.neighbours(hash).filter_map(|record| Record::parse(record).expires_at);
            let earliest = deadlines.map(note_of).min().unwrap_or(u64::MAX);
            let note = self.table.note(hash);
            if note == at && earliest == at {
                return;
            }
            self.expiring.pop();
            if note == at {
                self.table.set_note(hash, earliest);
                if earliest != u64::MAX {
                    self.expiring.push(earliest, hash);
                }
            }
        }
    }

    /// The key that is due first, after [`Db::settle_first_due`].
    #[cfg(feature = "server")]
    pub(crate) fn first_due(&self) -> Option<Entry<'_>> {
        let (_, hash) = self.expiring.peek()?;
        let volatile = self.table.neighbours(hash).filter(|record| Record::parse(record).expires_at.is_some());
        volatile.min_by_key(|record| Record::parse(record).expires_at).map(|record| self.entry(record))
    }

    /// Brings the entries of keys that are about to be read or written near the processor; see
    /// [`Segmented::warm`](crate::table::Segmented::warm).
    pub fn warm<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        self.table.warm_keys(keys);
    }

    /// All entries, in the order of the keys' hashes.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.table.iter().map(|record| self.entry(record))
    }

    /// Visits about `count` entries from `cursor` on; returns where to go on, 0 at the end. An entry that stays
    /// is visited exactly once, whatever else comes and goes meanwhile.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Entry<'a>)) -> u64 {
        self.table.scan(cursor, count, |record| visit(self.entry(record)))
    }

    /// The place of a key in the order of [`Db::scan`], whether it exists or not: once the cursor is beyond, the scan has
    /// been there.
    pub fn place(&self, key: &[u8]) -> u64 {
        Records::<Layout>::place(hash(self.table.seed(), key))
    }

    /// An entry drawn at random, each about as likely.
    pub fn sample(&self, rng: &mut Rng) -> Option<Entry<'_>> {
        self.table.sample(rng).map(|record| self.entry(record))
    }

    /// When the next key, or the next part of a value, may be due.
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        [self.expiring.next_at(), self.parts.next_at()].into_iter().flatten().min()
    }

    /// Returns a key that is due at `now`. The caller removes it.
    pub(crate) fn pop_due(&mut self, now: UnixMillis) -> Option<Box<[u8]>> {
        while let Some((at, hash)) = self.expiring.peek().filter(|(at, _)| *at <= now.0) {
            if self.table.note(hash) == at {
                let mut next = u64::MAX;
                for record in self.table.neighbours(hash).map(Record::parse) {
                    match record.expires_at {
                        Some(at) if at <= now => return Some(record.key.into()),
                        Some(at) => next = next.min(note_of(at)),
                        None => {}
                    }
                }
                self.table.set_note(hash, next);
                self.expiring.pop();
                // What isn't due is later than now; a pair that isn't would be looked at for ever.
                if next != u64::MAX && next > now.0 {
                    self.expiring.push(next, hash);
                }
            } else {
                self.expiring.pop();
            }
        }
        None
    }

    /// A key that has a part which is due at `now`.
    pub(crate) fn key_of_due_part(&mut self, now: UnixMillis) -> Option<Entry<'_>> {
        while let Some(hash) = self.parts.peek_due(now) {
            // It stays in the index until its value says otherwise.
            let objects = &self.objects;
            let is_due = |record: &[u8]| next_part(objects, record).is_some_and(|at| at <= now);
            if self.table.find(hash, is_due).is_some() {
                return self.table.find(hash, is_due).map(|record| self.entry(record));
            }
            self.parts.pop();
        }
        None
    }

    /// Notes that the first deadline of the parts of a key's value has changed.
    fn note_parts(&mut self, key: &[u8], before: Option<UnixMillis>, after: Option<UnixMillis>) {
        if before != after {
            let (table, objects) = (&self.table, &self.objects);
            self.parts.note(hash(table.seed(), key), before, after, |at, hash| {
                table.find(hash, |record| next_part(objects, record) == Some(UnixMillis(at))).is_some()
            });
        }
    }

    /// Takes a value that isn't in its key's record any more.
    fn take_object(&mut self, key: &[u8], number: u32) -> Option<ValueBuf> {
        let value = self.objects.take(number)?;
        self.note_parts(key, value.next_expiry(), None);
        Some(value)
    }

    /// Makes a change to the value of a key, if it exists, and keeps count of what it takes. `change` is told the
    /// deadline.
    pub(crate) fn change<R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut ValueBuf, Option<UnixMillis>) -> R,
    ) -> Option<R> {
        let record = Record::parse(self.table.get(key)?);
        let expires_at = record.expires_at;
        let mut value = match record.payload {
            Payload::Object(number) => {
                let (result, before, after) = self.objects.change(number, |value| {
                    let before = value.next_expiry();
                    (change(value, expires_at), before, value.next_expiry())
                })?;
                self.note_parts(key, before, after);
                return Some(result);
            }
            payload => owned(payload),
        };
        let result = change(&mut value, expires_at);
        self.store(key, value, expires_at, false);
        Some(result)
    }

    /// Makes a string of a key, whatever it was. Returns the deadline before, `None` if the key is new; and the value
    /// before if `want_before`.
    pub(crate) fn set_string(
        &mut self,
        key: &[u8],
        value: &[u8],
        expiry: Expiry,
        want_before: bool,
    ) -> Option<(Option<UnixMillis>, Option<ValueBuf>)> {
        let Some(found) = self.table.get(key) else {
            let expires_at = expiry.after(None);
            self.store_string(key, value, expires_at, true);
            self.note_expiry(key, None, expires_at);
            return None;
        };
        let record = Record::parse(found);
        let expires_before = record.expires_at;
        let before = match record.payload {
            Payload::Object(number) => self.take_object(key, number),
            payload => want_before.then(|| owned(payload)),
        };
        let before = if want_before {
            before
        } else {
            self.discard(before);
            None
        };
        let expires_at = expiry.after(expires_before);
        self.store_string(key, value, expires_at, false);
        self.note_expiry(key, expires_before, expires_at);
        Some((expires_before, before))
    }

    /// Adds a key that doesn't exist.
    pub(crate) fn insert_new(&mut self, key: &[u8], value: ValueBuf, expires_at: Option<UnixMillis>) {
        debug_assert!(self.find(key).is_none(), "a key is inserted once");
        self.store(key, value, expires_at, true);
        self.note_expiry(key, None, expires_at);
    }

    /// Puts a whole entry in place; returns what stood there.
    pub(crate) fn replace(&mut self, entry: EntryBuf) -> Option<EntryBuf> {
        let before = self.take(&entry.key);
        self.insert_new(&entry.key, entry.value, entry.expires_at);
        before
    }

    /// Takes an entry out.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<EntryBuf> {
        let record = Record::parse(self.table.get(key)?);
        let (expires_at, payload) = (record.expires_at, record.payload);
        let value = match payload {
            Payload::Object(number) => self.take_object(key, number)?,
            payload => owned(payload),
        };
        self.forget(key, expires_at);
        Some(EntryBuf { key: key.into(), value, expires_at })
    }

    /// Removes a key; returns whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some(record) = self.table.get(key).map(Record::parse) else { return false };
        let expires_at = record.expires_at;
        if let Payload::Object(number) = record.payload {
            let value = self.take_object(key, number);
            self.discard(value);
        }
        self.forget(key, expires_at);
        true
    }

    /// Sets or clears a key's deadline; returns the one before, `None` if there's no such key.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expires_at: Option<UnixMillis>) -> Option<Option<UnixMillis>> {
        let record = Record::parse(self.table.get(key)?);
        let before = record.expires_at;
        if before == expires_at {
            return Some(before);
        }
        // What lies in the record is moved by way of the heap: it lies in what is being rewritten.
        let stamp = self.stamp;
        match record.payload {
            Payload::Bytes(bytes) => {
                let bytes = bytes.to_vec();
                self.put(Record { key, stamp, expires_at, payload: Payload::Bytes(&bytes) }, false);
            }
            Payload::Fields(fields) => {
                let fields = fields.to_packed();
                self.put(Record { key, stamp, expires_at, payload: Payload::Fields(fields.borrowed()) }, false);
            }
            Payload::Integer(value) => {
                self.put(Record { key, stamp, expires_at, payload: Payload::Integer(value) }, false);
            }
            Payload::Object(number) => {
                self.put(Record { key, stamp, expires_at, payload: Payload::Object(number) }, false);
            }
        }
        self.note_expiry(key, before, expires_at);
        Some(before)
    }

    /// Drops a value, or leaves that to somebody else if it would take long.
    #[cfg(feature = "server")]
    fn discard(&mut self, value: Option<ValueBuf>) {
        if let (Some(garbage), Some(value)) = (&mut self.garbage, value)
            && value.heap_bytes() > DROPPED_BYTES_MAX
        {
            garbage.push(value);
        }
    }

    #[cfg(not(feature = "server"))]
    fn discard(&mut self, value: Option<ValueBuf>) {
        drop(value);
    }

    /// Empties the database and returns what it held.
    pub(crate) fn take_all(&mut self) -> Self {
        let seed = self.table.seed();
        #[cfg_attr(not(feature = "server"), expect(unused_mut, reason = "a replica frees everything itself"))]
        let mut taken = core::mem::replace(self, Self::new(seed));
        #[cfg(feature = "server")]
        {
            self.garbage = taken.garbage.take();
        }
        taken
    }

    fn entry<'a>(&'a self, bytes: &'a [u8]) -> Entry<'a> {
        let record = Record::parse(bytes);
        let mut is_raw = false;
        let mut taken = bytes.len() + RECORD_OVERHEAD_BYTES;
        let value = match record.payload {
            Payload::Bytes(bytes) => Value::String(Str::Bytes(bytes)),
            Payload::Integer(value) => Value::String(Str::Integer(value)),
            Payload::Fields(fields) => Value::Hash(HashRef::Packed(fields)),
            Payload::Object(number) => match self.objects.get(number) {
                Some(value) => {
                    is_raw = true;
                    taken += PLACE_BYTES + value.heap_bytes();
                    value.as_value()
                }
                None => Value::String(Str::Bytes(&[])),
            },
        };
        Entry { key: record.key, value, expires_at: record.expires_at, stamp: record.stamp, bytes: taken, is_raw }
    }

    /// Stores a value under a key, in the place of the record that may be there. What that referred to is gone.
    fn store(&mut self, key: &[u8], value: ValueBuf, expires_at: Option<UnixMillis>, is_new: bool) {
        if let ValueBuf::Hash(hash) = &value
            && let HashRef::Packed(fields) = hash.borrowed()
            && is_short(key, 1 + fields.bytes().len())
        {
            let record = Record { key, stamp: self.stamp, expires_at, payload: Payload::Fields(fields) };
            return self.put(record, is_new);
        }
        match value {
            ValueBuf::String(StrBuf::Integer(value)) => {
                self.put(Record { key, stamp: self.stamp, expires_at, payload: Payload::Integer(value) }, is_new);
            }
            // A string with room to grow is one that grows.
            ValueBuf::String(StrBuf::Bytes(bytes)) if is_short(key, bytes.len()) && bytes.capacity() == bytes.len() => {
                self.put(Record { key, stamp: self.stamp, expires_at, payload: Payload::Bytes(&bytes) }, is_new);
            }
            value => {
                let part_expires_at = value.next_expiry();
                let number = self.objects.insert(value);
                self.put(Record { key, stamp: self.stamp, expires_at, payload: Payload::Object(number) }, is_new);
                self.note_parts(key, None, part_expires_at);
            }
        }
    }

    fn store_string(&mut self, key: &[u8], value: &[u8], expires_at: Option<UnixMillis>, is_new: bool) {
        match StrBuf::integer_of(value) {
            Some(value) => {
                self.put(Record { key, stamp: self.stamp, expires_at, payload: Payload::Integer(value) }, is_new)
            }
            None if is_short(key, value.len()) => {
                self.put(Record { key, stamp: self.stamp, expires_at, payload: Payload::Bytes(value) }, is_new)
            }
            None => self.store(key, ValueBuf::String(StrBuf::Bytes(value.to_vec())), expires_at, is_new),
        }
    }

    /// Writes a record, in the place of the one with its key unless that is new.
    fn put(&mut self, record: Record<'_>, is_new: bool) {
        let key = record.key;
        record.write(|head, tail| {
            if is_new {
                self.table.insert(key, head, tail);
                // A segment has split: both halves have to be found when their time has come.
                while let Some(hash) = self.table.take_split() {
                    self.expiring.push(self.table.note(hash), hash);
                }
            } else {
                self.table.replace(key, head, tail);
            }
        });
    }

    /// Removes a record, what it referred to being gone.
    fn forget(&mut self, key: &[u8], expires_at: Option<UnixMillis>) {
        self.table.discard(key);
        if expires_at.is_some() {
            self.volatile -= 1;
            self.forget_stale_deadlines();
        }
    }

    /// Keeps account of the deadline of a record that has just been written.
    fn note_expiry(&mut self, key: &[u8], before: Option<UnixMillis>, after: Option<UnixMillis>) {
        if before == after {
            return;
        }
        if let Some(at) = after {
            self.note_deadline(key, at);
        }
        match (before.is_some(), after.is_some()) {
            (false, true) => self.volatile += 1,
            (true, false) => self.volatile -= 1,
            _ => {}
        }
        self.forget_stale_deadlines();
    }

    fn note_deadline(&mut self, key: &[u8], at: UnixMillis) {
        let hash = hash(self.table.seed(), key);
        let note = note_of(at);
        if note < self.table.note(hash) {
            self.table.set_note(hash, note);
            self.expiring.push(note, hash);
        }
    }

    fn forget_stale_deadlines(&mut self) {
        if self.volatile == 0 {
            // The notes that stay behind are too early at worst, and say nothing without a pair in the heap: so they
            // have to go where a pair is wanted again.
            while let Some((_, hash)) = self.expiring.peek() {
                self.table.set_note(hash, u64::MAX);
                self.expiring.pop();
            }
            self.expiring.clear();
        } else if self.expiring.is_mostly_stale(self.table.segment_count()) {
            let table = &self.table;
            self.expiring.retain(|at, hash| table.note(hash) == at);
        }
    }
}

/// When the first part of the value in a record expires.
fn next_part(objects: &Objects, record: &[u8]) -> Option<UnixMillis> {
    match Record::parse(record).payload {
        Payload::Object(number) => objects.get(number)?.next_expiry(),
        _ => None,
    }
}

/// What is larger takes more than some microseconds to free.
#[cfg(feature = "server")]
const DROPPED_BYTES_MAX: usize = 64 * 1024;

/// A deadline as a segment's note; the highest number means that there is none.
fn note_of(at: UnixMillis) -> u64 {
    at.0.min(u64::MAX - 1)
}

/// Whether so many bytes lie in their key's record.
fn is_short(key: &[u8], bytes: usize) -> bool {
    Record::overhead(key) + bytes <= usize::from(u8::MAX)
}

fn owned(payload: Payload<'_>) -> ValueBuf {
    match payload {
        Payload::Bytes(bytes) => ValueBuf::String(StrBuf::Bytes(bytes.to_vec())),
        Payload::Integer(value) => ValueBuf::String(StrBuf::Integer(value)),
        Payload::Fields(fields) => ValueBuf::Hash(Hash::of_packed(fields)),
        Payload::Object(_) => ValueBuf::String(StrBuf::default()),
    }
}

/// Segments that are drawn for a key with a deadline, before all are looked at.
#[cfg(feature = "server")]
const VOLATILE_TRIES_MAX: usize = 8;

/// What a record takes beside its bytes: its length, its start, a slot of the index, and its share of what is free.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 12;
