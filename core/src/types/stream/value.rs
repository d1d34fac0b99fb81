//! The stream value: entries that were appended, and groups that read them.
//!
//! Unlike other collections a stream may be empty: its last id and its groups outlive its entries.

use alloc::vec::Vec;

use super::{
    StreamId,
    entries::{Entries, Range, RangeRev},
    group::Group,
    node::Entry,
};

/// A log of entries, with the groups that read it.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub(super) entries: Entries,
    pub(super) head: Head,
    /// By name.
    groups: Vec<Group>,
    /// What the groups take on the heap.
    group_bytes: usize,
}

/// Up to where entries go when a stream is trimmed.
#[derive(Clone, Copy, Debug)]
pub enum Threshold {
    /// So many stay.
    Len(usize),
    /// Those from this id on stay.
    Id(StreamId),
}

/// What a stream remembers beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The id that was given last; no entry's is above it.
    pub last_id: StreamId,
    /// The highest id that was removed by its name; trimming doesn't count.
    pub max_deleted: StreamId,
    /// How many entries were ever added.
    pub added: u64,
}

impl Stream {
    /// How many entries there are. Cost: O(1).
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry. Cost: O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it remembers beside its entries.
    pub fn head(&self) -> Head {
        self.head
    }

    /// In how many nodes the entries lie.
    pub fn node_count(&self) -> usize {
        self.entries.node_count()
    }

    /// The first entry. Cost: O(1).
    pub fn first(&self) -> Option<Entry<'_>> {
        self.entries.first()
    }

    /// The id of the first entry; the lowest of all where there's none.
    pub fn first_id(&self) -> StreamId {
        self.first().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The last entry. Cost: O(size of a node).
    pub fn last(&self) -> Option<Entry<'_>> {
        self.entries.last()
    }

    /// The entry with this id. Cost: O(log n + size of a node).
    pub fn find(&self, id: StreamId) -> Option<Entry<'_>> {
        self.entries.find(id)
    }

    /// The entries from one id to another, both included. Cost: O(log n + size of a node) to begin.
    pub fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        self.entries.range(from, to)
    }

    /// The entries from one id down to another, both included. Cost: O(log n + size of a node) to begin.
    pub fn range_rev(&self, from: StreamId, to: StreamId) -> RangeRev<'_> {
        self.entries.range_rev(from, to)
    }

    /// The entries after an id.
    pub fn after(&self, id: StreamId) -> Range<'_> {
        // The last id of all has none after it.
        let (from, to) = id.next().map_or((StreamId::MAX, StreamId::MIN), |next| (next, StreamId::MAX));
        self.entries.range(from, to)
    }

    /// Whether an entry has an id above this one. Cost: O(size of a node).
    pub fn reaches_beyond(&self, id: StreamId) -> bool {
        // The last id may be that of an entry that is gone.
        self.head.last_id > id && self.last().is_some_and(|last| last.id > id)
    }

    /// How many entries go from the front when the stream is trimmed.
    ///
    /// Where the trimming is `rough` only whole nodes go, and no more than `limit` entries; 0 is no limit.
    /// Cost: O(nodes that go), and what it costs to walk over one.
    pub fn count_to_trim(&self, threshold: Threshold, rough: bool, limit: usize) -> usize {
        let mut count = 0;
        for node in self.entries.nodes() {
            let held = node.count();
            if limit > 0 && count + held > limit {
                return count;
            }
            let goes = match threshold {
                Threshold::Len(len) => self.len() - count - held >= len,
                Threshold::Id(id) => node.last().is_some_and(|last| last.id < id),
            };
            if !goes {
                return count
                    + match threshold {
                        _ if rough => 0,
                        Threshold::Len(len) => (self.len() - count).saturating_sub(len),
                        Threshold::Id(id) => node.iter().take_while(|entry| entry.id < id).count(),
                    };
            }
            count += held;
        }
        count
    }

    /// The groups, by name.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of this name. Cost: O(log groups).
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(self.search(name).ok()?)
    }

    /// Adds a group of a new name. Returns whether its name was new.
    pub(super) fn add_group(&mut self, group: Group) -> bool {
        let Err(place) = self.search(&group.name) else { return false };
        self.group_bytes += group.allocated_bytes();
        self.groups.insert(place, group);
        true
    }

    /// Removes a group.
    pub(super) fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        let place = self.search(name).ok()?;
        let group = self.groups.remove(place);
        self.group_bytes -= group.allocated_bytes();
        Some(group)
    }

    /// Makes a change to a group, if it exists, and keeps count of what it takes.
    pub(super) fn change_group<R>(&mut self, name: &[u8], act: impl FnOnce(&mut Group) -> R) -> Option<R> {
        let place = self.search(name).ok()?;
        let group = self.groups.get_mut(place)?;
        let before = group.allocated_bytes();
        let result = act(group);
        self.group_bytes = self.group_bytes - before + group.allocated_bytes();
        Some(result)
    }

    /// How many entries had been added by the time of this id, if that can be told. Cost: O(1).
    pub fn added_by(&self, id: StreamId) -> Option<u64> {
        let Head { last_id, max_deleted, added } = self.head;
        if added == 0 {
            return Some(0);
        }
        if id == last_id || self.is_empty() && id < last_id {
            return Some(added);
        }
        let first = self.first_id();
        // Before the first entry nothing is missing but what was trimmed; between the others something may be.
        let is_whole = id < last_id && (max_deleted == StreamId::MIN || max_deleted < first);
        let gone = added.saturating_sub(self.len() as u64);
        match id.cmp(&first) {
            core::cmp::Ordering::Less if is_whole => Some(gone),
            core::cmp::Ordering::Equal if is_whole => Some(gone + 1),
            _ => None,
        }
    }

    /// Whether an entry may have been removed from among those that have this id or a higher one. Cost: O(1).
    fn has_gaps_from(&self, id: StreamId) -> bool {
        let deleted = self.head.max_deleted;
        !self.is_empty() && deleted != StreamId::MIN && self.first_id() <= deleted && id <= deleted
    }

    /// How many entries a group has read once it has read the one with this id, if that can be told; `read` are those
    /// that it has read before.
    pub fn read_through(&self, id: StreamId, read: Option<u64>) -> Option<u64> {
        match read {
            Some(read) if !self.has_gaps_from(id) => Some(read.saturating_add(1)),
            read if self.head.added == 0 => read,
            _ => self.added_by(id),
        }
    }

    /// How many entries a group has yet to read, if that can be told. Cost: O(1).
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let read = match group.entries_read {
            _ if self.head.added == 0 => 0,
            Some(read) if !self.has_gaps_from(group.last_id) => read,
            _ => self.added_by(group.last_id)?,
        };
        Some((self.head.added as i64).wrapping_sub(read as i64))
    }

    /// The bytes on the heap, `size_of::<Stream>()` not among them. Cost: O(1).
    pub fn allocated_bytes(&self) -> usize {
        self.entries.allocated_bytes() + self.groups.capacity() * size_of::<Group>() + self.group_bytes
    }

    /// The same, counted anew.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(Group::allocated_bytes).sum();
        self.entries.counted_bytes() + self.groups.capacity() * size_of::<Group>() + groups
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| (*group.name).cmp(name))
    }
}
