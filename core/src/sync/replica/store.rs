//! What a replica leaves behind for its next run, as key-value pairs in any store that has transactions.
//!
//! ```text
//!  head              Frame(Head: format, generation, token, globs, holes, what the server accepts)
//!  base/GGGGGGGG/NNNNNNNN   Frame(Chunk)      the confirmed data when generation G began
//!  tail/GGGGGGGG/NNNNNNNN   Frame(Records)    effects confirmed since, in order
//!  pend/OOOOOOOOOOOOOOOO    Frame(Pending)    commands without an answer, in the order in which they ran
//! ```
//! Numbers are hexadecimal, so that the order of keys is the order of things. A batch is stored whole or not at all,
//! so a replica that is killed at any moment comes back to a state that it had. When the tail has outgrown the base a
//! new generation begins.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Replica,
    pending::{Command, Touch},
};
use crate::{
    effect::Effect,
    env::UnixMillis,
    format::{ClientId, ClientSeq, FrameError, FrameKind, effects, encode_frame, split_frame},
    limits::CHUNK_BYTES,
    session::Queued,
    sync::{
        history::ResumeToken,
        message::ServerLimits,
        planted::{self, Bug},
    },
};

/// One change to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// A pair comes, or changes.
    Put(Vec<u8>, Vec<u8>),
    /// A pair goes.
    Delete(Vec<u8>),
    /// All pairs go whose keys begin so.
    DeletePrefix(Vec<u8>),
}

/// Changes to the store that belong together, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBatch {
    /// The changes.
    pub ops: Vec<StoreOp>,
    /// Whether a command of the user's is among them, which nobody else has: worth a strict transaction.
    pub strict: bool,
}

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

/// Gathers what is to be stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    batch: StoreBatch,
    generation: u32,
    tail_next: u32,
    tail_bytes: usize,
    base_bytes: usize,
    /// Confirmed effects since the last batch was taken.
    confirmed: Vec<u8>,
    token: Option<ResumeToken>,
    head_changed: bool,
    globs: Vec<Vec<u8>>,
    holes: Vec<Vec<u8>>,
    accepts: Option<ServerLimits>,
    /// Nobody takes batches: nothing is gathered.
    stopped: bool,
}

/// What stands at `head`.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u16,
    generation: u32,
    token: Option<ResumeToken>,
    globs: Vec<Vec<u8>>,
    holes: Vec<Vec<u8>>,
    /// What the server said that it accepts.
    accepts: Option<ServerLimits>,
}

/// A pending command as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredCommand {
    client: ClientId,
    seq: ClientSeq,
    now: UnixMillis,
    calls: Vec<Vec<Vec<u8>>>,
    conditions: Vec<(Vec<u8>, u64)>,
    transaction: bool,
}

/// The format described above.
const FORMAT: u16 = 3;
/// A tail shorter than this isn't worth a new generation.
const TAIL_BYTES_MIN: usize = 2 * CHUNK_BYTES;

impl Store {
    /// Gathers nothing from now on, and drops what was gathered.
    pub(super) fn stop(&mut self) {
        *self = Self { stopped: true, ..Self::default() };
    }

    pub(super) fn put_pending(&mut self, command: &Command) {
        if self.stopped {
            return;
        }
        let payload = postcard::to_extend(&StoredCommand::from(command), Vec::new()).unwrap_or_default();
        self.batch.ops.push(StoreOp::Put(pending_key(command), framed(FrameKind::Pending, &payload)));
        self.batch.strict = true;
    }

    pub(super) fn delete_pending(&mut self, command: &Command) {
        if self.stopped {
            return;
        }
        let key = pending_key(command);
        // A command that was answered before it was stored needn't be stored at all.
        match self.batch.ops.iter().rposition(|op| matches!(op, StoreOp::Put(other, _) if *other == key)) {
            Some(at) => {
                self.batch.ops.remove(at);
                self.batch.strict =
                    self.batch.ops.iter().any(|op| matches!(op, StoreOp::Put(key, _) if key.starts_with(b"pend/")));
            }
            None => self.batch.ops.push(StoreOp::Delete(key)),
        }
    }

    pub(super) fn put_confirmed(&mut self, effects: &[u8], token: Option<ResumeToken>) {
        if self.stopped {
            return;
        }
        if !planted::has(Bug::PositionWithoutEffects) {
            self.confirmed.extend_from_slice(effects);
        }
        self.head_changed |= !effects.is_empty() || self.token != token;
        self.token = token;
    }

    /// Remembers what the server accepts.
    pub(super) fn put_accepts(&mut self, accepts: ServerLimits) {
        // A head before the first base would say that no key is known.
        self.head_changed |= !self.stopped && self.generation > 0 && self.accepts != Some(accepts);
        self.accepts = Some(accepts);
    }

    /// Begins a new generation with these chunks.
    pub(super) fn put_base(&mut self, chunks: Vec<Vec<u8>>, token: Option<ResumeToken>, globs: &[Vec<u8>]) {
        if self.stopped {
            return;
        }
        self.batch.ops.push(StoreOp::DeletePrefix(b"base/".to_vec()));
        self.batch.ops.push(StoreOp::DeletePrefix(b"tail/".to_vec()));
        self.generation += 1;
        (self.tail_next, self.tail_bytes, self.base_bytes) = (0, 0, 0);
        self.confirmed.clear();
        for (index, chunk) in chunks.into_iter().enumerate() {
            self.base_bytes += chunk.len();
            let key = format!("base/{:08x}/{index:08x}", self.generation).into_bytes();
            self.batch.ops.push(StoreOp::Put(key, framed(FrameKind::Chunk, &chunk)));
        }
        self.token = token;
        self.globs = globs.to_vec();
        self.head_changed = true;
    }

    pub(super) fn wants_compaction(&self) -> bool {
        self.tail_bytes + self.confirmed.len() > self.base_bytes.max(TAIL_BYTES_MIN)
    }

    pub(super) fn take_batch(&mut self) -> Option<StoreBatch> {
        if !self.confirmed.is_empty() {
            let confirmed = core::mem::take(&mut self.confirmed);
            self.tail_bytes += confirmed.len();
            let key = format!("tail/{:08x}/{:08x}", self.generation, self.tail_next).into_bytes();
            self.tail_next += 1;
            self.batch.ops.push(StoreOp::Put(key, framed(FrameKind::Records, &confirmed)));
        }
        if core::mem::take(&mut self.head_changed) {
            let head = Head {
                format: FORMAT,
                generation: self.generation,
                token: self.token,
                globs: self.globs.clone(),
                holes: self.holes.clone(),
                accepts: self.accepts,
            };
            let payload = postcard::to_extend(&head, Vec::new()).unwrap_or_default();
            self.batch.ops.push(StoreOp::Put(b"head".to_vec(), framed(FrameKind::Head, &payload)));
        }
        (!self.batch.ops.is_empty()).then(|| core::mem::take(&mut self.batch))
    }
}

impl Replica {
    /// Begins a new generation of the store with the confirmed data as it is now. Takes back what is pending.
    pub(super) fn begin_generation(&mut self) {
        self.take_back(&Touch::everything());
        let mut chunks = Vec::new();
        let db = self.db;
        if !self.store.stopped {
            self.engine.snapshot(|other, _| other == db, |chunk| chunks.push(chunk));
        }
        self.store.holes = self.holes.iter().map(|key| key.to_vec()).collect();
        self.store.put_base(chunks, self.token, &self.globs);
    }

    /// Has it stored that a key's value was forgotten.
    pub(super) fn store_forgotten(&mut self, key: &[u8]) {
        let mut bytes = Vec::new();
        Effect::delete(key).encode(self.db, &mut bytes);
        self.store.holes = self.holes.iter().map(|key| key.to_vec()).collect();
        self.store.put_confirmed(&bytes, self.token);
    }
}

/// Makes a fresh replica what was stored.
pub(super) fn load(replica: &mut Replica, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<(), LoadError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let of = |prefix: &'static [u8]| pairs.iter().filter(move |(key, _)| key.starts_with(prefix));
    // A replica that never heard from a server has commands and nothing else.
    let head = match of(b"head").next() {
        Some((key, value)) => {
            let head: Head = postcard::from_bytes(payload(key, value, FrameKind::Head)?).map_err(|_| invalid(key))?;
            if head.format != FORMAT {
                return Err(LoadError::UnknownFormat(head.format));
            }
            head
        }
        None if of(b"base/").next().is_some() => return Err(LoadError::Missing("head")),
        None => Head {
            format: FORMAT,
            generation: 0,
            token: None,
            globs: replica.globs.clone(),
            holes: Vec::new(),
            accepts: None,
        },
    };
    for (prefix, kind) in [("base", FrameKind::Chunk), ("tail", FrameKind::Records)] {
        let prefix = format!("{prefix}/{:08x}/", head.generation).into_bytes();
        for (index, (key, value)) in pairs.iter().filter(|(key, _)| key.starts_with(&prefix)).enumerate() {
            let number = key.get(prefix.len()..).unwrap_or_default();
            if number != format!("{index:08x}").as_bytes() {
                return Err(LoadError::Missing("a part of the data"));
            }
            let payload = payload(key, value, kind)?;
            for effect in effects(payload) {
                let (db, effect) = effect.map_err(|_| invalid(key))?;
                replica.engine.apply(db, &effect);
            }
            match kind {
                FrameKind::Chunk => replica.store.base_bytes += payload.len(),
                _ => {
                    replica.store.tail_bytes += payload.len();
                    replica.store.tail_next += 1;
                }
            }
        }
    }
    replica.store.generation = head.generation;
    (replica.store.globs, replica.store.holes, replica.store.token) =
        (head.globs.clone(), head.holes.clone(), head.token);
    replica.holes = head.holes.into_iter().map(Vec::into_boxed_slice).collect();
    replica.token = head.token;
    replica.store.accepts = head.accepts;
    if let Some(accepts) = head.accepts {
        replica.accept(accepts);
    }
    replica.adopt_globs(head.globs);
    for (key, value) in of(b"pend/") {
        let stored: StoredCommand =
            postcard::from_bytes(payload(key, value, FrameKind::Pending)?).map_err(|_| invalid(key))?;
        let order = order_of(key).ok_or_else(|| invalid(key))?;
        replica.next_order = order.saturating_add(1);
        if !replica.clients.iter().any(|(client, _)| *client == stored.client) {
            replica.clients.push((stored.client, ClientSeq(stored.seq.0.saturating_sub(1))));
        }
        replica.pending.push(stored.into_command(order), None, None);
    }
    Ok(())
}

impl From<&Command> for StoredCommand {
    fn from(command: &Command) -> Self {
        let calls = command.calls.iter();
        Self {
            client: command.client,
            seq: command.seq,
            now: command.now,
            calls: calls.map(|call| call.0.iter().map(|word| word.to_vec()).collect()).collect(),
            conditions: command.conditions.iter().map(|(key, digest)| (key.to_vec(), *digest)).collect(),
            transaction: command.transaction,
        }
    }
}

impl StoredCommand {
    fn into_command(self, order: u64) -> Command {
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

fn payload<'a>(key: &[u8], value: &'a [u8], kind: FrameKind) -> Result<&'a [u8], LoadError> {
    match split_frame(value) {
        Ok((frame, [])) if frame.kind == kind => Ok(frame.payload),
        Ok(_) => Err(invalid(key)),
        Err(reason) => Err(LoadError::Damaged { key: shown(key), reason }),
    }
}

fn invalid(key: &[u8]) -> LoadError {
    LoadError::Invalid { key: shown(key) }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn framed(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 12);
    encode_frame(kind, payload, &mut bytes);
    bytes
}

fn pending_key(command: &Command) -> Vec<u8> {
    format!("pend/{:016x}", command.order).into_bytes()
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
