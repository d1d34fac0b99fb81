//! Bugs that can be planted, so that the simulation can show that it would find them.
//!
//! Without the feature `planted-bugs` nothing of this is compiled in but a constant `false`. One bug holds for the whole
//! process: whoever plants one runs by itself.

/// A mistake in hub or replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// The hub runs a pushed command although it has run it before.
    SkippedDedup = 1,
    /// The hub logs what a pushed command did, but not whose it was.
    ForgottenOrigin,
    /// The hub lets replicas see records that aren't durable.
    ShownBeforeDurable,
    /// The hub lets a replica resume in a log that has lost what the replica saw.
    StaleEpoch,
    /// The hub skips the first record after the position from which a replica resumes.
    ResumeOffByOne,
    /// The hub tells nothing of what happens to keys that a load has sent.
    ForgottenWhileLoading,
    /// The hub takes every guess for right.
    TrustedGuess,
    /// The hub sends keys that a replica may not read.
    IgnoredPermission,
    /// The hub leaves a bucket out of those that differ.
    MissedBucket,
    /// The replica doesn't take back the last thing that a command did.
    DroppedUndo,
    /// The replica pushes only what is new after a connection was cut.
    ForgottenPush,
    /// The replica stores its position without the effects that led there.
    PositionWithoutEffects,
    /// The replica doesn't run again what it took back.
    ForgottenRedo,
    /// The hub acknowledges a flush as guessed and goes on with the load that it made void.
    FlushedWhileLoading,
    /// The replica forgets keys that aren't wanted any more, but not those that a pending command has deleted.
    DeletedOutsideInterest,
    /// The replica watches an expired key as if it still had its value.
    WatchedExpired,
    /// The replica answers that a key which it has evicted doesn't exist.
    EvictedAsAbsent,
    /// The leader of a browser's tabs doesn't tell the others what became of their commands.
    ForgottenRelay,
    /// A tab that is given the state drops its own commands that the leader doesn't know.
    ForgottenFollower,
    /// A tab goes on with a new leader wherever that one stood.
    TrustedLeader,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::SkippedDedup,
        Self::ForgottenOrigin,
        Self::ShownBeforeDurable,
        Self::StaleEpoch,
        Self::ResumeOffByOne,
        Self::ForgottenWhileLoading,
        Self::TrustedGuess,
        Self::IgnoredPermission,
        Self::MissedBucket,
        Self::DroppedUndo,
        Self::ForgottenPush,
        Self::PositionWithoutEffects,
        Self::ForgottenRedo,
        Self::FlushedWhileLoading,
        Self::DeletedOutsideInterest,
        Self::WatchedExpired,
        Self::EvictedAsAbsent,
        Self::ForgottenRelay,
        Self::ForgottenFollower,
        Self::TrustedLeader,
    ];
}

#[cfg(feature = "planted-bugs")]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Plants a bug, or takes it out.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8), core::sync::atomic::Ordering::Relaxed);
}

#[cfg(feature = "planted-bugs")]
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.load(core::sync::atomic::Ordering::Relaxed) == bug as u8
}

#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn has(_: Bug) -> bool {
    false
}
