//! What the nodes of the [tree](super::tree) do with their items, be they entries or children: take one more, split in
//! two, and share with a neighbour.

use alloc::vec::Vec;
use core::mem;

/// What a node consists of: entries, or children.
///
/// Room is made in small steps instead of by doubling: millions of entries live in buffers of this kind.
pub(super) trait Items: Sized {
    type Item;

    fn width(&self) -> usize;
    fn one(item: Self::Item) -> Self;
    fn insert_item(&mut self, index: usize, item: Self::Item);
    fn split_off_items(&mut self, index: usize) -> Self;
    fn append_items(&mut self, other: &mut Self);
    /// Gives back room for more than `spare` items.
    fn trim_spare(&mut self, spare: usize);
}

impl<T> Items for Vec<T> {
    type Item = T;

    fn width(&self) -> usize {
        self.len()
    }

    fn one(item: T) -> Self {
        alloc::vec![item]
    }

    fn insert_item(&mut self, index: usize, item: T) {
        if self.len() == self.capacity() {
            self.reserve_exact(STEP);
        }
        self.insert(index, item);
    }

    fn split_off_items(&mut self, index: usize) -> Self {
        let tail = self.split_off(index);
        self.trim_spare(STEP);
        tail
    }

    fn append_items(&mut self, other: &mut Self) {
        self.reserve_exact(other.len());
        self.append(other);
    }

    fn trim_spare(&mut self, spare: usize) {
        if self.capacity() - self.len() > spare {
            self.shrink_to(self.len() + STEP);
        }
    }
}

/// Whether a node lies at the left or the right edge of the tree, where splits are uneven.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    pub(super) left: bool,
    pub(super) right: bool,
}

/// Inserts into the items of a node; returns the right part if the node had to be split.
pub(super) fn insert_or_split<I: Items>(items: &mut I, index: usize, item: I::Item, edges: Edges) -> Option<I> {
    let width = items.width();
    let index = index.min(width);
    if width < WIDTH_MAX {
        items.insert_item(index, item);
        return None;
    }
    if edges.right && index == width {
        return Some(I::one(item));
    }
    if edges.left && index == 0 {
        return Some(mem::replace(items, I::one(item)));
    }
    let half = width / 2;
    let mut right = items.split_off_items(half);
    if index <= half {
        items.insert_item(index, item);
    } else {
        right.insert_item(index - half, item);
    }
    Some(right)
}

/// Moves all items to the left where they leave room for more, else half of them to each side.
pub(super) fn merge_or_balance<I: Items>(left: &mut I, right: &mut I) {
    let width = left.width() + right.width();
    left.append_items(right);
    if width > WIDTH_MERGED_MAX {
        *right = left.split_off_items(width / 2);
    }
}

/// How many entries a leaf, or children an inner node, holds at most.
pub(super) const WIDTH_MAX: usize = 64;

/// Below this width a node inside the tree is merged with a neighbour.
pub(super) const WIDTH_MIN: usize = WIDTH_MAX / 4;

/// Up to this width two neighbours become one; the rest is room for the next entries.
const WIDTH_MERGED_MAX: usize = WIDTH_MAX / 4 * 3;

/// By how many items the buffer of a node grows.
pub(super) const STEP: usize = 8;
