//! Changes to a stream, and how they are taken back.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Consumer, Delivery, Group, Head, StoredConsumer, StoredDelivery, StoredGroup, StoredStream, Stream, StreamId,
    entries::owned, node::Node,
};
use crate::{
    blob::Blob,
    effect::{Applied, Collection, StoredValue},
    env::UnixMillis,
    keyspace::{Value, ValueBuf},
    types::encoding::Encoding,
};

/// A change to a stream. Variants are appended, never moved: their position is their wire tag.
///
/// A change to a group that doesn't exist changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StreamChange<'a> {
    /// An entry comes to the end; its id is above the last one.
    Add {
        /// Its id.
        id: StreamId,
        /// Its fields, each followed by its value.
        #[serde(borrow)]
        words: Vec<Blob<'a>>,
    },
    /// So many entries go from the front.
    Trim(u64),
    /// The entries with these ids go.
    Delete(Vec<StreamId>),
    /// What the stream remembers beside its entries becomes this. The last id isn't below any entry's.
    SetHead {
        /// The id that was given last.
        last_id: StreamId,
        /// The highest id that was removed by its name.
        max_deleted: StreamId,
        /// How many entries were ever added.
        added: u64,
    },
    /// A group comes, of a name that none has yet.
    CreateGroup {
        /// Its name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The last entry that it needn't read any more.
        last_id: StreamId,
        /// How many entries had come by then, if that is known.
        entries_read: Option<u64>,
    },
    /// A group goes on from elsewhere.
    SetGroup {
        /// Its name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The last entry that it needn't read any more.
        last_id: StreamId,
        /// How many entries had come by then, if that is known.
        entries_read: Option<u64>,
    },
    /// A group goes, with all that it has.
    DestroyGroup(#[serde(borrow)] Blob<'a>),
    /// A consumer, which is made if there is none of this name, reads what is new to its group.
    Read {
        /// The group's name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The consumer's name.
        #[serde(borrow)]
        consumer: Blob<'a>,
        /// When it reads.
        at: UnixMillis,
        /// The last entry that the group has read now.
        last_id: StreamId,
        /// How many entries had come by then, if that is known.
        entries_read: Option<u64>,
        /// What is pending for it now, delivered to it for the first time.
        ids: Vec<StreamId>,
    },
    /// A consumer, which is made if there is none of this name, is heard of, and gets these entries.
    Deliver {
        /// The group's name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The consumer's name.
        #[serde(borrow)]
        consumer: Blob<'a>,
        /// When it was heard of.
        at: UnixMillis,
        /// What is pending for it now, whoever it was pending for before.
        deliveries: Vec<StoredDelivery>,
    },
    /// These entries are pending no more.
    Acknowledge {
        /// The group's name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The entries' ids.
        ids: Vec<StreamId>,
    },
    /// A consumer goes, with what is pending for it.
    DeleteConsumer {
        /// The group's name.
        #[serde(borrow)]
        group: Blob<'a>,
        /// The consumer's name.
        #[serde(borrow)]
        consumer: Blob<'a>,
    },
}

/// Takes back a change to a stream.
#[derive(Debug)]
pub struct StreamUndo(Undo);

#[derive(Debug)]
enum Undo {
    /// An entry came, and this was the head.
    Added(Head),
    /// These nodes went from the front.
    Trimmed(Vec<Node>),
    /// These entries went, and this was the head.
    Deleted(Head, Vec<(StreamId, Vec<Blob<'static>>)>),
    /// This was the head.
    Head(Head),
    /// A group of this name came.
    GroupCreated(Box<[u8]>),
    /// This group went.
    GroupGone(Box<Group>),
    /// This consumer of the group of that name went.
    ConsumerGone(Box<[u8]>, Box<Consumer>),
    /// A group did something.
    Group(Box<GroupUndo>),
}

/// What a group, and what changed in it, was.
#[derive(Debug, Default)]
struct GroupUndo {
    name: Box<[u8]>,
    last_id: StreamId,
    entries_read: Option<u64>,
    /// The consumer that was heard of, and when it had been heard of before; `None` if it was made.
    met: Option<(Box<[u8]>, Option<UnixMillis>)>,
    /// How each entry was pending, if it was.
    pending: Vec<(StreamId, Option<OldDelivery>)>,
}

/// The consumer that something was pending for, since when and how often it was delivered.
type OldDelivery = (Box<[u8]>, UnixMillis, u64);

/// What a group does: how far it has read then, who is heard of, and what becomes of what is pending.
#[derive(Default)]
struct Doing<'a> {
    group: &'a [u8],
    progress: Option<(StreamId, Option<u64>)>,
    meets: Option<(&'a [u8], UnixMillis)>,
    delivered: &'a [StoredDelivery],
    /// Delivered for the first time.
    read: &'a [StreamId],
    acknowledged: &'a [StreamId],
}

impl Stream {
    /// Makes a stream from its content. What doesn't fit together, as only content from nowhere can, is left out.
    pub(crate) fn restored(stored: &StoredStream<'_>, encoding: &Encoding) -> Self {
        let mut stream = Self::default();
        for (id, words) in &stored.entries {
            stream.append(*id, words, encoding);
        }
        let last_id = stored.last_id.max(stream.head.last_id);
        stream.head = Head { last_id, max_deleted: stored.max_deleted, added: stored.added };
        for group in &stored.groups {
            let mut made = Group::new(&group.name, group.last_id, group.entries_read);
            for consumer in &group.consumers {
                let (slot, _) = made.meet(&consumer.name, consumer.seen_at);
                for delivery in &consumer.pending {
                    made.assign(delivery.id, slot, delivery.at, delivery.count);
                }
            }
            stream.add_group(made);
        }
        stream
    }

    /// Appends an entry, if its id is above all that were given.
    fn append(&mut self, id: StreamId, words: &[Blob<'_>], encoding: &Encoding) -> bool {
        let is_next = id > self.head.last_id;
        if is_next {
            let whole = words.len() / 2 * 2;
            self.entries.push(id, words.get(..whole).unwrap_or_default(), encoding);
            self.head.last_id = id;
            self.head.added = self.head.added.saturating_add(1);
        }
        is_next
    }

    fn delete(&mut self, ids: &[StreamId], keep: bool) -> (usize, Vec<(StreamId, Vec<Blob<'static>>)>) {
        let mut kept = Vec::new();
        let mut count = 0;
        for id in ids {
            let Some(entry) = self.find(*id) else { continue };
            if keep {
                kept.push((*id, owned(&entry)));
            }
            self.entries.remove(*id);
            self.head.max_deleted = self.head.max_deleted.max(*id);
            count += 1;
        }
        (count, kept)
    }

    /// Lets a group do something. Returns what changed, if anything did: how many entries are pending no more, and what
    /// takes it back.
    fn act(&mut self, doing: &Doing<'_>, keep: bool) -> Option<(usize, Option<Undo>)> {
        self.change_group(doing.group, |group| {
            let mut undo = GroupUndo { last_id: group.last_id, entries_read: group.entries_read, ..Default::default() };
            let mut changed = false;
            if let Some((last_id, entries_read)) = doing.progress {
                changed = (last_id, entries_read) != (group.last_id, group.entries_read);
                (group.last_id, group.entries_read) = (last_id, entries_read);
            }
            let mut note = |group: &Group, id: StreamId| {
                let before = group.pending().get(&id);
                if keep {
                    let owned = |before: &Delivery| (Box::from(group.owner(before)), before.at, before.count);
                    undo.pending.push((id, before.map(owned)));
                }
                before.is_some()
            };
            let mut released = 0;
            for id in doing.acknowledged {
                if note(group, *id) {
                    group.release(*id);
                    released += 1;
                }
            }
            changed |= released > 0;
            if let Some((name, at)) = doing.meets {
                let (slot, seen_at) = group.meet(name, at);
                changed |= seen_at != Some(at);
                for delivery in doing.delivered {
                    note(group, delivery.id);
                    changed |= group.assign(delivery.id, slot, delivery.at, delivery.count);
                }
                for id in doing.read {
                    note(group, *id);
                    changed |= group.assign(*id, slot, at, 1);
                }
                undo.met = keep.then(|| (name.into(), seen_at));
            }
            let undo = keep.then(|| Undo::Group(Box::new(GroupUndo { name: doing.group.into(), ..undo })));
            changed.then_some((released, undo))
        })?
    }

    fn take_back(&mut self, undo: GroupUndo) {
        self.change_group(&undo.name, |group| {
            (group.last_id, group.entries_read) = (undo.last_id, undo.entries_read);
            for (id, before) in undo.pending.into_iter().rev() {
                match before {
                    Some((owner, at, count)) => group.assign_to(&owner, id, at, count),
                    None => {
                        group.release(id);
                    }
                }
            }
            match undo.met {
                Some((name, None)) => {
                    group.remove(&name);
                }
                Some((name, Some(seen_at))) => {
                    group.meet(&name, seen_at);
                }
                None => {}
            }
        });
    }
}

impl Collection for Stream {
    type Change<'a> = StreamChange<'a>;
    type Undo = StreamUndo;
    type Borrowed<'a> = &'a Self;

    fn empty() -> Self {
        Self::default()
    }

    fn len(&self) -> usize {
        self.len()
    }

    /// A stream that has lost its last entry is still there.
    fn is_empty(&self) -> bool {
        false
    }

    fn of(value: Value<'_>) -> Option<&Self> {
        if let Value::Stream(value) = value { Some(value) } else { None }
    }

    fn of_mut(value: &mut ValueBuf) -> Option<&mut Self> {
        if let ValueBuf::Stream(value) = value { Some(value) } else { None }
    }

    fn into_value(self) -> ValueBuf {
        ValueBuf::Stream(self.into())
    }

    fn apply(
        &mut self,
        change: &StreamChange<'_>,
        encoding: &Encoding,
        want_undo: bool,
    ) -> (Applied, Option<StreamUndo>) {
        let head = self.head;
        let done = match change {
            StreamChange::Add { id, words } => {
                self.append(*id, words, encoding).then_some((1, Some(Undo::Added(head))))
            }
            StreamChange::Trim(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX).min(self.len());
                let nodes = self.entries.trim(count, want_undo);
                (count > 0).then_some((count, Some(Undo::Trimmed(nodes))))
            }
            StreamChange::Delete(ids) => {
                let (count, entries) = self.delete(ids, want_undo);
                (count > 0).then_some((count, Some(Undo::Deleted(head, entries))))
            }
            StreamChange::SetHead { last_id, max_deleted, added } => {
                let new = Head { last_id: *last_id, max_deleted: *max_deleted, added: *added };
                let fits = new != head && self.last().is_none_or(|last| last.id <= *last_id);
                if fits {
                    self.head = new;
                }
                fits.then_some((1, Some(Undo::Head(head))))
            }
            StreamChange::CreateGroup { group, last_id, entries_read } => {
                let created = self.add_group(Group::new(group, *last_id, *entries_read));
                created.then(|| (1, Some(Undo::GroupCreated((**group).into()))))
            }
            StreamChange::SetGroup { group, last_id, entries_read } => {
                let progress = Some((*last_id, *entries_read));
                self.act(&Doing { group, progress, ..Default::default() }, want_undo)
            }
            StreamChange::DestroyGroup(group) => {
                self.remove_group(group).map(|group| (1, Some(Undo::GroupGone(Box::new(group)))))
            }
            StreamChange::Read { group, consumer, at, last_id, entries_read, ids } => {
                let progress = Some((*last_id, *entries_read));
                let meets = Some((&**consumer, *at));
                self.act(&Doing { group, progress, meets, read: ids, ..Default::default() }, want_undo)
            }
            StreamChange::Deliver { group, consumer, at, deliveries } => {
                let meets = Some((&**consumer, *at));
                self.act(&Doing { group, meets, delivered: deliveries, ..Default::default() }, want_undo)
            }
            StreamChange::Acknowledge { group, ids } => {
                self.act(&Doing { group, acknowledged: ids, ..Default::default() }, want_undo)
            }
            StreamChange::DeleteConsumer { group, consumer } => {
                let gone = self.change_group(group, |group| group.remove(consumer)).flatten();
                gone.map(|gone| {
                    let undo = |gone| Undo::ConsumerGone((**group).into(), Box::new(gone));
                    (gone.pending().len(), Some(undo(gone)))
                })
            }
        };
        let len = self.len();
        match done {
            Some((count, undo)) => (Applied { changed: true, count, len }, undo.filter(|_| want_undo).map(StreamUndo)),
            None => (Applied { changed: false, count: 0, len }, None),
        }
    }

    fn undo(&mut self, undo: StreamUndo, encoding: &Encoding) {
        match undo.0 {
            Undo::Added(head) => {
                self.entries.remove(self.head.last_id);
                self.head = head;
            }
            Undo::Trimmed(nodes) => self.entries.untrim(nodes),
            Undo::Deleted(head, entries) => {
                self.head = head;
                entries.iter().for_each(|(id, words)| self.entries.insert(*id, words, encoding));
            }
            Undo::Head(head) => self.head = head,
            Undo::GroupCreated(name) => {
                self.remove_group(&name);
            }
            Undo::GroupGone(group) => {
                self.add_group(*group);
            }
            Undo::ConsumerGone(group, consumer) => {
                self.change_group(&group, |group| group.add(*consumer));
            }
            Undo::Group(undo) => self.take_back(*undo),
        }
    }

    fn stored(&self) -> StoredValue<'_> {
        let Head { last_id, max_deleted, added } = self.head;
        let entries = self.range(StreamId::MIN, StreamId::MAX).map(|entry| (entry.id, entry.words())).collect();
        let groups = self.groups().iter().map(stored_group).collect();
        StoredValue::Stream(Box::new(StoredStream { last_id, max_deleted, added, entries, groups }))
    }
}

fn stored_group(group: &Group) -> StoredGroup<'_> {
    let consumers = group.consumers().map(|consumer| StoredConsumer {
        name: (&*consumer.name).into(),
        seen_at: consumer.seen_at,
        pending: consumer
            .pending()
            .iter()
            .map(|(id, delivery)| StoredDelivery { id: *id, at: delivery.at, count: delivery.count })
            .collect(),
    });
    StoredGroup {
        name: (&*group.name).into(),
        last_id: group.last_id,
        entries_read: group.entries_read,
        consumers: consumers.collect(),
    }
}
