//! What passes through and isn't data: calls that run on the server, messages on channels, presence.

use alloc::{boxed::Box, format, vec::Vec};

use super::{Link, Replica, events::Event};
use crate::{
    blob::Blob,
    error::Error,
    resp::{Protocol, Reply},
    sync::message::ToHub,
};

impl Replica {
    /// Runs a call on the server: at once, once at most, and without predicting what it does. [`Event::Reply`] brings
    /// the reply under the number that is returned; an error if there is no connection, or it ends before.
    pub fn call(&mut self, words: &[&[u8]]) -> u32 {
        let id = self.next_id();
        if matches!(self.link, Link::Live { .. }) {
            self.calls.push(id);
            self.send(&ToHub::Call { id, call: words.iter().map(|word| Blob::from(*word)).collect() });
        } else {
            self.lose_call(id, "there is no connection to the server");
        }
        id
    }

    /// Listens to some channels, and to others no more.
    pub fn listen(&mut self, join: &[&[u8]], leave: &[&[u8]]) {
        self.channels.retain(|channel| !leave.contains(&&**channel) && !join.contains(&&**channel));
        self.channels.extend(join.iter().map(|channel| Box::from(*channel)));
        if self.is_greeted() {
            let blobs = |channels: &[&[u8]]| channels.iter().map(|channel| Blob::from(channel.to_vec())).collect();
            self.send(&ToHub::Listen { join: blobs(join), leave: blobs(leave) });
        }
    }

    /// Sends a message to all who listen to a channel now. Returns whether there is a connection.
    pub fn publish(&mut self, channel: &[u8], payload: &[u8]) -> bool {
        let is_greeted = self.is_greeted();
        if is_greeted {
            self.send(&ToHub::Publish { channel: channel.to_vec().into(), payload: payload.to_vec().into() });
        }
        is_greeted
    }

    /// Gives a key a value for as long as this replica is connected; `None` ends that. After each reconnection the key
    /// is there again.
    pub fn presence(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.presence.retain(|(other, _)| **other != *key);
        self.presence.extend(value.map(|value| (Box::from(key), Box::from(value))));
        if self.is_greeted() {
            let value = value.map(|value| value.to_vec().into());
            self.send(&ToHub::Presence { key: key.to_vec().into(), value });
        }
    }

    /// Hands the hub a new token.
    pub fn renew(&mut self, token: &[u8]) {
        if self.is_greeted() {
            self.send(&ToHub::Renew { token: token.to_vec().into() });
        }
    }

    /// Says again, on a new connection, what the hub keeps as long as a connection only.
    pub(super) fn repeat_oneself(&mut self) {
        if !self.channels.is_empty() {
            let join = self.channels.iter().map(|channel| Blob::from(channel.to_vec())).collect();
            self.send(&ToHub::Listen { join, leave: Vec::new() });
        }
        for (key, value) in self.presence.clone() {
            self.send(&ToHub::Presence { key: key.into_vec().into(), value: Some(value.into_vec().into()) });
        }
    }

    /// Ends the calls whose replies can't come any more.
    pub(super) fn lose_calls(&mut self) {
        for id in core::mem::take(&mut self.calls) {
            self.lose_call(id, "the connection ended before the reply; whether the call ran isn't known");
        }
    }

    fn lose_call(&mut self, id: u32, why: &str) {
        let mut reply = Vec::new();
        Reply::new(&mut reply, Protocol::Resp3).error(&Error::owned(format!("LOST {why}")));
        self.events.push_back(Event::Reply { id, reply });
    }

    fn is_greeted(&self) -> bool {
        !matches!(self.link, Link::Offline)
    }
}
