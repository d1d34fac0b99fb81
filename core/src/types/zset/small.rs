//! A small sorted set: members and scores in order, in one buffer.
//!
//! ```text
//! | n | n bytes of score | len | member … | n | …
//! ```
//!
//! A score is the first `n` bytes of its big-endian form; the rest are zeros. Integers of everyday size take two or
//! three bytes so. `len` is a LEB128 number. Everything is found by walking, so the owner bounds how many there are.

use alloc::vec::Vec;

use super::bound::Cut;

/// Members in order of score, back to back.
#[derive(Debug, Clone, Default)]
pub(super) struct Small {
    bytes: Vec<u8>,
    count: u32,
}

impl Small {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Returns the members with their scores, lowest first.
    pub(super) fn iter(&self) -> SmallIter<'_> {
        SmallIter { rest: &self.bytes }
    }

    /// Returns the rank and the score of a member. Cost: O(bytes).
    pub(super) fn find(&self, member: &[u8]) -> Option<(usize, f64)> {
        let (rank, (_, score)) = self.iter().enumerate().find(|(_, (other, _))| *other == member)?;
        Some((rank, score))
    }

    /// Returns how many members stand before a cut. Cost: O(bytes).
    pub(super) fn rank_of(&self, cut: Cut<'_>) -> usize {
        self.iter().take_while(|(member, score)| cut.is_behind(*score, || member)).count()
    }

    /// Puts a member, which is not there yet, in its place. Cost: O(bytes).
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let rank = self.rank_of(Cut::Member(score, member));
        let at = self.offset_of(rank);
        let mut encoded = Vec::with_capacity(member.len() + ENTRY_OVERHEAD_MAX);
        encode(member, score, &mut encoded);
        self.bytes.reserve_exact(encoded.len().max(self.bytes.len() / 8));
        self.bytes.splice(at..at, encoded);
        self.count += 1;
    }

    /// Removes the member at `rank`. Cost: O(bytes).
    pub(super) fn remove(&mut self, rank: usize) {
        if rank >= self.len() {
            return;
        }
        let (at, end) = (self.offset_of(rank), self.offset_of(rank + 1));
        self.bytes.drain(at..end);
        self.count -= 1;
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to(self.bytes.len() + self.bytes.len() / 8);
        }
    }

    fn offset_of(&self, rank: usize) -> usize {
        let mut members = self.iter();
        for _ in 0..rank {
            members.next();
        }
        self.bytes.len() - members.rest.len()
    }
}

/// Walks a small sorted set from its lowest score.
#[derive(Debug, Clone)]
pub(super) struct SmallIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for SmallIter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let (&score_bytes, rest) = self.rest.split_first()?;
        let (significant, mut rest) = rest.split_at_checked(usize::from(score_bytes))?;
        let mut score = [0; 8];
        score.get_mut(..significant.len())?.copy_from_slice(significant);
        let (mut len, mut shift) = (0_usize, 0);
        loop {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            len |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (member, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((member, f64::from_be_bytes(score)))
    }
}

fn encode(member: &[u8], score: f64, out: &mut Vec<u8>) {
    let score = score.to_be_bytes();
    let significant = score.len() - score.iter().rev().take_while(|byte| **byte == 0).count();
    out.push(significant as u8);
    out.extend(score.iter().take(significant));
    let mut len = member.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(member);
}

/// The most that an entry takes beyond its member: a score with its size, and a length.
const ENTRY_OVERHEAD_MAX: usize = 9 + usize::BITS.div_ceil(7) as usize;
