//! Slices of what a replica is brought besides the log.

use alloc::{collections::VecDeque, vec, vec::Vec};

use super::{Hub, classes::Class};
use crate::{
    effect::{Change, Effect, Put, stored_value},
    engine::Engine,
    format::LogSeq,
    keyspace::{Db, Entry},
    limits::CHUNK_BYTES,
    sync::{
        interest::Interest,
        load::{Digest, Load, SCANNED, Step},
        message::{Features, LoadScope, ToReplica},
        peer::{Following, Held, Message, PeerId, Then},
        planted::{self, Bug},
    },
};

impl Hub {
    /// Makes the next thing that a replica is to be brought, as the data is now, and holds it. Returns whether there
    /// was anything to make.
    pub(super) fn make_slice(&mut self, engine: &Engine, id: PeerId) -> bool {
        self.join_sweep(id);
        let noted_min = self.noted_min();
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return false };
        let Some(class) = self.classes.get(following.class) else { return false };
        let db = engine.keyspace().db(following.db);
        let (messages, then) = if following.fetches.is_empty() {
            let Some(step) = following.steps.front_mut() else { return false };
            let entries_max = self.options.slice_keys;
            let (at, number) = (self.seq, following.db);
            let known = &following.known;
            let features = following.features;
            let mut slice = Slice {
                class,
                known,
                number,
                db,
                at,
                features,
                entries: 0,
                entries_max,
                bytes: Vec::new(),
                ends: Vec::new(),
            };
            let (messages, then) = match step {
                Step::Load(load) if load.is_swept(known) && !load.is_ready(noted_min) => return false,
                Step::Load(load) => slice.of_load(load),
                Step::Digest(digest) => match slice.completes(digest) {
                    true => (vec![], Then::Done),
                    false => return false,
                },
                Step::Remove { id, .. } => (vec![ToReplica::Unsubscribed { id: *id }.encode()], Then::Done),
            };
            self.budget = self.budget.saturating_sub(slice.entries);
            (messages, then)
        } else {
            (vec![fetched(following, class, db, self.seq)], Then::Nothing)
        };
        let messages: VecDeque<Message> = messages.into_iter().map(Message::from).collect();
        following.held = Some(Held { at: self.seq, messages, then });
        true
    }

    /// Takes in that a replica has been brought all of its first step.
    pub(super) fn finish_step(&mut self, id: PeerId) {
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return };
        let db = following.db;
        self.leave_sweep(db, id);
        let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { return };
        let finished = following.steps.pop_front();
        if following.steps.is_empty() {
            // For most replicas this was the only one, and they stay for long.
            following.steps = VecDeque::new();
        }
        match finished {
            Some(Step::Digest(Digest { bits, theirs, ours, .. })) => {
                let mut buckets = ours.differing(&theirs.unwrap_or_default());
                if planted::has(Bug::MissedBucket) {
                    buckets.pop();
                }
                let scope = LoadScope::Buckets { bits, buckets };
                following.steps.push_front(Step::Load(Load::new(scope, Vec::new())));
            }
            Some(Step::Remove { globs, .. }) => {
                following.change_globs(Vec::new(), &globs);
                self.classify(id);
            }
            Some(Step::Load(load)) => following.change_globs(load.globs, &[]),
            None => {}
        }
    }

    /// Puts a replica into the class of those who want what it wants now.
    pub(super) fn classify(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0) else { return };
        let Some(following) = &mut peer.following else { return };
        self.classes.leave(following.class, id);
        following.class = self.classes.join(following.db, following.wanted(), peer.grant.read.clone(), id);
        following.since = self.seq;
    }
}

/// A look at some of the keys.
struct Slice<'a> {
    class: &'a Class,
    known: &'a Interest,
    number: u8,
    db: &'a Db,
    /// The position that the data shows.
    at: LogSeq,
    features: Features,
    /// Keys that were looked at.
    entries: usize,
    /// Keys that may be.
    entries_max: usize,
    /// The effects that put keys in place.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Slice<'_> {
    /// The next keys of a load, and what frames them.
    fn of_load(&mut self, load: &mut Load) -> (Vec<Vec<u8>>, Then) {
        let mut messages = vec![];
        if !load.begun {
            load.begun = true;
            messages.push(ToReplica::LoadBegin(load.scope.clone()).encode());
        }
        let next = match load.wanted(self.known).named_keys().filter(|_| load.passed == 0) {
            // Keys that are all known by name needn't be looked for.
            Some(keys) => {
                let mut keys: Vec<&[u8]> = keys;
                keys.sort_unstable();
                keys.dedup();
                self.entries += keys.len();
                for entry in keys.into_iter().filter_map(|key| self.db.find(key)) {
                    self.push(load, entry);
                }
                0
            }
            None if load.is_swept(self.known) => self.noted(load),
            None => self.scan(load.passed, CHUNK_BYTES, |slice, entry| slice.push(load, entry)),
        };
        if !self.bytes.is_empty() {
            messages.push(ToReplica::Chunk(self.sorted().into()).encode_for(self.features));
        }
        if next == 0 {
            messages.push(ToReplica::LoadEnd { through: self.at }.encode());
        }
        (messages, if next == 0 { Then::Done } else { Then::Passed(next) })
    }

    /// Pushes what a common pass has noted. Returns where to go on, 0 at the end.
    fn noted(&mut self, load: &mut Load) -> u64 {
        load.tidy();
        let noted = core::mem::take(&mut load.noted);
        let mut rest = noted.into_iter().peekable();
        let mut last = None;
        while let Some(next) = rest.peek() {
            let is_enough = self.bytes.len() >= CHUNK_BYTES || self.entries >= self.entries_max;
            // Those of one place go together, because a place is all that is known of what was sent.
            if is_enough && last != Some(next.place) {
                break;
            }
            last = Some(next.place);
            self.entries += 1;
            if let Some(entry) = rest.next().and_then(|noted| self.db.find(&noted.key)) {
                self.push(load, entry);
            }
        }
        let next = rest.peek().map_or(load.scanned, |next| next.place);
        load.noted = rest.collect();
        if next == SCANNED { 0 } else { next }
    }

    /// Whether the sums are those of all keys: where these are wanted by name, they are added up at once.
    fn completes(&mut self, digest: &mut Digest) -> bool {
        if digest.theirs.is_none() {
            return false;
        }
        if let Some(mut keys) = self.known.named_keys() {
            keys.sort_unstable();
            keys.dedup();
            self.entries += keys.len();
            let wanted = keys.into_iter().filter(|key| self.class.wants(self.number, key));
            wanted.filter_map(|key| self.db.find(key)).for_each(|entry| digest.ours.add(entry));
            return true;
        }
        digest.scanned == SCANNED
    }

    /// Looks at keys from a place on, until there are many or they have become `bytes_max` bytes. Returns where to go
    /// on, 0 at the end.
    fn scan(&mut self, from: u64, bytes_max: usize, mut visit: impl FnMut(&mut Self, Entry<'_>)) -> u64 {
        let (db, mut cursor) = (self.db, from);
        loop {
            cursor = db.scan(cursor, SCAN_ENTRIES.min(self.entries_max), |entry| {
                self.entries += 1;
                visit(self, entry);
            });
            if cursor == 0 || self.entries >= self.entries_max || self.bytes.len() >= bytes_max {
                return cursor;
            }
        }
    }

    fn push(&mut self, load: &Load, entry: Entry<'_>) {
        if self.class.wants(self.number, entry.key) && load.covers(self.known, entry.key) {
            put(self.number, entry, &mut self.bytes);
            self.ends.push(self.bytes.len());
        }
    }

    /// The effects in the order of their bytes. Neighbours share most of their keys, which packs well.
    fn sorted(&self) -> Vec<u8> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends);
        let mut effects: Vec<&[u8]> = ranges.filter_map(|(start, end)| self.bytes.get(start..*end)).collect();
        effects.sort_unstable();
        effects.concat()
    }
}

/// The values of the keys that a replica asked for.
fn fetched(following: &mut Following, class: &Class, db: &Db, through: LogSeq) -> Vec<u8> {
    let mut bytes = Vec::new();
    for key in following.fetches.drain(..) {
        match db.find(&key) {
            Some(entry) if class.wants(following.db, &key) => put(following.db, entry, &mut bytes),
            _ => Effect::delete(&key).encode(following.db, &mut bytes),
        }
    }
    ToReplica::Fetched { through, effects: bytes.into() }.encode_for(following.features)
}

fn put(number: u8, entry: Entry<'_>, out: &mut Vec<u8>) {
    let put = Put { value: stored_value(entry.value), expires_at: entry.expires_at };
    Effect::new(entry.key, Change::Put(put)).encode(number, out);
}

/// Keys that one call of the scan visits.
const SCAN_ENTRIES: usize = 256;
