//! Client-side caching: who has read which keys, or asked for all of a prefix, and is told when one of them changes.
//!
//! ```text
//!  reads a key ──▶ keys: key → trackers ──────────┐
//!                                                 ├─ the key changes ──▶ "invalidate", each once
//!  names a prefix ──▶ prefixes: prefix → sessions ┘
//! ```
//! What has changed follows from the effects, as keyspace notifications do. A key is known by its name alone: whatever
//! happens under this name in any database drops it from a cache, as in Redis.
//!
//! Somebody who tracks has a number that nobody gets again. The numbers of those who have left stay in the table until
//! their keys change or make room; nothing is searched when a connection ends. Once
//! nobody is left, the table is let go.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Bound;

use super::{Session, SessionId, Sessions, Woken};
use crate::resp::{Protocol, Reply};

/// What a session tracks, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    number: u64,
    pub(crate) options: TrackingOptions,
    /// The next command's keys are treated otherwise than usual: `CLIENT CACHING`.
    pub(crate) caching: bool,
    /// Whoever was to be told in its place has gone.
    pub(crate) is_broken: bool,
    /// The prefixes of which it hears everything.
    pub(crate) prefixes: BTreeSet<Box<[u8]>>,
    /// What they take, with what is kept of each.
    pub(crate) prefix_bytes: usize,
}

/// What `CLIENT TRACKING` is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrackingOptions {
    /// Who is told instead, with the number that tells it from later users of its place.
    pub(crate) redirect: Option<(u64, SessionId)>,
    /// All keys of some prefixes, instead of those that it reads.
    pub(crate) broadcast: bool,
    /// Nothing of its own changes.
    pub(crate) noloop: bool,
    /// Which of its reads count.
    pub(crate) reads: Reads,
}

/// Which reads of a session make a key tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reads {
    /// All.
    #[default]
    All,
    /// Those after `CLIENT CACHING YES`.
    OptIn,
    /// All but those after `CLIENT CACHING NO`.
    OptOut,
}

impl Tracker {
    /// Whether the keys that the running command reads are to be remembered.
    fn remembers(&self) -> bool {
        let counts = match self.options.reads {
            Reads::All => true,
            Reads::OptIn => self.caching,
            Reads::OptOut => !self.caching,
        };
        counts && !self.options.broadcast
    }
}

/// All that is tracked.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    begun: u64,
    /// Those who track, by number.
    live: BTreeMap<u64, SessionId>,
    /// Who has read a key, by number in ascending order.
    keys: BTreeMap<Box<[u8]>, Vec<u64>>,
    /// Numbers in `keys`.
    items: usize,
    /// Tables that nobody is left for, to be freed piece by piece.
    departed: Vec<BTreeMap<Box<[u8]>, Vec<u64>>>,
    /// The key that made room last: the one after it is next.
    hand: Box<[u8]>,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// Prefixes under which a key has changed since the last broadcast.
    changed: BTreeSet<Box<[u8]>>,
    /// The session whose call is running: what it is told stands between its replies.
    caller: Option<SessionId>,
    to_caller: Vec<u8>,
}

#[derive(Debug, Default)]
struct Prefix {
    sessions: BTreeSet<SessionId>,
    /// What has changed since the last broadcast, and which client did it last.
    changed: BTreeMap<Box<[u8]>, Option<u64>>,
}

impl Tracking {
    /// Whether anybody tracks anything.
    pub(crate) fn is_active(&self) -> bool {
        !self.live.is_empty()
    }

    /// How many track.
    pub(crate) fn clients(&self) -> usize {
        self.live.len()
    }

    /// How many keys somebody has read.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many pairs of a key and somebody who has read it there are.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// How many prefixes somebody has asked for.
    pub(crate) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there is something to broadcast.
    pub(super) fn has_broadcast(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Lets a session whose tracker this was hear nothing any more.
    pub(super) fn leave(&mut self, id: SessionId, tracker: &Tracker) {
        self.live.remove(&tracker.number);
        if self.live.is_empty() && !self.keys.is_empty() {
            self.departed.push(core::mem::take(&mut self.keys));
            self.items = 0;
        }
        for prefix in &tracker.prefixes {
            if let Some(found) = self.prefixes.get_mut(prefix) {
                found.sessions.remove(&id);
                if found.sessions.is_empty() {
                    self.prefixes.remove(prefix);
                    self.changed.remove(prefix);
                }
            }
        }
    }

    fn remember(&mut self, number: u64, key: &[u8]) {
        let numbers = match self.keys.get_mut(key) {
            Some(numbers) => numbers,
            None => self.keys.entry(key.into()).or_default(),
        };
        let Err(place) = numbers.binary_search(&number) else { return };
        numbers.insert(place, number);
        self.items += 1;
        // A key that never changes and is read by ever new clients must not gather all of them.
        if numbers.len() >= DEPARTED_LOOKED_FOR && numbers.len().is_power_of_two() {
            let before = numbers.len();
            numbers.retain(|number| self.live.contains_key(number));
            self.items -= before - numbers.len();
        }
    }

    /// Takes a key out of the table; returns the numbers of those who had read it.
    fn take(&mut self, key: &[u8]) -> Vec<u64> {
        let numbers = self.keys.remove(key).unwrap_or_default();
        self.items -= numbers.len();
        numbers
    }

    /// The key that is to make room next.
    fn next_victim(&self) -> Option<Box<[u8]>> {
        let after = (Bound::Excluded(&*self.hand), Bound::Unbounded);
        let next = self.keys.range::<[u8], _>(after).next().or_else(|| self.keys.first_key_value());
        next.map(|(key, _)| key.clone())
    }

    fn note_broadcast(&mut self, key: &[u8], by: Option<u64>) {
        let mut note = |name: &[u8], prefix: &mut Prefix| {
            prefix.changed.insert(key.into(), by);
            if !self.changed.contains(name) {
                self.changed.insert(name.into());
            }
        };
        if self.prefixes.len() <= key.len() {
            let matching = self.prefixes.iter_mut().filter(|(name, _)| key.starts_with(name));
            return matching.for_each(|(name, prefix)| note(name, prefix));
        }
        for length in 0..=key.len() {
            if let Some(name) = key.get(..length)
                && let Some(prefix) = self.prefixes.get_mut(name)
            {
                note(name, prefix);
            }
        }
    }
}

impl Sessions {
    /// Has a session told of changes from now on, or in another way than before; returns whether it was already.
    pub(crate) fn track(&mut self, id: SessionId, options: TrackingOptions, prefixes: &[&[u8]]) {
        let mut tracker = self.session_mut(id).tracker.take().unwrap_or_default();
        if tracker.number == 0 {
            self.tracking.begun += 1;
            tracker.number = self.tracking.begun;
            self.tracking.live.insert(tracker.number, id);
        }
        (tracker.options, tracker.is_broken) = (options, false);
        for prefix in prefixes {
            if tracker.prefixes.insert((*prefix).into()) {
                tracker.prefix_bytes += PREFIX_BYTES + prefix.len();
            }
            self.tracking.prefixes.entry((*prefix).into()).or_default().sessions.insert(id);
        }
        self.session_mut(id).tracker = Some(tracker);
    }

    /// Has a session told nothing any more.
    pub(crate) fn untrack(&mut self, id: SessionId) {
        if let Some(tracker) = self.session_mut(id).tracker.take() {
            self.tracking.leave(id, &tracker);
        }
    }

    /// Begins a call of a session, of whom it is known that it gets a reply now if it is to be told between its replies.
    pub(crate) fn begin_tracked_call(&mut self, caller: Option<SessionId>) {
        self.tracking.caller = caller;
    }

    /// What the calling session is to be told after its reply. For a call that waits, or whose reply takes another way,
    /// it is queued instead.
    pub(crate) fn end_tracked_call(&mut self, id: SessionId, replies_now: bool, keeps_caching: bool) -> Vec<u8> {
        if let Some(tracker) = &mut self.session_mut(id).tracker
            && !keeps_caching
        {
            tracker.caching = false;
        }
        self.tracking.caller = None;
        let bytes = core::mem::take(&mut self.tracking.to_caller);
        if replies_now || bytes.is_empty() {
            return bytes;
        }
        self.pubsub.messages.push_back(Woken { session: id, reply: bytes });
        Vec::new()
    }

    /// What the calling session has been told so far, to be written before its reply.
    pub(crate) fn take_told_caller(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.tracking.to_caller)
    }

    /// Remembers that a session has read a key, if it tracks what it reads.
    pub(crate) fn remember_read(&mut self, id: SessionId, key: &[u8]) {
        let tracker = self.session_mut(id).tracker.as_ref().filter(|tracker| tracker.remembers());
        if let Some(number) = tracker.map(|tracker| tracker.number) {
            self.tracking.remember(number, key);
        }
    }

    /// Whether a session tracks what it reads.
    pub(crate) fn tracks_reads(&self, id: SessionId) -> bool {
        self.session(id).and_then(|session| session.tracker.as_ref()).is_some_and(|tracker| tracker.remembers())
    }

    /// Tells those who track a key that it has changed. `by` is the client whose command did it, if one's did.
    pub(crate) fn invalidate(&mut self, key: &[u8], by: Option<u64>) {
        if !self.tracking.prefixes.is_empty() {
            self.tracking.note_broadcast(key, by);
        }
        self.tell_readers(key, by);
    }

    fn tell_readers(&mut self, key: &[u8], by: Option<u64>) {
        for number in self.tracking.take(key) {
            let Some(id) = self.tracking.live.get(&number).copied() else { continue };
            let hears = |session: &Session, tracker: &Tracker| {
                !(tracker.options.broadcast || tracker.options.noloop && Some(session.id) == by)
            };
            let session = self.session(id);
            if session.is_some_and(|session| session.tracker.as_ref().is_some_and(|tracker| hears(session, tracker))) {
                self.tell_tracker(id, Some(&[key]));
            }
        }
    }

    /// Tells all who track that a database was emptied: nothing that they hold is sure to be there still.
    pub(crate) fn invalidate_all(&mut self) {
        self.tracking.keys.clear();
        self.tracking.items = 0;
        let everyone: Vec<SessionId> = self.tracking.live.values().copied().collect();
        everyone.into_iter().for_each(|id| self.tell_tracker(id, None));
    }

    /// Forgets keys beyond `keys_max` (0: any number may be tracked), `at_once` of them at most, and tells those who had
    /// read them.
    pub(crate) fn limit_tracked(&mut self, keys_max: usize, at_once: usize) {
        for _ in 0..at_once {
            if keys_max == 0 || self.tracking.keys.len() <= keys_max {
                return;
            }
            let Some(key) = self.tracking.next_victim() else { return };
            self.tell_readers(&key, None);
            self.tracking.hand = key;
        }
    }

    /// Frees what nobody is left for, `at_once` keys of it at most.
    pub(crate) fn free_untracked(&mut self, at_once: usize) {
        for _ in 0..at_once {
            let Some(table) = self.tracking.departed.last_mut() else { return };
            if table.pop_first().is_none() {
                self.tracking.departed.pop();
            }
        }
    }

    /// Tells those who track prefixes what has changed under them since the last time, in one message for each prefix.
    pub(super) fn broadcast(&mut self) {
        for name in core::mem::take(&mut self.tracking.changed) {
            let Some(prefix) = self.tracking.prefixes.get_mut(&name) else { continue };
            let changed = core::mem::take(&mut prefix.changed);
            let sessions: Vec<SessionId> = prefix.sessions.iter().copied().collect();
            for id in sessions {
                let Some(session) = self.session(id) else { continue };
                let noloop = session.tracker.as_ref().is_some_and(|tracker| tracker.options.noloop);
                let own = Some(session.id).filter(|_| noloop);
                let keys = changed.iter().filter(|(_, by)| own.is_none() || **by != own).map(|(key, _)| &**key);
                let keys: Vec<&[u8]> = keys.collect();
                if !keys.is_empty() {
                    self.tell_tracker(id, Some(&keys));
                }
            }
        }
    }

    /// Writes the message to whom it belongs: keys, or `None` for all of them.
    fn tell_tracker(&mut self, id: SessionId, keys: Option<&[&[u8]]>) {
        let Some(session) = self.session(id).filter(|session| !session.killed) else { return };
        let Some(tracker) = &session.tracker else { return };
        let (protocol, redirect) = (session.protocol, tracker.options.redirect);
        let (receiver, to) = match redirect {
            None => (session, id),
            Some((number, to)) => match self.session(to).filter(|found| found.id == number && !found.killed) {
                Some(found) => (found, to),
                None => return self.tell_broken(id, protocol, number),
            },
        };
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, receiver.protocol);
        match receiver.protocol {
            Protocol::Resp3 => {
                reply.push(2);
                reply.bulk(b"invalidate");
            }
            // What isn't asked for can be told from replies only where there are none.
            Protocol::Resp2 if redirect.is_some() && !receiver.listening.is_empty() => {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(INVALIDATE_CHANNEL);
            }
            Protocol::Resp2 => return,
        }
        match keys {
            Some(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            None => reply.null(),
        }
        self.send(to, bytes);
    }

    fn tell_broken(&mut self, id: SessionId, protocol: Protocol, redirect: u64) {
        if let Some(tracker) = &mut self.session_mut(id).tracker {
            tracker.is_broken = true;
        }
        if protocol == Protocol::Resp3 {
            let mut bytes = Vec::new();
            let mut reply = Reply::new(&mut bytes, protocol);
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.integer(redirect as i64);
            self.send(id, bytes);
        }
    }

    fn send(&mut self, id: SessionId, bytes: Vec<u8>) {
        match self.tracking.caller == Some(id) {
            true => self.tracking.to_caller.extend_from_slice(&bytes),
            false => self.pubsub.messages.push_back(Woken { session: id, reply: bytes }),
        }
    }
}

/// The channel on which clients that speak RESP2 are told.
const INVALIDATE_CHANNEL: &[u8] = b"__redis__:invalidate";

/// From so many numbers under one key on it is looked whether some have left, whenever they have doubled.
const DEPARTED_LOOKED_FOR: usize = 16;

/// What a prefix takes beside its bytes, about: in its session's set, and in the map of all.
const PREFIX_BYTES: usize = 64;
