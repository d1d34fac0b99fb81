//! What passes through and isn't data: calls that run on the server, messages on channels, presence.
//!
//! The server takes so much at once and closes the connection on whoever asks for more, which would keep back what is
//! pending. So the replica keeps to what the welcome announced: calls wait for their turn, and what can't wait is
//! declined.

use alloc::{boxed::Box, collections::VecDeque, format, vec::Vec};

use super::{Link, Replica, events::Event};
use crate::{
    blob::Blob,
    error::Error,
    resp::{Protocol, Reply},
    sync::message::ToHub,
};

/// What was asked of the server and isn't answered.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Calls that were sent.
    calls: Vec<u32>,
    /// Calls that wait for their turn, encoded.
    waiting: VecDeque<(u32, Vec<u8>)>,
    /// What these weigh.
    waiting_bytes: usize,
    /// Keys that were asked for and haven't come.
    pub(super) fetching: usize,
    /// Keys that wait to be asked for.
    pub(super) fetches: VecDeque<Box<[u8]>>,
}

impl Replica {
    /// Runs a call on the server, once at most, and without predicting what it does: at once, or when fewer calls wait
    /// for their reply than the server takes. [`Event::Reply`] brings the reply under the number that is returned; an
    /// error if there is no connection, or it ends before, or too much waits.
    pub fn call(&mut self, words: &[&[u8]]) -> u32 {
        let id = self.next_id();
        if !matches!(self.link, Link::Live { .. }) {
            self.lose_call(id, "LOST there is no connection to the server");
            return id;
        }
        let call = ToHub::Call { id, call: words.iter().map(|word| Blob::from(*word)).collect() };
        match self.encode_fitting(&call) {
            Err(error) => self.answer_call(id, &error),
            Ok(message) => {
                let bytes = message.len() + CALL_OVERHEAD_BYTES;
                if self.talk.waiting_bytes + bytes > self.limits.outbox_bytes_max {
                    self.lose_call(id, "ERR too many calls wait for their turn");
                    return id;
                }
                self.talk.waiting_bytes += bytes;
                self.talk.waiting.push_back((id, message));
                self.send_calls();
            }
        }
        id
    }

    /// Takes in the reply to a call.
    pub(super) fn handle_reply(&mut self, id: u32, reply: &[u8]) {
        if let Some(at) = self.talk.calls.iter().position(|call| *call == id) {
            self.talk.calls.swap_remove(at);
            self.events.push_back(Event::Reply { id, reply: reply.to_vec() });
            self.send_calls();
        }
    }

    /// Sends the calls whose turn has come.
    fn send_calls(&mut self) {
        while self.talk.calls.len() < self.accepts.calls_max.max(1) as usize
            && let Some((id, message)) = self.talk.waiting.pop_front()
        {
            self.talk.waiting_bytes -= message.len() + CALL_OVERHEAD_BYTES;
            self.talk.calls.push(id);
            self.outbox.push_back(message);
        }
    }

    /// Listens to some channels, and to others no more.
    pub fn listen(&mut self, join: &[&[u8]], leave: &[&[u8]]) {
        self.channels.retain(|channel| !leave.contains(&&**channel));
        if self.is_welcome() {
            for channel in leave {
                let leave = Vec::from([Blob::from(*channel)]);
                let _ = self.try_send(&ToHub::Listen { join: Vec::new(), leave });
            }
        }
        for channel in join.iter().filter(|channel| !leave.contains(channel)) {
            if self.channels.iter().any(|other| **other == **channel) {
                continue;
            }
            if self.channels.len() >= self.accepts.channels_max as usize {
                self.decline(&Error::owned(format!("ERR {} channels are the most to listen to", self.channels.len())));
                return;
            }
            if self.send_join(channel) {
                self.channels.push(Box::from(*channel));
            }
        }
    }

    /// Sends a message to all who listen to a channel now. Returns whether there is a connection.
    pub fn publish(&mut self, channel: &[u8], payload: &[u8]) -> bool {
        let is_welcome = self.is_welcome();
        if is_welcome {
            self.send_or_decline(&ToHub::Publish { channel: channel.into(), payload: payload.into() });
        }
        is_welcome
    }

    /// Gives a key a value for as long as this replica is connected; `None` ends that. After each reconnection the key
    /// is there again.
    pub fn presence(&mut self, key: &[u8], value: Option<&[u8]>) {
        let before = self.presence.len();
        self.presence.retain(|(other, _)| **other != *key);
        let is_present = self.presence.len() < before;
        let Some(value) = value else {
            if is_present && self.is_welcome() {
                self.send_or_decline(&ToHub::Presence { key: key.into(), value: None });
            }
            return;
        };
        if self.presence.len() >= self.accepts.presence_max as usize {
            self.decline(&Error::owned(format!("ERR {} keys of presence are the most", self.presence.len())));
        } else if self.send_presence(key, value) {
            self.presence.push((key.into(), value.into()));
        }
    }

    /// Hands the hub a new token.
    pub fn renew(&mut self, token: &[u8]) {
        if self.is_welcome() {
            self.send_or_decline(&ToHub::Renew { token: token.into() });
        }
    }

    /// Says again, on a new connection, what the hub keeps as long as a connection only.
    pub(super) fn repeat_oneself(&mut self) {
        let (channels, presence) = (core::mem::take(&mut self.channels), core::mem::take(&mut self.presence));
        channels.iter().for_each(|channel| self.listen(&[channel], &[]));
        presence.iter().for_each(|(key, value)| self.presence(key, Some(value)));
    }

    /// Ends what can't be answered any more.
    pub(super) fn lose_talk(&mut self) {
        let Talk { calls, waiting, .. } = core::mem::take(&mut self.talk);
        for id in calls {
            self.lose_call(id, "LOST the connection ended before the reply; whether the call ran isn't known");
        }
        for (id, _) in waiting {
            self.lose_call(id, "LOST the connection ended before the call was sent");
        }
    }

    /// Tells of what has no answer of its own that it wasn't done.
    pub(super) fn decline(&mut self, error: &Error) {
        self.events.push_back(Event::Declined { error: in_resp3(error) });
    }

    fn send_join(&mut self, channel: &[u8]) -> bool {
        !self.is_welcome()
            || self.send_or_decline(&ToHub::Listen { join: Vec::from([Blob::from(channel)]), leave: Vec::new() })
    }

    fn send_presence(&mut self, key: &[u8], value: &[u8]) -> bool {
        !self.is_welcome() || self.send_or_decline(&ToHub::Presence { key: key.into(), value: Some(value.into()) })
    }

    fn send_or_decline(&mut self, message: &ToHub<'_>) -> bool {
        match self.try_send(message) {
            Ok(()) => true,
            Err(error) => {
                self.decline(&error);
                false
            }
        }
    }

    fn answer_call(&mut self, id: u32, error: &Error) {
        self.events.push_back(Event::Reply { id, reply: in_resp3(error) });
    }

    fn lose_call(&mut self, id: u32, why: &'static str) {
        self.answer_call(id, &Error::new(why));
    }
}

/// An error as a reply.
pub(super) fn in_resp3(error: &Error) -> Vec<u8> {
    let mut reply = Vec::new();
    Reply::new(&mut reply, Protocol::Resp3).error(error);
    reply
}

/// What a call that waits costs besides its bytes.
const CALL_OVERHEAD_BYTES: usize = 64;
