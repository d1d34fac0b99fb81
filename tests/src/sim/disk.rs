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
    appends: usize,
}

/// What a crash did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// Appends that aren't there any more.
    pub(super) appends: usize,
    /// The last append that was kept is there in part, or followed by what was never written.
    pub(super) is_torn: bool,
}

impl Disk {
    /// Appends one frame.
    pub(super) fn append(&mut self, kind: FrameKind, payload: &[u8]) {
        encode_frame(kind, payload, &mut self.bytes);
        self.appends += 1;
    }

    /// Makes everything so far safe.
    pub(super) fn sync(&mut self) {
        self.synced = self.bytes.len();
    }

    /// Loses some of what wasn't synced, or nothing.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> Loss {
        let before = self.appends;
        self.bytes.truncate(self.synced + rng.index(self.bytes.len() - self.synced + 1));
        // Bytes that the file system had made room for and not written.
        match rng.below(4) {
            0 => self.bytes.resize(self.bytes.len() + rng.index(40), 0),
            1 => self.bytes.extend((0..rng.below(40)).map(|_| rng.below(256) as u8)),
            _ => {}
        }
        let (sound, appends) = self.sound();
        assert!(sound >= self.synced, "what was synced can be read: {sound} of {} bytes", self.synced);
        let is_torn = sound < self.bytes.len();
        self.bytes.truncate(sound);
        self.appends = appends;
        self.sync();
        Loss { appends: before - appends, is_torn }
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

    /// The bytes up to the first that begin no frame, and the frames in them.
    fn sound(&self) -> (usize, usize) {
        let (mut rest, mut count) = (self.bytes.as_slice(), 0);
        loop {
            match split_frame(rest) {
                Ok((_, after)) => (rest, count) = (after, count + 1),
                Err(_) => return (self.bytes.len() - rest.len(), count),
            }
        }
    }
}
