//! What replicas are told: their part of the log, made when there is room for it.

use alloc::{vec, vec::Vec};

use super::Hub;
use crate::{
    blob::Blob,
    effect::Effect,
    format::{Record, effects},
    limits::CHUNK_BYTES,
    sync::{
        message::{Batch, CloseReason, Item, ToReplica},
        peer::{Following, PeerId},
    },
};

impl Hub {
    pub(super) fn next_message(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.peers.get_mut(id.0)?;
        if let Some(message) = peer.outbox.pop_front() {
            return Some(message);
        }
        let following = peer.following.as_mut()?;
        if !following.snapshot.is_empty() {
            // The snapshot shows records that may not be durable yet.
            return if following.cursor <= self.durable { following.snapshot.pop_front() } else { None };
        }
        if following.cursor >= self.durable {
            return None;
        }
        let oldest = self.seq.0 - self.backlog.len() as u64;
        if following.cursor.0 < oldest {
            self.close(id, CloseReason::FellBehind);
            return None;
        }
        let first = usize::try_from(following.cursor.0 - oldest).unwrap_or(usize::MAX);
        let mut items = vec![];
        let mut bytes = 0;
        let mut through = following.cursor;
        for record in self.backlog.range(first) {
            if through >= self.durable || bytes >= CHUNK_BYTES {
                break;
            }
            through = through.next();
            let Ok((record, _)) = Record::decode(record) else { continue };
            if let Some(item) = item_for(following, &record) {
                bytes += item.effects.len() + 16;
                items.push(item);
            }
        }
        following.cursor = through;
        if items.is_empty() {
            // Nothing that concerns it: the next batch will carry the position.
            return None;
        }
        Some(ToReplica::Batch(Batch { through, items }).encode())
    }
}

/// What a record means for a replica, `None` if it doesn't concern it.
fn item_for<'a>(following: &mut Following, record: &Record<'a>) -> Option<Item<'a>> {
    let origin = record.header.origin;
    let origin = origin.and_then(|origin| Some((following.index_of(origin.client)?, origin)));
    let reply = origin.and_then(|(_, origin)| following.replies.remove(&(origin.client, origin.seq)));
    following.reply_bytes -= reply.as_ref().map_or(0, |reply| reply.len() + 64);
    let concerns = |db: u8, effect: &Effect<'_>| db == following.db && following.interest.concerns(effect);
    let mut wanted = Vec::new();
    for (db, effect) in effects(record.effects).flatten() {
        if concerns(db, &effect) {
            effect.encode(db, &mut wanted);
        }
    }
    if wanted.is_empty() && origin.is_none() {
        return None;
    }
    let origin = origin.map(|(index, origin)| (index, origin.seq));
    Some(Item { origin, reply: reply.map(Blob::from), effects: wanted.into() })
}
