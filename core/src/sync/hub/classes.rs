//! Classes of replicas that want the same keys: each record is looked at once for all of a class.
//!
//! An index finds the classes that a record concerns, so that the cost of a record follows those who want it and not
//! those who are connected. Members that are equally far share one encoded batch.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use slab::Slab;

use crate::{
    effect::{Change, Effect},
    format::{LogSeq, effects},
    sync::{
        interest::{Interest, InterestIndex},
        message::Features,
        peer::{Message, PeerId},
        planted::{self, Bug},
    },
};

/// All classes.
#[derive(Debug, Default)]
pub(super) struct Classes {
    slab: Slab<Class>,
    by_key: BTreeMap<Arc<ClassKey>, usize>,
    indexes: BTreeMap<u8, InterestIndex>,
}

/// What makes two replicas want the same: database, interest, and what may be read.
type ClassKey = (u8, Interest, Interest);

/// Replicas that want the same.
#[derive(Debug)]
pub(super) struct Class {
    key: Arc<ClassKey>,
    /// In order. Most classes have one, which a tree would give the room of eleven.
    pub(super) members: Vec<PeerId>,
    /// The records that concern the class, in order; those that all members know are dropped now and then.
    due: VecDeque<LogSeq>,
    /// The length of `due` at which it is worth to look for what can be dropped.
    trim_at: usize,
    /// It stands among the woken.
    woken: bool,
    /// The batch that a member was sent last, for the others.
    pub(super) shared: Option<Shared>,
}

/// A batch that holds nothing of one replica alone.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// The first record in it.
    pub(super) first: LogSeq,
    pub(super) through: LogSeq,
    pub(super) features: Features,
    pub(super) message: Message,
}

impl Classes {
    pub(super) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    pub(super) fn get(&self, class: usize) -> Option<&Class> {
        self.slab.get(class)
    }

    pub(super) fn get_mut(&mut self, class: usize) -> Option<&mut Class> {
        self.slab.get_mut(class)
    }

    /// Adds a replica to those who want the same.
    pub(super) fn join(&mut self, db: u8, interest: Interest, read: Interest, peer: PeerId) -> usize {
        let key = Arc::new((db, interest, read));
        let class = match self.by_key.get(&key) {
            Some(class) => *class,
            None => {
                let class = self.slab.insert(Class::new(Arc::clone(&key)));
                self.indexes.entry(db).or_default().insert(class, &key.1);
                self.by_key.insert(key, class);
                class
            }
        };
        if let Some(class) = self.slab.get_mut(class)
            && let Err(at) = class.members.binary_search(&peer)
        {
            class.members.insert(at, peer);
        }
        class
    }

    /// Removes a replica from its class, and the class if it was the last.
    pub(super) fn leave(&mut self, class: usize, peer: PeerId) {
        let Some(members) = self.slab.get_mut(class).map(|class| &mut class.members) else { return };
        if let Ok(at) = members.binary_search(&peer) {
            members.remove(at);
        }
        if members.is_empty() {
            let Class { key, .. } = self.slab.remove(class);
            if let Some(index) = self.indexes.get_mut(&key.0) {
                index.remove(class, &key.1);
            }
            self.by_key.remove(&key);
        }
    }

    /// Takes in a record; adds the classes that it concerns to `woken`, each once.
    pub(super) fn note(&mut self, seq: LogSeq, record: &[u8], woken: &mut Vec<usize>) {
        for (db, effect) in effects(record).flatten() {
            if matches!(effect.change, Change::Flush) {
                let all = self.slab.iter_mut().filter(|(_, class)| class.key.0 == db);
                all.for_each(|(id, class)| class.note(id, seq, woken));
                continue;
            }
            let Some(index) = self.indexes.get(&db) else { continue };
            let slab = &mut self.slab;
            index.visit(&effect.key, |id| {
                if let Some(class) = slab.get_mut(id)
                    && class.key.2.contains(&effect.key)
                {
                    class.note(id, seq, woken);
                }
            });
        }
    }
}

impl Class {
    fn new(key: Arc<ClassKey>) -> Self {
        Self { key, members: Vec::new(), due: VecDeque::new(), trim_at: TRIM_MIN, woken: false, shared: None }
    }

    /// Whether a key of database `db` is wanted and may be read.
    pub(super) fn wants(&self, db: u8, key: &[u8]) -> bool {
        let is_allowed = self.key.2.contains(key) || planted::has(Bug::IgnoredPermission);
        self.key.0 == db && self.key.1.contains(key) && is_allowed
    }

    /// Whether an effect is on such a key, or on all.
    pub(super) fn concerns(&self, db: u8, effect: &Effect<'_>) -> bool {
        match effect.change {
            Change::Flush => self.key.0 == db,
            _ => self.wants(db, &effect.key),
        }
    }

    /// The first record after `cursor` that concerns the class.
    pub(super) fn next_after(&self, cursor: LogSeq) -> Option<LogSeq> {
        let at = self.due.partition_point(|seq| *seq <= cursor);
        self.due.get(at).copied()
    }

    /// Takes in that its members are woken.
    pub(super) fn has_woken(&mut self) {
        self.woken = false;
    }

    /// Whether it is worth to look for records that all members know.
    pub(super) fn wants_trimming(&self) -> bool {
        self.due.len() > self.trim_at.max(self.members.len())
    }

    /// Forgets the records up to `known`.
    pub(super) fn trim(&mut self, known: LogSeq) {
        let count = self.due.partition_point(|seq| *seq <= known);
        self.due.drain(..count);
        self.trim_at = (2 * self.due.len()).max(TRIM_MIN);
        self.due.shrink_to(self.trim_at);
    }

    fn note(&mut self, id: usize, seq: LogSeq, woken: &mut Vec<usize>) {
        if self.due.back() != Some(&seq) {
            self.due.push_back(seq);
            if !core::mem::replace(&mut self.woken, true) {
                woken.push(id);
            }
        }
    }
}

/// Fewer records than this, and fewer than there are members, are not worth the look. A class of one member, as most are,
/// must not keep many.
const TRIM_MIN: usize = 8;
