//! Which keys the replica knows, and how that changes while it is connected.
//!
//! ```text
//!  known          what the data is complete for: what hello says, and the token is good for
//!  subscriptions  changes on their way, in order; each becomes part of `known` when the hub has seen to it
//!  holes          keys of the interest whose values are unknown all the same
//! ```

use alloc::{boxed::Box, format, vec::Vec};

use super::{
    Link, Replica, SyncError, events::Event, execute::is_blind, index::Touch, pending::Command, talk::in_resp3,
    too_long,
};
use crate::{
    blob::Blob,
    command,
    effect::{Change, Effect},
    env::Env,
    error::Error,
    sync::{
        interest::Interest,
        message::ToHub,
        planted::{self, Bug},
    },
    types::string::{Expiry, StringChange},
};

/// A change of interest that the hub hasn't seen to yet.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) id: u32,
    pub(super) add: Vec<Vec<u8>>,
    pub(super) remove: Vec<Vec<u8>>,
}

impl Replica {
    /// Wants the keys of some globs as well, and of others no more. Returns the number under which events tell that the
    /// keys are there, or gone, or why not; without a connection that waits for one.
    pub fn subscribe(&mut self, _env: Env, add: &[&[u8]], remove: &[&[u8]]) -> u32 {
        let id = self.next_id();
        let owned = |globs: &[&[u8]]| globs.iter().map(|glob| glob.to_vec()).collect();
        self.begin_subscription(Subscription { id, add: owned(add), remove: owned(remove) });
        id
    }

    /// Whether changes of interest are on their way.
    pub fn is_subscribing(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// The keys whose values are known, but for forgotten ones.
    pub fn known(&self) -> &Interest {
        &self.known
    }

    /// Whether reading a key answers: its value, or that it doesn't exist. To be called after [`Replica::settle`].
    pub fn is_known(&self, key: &[u8]) -> bool {
        let is_hole = || {
            self.holes.hides(key)
                && self.pending.touching(key).next().is_none()
                && self.engine.keyspace().db(self.db).find(key).is_none()
        };
        self.known.contains(key) && (self.holes.is_empty() || planted::has(Bug::EvictedAsAbsent) || !is_hole())
    }

    /// Asks for the values of unknown keys of the interest; [`Event::Fetched`] tells that they are there, of some now and
    /// of others later if they are more than the server takes at once. Returns whether there is a connection to ask.
    pub fn fetch(&mut self, keys: &[&[u8]]) -> bool {
        let is_live = matches!(self.link, Link::Live { .. });
        if is_live {
            self.talk.fetches.extend(keys.iter().map(|key| Box::from(*key)));
            self.send_fetches();
        }
        is_live
    }

    /// Asks for as many keys as the server takes.
    pub(super) fn send_fetches(&mut self) {
        let bytes_max = self.message_bytes_max / 2;
        loop {
            let room = (self.accepts.fetches_max.max(1) as usize).saturating_sub(self.talk.fetching);
            let (mut keys, mut bytes) = (Vec::new(), 0);
            while keys.len() < room
                && let Some(key) = self.talk.fetches.pop_front_if(|key| bytes == 0 || bytes + key.len() < bytes_max)
            {
                bytes += key.len() + WORD_BYTES;
                keys.push(Blob::from(key));
            }
            if keys.is_empty() {
                return;
            }
            let count = keys.len();
            match self.try_send(&ToHub::Fetch { keys }) {
                Ok(()) => self.talk.fetching += count,
                Err(error) => self.decline(&error),
            }
        }
    }

    /// Whether all that a pending command reads is known.
    pub(super) fn knows_enough_for(&self, command: &Command) -> bool {
        if self.holes.is_empty() && self.known.is_everything() {
            return true;
        }
        command.conditions.iter().all(|(key, _)| self.is_known(key))
            && command.calls.iter().all(|call| {
                let words = call.words();
                let Ok((row, _)) = command::find_row(&words) else { return true };
                let is_blind = is_blind(row.name, &words);
                let mut keys = row.key_positions(&words).filter_map(|at| words.get(at));
                keys.all(|key| if is_blind { self.known.contains(key) } else { self.is_known(key) })
            })
    }

    /// Whether an effect is on a key that the replica is to hold, or is about to.
    pub(super) fn wants(&self, effect: &Effect<'_>) -> bool {
        let is_coming =
            || self.added.is_some() && self.subscriptions.front().is_some_and(|front| front.adds(&effect.key));
        self.known.concerns(effect) || is_coming()
    }

    /// Whether a confirmed effect leads to a value that is known: it says all of it, or what was before is known. What
    /// nobody asked for isn't let in if there is no room.
    pub(super) fn is_good(&self, effect: &Effect<'_>, was_asked_for: bool) -> bool {
        let key = &effect.key;
        let is_whole = match &effect.change {
            Change::Flush => return true,
            Change::Put(_) | Change::Delete(_) => true,
            Change::String(StringChange::Set { expiry, .. }) => *expiry != Expiry::Keep,
            _ => false,
        };
        !self.holes.hides(key)
            || self.engine.keyspace().db(self.db).find(key).is_some()
            || is_whole && (was_asked_for || self.has_room(0))
    }

    /// Takes in that the value after a confirmed effect is known, and whether it can't be seen because of what is pending.
    pub(super) fn note_known(&mut self, effect: &Effect<'_>, is_hidden: bool) {
        if matches!(effect.change, Change::Flush) {
            self.holes.clear(false);
            return;
        }
        let is_there = || self.engine.keyspace().db(self.db).find(&effect.key).is_some();
        if !self.holes.is_sparse() || is_hidden || !is_there() {
            self.holes.reveal(&effect.key);
            if self.holes.is_sparse() && self.holes.are_many() {
                let pending = &self.pending;
                let dropped = self.holes.drop_after(&effect.key, |key| pending.needs(key));
                if let Some(key) = dropped {
                    self.engine.keyspace_mut().note_change(self.db, &key);
                }
            }
        }
    }

    pub(super) fn begin_subscription(&mut self, subscription: Subscription) {
        let is_first = self.subscriptions.is_empty();
        if is_first && matches!(self.link, Link::Offline) && subscription.add.is_empty() {
            // What isn't wanted any more can go at once: what is left is complete as before.
            self.remove_globs(&subscription.remove);
            self.events.push_back(Event::Subscribed { id: subscription.id });
            return;
        }
        let id = subscription.id;
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return self.tell_not_subscribed(id, &Error::new("ERR too many changes of interest wait for their turn"));
        }
        // A hello that names them all has to fit into a message, together with other things.
        let waiting = self.subscriptions.iter().flat_map(|waiting| &waiting.add);
        let bytes = bytes_of(self.globs.iter().chain(waiting).chain(&subscription.add));
        if !subscription.add.is_empty() && bytes > self.message_bytes_max / 2 {
            return self.tell_not_subscribed(id, &too_long(bytes, self.message_bytes_max / 2));
        }
        self.subscriptions.push_back(subscription);
        self.send_subscriptions();
    }

    /// Asks the hub for the changes for which it has room.
    pub(super) fn send_subscriptions(&mut self) {
        let blobs = |globs: &[Vec<u8>]| globs.iter().map(|glob| Blob::from(glob.clone())).collect();
        while self.is_welcome()
            && let Some(next) = self.subscriptions.get(self.subscriptions_sent)
        {
            let under_way: usize =
                self.subscriptions.iter().take(self.subscriptions_sent).map(Subscription::steps).sum();
            // The start is one step.
            let room = (self.accepts.steps_max as usize).saturating_sub(1 + under_way);
            if under_way > 0 && room < next.steps() {
                return;
            }
            let id = next.id;
            let message = ToHub::Subscribe { id, add: blobs(&next.add), remove: blobs(&next.remove) };
            match self.try_send(&message) {
                Ok(()) => self.subscriptions_sent += 1,
                Err(error) => {
                    self.subscriptions.remove(self.subscriptions_sent);
                    self.tell_not_subscribed(id, &error);
                }
            }
        }
    }

    /// Gives up all globs but the first ones, which are as many as the hub takes.
    pub(super) fn keep_globs(&mut self, count: usize) {
        if self.globs.len() > count {
            self.decline(&Error::owned(format!(
                "ERR {} patterns of the interest are left out: the server takes {count}",
                self.globs.len() - count
            )));
            self.globs.truncate(count);
            self.remove_globs(&[]);
        }
    }

    /// Gives up the globs that don't fit into a hello.
    pub(super) fn fit_globs(&mut self) {
        let mut room = self.message_bytes_max / 2;
        let fits = |glob: &&Vec<u8>| {
            let rest = room.checked_sub(glob.len() + WORD_BYTES);
            room = rest.unwrap_or(room);
            rest.is_some()
        };
        let count = self.globs.iter().take_while(fits).count();
        self.keep_globs(count);
    }

    fn tell_not_subscribed(&mut self, id: u32, error: &Error) {
        self.events.push_back(Event::NotSubscribed { id, error: in_resp3(error) });
    }

    fn has_finished(&mut self) {
        self.subscriptions_sent = self.subscriptions_sent.saturating_sub(1);
        self.send_subscriptions();
    }

    /// Takes in that the added keys of a subscription are about to be known.
    pub(super) fn know_added(&mut self, id: u32) {
        let Some(front) = self.subscriptions.front_mut().filter(|front| front.id == id) else { return };
        self.globs.append(&mut front.add);
        self.refresh_known();
    }

    /// Takes in that added keys are known.
    pub(super) fn resolve_subscription(&mut self, id: u32) {
        let is_done = |front: &&Subscription| front.id == id && front.add.is_empty() && front.remove.is_empty();
        if self.subscriptions.front().as_ref().is_some_and(is_done) {
            self.subscriptions.pop_front();
            self.events.push_back(Event::Subscribed { id });
            self.has_finished();
        }
    }

    /// Takes in that the hub sends nothing more of what isn't wanted any more.
    pub(super) fn finish_removal(&mut self, id: u32) -> Result<(), SyncError> {
        let Some(front) = self.subscriptions.pop_front_if(|front| front.id == id && front.add.is_empty()) else {
            return Err(SyncError::Unexpected("the end of a subscription that wasn't to end"));
        };
        self.remove_globs(&front.remove);
        self.events.push_back(Event::Subscribed { id });
        self.has_finished();
        Ok(())
    }

    pub(super) fn refuse_subscription(&mut self, id: u32, error: &[u8]) -> Result<(), SyncError> {
        let sent = self.subscriptions.iter().take(self.subscriptions_sent);
        let Some(at) = sent.into_iter().position(|other| other.id == id) else {
            return Err(SyncError::Unexpected("a refusal of what wasn't asked for"));
        };
        self.subscriptions.remove(at);
        self.events.push_back(Event::NotSubscribed { id, error: error.to_vec() });
        self.has_finished();
        Ok(())
    }

    fn remove_globs(&mut self, remove: &[Vec<u8>]) {
        for glob in remove {
            let at = self.globs.iter().position(|other| other == glob);
            at.map(|at| self.globs.remove(at));
        }
        self.keep_known();
    }

    /// Makes the keys of the globs those that are known, and drops all others.
    pub(super) fn keep_known(&mut self) {
        // A pending command may have deleted a key that isn't wanted any more: to take it back would bring the key back.
        let mut touch = Touch::everything();
        if planted::has(Bug::DeletedOutsideInterest) {
            touch = Touch::default();
            let shown = self.engine.keyspace().db(self.db).iter();
            shown.for_each(|entry| touch.add_key(entry.key));
        }
        self.take_back(&touch);
        self.refresh_known();
        let known = self.known.clone();
        self.drop_keys(|key| !known.contains(key));
        self.note_unknown();
        self.holes.retain(|key| known.contains(key));
    }

    /// Tells those who show data that any key which doesn't exist may be unknown now.
    pub(super) fn note_unknown(&mut self) {
        self.engine.keyspace_mut().note_flush(self.db, None);
    }

    fn refresh_known(&mut self) {
        self.store.note_head();
        self.pending.try_all_again();
        self.known = Interest::new(self.globs.iter().map(Vec::as_slice));
        self.tell_interest();
    }
}

impl Subscription {
    /// How many steps it is for the hub.
    fn steps(&self) -> usize {
        usize::from(!self.add.is_empty() || self.remove.is_empty()) + usize::from(!self.remove.is_empty())
    }

    fn adds(&self, key: &[u8]) -> bool {
        Interest::new(self.add.iter().map(Vec::as_slice)).contains(key)
    }
}

/// About what globs take in a message.
fn bytes_of<'a>(globs: impl Iterator<Item = &'a Vec<u8>>) -> usize {
    globs.map(|glob| glob.len() + WORD_BYTES).sum()
}

/// Changes of interest that a replica keeps for the hub.
const SUBSCRIPTIONS_MAX: usize = 1024;

/// What the length of a word takes, at most.
const WORD_BYTES: usize = 5;
