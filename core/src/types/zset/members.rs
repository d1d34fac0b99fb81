//! The members of a large sorted set, each stored once and named by a number.
//!
//! The numbers are dense and stay the same as long as the member does, which makes them what the tree and the hash
//! table refer to, and what a `ZSCAN` cursor counts. Slots live in chunks of 128 so that growth never copies what is
//! there, and a chunk that has become empty gives its memory back.
//!
//! A member of up to 22 bytes lies in its slot of 32 bytes; a longer one has an allocation of its own.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Members with their scores, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Members {
    chunks: Vec<Chunk>,
    /// Chunks that may have a free slot; each stands here at most once.
    open: Vec<u32>,
    len: usize,
    /// What the chunks' slots and long members take.
    bytes: usize,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    slots: Vec<Slot>,
    occupied: u32,
    /// The first of the chain of vacant slots.
    vacant: Option<u8>,
    is_open: bool,
}

#[derive(Debug, Clone)]
struct Slot {
    score: f64,
    name: Name,
}

#[derive(Debug, Clone)]
enum Name {
    Short { len: u8, bytes: [u8; SHORT_BYTES_MAX] },
    Long(Box<[u8]>),
    Vacant { next: Option<u8> },
}

impl Members {
    /// Returns the number of members. Cost: O(1).
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Stores a member and returns its number. Cost: amortised O(1).
    pub(super) fn insert(&mut self, member: &[u8], score: f64) -> u32 {
        let slot = Slot { score, name: Name::of(member) };
        let at = self.chunk_with_room();
        self.len += 1;
        self.bytes += slot.name.allocated_bytes();
        let Some(chunk) = self.chunks.get_mut(at) else { return 0 };
        chunk.occupied += 1;
        let before = chunk.slots.capacity();
        let index = match chunk.vacant {
            Some(index) => {
                if let Some(place) = chunk.slots.get_mut(usize::from(index)) {
                    chunk.vacant = place.name.next_vacant();
                    *place = slot;
                }
                usize::from(index)
            }
            None => {
                chunk.slots.reserve_exact(CHUNK_SLOTS - chunk.slots.len());
                chunk.slots.push(slot);
                chunk.slots.len() - 1
            }
        };
        self.bytes += (chunk.slots.capacity() - before) * size_of::<Slot>();
        (at * CHUNK_SLOTS + index) as u32
    }

    /// Returns a member. Cost: O(1).
    pub(super) fn get(&self, id: u32) -> Option<&[u8]> {
        self.slot(id)?.name.bytes()
    }

    /// Returns a member's score. Cost: O(1).
    pub(super) fn score(&self, id: u32) -> Option<f64> {
        self.slot(id).map(|slot| slot.score)
    }

    /// Changes a member's score. Cost: O(1).
    pub(super) fn set_score(&mut self, id: u32, score: f64) {
        let (chunk, index) = split(id);
        if let Some(slot) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.slots.get_mut(index)) {
            slot.score = score;
        }
    }

    /// Forgets a member; its number may be given to another. Cost: O(1).
    pub(super) fn remove(&mut self, id: u32) {
        let (at, index) = split(id);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Some(slot) = chunk.slots.get_mut(index) else { return };
        if slot.name.bytes().is_none() {
            return;
        }
        self.bytes -= slot.name.allocated_bytes();
        slot.name = Name::Vacant { next: chunk.vacant };
        chunk.vacant = Some(index as u8);
        chunk.occupied -= 1;
        self.len -= 1;
        if chunk.occupied == 0 {
            self.bytes -= chunk.slots.capacity() * size_of::<Slot>();
            chunk.slots = Vec::new();
            chunk.vacant = None;
        }
        if !chunk.is_open {
            chunk.is_open = true;
            self.open.push(at as u32);
        }
    }

    /// Visits the members in the order of their numbers, beginning with `id`; each comes with its number.
    pub(super) fn iter_from(&self, id: u32) -> impl Iterator<Item = (u32, &[u8], f64)> {
        let (first_chunk, first_index) = split(id);
        let chunks = self.chunks.iter().enumerate().skip(first_chunk);
        chunks.flat_map(move |(at, chunk)| {
            let skipped = if at == first_chunk { first_index } else { 0 };
            chunk.slots.iter().enumerate().skip(skipped).filter_map(move |(index, slot)| {
                Some(((at * CHUNK_SLOTS + index) as u32, slot.name.bytes()?, slot.score))
            })
        })
    }

    /// Returns the bytes on the heap. Cost: O(1).
    pub(super) fn allocated_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>() + self.open.capacity() * size_of::<u32>() + self.bytes
    }

    /// What the chunks' slots and long members take, counted anew; and as it was kept.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> (usize, usize) {
        let slots: usize = self.chunks.iter().map(|chunk| chunk.slots.capacity() * size_of::<Slot>()).sum();
        let names = self.chunks.iter().flat_map(|chunk| &chunk.slots).map(|slot| slot.name.allocated_bytes());
        (slots + names.sum::<usize>(), self.bytes)
    }

    fn slot(&self, id: u32) -> Option<&Slot> {
        let (chunk, index) = split(id);
        self.chunks.get(chunk)?.slots.get(index)
    }

    /// Returns the index of a chunk with a free slot, adding one where all are full.
    fn chunk_with_room(&mut self) -> usize {
        while let Some(&at) = self.open.last() {
            match self.chunks.get_mut(at as usize) {
                Some(chunk) if chunk.has_room() => return at as usize,
                Some(chunk) => chunk.is_open = false,
                None => {}
            }
            self.open.pop();
        }
        let at = self.chunks.len();
        self.chunks.push(Chunk { is_open: true, ..Chunk::default() });
        self.open.push(at as u32);
        at
    }
}

impl Chunk {
    fn has_room(&self) -> bool {
        self.vacant.is_some() || self.slots.len() < CHUNK_SLOTS
    }
}

impl Name {
    fn of(member: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match bytes.get_mut(..member.len()) {
            Some(space) => {
                space.copy_from_slice(member);
                Self::Short { len: member.len() as u8, bytes }
            }
            None => Self::Long(member.into()),
        }
    }

    fn allocated_bytes(&self) -> usize {
        match self {
            Self::Long(bytes) => bytes.len(),
            _ => 0,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)),
            Self::Long(bytes) => Some(bytes),
            Self::Vacant { .. } => None,
        }
    }

    fn next_vacant(&self) -> Option<u8> {
        match self {
            Self::Vacant { next } => *next,
            _ => None,
        }
    }
}

fn split(id: u32) -> (usize, usize) {
    let id = id as usize;
    (id / CHUNK_SLOTS, id % CHUNK_SLOTS)
}

/// The longest member that needs no allocation of its own.
const SHORT_BYTES_MAX: usize = 22;

/// How many slots are allocated at once: 4 KB.
const CHUNK_SLOTS: usize = 128;

const _: () = assert!(size_of::<Slot>() == 32);
const _: () = assert!(CHUNK_SLOTS <= u8::MAX as usize + 1, "a slot's index fits the vacant chain");

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn members_are_found_under_their_numbers(
            ops in prop::collection::vec(
                prop_oneof![
                    3 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Ok),
                    2 => any::<prop::sample::Index>().prop_map(Err),
                ],
                0..600,
            ),
        ) {
            let (mut members, mut model) = (Members::default(), BTreeMap::new());
            for (round, op) in ops.into_iter().enumerate() {
                match op {
                    Ok(member) => {
                        let id = members.insert(&member, round as f64);
                        prop_assert_eq!(model.insert(id, (member, round as f64)), None);
                    }
                    Err(index) if !model.is_empty() => {
                        let id = *model.keys().nth(index.index(model.len())).unwrap();
                        members.remove(id);
                        members.remove(id);
                        model.remove(&id);
                        prop_assert_eq!(members.get(id), None);
                    }
                    Err(_) => {}
                }
                prop_assert_eq!(members.len(), model.len());
                let (counted, kept) = members.counted_bytes();
                prop_assert_eq!(counted, kept);
            }
            for (id, (member, score)) in &model {
                prop_assert_eq!(members.get(*id), Some(member.as_slice()));
                prop_assert_eq!(members.score(*id), Some(*score));
            }
            let from = model.len() as u32 / 2;
            let seen: Vec<_> = members.iter_from(from).map(|(id, member, score)| (id, (member.to_vec(), score))).collect();
            prop_assert_eq!(seen, model.into_iter().filter(|(id, _)| *id >= from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn emptied_chunks_give_their_memory_back() {
        let mut members = Members::default();
        let ids: Vec<u32> = (0..10_000_u32).map(|n| members.insert(&n.to_be_bytes(), 0.0)).collect();
        let full = members.allocated_bytes();
        ids.iter().for_each(|id| members.remove(*id));
        assert!(members.allocated_bytes() < full / 20);
        let reused = members.insert(b"again", 1.0);
        assert!((reused as usize) < ids.len().next_multiple_of(CHUNK_SLOTS), "{reused} is a new number");
    }
}
