//! Which keys the replica knows, and how that changes while it is connected.
//!
//! ```text
//!  known          what the data is complete for: what hello says, and the token is good for
//!  subscriptions  changes on their way, in order; each becomes part of `known` when the hub has seen to it
//!  holes          keys of the interest whose values were forgotten
//! ```

use alloc::{boxed::Box, vec::Vec};

use super::{Link, Replica, SyncError, events::Event, pending::Touch};
use crate::{
    blob::Blob,
    effect::{Change, Effect},
    env::Env,
    sync::{interest::Interest, message::ToHub},
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

    /// Forgets the value of a key, to save memory; what batches say of it is dropped. Refused, with `false`, while a
    /// pending command touches it.
    pub fn forget(&mut self, key: &[u8]) -> bool {
        let mut touch = Touch::default();
        touch.add_key(key);
        if !self.is_known(key) || !self.pending.disturbed_by(&touch).is_empty() {
            return false;
        }
        self.drop_keys(|other| other == key);
        self.holes.insert(key.into());
        self.store_forgotten(key);
        true
    }

    /// Asks for the values of forgotten keys; [`Event::Fetched`] tells that they are there. Returns whether there is a
    /// connection to ask.
    pub fn fetch(&mut self, keys: &[&[u8]]) -> bool {
        let is_live = matches!(self.link, Link::Live { .. });
        if is_live {
            self.send(&ToHub::Fetch { keys: keys.iter().map(|key| Blob::from(*key)).collect() });
        }
        is_live
    }

    /// Whether the value of a key is known.
    pub(super) fn is_known(&self, key: &[u8]) -> bool {
        self.known.contains(key) && (self.holes.is_empty() || !self.holes.contains(key))
    }

    /// Whether an effect is on a key that the replica is to hold, or is about to.
    pub(super) fn wants(&self, effect: &Effect<'_>) -> bool {
        let is_coming =
            || self.added.is_some() && self.subscriptions.front().is_some_and(|front| front.adds(&effect.key));
        self.known.concerns(effect) || is_coming()
    }

    /// Whether an effect is on a key whose value it is good for: not one on a forgotten value. An effect that says all of
    /// a value ends the forgetting.
    pub(super) fn fills_no_hole(&mut self, effect: &Effect<'_>) -> bool {
        match effect.change {
            Change::Flush => self.holes.clear(),
            Change::Put(_) | Change::Delete(_) => drop(self.holes.remove(&*effect.key)),
            _ => return !self.holes.contains(&*effect.key),
        }
        true
    }

    pub(super) fn begin_subscription(&mut self, subscription: Subscription) {
        let is_connected = !matches!(self.link, Link::Offline);
        if is_connected {
            self.send_subscription(&subscription);
        } else if subscription.add.is_empty() {
            // What isn't wanted any more can go at once: what is left is complete as before.
            self.remove_globs(&subscription.remove);
            self.begin_generation();
            self.events.push_back(Event::Subscribed { id: subscription.id });
            return;
        }
        self.subscriptions.push_back(subscription);
    }

    /// Asks the hub for what the last connection left undone.
    pub(super) fn resend_subscriptions(&mut self) {
        for subscription in self.subscriptions.clone() {
            self.send_subscription(&subscription);
        }
    }

    fn send_subscription(&mut self, subscription: &Subscription) {
        let blobs = |globs: &[Vec<u8>]| globs.iter().map(|glob| Blob::from(glob.clone())).collect();
        let message = ToHub::Subscribe {
            id: subscription.id,
            add: blobs(&subscription.add),
            remove: blobs(&subscription.remove),
        };
        self.send(&message);
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
        }
        self.begin_generation();
    }

    /// Takes in that the hub sends nothing more of what isn't wanted any more.
    pub(super) fn finish_removal(&mut self, id: u32) -> Result<(), SyncError> {
        let Some(front) = self.subscriptions.pop_front_if(|front| front.id == id && front.add.is_empty()) else {
            return Err(SyncError::Unexpected("the end of a subscription that wasn't to end"));
        };
        self.remove_globs(&front.remove);
        self.begin_generation();
        self.events.push_back(Event::Subscribed { id });
        Ok(())
    }

    pub(super) fn refuse_subscription(&mut self, id: u32, error: &[u8]) -> Result<(), SyncError> {
        let Some(at) = self.subscriptions.iter().position(|other| other.id == id) else {
            return Err(SyncError::Unexpected("a refusal of what wasn't asked for"));
        };
        self.subscriptions.remove(at);
        self.events.push_back(Event::NotSubscribed { id, error: error.to_vec() });
        Ok(())
    }

    fn remove_globs(&mut self, remove: &[Vec<u8>]) {
        for glob in remove {
            let at = self.globs.iter().position(|other| other == glob);
            at.map(|at| self.globs.remove(at));
        }
        self.refresh_known();
        let gone: Vec<Box<[u8]>> = {
            let entries = self.engine.keyspace().db(self.db).iter();
            entries.filter(|entry| !self.known.contains(&entry.key)).map(|entry| entry.key.clone()).collect()
        };
        let mut touch = Touch::default();
        gone.iter().for_each(|key| touch.add_key(key));
        self.take_back(&touch);
        let known = self.known.clone();
        self.drop_keys(|key| !known.contains(key));
        self.holes.retain(|key| known.contains(key));
    }

    fn refresh_known(&mut self) {
        self.pending.try_all_again();
        self.known = Interest::new(self.globs.iter().map(Vec::as_slice));
    }
}

impl Subscription {
    fn adds(&self, key: &[u8]) -> bool {
        Interest::new(self.add.iter().map(Vec::as_slice)).contains(key)
    }
}
