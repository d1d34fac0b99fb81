//! What replicas are told: their part of the log, made when there is room for it.

use alloc::{collections::VecDeque, vec, vec::Vec};

use super::{
    Hub,
    classes::{Class, Shared},
};
use crate::{
    blob::Blob,
    effect::{Change, Effect},
    engine::Engine,
    format::{LogSeq, Record, effects},
    keyspace::Db,
    limits::CHUNK_BYTES,
    sync::{
        load::{Step, View},
        message::{Batch, CloseReason, Item, ToReplica},
        peer::{Following, Message, Own, PeerId, Then},
        planted::{self, Bug},
    },
};

impl Hub {
    /// The next message for a replica, if there is one that may be sent.
    pub(super) fn next_message(&mut self, engine: &Engine, id: PeerId) -> Option<Message> {
        loop {
            let peer = self.peers.get_mut(id.0)?;
            if let Some(message) = peer.outbox.pop_front() {
                peer.outbox_bytes = peer.outbox_bytes.saturating_sub(message.len() + super::MESSAGE_OVERHEAD_BYTES);
                if peer.outbox.is_empty() {
                    // Most have nothing more to come for long.
                    peer.outbox = VecDeque::new();
                }
                return Some(message);
            }
            if peer.is_out_of_credit() {
                return None;
            }
            if let Some(message) = self.next_batch(engine, id) {
                return Some(message);
            }
            let following = self.peers.get_mut(id.0)?.following.as_mut()?;
            let Some(held) = &mut following.held else {
                if self.make_slice(engine, id) {
                    continue;
                }
                return None;
            };
            if held.at > self.durable {
                self.undurable.insert(id);
                return None;
            }
            if let Some(message) = held.messages.pop_front() {
                return Some(message);
            }
            let then = core::mem::replace(&mut held.then, Then::Nothing);
            following.held = None;
            match then {
                Then::Nothing => {}
                Then::Passed(place) => following.steps.front_mut().into_iter().for_each(|step| step.pass(place)),
                Then::Done => self.finish_step(id),
            }
        }
    }

    /// The next part of the log for a replica; `None` if it knows everything that concerns it and may be shown.
    fn next_batch(&mut self, engine: &Engine, id: PeerId) -> Option<Message> {
        let oldest = self.oldest();
        let following = self.peers.get_mut(id.0)?.following.as_mut()?;
        let class = self.classes.get_mut(following.class)?;
        let held_at = following.held.as_ref().map_or(LogSeq(u64::MAX), |held| held.at);
        let limit = self.durable.min(held_at);
        let Some(first) = next_record(following, class, following.cursor) else {
            // Nothing more concerns it: it knows everything up to the limit.
            following.cursor = following.cursor.max(limit.min(self.indexed));
            if following.owes_position && following.cursor >= following.since {
                following.owes_position = false;
                let batch = Batch { through: following.cursor, items: vec![] };
                return Some(ToReplica::Batch(batch).encode().into());
            }
            if following.owes_position {
                self.undurable.insert(id);
            }
            return None;
        };
        if first > limit {
            if first > self.durable {
                self.undurable.insert(id);
            }
            return None;
        }
        if first.0 <= oldest {
            self.close(id, CloseReason::FellBehind);
            return None;
        }
        let is_common = following.steps.is_empty() && following.cursor >= following.since;
        let until_own = following.own.front().map_or(LogSeq(u64::MAX), |own| own.at);
        if let Some(shared) = &class.shared
            && is_common
            && shared.first == first
            && shared.features == following.features
            && shared.through <= limit
            && shared.through < until_own
        {
            following.cursor = shared.through;
            return Some(shared.message.clone());
        }
        let db = engine.keyspace().db(following.db);
        let mut batch = Batch { through: following.cursor, items: vec![] };
        let (mut bytes, mut looked_at, mut next) = (0, 0, Some(first));
        while let Some(seq) = next.filter(|seq| *seq <= limit && bytes < CHUNK_BYTES && looked_at < RECORDS_MAX) {
            looked_at += 1;
            let index = usize::try_from(seq.0 - oldest - 1).unwrap_or(usize::MAX);
            if let Some(Ok((record, _))) = self.backlog.get(index).map(Record::decode) {
                bytes += add_items(&mut batch.items, following, class, db, &record);
            }
            batch.through = seq;
            next = next_record(following, class, seq);
        }
        if next.is_none_or(|seq| seq > limit) {
            batch.through = batch.through.max(limit.min(self.indexed));
        }
        following.cursor = batch.through;
        let caught_up = following.owes_position && following.cursor >= following.since;
        following.owes_position &= !caught_up;
        self.budget = self.budget.saturating_sub(looked_at);
        if batch.items.is_empty() && !caught_up {
            // Only the position has moved; the next batch will carry it.
            self.wake(id);
            return None;
        }
        let features = following.features;
        let has_own = batch.items.iter().any(|item| matches!(item, Item::Own { .. } | Item::AsGuessed { .. }));
        let through = batch.through;
        let encoded = ToReplica::Batch(batch).encode_for(features);
        // Replicas of other classes get the same bytes where they want the same key among others.
        let message = match &self.last_batch {
            Some(last) if **last == *encoded => last.clone(),
            _ => Message::from(encoded),
        };
        self.last_batch = (message.len() < CHUNK_BYTES).then(|| message.clone());
        if is_common && !has_own {
            class.shared = Some(Shared { first, through, features, message: message.clone() });
        }
        Some(message)
    }

    /// Puts the position in a batch of its own, for a replica that asks for a sign of life: so it can resume from there
    /// although nothing has concerned it for long.
    pub(super) fn send_position(&mut self, id: PeerId) {
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return };
        let Some(class) = self.classes.get(following.class) else { return };
        let is_quiet = following.steps.is_empty() && following.held.is_none() && following.cursor >= following.since;
        let position = self.durable.min(self.indexed);
        if is_quiet && position > following.cursor && next_record(following, class, following.cursor).is_none() {
            following.cursor = position;
            self.send(id, &ToReplica::Batch(Batch { through: position, items: vec![] }));
        }
    }
}

/// The first record after `cursor` that may concern a replica.
fn next_record(following: &Following, class: &Class, cursor: LogSeq) -> Option<LogSeq> {
    if cursor < following.since {
        return Some(cursor.next());
    }
    let own = following.own.iter().map(|own| own.at).find(|at| *at > cursor);
    [class.next_after(cursor), own].into_iter().flatten().min()
}

/// Adds what a record means for a replica, and returns about how many bytes that takes.
fn add_items<'a>(
    items: &mut Vec<Item<'a>>,
    following: &mut Following,
    class: &Class,
    db: &Db,
    record: &Record<'a>,
) -> usize {
    let own = take_own(following, record);
    let before = items.len();
    if let Some(Own { client, seq, reply: None, .. }) = own
        && following.cursor >= following.since
        && is_seen_whole(following, class, db, record)
    {
        match items.last_mut() {
            Some(Item::AsGuessed { client: other, through }) if *other == client => *through = seq,
            _ => items.push(Item::AsGuessed { client, through: seq }),
        }
        return ITEM_BYTES;
    }
    let (mut live, mut sent) = (Vec::new(), Vec::new());
    let mut all_live = true;
    for (number, effect) in effects(record.effects).flatten() {
        let view = match class.concerns(number, &effect) {
            true => view_of(following, db, &effect, record.header.seq),
            false => View::Later,
        };
        all_live &= view == View::Live;
        match view {
            View::Live => effect.encode(number, &mut live),
            View::Sent => effect.encode(number, &mut sent),
            View::Later => {}
        }
    }
    let live: Blob<'a> = if all_live { record.effects.into() } else { live.into() };
    let bytes = live.len() + sent.len() + ITEM_BYTES;
    match own {
        Some(Own { client, seq, reply, .. }) => {
            items.push(Item::Own { client, seq, reply: reply.map(Blob::from), effects: live });
        }
        None if !live.is_empty() => items.push(Item::Foreign(live)),
        None => {}
    }
    if !sent.is_empty() {
        items.push(Item::Loading(sent.into()));
    }
    if items.len() > before { bytes } else { 0 }
}

/// Whether a replica sees all that a record did, so that it needn't be told: not if some of it is on keys of a load that
/// is going on, which will come, or have come and are held back. A flush makes the load start over.
fn is_seen_whole(following: &mut Following, class: &Class, db: &Db, record: &Record<'_>) -> bool {
    if following.steps.is_empty() || planted::has(Bug::FlushedWhileLoading) {
        return true;
    }
    let mut effects = effects(record.effects).flatten();
    let at = record.header.seq;
    effects.all(|(number, effect)| class.concerns(number, &effect) && view_of(following, db, &effect, at) == View::Live)
}

/// The replica's own command behind a record.
fn take_own(following: &mut Following, record: &Record<'_>) -> Option<Own> {
    let at = record.header.seq;
    if following.own.front().is_some_and(|own| own.at == at) {
        let own = following.own.pop_front()?;
        following.reply_bytes -= own.reply.as_ref().map_or(0, |reply| reply.len() + OWN_BYTES);
        return Some(own);
    }
    // One that ran on an earlier connection: nobody remembers the reply.
    let origin = record.header.origin?;
    Some(Own { at, client: following.index_of(origin.client)?, seq: origin.seq, reply: None })
}

/// What an effect means for a replica that is being brought keys.
fn view_of(following: &mut Following, db: &Db, effect: &Effect<'_>, record: LogSeq) -> View {
    if matches!(effect.change, Change::Flush) {
        // Whatever was sent of the load is gone; it begins anew.
        if following.steps.front_mut().is_some_and(Step::start_over)
            && following.held.as_ref().is_some_and(|held| !matches!(held.then, Then::Nothing))
        {
            following.held = None;
        }
        return View::Live;
    }
    match following.steps.front() {
        Some(step) => step.view(db, &following.known, &effect.key, record),
        None => View::Live,
    }
}

/// Records that are looked at for one batch.
const RECORDS_MAX: usize = 4096;

/// What an item takes besides its effects, about.
const ITEM_BYTES: usize = 16;

/// What a reply that waits costs besides its bytes.
pub(super) const OWN_BYTES: usize = 64;
