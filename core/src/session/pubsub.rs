//! Who listens to which channels, and the messages that wait to be written to their connections.
//!
//! A message is kept nowhere: who doesn't listen when it is published never hears it.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

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
pub(crate) struct Listening([BTreeSet<Box<[u8]>>; 3]);

impl Listening {
    /// The names, in their order.
    pub(crate) fn of(&self, topic: Topic) -> &BTreeSet<Box<[u8]>> {
        let [channels, patterns, shards] = &self.0;
        match topic {
            Topic::Channel => channels,
            Topic::Pattern => patterns,
            Topic::Shard => shards,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Box<[u8]>> {
        let [channels, patterns, shards] = &mut self.0;
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

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
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

    fn leave(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        let listeners = self.of_mut(topic);
        if let Some(ids) = listeners.get_mut(name) {
            ids.remove(&id);
            if ids.is_empty() {
                listeners.remove(name);
            }
        }
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
        if self.session_mut(id).listening.of_mut(topic).insert(name.into()) {
            self.pubsub.of_mut(topic).entry(name.into()).or_default().insert(id);
        }
    }

    /// Lets a session listen no more.
    pub(crate) fn unsubscribe(&mut self, id: SessionId, topic: Topic, name: &[u8]) {
        if self.session_mut(id).listening.of_mut(topic).remove(name) {
            self.pubsub.leave(id, topic, name);
        }
    }

    /// Lets a session listen to nothing any more.
    pub(crate) fn unsubscribe_all(&mut self, id: SessionId) {
        let listening = core::mem::take(&mut self.session_mut(id).listening);
        self.pubsub.leave_all(id, &listening);
    }

    /// Writes a message for all sessions that listen to a channel; returns how many times. Cost: O(listeners + patterns).
    pub(crate) fn publish(&mut self, topic: Topic, channel: &[u8], payload: &[u8]) -> usize {
        let mut count = 0;
        let kind = if topic == Topic::Shard { "smessage" } else { "message" };
        if let Some(ids) = self.pubsub.of(topic).get(channel) {
            let ids: Vec<SessionId> = ids.iter().copied().collect();
            count += ids.len();
            ids.into_iter().for_each(|id| self.tell(id, &[kind.as_bytes(), channel, payload]));
        }
        if topic == Topic::Channel {
            let matching = self.pubsub.of(Topic::Pattern).iter().filter(|(pattern, _)| glob::matches(pattern, channel));
            let found: Vec<(Box<[u8]>, Vec<SessionId>)> =
                matching.map(|(pattern, ids)| (pattern.clone(), ids.iter().copied().collect())).collect();
            for (pattern, ids) in found {
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
