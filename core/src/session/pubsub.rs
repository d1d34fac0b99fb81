//! Who listens to which channels, and the messages that wait to be written to their connections.
//!
//! A message is kept nowhere: who doesn't listen when it is published never hears it.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::ops::Bound;

use super::{SessionId, Sessions, Woken};
use crate::{glob, resp::Reply};

/// What is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A channel by its name.
    Channel,
    /// All channels that a glob matches.
    Pattern,
    /// A channel of `SPUBLISH`: in a cluster, of one shard; here a space of names of its own.
    Shard,
}

type Listeners = BTreeMap<Box<[u8]>, BTreeSet<SessionId>>;

/// The listeners of an engine.
#[derive(Debug, Default)]
pub(crate) struct PubSub {
    listeners: [Listeners; 3],
    /// How many patterns have a literal beginning of which length: what can match a channel is looked up by each of these.
    beginnings: BTreeMap<usize, usize>,
    pub(super) messages: VecDeque<Woken>,
    published: VecDeque<Published>,
}

/// A message that a command published: replicas may be listening, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The channel.
    pub channel: Vec<u8>,
    /// What was said.
    pub payload: Vec<u8>,
}

/// What a session listens to.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    topics: [BTreeSet<Box<[u8]>>; 3],
    bytes: usize,
}

impl Listening {
    /// The names, in their order.
    pub(crate) fn of(&self, topic: Topic) -> &BTreeSet<Box<[u8]>> {
        let [channels, patterns, shards] = &self.topics;
        match topic {
            Topic::Channel => channels,
            Topic::Pattern => patterns,
            Topic::Shard => shards,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Box<[u8]>> {
        let [channels, patterns, shards] = &mut self.topics;
        match topic {
            Topic::Channel => channels,
            Topic::Pattern => patterns,
            Topic::Shard => shards,
        }
    }

    /// What a reply to a subscription counts: channels and patterns together, those of shards apart.
    pub(crate) fn count(&self, topic: Topic) -> usize {
        match topic {
            Topic::Shard => self.of(topic).len(),
            _ => self.of(Topic::Channel).len() + self.of(Topic::Pattern).len(),
        }
    }

    /// What the names take, with what is kept of each. Cost: O(1).
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert(&mut self, topic: Topic, name: &[u8]) -> bool {
        let is_new = self.of_mut(topic).insert(name.into());
        self.bytes += if is_new { NAME_BYTES + name.len() } else { 0 };
        is_new
    }

    fn remove(&mut self, topic: Topic, name: &[u8]) -> bool {
        let was_there = self.of_mut(topic).remove(name);
        self.bytes -= if was_there { NAME_BYTES + name.len() } else { 0 };
        was_there
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.iter().all(BTreeSet::is_empty)
    }
}

impl PubSub {
    /// The names that somebody listens to, each with its listeners.
    pub(crate) fn of(&self, topic: Topic) -> &Listeners {
        let [channels, patterns, shards] = &self.listeners;
        match topic {
            Topic::Channel => channels,
            Topic::Pattern => patterns,
            Topic::Shard => shards,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut Listeners {
        let [channels, patterns, shards] = &mut self.listeners;
        match topic {
            Topic::Channel => channels,
            Topic::Pattern => patterns,
            Topic::Shard => shards,
        }
    }

    fn join(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        let listeners = self.of_mut(topic);
        if let Some(ids) = listeners.get_mut(name) {
            ids.insert(id);
            return;
        }
        listeners.insert(name.into(), BTreeSet::from([id]));
        if topic == Topic::Pattern {
            *self.beginnings.entry(glob::literal_prefix(name).len()).or_default() += 1;
        }
    }

    fn leave(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        let listeners = self.of_mut(topic);
        let Some(ids) = listeners.get_mut(name) else { return };
        ids.remove(&id);
        if !ids.is_empty() {
            return;
        }
        listeners.remove(name);
        let length = glob::literal_prefix(name).len();
        if topic == Topic::Pattern
            && let Some(count) = self.beginnings.get_mut(&length)
        {
            *count -= 1;
            if *count == 0 {
                self.beginnings.remove(&length);
            }
        }
    }

    /// The patterns that a channel matches, in their order, with their listeners.
    ///
    /// Looks only at those whose literal beginning is one of the channel's. Cost: O(lengths of beginnings × log patterns +
    /// patterns with such a beginning).
    fn matching(&self, channel: &[u8]) -> Vec<(Box<[u8]>, Vec<SessionId>)> {
        let patterns = self.of(Topic::Pattern);
        let mut found: Vec<(&Box<[u8]>, &BTreeSet<SessionId>)> = Vec::new();
        // No beginning goes on behind a byte that is special in patterns.
        let longest = glob::literal_prefix(channel);
        for beginning in self.beginnings.keys().map_while(|length| longest.get(..*length)) {
            // Patterns are in the order of their bytes, so those that go on alike stand side by side. Where none begins so,
            // none begins with more of the channel.
            let next = patterns.range::<[u8], _>((Bound::Included(beginning), Bound::Unbounded)).next();
            if !next.is_some_and(|(pattern, _)| pattern.starts_with(beginning)) {
                break;
            }
            for special in glob::SPECIAL {
                let from = [beginning, &[special]].concat();
                let alike = patterns.range::<[u8], _>((Bound::Included(from.as_slice()), Bound::Unbounded));
                let alike = alike.take_while(|(pattern, _)| pattern.starts_with(&from));
                found.extend(alike.filter(|(pattern, _)| glob::matches(pattern, channel)));
            }
        }
        found.extend(patterns.get_key_value(channel).filter(|(pattern, _)| glob::is_literal(pattern)));
        found.sort_unstable_by_key(|(pattern, _)| *pattern);
        found.into_iter().map(|(pattern, ids)| (pattern.clone(), ids.iter().copied().collect())).collect()
    }

    /// Lets a session whose listening this was hear nothing any more.
    pub(crate) fn leave_all(&mut self, id: SessionId, listening: &Listening) {
        for topic in [Topic::Channel, Topic::Pattern, Topic::Shard] {
            listening.of(topic).iter().for_each(|name| self.leave(id, topic, name));
        }
    }

    pub(crate) fn poll_published(&mut self) -> Option<Published> {
        self.published.pop_front()
    }

    /// Has a message told to those who aren't sessions.
    pub(crate) fn pass_on(&mut self, channel: &[u8], payload: &[u8]) {
        self.published.push_back(Published { channel: channel.to_vec(), payload: payload.to_vec() });
    }
}

impl Sessions {
    /// Whether a message waits to be written or passed on.
    pub(crate) fn has_messages(&self) -> bool {
        !self.pubsub.messages.is_empty() || !self.pubsub.published.is_empty() || self.tracking.has_broadcast()
    }

    /// The next message to a session.
    pub(crate) fn poll_message(&mut self) -> Option<Woken> {
        if self.pubsub.messages.is_empty() && self.tracking.has_broadcast() {
            self.broadcast();
        }
        self.pubsub.messages.pop_front()
    }

    /// Lets a session listen.
    pub(crate) fn subscribe(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        if self.session_mut(id).listening.insert(topic, name) {
            self.pubsub.join(id, topic, name);
        }
    }

    /// Lets a session listen no more.
    pub(crate) fn unsubscribe(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        if self.session_mut(id).listening.remove(topic, name) {
            self.pubsub.leave(id, topic, name);
        }
    }

    /// Lets a session listen to nothing any more.
    pub(crate) fn unsubscribe_all(&mut self, id: SessionId) {
        let listening = core::mem::take(&mut self.session_mut(id).listening);
        self.pubsub.leave_all(id, &listening);
    }

    /// Writes a message for all sessions that listen to a channel; returns how many times. Cost: O(listeners + patterns that
    /// begin as the channel does).
    pub(crate) fn publish(&mut self, topic: Topic, channel: &[u8], payload: &[u8]) -> usize {
        let mut count = 0;
        let kind = if topic == Topic::Shard { "smessage" } else { "message" };
        if let Some(ids) = self.pubsub.of(topic).get(channel) {
            let ids: Vec<SessionId> = ids.iter().copied().collect();
            count += ids.len();
            ids.into_iter().for_each(|id| self.tell(id, &[kind.as_bytes(), channel, payload]));
        }
        if topic == Topic::Channel {
            for (pattern, ids) in self.pubsub.matching(channel) {
                count += ids.len();
                ids.into_iter().for_each(|id| self.tell(id, &[b"pmessage", &pattern, channel, payload]));
            }
        }
        count
    }

    fn tell(&mut self, id: SessionId, words: &[&[u8]]) {
        let Some(session) = self.session(id).filter(|session| !session.killed) else { return };
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, session.protocol);
        reply.push(words.len());
        words.iter().for_each(|word| reply.bulk(word));
        self.pubsub.messages.push_back(Woken { session: id, reply: bytes });
    }
}

/// What a name takes beside its bytes, about: in its session's set, and in the map of all who listen.
const NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{PubSub, SessionId, Topic};
    use crate::glob;

    /// Words of which many begin alike, and many match each other.
    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"ab*?[]\\".to_vec()), 0..5)
    }

    proptest! {
        #[test]
        fn a_channel_finds_the_patterns_that_match_it(
            steps in prop::collection::vec((any::<bool>(), 0_usize..3, word()), 0..40),
            channels in prop::collection::vec(word(), 1..10),
        ) {
            let mut pubsub = PubSub::default();
            for (joins, id, pattern) in steps {
                if joins {
                    pubsub.join(SessionId(id), Topic::Pattern, &pattern);
                } else {
                    pubsub.leave(SessionId(id), Topic::Pattern, &pattern);
                }
            }
            for channel in channels {
                let all = pubsub.of(Topic::Pattern).iter().filter(|(pattern, _)| glob::matches(pattern, &channel));
                let all: Vec<_> = all.map(|(pattern, ids)| (pattern.clone(), ids.iter().copied().collect())).collect();
                prop_assert_eq!(pubsub.matching(&channel), all);
            }
            let lengths = pubsub.of(Topic::Pattern).keys().map(|pattern| glob::literal_prefix(pattern).len());
            prop_assert_eq!(pubsub.beginnings.values().sum::<usize>(), lengths.count());
        }
    }
}
