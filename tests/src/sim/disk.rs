//! The server's disk: the bytes of its log, in the real frames, and how much of them a crash can't take back.
//!
//! What a crash leaves beyond what was synced ends anywhere, in the middle of a frame too, and may be followed by zeros
//! or rubbish that was never written. A start reads frame by frame, and cuts off what isn't one, as the server's does.

use sanderling_core::{
    format::{FrameKind, encode_frame, split_frame},
    hash::Rng,
};

/// An append-only file with a cache in front.
#[derive(Debug, Default)]
pub(super) struct Disk {
    bytes: Vec<u8>,
    synced: usize,
    /// Where each append since then ends.
    unsynced: Vec<usize>,
}

/// What a crash did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// Appends that aren't there any more.
    pub(super) appends: usize,
    /// What is left is followed by a part of an append, or by what was never written.
    pub(super) is_torn: bool,
}

impl Disk {
    /// Appends one frame.
    pub(super) fn append(&mut self, kind: FrameKind, payload: &[u8]) {
        encode_frame(kind, payload, &mut self.bytes);
        self.unsynced.push(self.bytes.len());
    }

    /// Makes everything so far safe.
    pub(super) fn sync(&mut self) {
        self.synced = self.bytes.len();
        self.unsynced.clear();
    }

    /// Loses some of the appends that weren't synced, or none, and tears what comes after them.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> Loss {
        let appends = rng.index(self.unsynced.len() + 1);
        let kept = self.unsynced.len() - appends;
        let end = kept.checked_sub(1).map_or(self.synced, |last| self.unsynced[last]);
        let next = self.unsynced.get(kept).copied().unwrap_or(end);
        // Drawn apart: how an append is torn must make no difference to the run.
        let mut torn = Rng::new(self.bytes.len() as u64);
        self.bytes.truncate(end + torn.index(next - end));
        // Bytes that the file system had made room for and not written.
        match torn.below(4) {
            0 => self.bytes.resize(self.bytes.len() + torn.index(40), 0),
            1 => self.bytes.extend((0..torn.below(40)).map(|_| torn.below(256) as u8)),
            _ => {}
        }
        // Zeros may be just what was missing. How much is lost has been drawn already.
        if self.sound() > end {
            self.bytes.truncate(end);
        }
        let is_torn = end < self.bytes.len();
        assert_eq!(self.sound(), end, "what isn't a whole frame is cut off, and nothing else");
        self.bytes.truncate(end);
        self.sync();
        Loss { appends, is_torn }
    }

    /// The frames that are on it.
    pub(super) fn frames(&self) -> impl Iterator<Item = (FrameKind, &[u8])> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (frame, after) = split_frame(rest).ok()?;
            rest = after;
            Some((frame.kind, frame.payload))
        })
    }

    /// The bytes up to the first that begin no frame.
    fn sound(&self) -> usize {
        let mut rest = self.bytes.as_slice();
        while let Ok((_, after)) = split_frame(rest) {
            rest = after;
        }
        self.bytes.len() - rest.len()
    }
}
