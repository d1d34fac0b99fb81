//! `CLIENT PAUSE` for replicas: what they would have the server do is kept until the pause is over, in the order in which it
//! came. What only asks about their own connection is answered as ever.
//!
//! Nothing that is kept here has taken effect: a replica whose connection ends pushes it again over the next one.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::Hub;
use crate::{
    engine::Engine,
    env::{Env, UnixMillis},
    sync::{
        message::{CloseReason, ToHub},
        peer::PeerId,
    },
};

/// Messages that wait for the end of a pause, oldest first.
#[derive(Debug, Default)]
pub(super) struct Paused {
    messages: VecDeque<(PeerId, Vec<u8>)>,
    /// What each replica's take.
    bytes: BTreeMap<PeerId, usize>,
}

impl Paused {
    /// Whether messages of a replica wait: what it says next comes after them.
    pub(super) fn holds(&self, id: PeerId) -> bool {
        self.bytes.contains_key(&id)
    }

    /// Forgets what a replica said whose connection has ended.
    pub(super) fn forget(&mut self, id: PeerId) {
        if self.bytes.remove(&id).is_some() {
            self.messages.retain(|(other, _)| *other != id);
        }
    }

    /// When it is to be looked at whether the pause is over: whenever there is an occasion.
    pub(super) fn next_timeout(&self) -> Option<UnixMillis> {
        (!self.messages.is_empty()).then_some(UnixMillis(0))
    }

    /// Adds a message. Returns what the replica's take now.
    fn push(&mut self, id: PeerId, message: Vec<u8>) -> usize {
        let bytes = self.bytes.entry(id).or_default();
        *bytes += message.len() + MESSAGE_BYTES;
        self.messages.push_back((id, message));
        *bytes
    }

    fn pop(&mut self) -> Option<(PeerId, Vec<u8>)> {
        let (id, message) = self.messages.pop_front()?;
        let rest = self.bytes.get(&id).map_or(0, |bytes| bytes.saturating_sub(message.len() + MESSAGE_BYTES));
        if rest == 0 {
            self.bytes.remove(&id);
        } else {
            self.bytes.insert(id, rest);
        }
        Some((id, message))
    }
}

impl Hub {
    /// Whether a message has to wait, because clients are paused or an earlier one of the replica does.
    pub(super) fn is_held_up(&self, engine: &Engine, env: Env, id: PeerId, message: &ToHub<'_>) -> bool {
        let acts =
            matches!(message, ToHub::Push(_) | ToHub::Call { .. } | ToHub::Publish { .. } | ToHub::Presence { .. });
        acts && (engine.is_paused(env.now) || self.paused.holds(id))
    }

    /// Keeps a message until the pause is over.
    pub(super) fn hold_up(&mut self, id: PeerId, message: &ToHub<'_>) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get(id.0) else { return Ok(()) };
        let bytes_max = self.options.limits.outbox_bytes_max.min(peer.grant.limits.pending_bytes_max);
        if self.paused.push(id, message.encode()) > bytes_max { Err(CloseReason::FellBehind) } else { Ok(()) }
    }

    /// Takes in what had to wait, if the pause is over.
    pub(super) fn end_pause(&mut self, engine: &mut Engine, env: Env) {
        for index in 0.. {
            if engine.is_paused(env.now) {
                return;
            }
            let Some((id, bytes)) = self.paused.pop() else { return };
            // Each has a seed of its own.
            let env = Env { now: env.now, entropy: env.entropy.wrapping_add(SEED_STEP.wrapping_mul(index)) };
            let taken = match ToHub::decode(&bytes) {
                Ok(message) => self.take_in(engine, env, id, message),
                Err(why) => Err(CloseReason::Malformed(why)),
            };
            if let Err(reason) = taken {
                self.close(id, reason);
            }
        }
    }
}

/// What a message takes beside its bytes, about.
const MESSAGE_BYTES: usize = 64;

/// An odd number with bits all over: multiples of it differ as much as they can.
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;
