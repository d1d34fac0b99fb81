//! Coming back: loading what a replica left behind, and taking over what can be read of it.
//!
//! A store is loaded whole or not at all: a part that is missing or isn't sound would be a state that never was. Of one
//! that can't be loaded nothing is lost that nobody else has, as far as it can be read: the data comes from the hub again,
//! and the pending commands are [salvaged](Replica::salvage).

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{
    Replica,
    pending::Command,
    store::{FORMAT, Head, StoredCommand, part_key},
    tabs::Place,
};
use crate::{
    env::UnixMillis,
    format::{ClientId, ClientSeq, Frame, FrameError, FrameKind, effects, split_frame},
    session::Queued,
};

/// Why a store can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// A value is damaged.
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: FrameError,
    },
    /// A value is sound, but its content isn't what its key promises.
    Invalid {
        /// Its key.
        key: String,
    },
    /// Something that must be there is missing.
    Missing(&'static str),
    /// Another release wrote it.
    UnknownFormat(u16),
}

/// Makes a fresh replica what was stored.
pub(super) fn load(replica: &mut Replica, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<(), LoadError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let of = |prefix: &'static [u8]| pairs.iter().filter(move |(key, _)| key.starts_with(prefix));
    // A replica that never heard from a server has commands and nothing else.
    let head = match pairs.iter().find(|(key, _)| key == b"head") {
        Some((key, value)) => {
            let (Frame { payload, .. }, _) = sound_frame(key, value)?;
            match postcard::take_from_bytes::<u16>(payload) {
                Ok((FORMAT, _)) => Some(stored_head(payload).ok_or_else(|| invalid(key))?),
                Ok((format, _)) => return Err(LoadError::UnknownFormat(format)),
                Err(_) => return Err(invalid(key)),
            }
        }
        None => None,
    };
    let mut known = 0;
    if let Some((head, tabs)) = head {
        known += 1;
        let clients = tabs.into_iter().flat_map(|(_, clients)| clients);
        clients.for_each(|(client, answered)| replica.know_client(client, answered));
        for (name, count) in [("base", head.base_count), ("tail", head.tail_count)] {
            for index in 0..count {
                let wanted = part_key(name, head.generation, index);
                let at = pairs.binary_search_by(|(key, _)| key.cmp(&wanted));
                let found = at.ok().and_then(|at| pairs.get(at));
                let (key, value) = found.ok_or(LoadError::Missing("a part of the data"))?;
                replica.load_part(key, value)?;
                match name {
                    "base" => replica.store.base_bytes += value.len(),
                    _ => replica.store.tail_bytes += value.len(),
                }
            }
            known += count as usize;
        }
        let store = &mut replica.store;
        (store.generation, store.base_count, store.tail_count) = (head.generation, head.base_count, head.tail_count);
        (store.token, replica.token) = (head.token, head.token);
        replica.accept(head.accepts);
        replica.adopt_globs(head.globs);
    }
    for (key, value) in of(b"pend/") {
        let first = order_of(key).filter(|first| *first >= replica.next_order && !value.is_empty());
        let first = first.ok_or_else(|| invalid(key))?;
        known += 1;
        replica.next_order = first;
        replica.store.groups.push_back((first, false));
        let mut rest = value.as_slice();
        while !rest.is_empty() {
            let (frame, after) = sound_frame(key, rest)?;
            let stored = stored_command(frame).ok_or_else(|| invalid(key))?;
            rest = after;
            match replica.pending.last_of(stored.client) {
                Some(last) if last.next() == stored.seq => {}
                Some(_) => return Err(LoadError::Missing("a pending command")),
                None => replica.meet_client(stored.client, stored.seq),
            }
            if stored.order < replica.next_order {
                return Err(invalid(key));
            }
            replica.next_order = stored.order;
            replica.hold(stored);
        }
        replica.store.unstored_from = replica.next_order;
    }
    // What nobody knows was something else before it was damaged.
    if known != pairs.len() {
        return Err(LoadError::Missing("the keys of some of its parts"));
    }
    Ok(())
}

impl Replica {
    /// Applies a part of the data: a chunk, or records and before them what changed of what isn't known.
    fn load_part(&mut self, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
        let (mut frame, rest) = sound_frame(key, value)?;
        if frame.kind == FrameKind::Forgotten {
            self.holes.restore(postcard::from_bytes(frame.payload).map_err(|_| invalid(key))?);
            frame = sound_frame(key, rest)?.0;
        }
        if !matches!(frame.kind, FrameKind::Chunk | FrameKind::Records) {
            return Err(invalid(key));
        }
        for effect in effects(frame.payload) {
            let (db, effect) = effect.map_err(|_| invalid(key))?;
            self.engine.apply(db, &effect);
        }
        Ok(())
    }

    /// Takes over the commands that can be read in a store which can't be loaded, or which another release or another
    /// replica left. They come behind those that are pending here, with the identity that they have, so that the hub
    /// knows those that it has seen. What is missing in between becomes commands that do nothing, because the hub
    /// accepts no gap. Commands that are known here, or known to be answered, are left out. Returns how many were found.
    pub fn salvage(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) -> usize {
        let mut found: Vec<StoredCommand> = Vec::new();
        for (_, value) in pairs.iter().filter(|(key, _)| key.starts_with(b"pend/")) {
            let mut rest = value.as_slice();
            while !rest.is_empty() {
                // Behind damage the next frame is looked for at each byte.
                let (stored, after) = match split_frame(rest) {
                    Ok((frame, after)) => (stored_command(frame), after),
                    Err(_) => (None, rest.get(1..).unwrap_or_default()),
                };
                rest = after;
                if let Some(stored) = stored.filter(|stored| stored.seq > self.newest_of(stored.client)) {
                    // A damaged key may have brought it to the wrong place.
                    let at = found.partition_point(|other| other.order < stored.order);
                    found.insert(at, stored);
                }
            }
        }
        let mut count = 0;
        for stored in found {
            if self.close_gap(stored.client, stored.seq, stored.now) {
                self.hold(stored);
                count += 1;
            }
        }
        count
    }

    /// Makes the commands of a client a row without a gap up to before `seq`: of those that are missing behind the newest
    /// that is pending somebody knows that they were answered, and what does nothing takes their place until that is
    /// heard here, too. Returns whether there was room.
    pub(super) fn close_gap(&mut self, client: ClientId, seq: ClientSeq, now: UnixMillis) -> bool {
        let Some(last) = self.pending.last_of(client) else {
            self.meet_client(client, seq);
            return self.pending.len() < self.limits.pending_commands_max;
        };
        let mut next = last.next();
        while next < seq && self.pending.len() < self.limits.pending_commands_max {
            self.hold(StoredCommand::nothing(client, next, now));
            next = next.next();
        }
        next == seq && self.pending.len() < self.limits.pending_commands_max
    }

    /// Adds a command of an earlier run, or of another tab, behind those that are pending.
    pub(super) fn hold(&mut self, stored: StoredCommand) {
        let order = self.next_order;
        self.next_order = order.saturating_add(1);
        self.pending.push(stored.into_command(order), None, None);
    }
}

impl StoredCommand {
    /// What stands in the place of a command that is missing: it does nothing.
    fn nothing(client: ClientId, seq: ClientSeq, now: UnixMillis) -> Self {
        Self { order: 0, client, seq, now, calls: Vec::new(), conditions: Vec::new(), transaction: true }
    }

    /// Whether it does nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.transaction && self.calls.is_empty()
    }

    pub(super) fn into_command(self, order: u64) -> Command {
        let queued = |call: Vec<Vec<u8>>| Queued(call.into_iter().map(Vec::into_boxed_slice).collect());
        Command {
            client: self.client,
            seq: self.seq,
            now: self.now,
            calls: self.calls.into_iter().map(queued).collect(),
            transaction: self.transaction,
            conditions: self.conditions.into_iter().map(|(key, digest)| (key.into(), digest)).collect(),
            order,
        }
    }
}

fn sound_frame<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Frame<'a>, &'a [u8]), LoadError> {
    split_frame(bytes).map_err(|reason| LoadError::Damaged { key: shown(key), reason })
}

fn invalid(key: &[u8]) -> LoadError {
    LoadError::Invalid { key: shown(key) }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// What a leading tab adds to the head: its place, and how far each tab's commands were answered.
type Tabs = (Place, Vec<(ClientId, ClientSeq)>);

/// The place of the leader that stored, if it can be read.
pub(super) fn stored_place(pairs: &[(Vec<u8>, Vec<u8>)]) -> Option<Place> {
    let (key, value) = pairs.iter().find(|(key, _)| key == b"head")?;
    stored_head(sound_frame(key, value).ok()?.0.payload)?.1.map(|(place, _)| place)
}

fn stored_head(payload: &[u8]) -> Option<(Head, Option<Tabs>)> {
    let (head, rest) = postcard::take_from_bytes(payload).ok()?;
    Some((head, if rest.is_empty() { None } else { Some(postcard::from_bytes(rest).ok()?) }))
}

fn stored_command(frame: Frame<'_>) -> Option<StoredCommand> {
    (frame.kind == FrameKind::Pending).then(|| postcard::from_bytes(frame.payload).ok()).flatten()
}

/// The order that a key says, if it is written as we write it: the order of keys is the order of things only then. Half
/// of all numbers are left for commands to come.
fn order_of(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(b"pend/")?;
    let is_ours = digits.len() == 16 && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok().filter(|order| is_ours && *order <= u64::MAX / 2)
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { key, reason } => write!(f, "the stored value '{key}' is damaged: {reason}"),
            Self::Invalid { key } => write!(f, "the stored value '{key}' doesn't hold what it should"),
            Self::Missing(what) => write!(f, "the store lacks {what}"),
            Self::UnknownFormat(format) => {
                write!(f, "the store has format {format}, and this release reads format {FORMAT}: use a newer one")
            }
        }
    }
}

impl core::error::Error for LoadError {}
