//! Whose word is final: the part that an engine plays beside the others that hold the same keys.

/// Whether an engine decides or follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Its word is final: it removes what has expired.
    #[default]
    Primary,
    /// It guesses until the primary has spoken: it hides what it believes expired, and removes nothing by itself.
    Replica,
}
