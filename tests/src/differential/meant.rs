//! The differences that are meant, in one list, each with its reason.

/// A call and both replies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) words: &'a [Vec<u8>],
    pub(super) redis: &'a [u8],
    pub(super) ours: &'a [u8],
}

/// A difference that is meant.
#[derive(Debug)]
pub(super) struct Meant {
    /// What is different, and why.
    pub(super) reason: &'static str,
    covers: fn(&Case<'_>) -> bool,
}

/// All of them.
pub(super) const MEANT: &[Meant] = &[];

/// The place in the list of what covers a difference.
pub(super) fn place(case: &Case<'_>) -> Option<usize> {
    MEANT.iter().position(|meant| (meant.covers)(case))
}
