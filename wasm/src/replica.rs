//! One replica, with the buffers through which JavaScript talks to it.
//!
//! Nothing but numbers crosses in a call. What is longer lies in the scratch buffer, which JavaScript fills before it
//! calls, or in the out buffer, which it reads afterwards; `words` says where they are.

use sanderling_core::format::ClientId;
use sanderling_core::resp::Protocol;
use sanderling_core::sync::{self, Event, ReplicaOptions, State};
use sanderling_core::{Env, Limits, glob};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::packed;
use crate::page::{Cursor, Page};
use crate::words::{Word, Words, address_of};

/// A replica and its buffers.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Replica {
    replica: sync::Replica,
    protocol: Protocol,
    words: Words,
    scratch: Vec<u8>,
    out: Vec<u8>,
    staged: Vec<(Vec<u8>, Vec<u8>)>,
}

#[wasm_bindgen]
impl Replica {
    /// Makes a replica that holds nothing and is offline. `options` are the 16 random bytes of its identity and then the
    /// globs of its keys, packed like the words of a call.
    ///
    /// # Errors
    /// If they aren't.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &[u8], now_ms: f64, entropy_low: u32, entropy_high: u32) -> Result<Self, js_sys::Error> {
        let env = env(now_ms, entropy_low, entropy_high);
        let (identity, globs) =
            options.split_first_chunk().ok_or_else(|| wrong("the identity of a replica is 16 bytes"))?;
        let interest = packed::with_words(globs, |globs| globs.iter().map(|glob| glob.to_vec()).collect());
        let options = ReplicaOptions {
            client: ClientId(*identity),
            interest: interest.ok_or_else(|| wrong("the globs of a replica are packed words"))?,
            db: 0,
            seed: env.entropy,
            limits: Limits::DEFAULT,
        };
        let mut replica = Self {
            replica: sync::Replica::new(options, env),
            protocol: Protocol::Resp3,
            words: Words::default(),
            scratch: vec![0; SCRATCH_BYTES],
            out: Vec::new(),
            staged: Vec::new(),
        };
        replica.settle();
        Ok(replica)
    }

    /// Where the block of words begins; it never moves.
    #[must_use]
    pub fn words(&self) -> u32 {
        self.words.address()
    }

    /// Makes the scratch buffer hold at least `bytes`. What is in it stays.
    pub fn reserve(&mut self, bytes: usize) {
        if bytes > self.scratch.len() {
            self.scratch.resize(bytes.next_power_of_two(), 0);
        }
        self.settle();
    }

    /// Has `execute` reply in this version of RESP from now on: 3, as it does at first, or 2, for a shell that hands replies
    /// on to clients of its own.
    pub fn speak(&mut self, version: u32) {
        self.protocol = if version == 2 { Protocol::Resp2 } else { Protocol::Resp3 };
    }

    /// Leaves the value of a setting of the engine in the out buffer; returns whether there is such a one. The packed words
    /// are its name and, if it is to be changed, the new value.
    pub fn setting(&mut self, bytes: usize) -> bool {
        let words = self.scratch.get(..bytes).unwrap_or_default();
        let value = packed::with_words(words, |words| {
            let text = |index: usize| str::from_utf8(words.get(index)?).ok();
            Some(Vec::from(self.replica.setting(text(0)?, text(1))?))
        });
        let value = value.flatten();
        let any = value.is_some();
        self.put_out(value.unwrap_or_default());
        any
    }

    /// Runs the call that is packed in the scratch buffer and leaves the reply in the out buffer. Returns whether it was
    /// queued for the server.
    pub fn execute(&mut self, bytes: usize, now_ms: f64, entropy_low: u32, entropy_high: u32) -> bool {
        let env = env(now_ms, entropy_low, entropy_high);
        self.out.clear();
        let (replica, protocol, out) = (&mut self.replica, self.protocol, &mut self.out);
        let call = self.scratch.get(..bytes).unwrap_or_default();
        let seq = packed::with_words(call, |words| replica.execute_in(protocol, env, words, out)).flatten();
        if let Some(seq) = seq {
            self.words.set_wide(Word::LastSeq, seq.0);
        }
        self.settle();
        seq.is_some()
    }

    /// Runs `GET` with the key that is in the scratch buffer, and leaves the reply in the out buffer. Returns whether
    /// the reply holds until the key changes: not if the key has a deadline, and not inside a transaction.
    pub fn get(&mut self, bytes: usize, now_ms: f64) -> bool {
        self.out.clear();
        let key = self.scratch.get(..bytes).unwrap_or_default();
        self.replica.execute(env(now_ms, 0, 0), &[b"GET", key], &mut self.out);
        let entry = self.replica.engine().keyspace().db(self.replica.db()).find(key);
        let keeps = entry.is_none_or(|entry| entry.expires_at.is_none()) && !self.replica.in_transaction();
        self.settle();
        keeps
    }

    /// Takes in that a connection is open.
    pub fn connected(&mut self, now_ms: f64, entropy_low: u32, entropy_high: u32) {
        self.replica.handle_connected(env(now_ms, entropy_low, entropy_high));
        self.settle();
    }

    /// Takes in that the connection has ended.
    pub fn disconnected(&mut self) {
        self.replica.handle_disconnected();
        self.settle();
    }

    /// Takes in the message that is in the scratch buffer. Returns [`GO_ON`], or what to do about an error whose text
    /// is in the out buffer.
    pub fn message(&mut self, bytes: usize, now_ms: f64, entropy_low: u32, entropy_high: u32) -> u32 {
        let message = self.scratch.get(..bytes).unwrap_or_default();
        let result = self.replica.handle_message(env(now_ms, entropy_low, entropy_high), message);
        self.forget_long_message();
        self.verdict(result)
    }

    /// Takes in that the time of the last `status` has come. Answers as `message` does.
    pub fn timeout(&mut self, now_ms: f64, entropy_low: u32, entropy_high: u32) -> u32 {
        let result = self.replica.handle_timeout(env(now_ms, entropy_low, entropy_high));
        self.verdict(result)
    }

    /// Puts the next message to the server into the out buffer; returns whether there is one.
    pub fn transmit(&mut self) -> bool {
        let message = self.replica.poll_transmit();
        let any = message.is_some();
        self.out = message.unwrap_or_default();
        self.settle();
        any
    }

    /// Returns the kind of the next piece of news, 0 if there is none. Acknowledgements are left out: `pending` in the
    /// status says the same.
    pub fn event(&mut self) -> u32 {
        self.out.clear();
        let kind = loop {
            match self.replica.poll_event() {
                None => break 0,
                Some(Event::Acknowledged(_)) => {}
                Some(Event::State(_)) => break 1,
                Some(Event::Resynced) => break 2,
                Some(Event::Corrected { seq, reply }) => break self.answer(3, seq.0, reply),
                Some(Event::Refused { seq, reply }) => break self.answer(4, seq.0, reply),
                Some(Event::Subscribed { id }) => break self.answer(5, id.into(), Vec::new()),
                Some(Event::NotSubscribed { id, error }) => break self.answer(6, id.into(), error),
                Some(Event::Reply { id, reply }) => break self.answer(7, id.into(), reply),
                Some(Event::Message { channel, payload }) => {
                    let mut message = Vec::new();
                    packed::push(&mut message, &channel);
                    packed::push(&mut message, &payload);
                    break self.answer(8, 0, message);
                }
                Some(Event::Declined { error }) => break self.answer(10, 0, error),
                Some(Event::Fetched { keys }) => {
                    let mut list = Vec::new();
                    keys.iter().for_each(|key| packed::push(&mut list, key));
                    break self.answer(9, 0, list);
                }
            }
        };
        self.settle();
        kind
    }

    /// Puts the next batch for the store into the out buffer, packed; returns whether there is one.
    pub fn store(&mut self) -> bool {
        self.out.clear();
        let batch = self.replica.poll_store();
        if let Some(batch) = &batch {
            packed::push_batch(&mut self.out, batch);
        }
        self.settle();
        batch.is_some()
    }

    /// Gathers nothing for `store` from now on.
    pub fn stop_storing(&mut self) {
        self.replica.stop_storing();
    }

    /// Gathers everything for the next `store`, in the place of whatever is stored.
    pub fn start_storing(&mut self) {
        self.replica.start_storing();
    }

    /// Lets the next `store` begin anew if that makes what is stored shorter; returns whether it will.
    pub fn compact(&mut self) -> bool {
        self.replica.compact_store()
    }

    /// Takes in that the connection may be gone, or that a clock was set.
    pub fn wake(&mut self, now_ms: f64) {
        self.replica.handle_wake(env(now_ms, 0, 0));
        self.settle();
    }

    /// Takes a stored pair from the scratch buffer: first the key, then the value. In the order of keys.
    pub fn stage(&mut self, key_bytes: usize, value_bytes: usize) {
        let pair = self.scratch.get(..key_bytes + value_bytes).unwrap_or_default();
        if let Some((key, value)) = pair.split_at_checked(key_bytes) {
            self.staged.push((key.to_vec(), value.to_vec()));
        }
    }

    /// Makes the replica what the staged pairs say. If that fails the reason is in the out buffer, and the replica is
    /// to be thrown away.
    pub fn load(&mut self) -> bool {
        self.out.clear();
        let result = self.replica.load(&core::mem::take(&mut self.staged));
        if let Err(error) = &result {
            self.out.extend_from_slice(error.to_string().as_bytes());
        }
        self.settle();
        result.is_ok()
    }

    /// Takes the pending commands that can be read out of the staged pairs; returns how many there are.
    pub fn salvage(&mut self) -> u32 {
        let count = self.replica.salvage(&core::mem::take(&mut self.staged));
        self.settle();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Puts the list of the keys that changed since the last call into the out buffer; returns whether all did.
    pub fn touched(&mut self) -> bool {
        self.out.clear();
        let db = self.replica.db();
        let touched = self.replica.drain_touched();
        for (_, key) in touched.keys.iter().filter(|(other, _)| *other == db) {
            packed::push(&mut self.out, key);
        }
        self.settle();
        touched.flushed.contains(&db)
    }

    /// Brings the words about the status up to date.
    pub fn status(&mut self) {
        let status = self.replica.status();
        self.words.set(
            Word::State,
            match status.state {
                State::Offline => 0,
                State::Connecting => 1,
                State::Loading => 2,
                State::Live => 3,
            },
        );
        self.words.set(Word::Pending, u32::try_from(status.pending).unwrap_or(u32::MAX));
        self.words.set_wide(Word::Acknowledged, status.acknowledged.0);
        self.words.set_wide(Word::Seq, status.seq.unwrap_or_default().0);
        self.words.set_wide(Word::BytesIn, status.bytes_in);
        self.words.set_wide(Word::BytesOut, status.bytes_out);
        self.words.set(Word::Memory, u32::try_from(self.replica.memory_bytes()).unwrap_or(u32::MAX));
        self.words.set(Word::Evicted, self.replica.evicted() as u32);
        self.words.set_wide(Word::Timeout, self.replica.next_timeout().map_or(u64::MAX, |at| at.0));
    }

    /// Returns about `count` keys from `cursor` on that match the glob in the scratch buffer:
    /// `{ cursor: string, entries: { key: string, type: string, expiresAt: number | null, size: number }[] }`.
    pub fn entries(&mut self, bytes: usize, cursor: u64, count: usize, now_ms: f64) -> JsValue {
        let pattern = self.scratch.get(..bytes).unwrap_or_default();
        let now = self.replica.server_time(env(now_ms, 0, 0).now);
        self.replica.settle();
        let mut page = Page::default();
        let next = self.replica.engine().keyspace().db(self.replica.db()).scan(cursor, count, |entry| {
            if !entry.is_expired(now) && glob::matches(pattern, entry.key) {
                page.push(entry);
            }
        });
        page.cursor = Cursor(next);
        page.into_js()
    }

    /// The state machine, and what JavaScript wrote for it.
    pub(crate) fn parts(&mut self) -> (&mut sync::Replica, &[u8]) {
        (&mut self.replica, &self.scratch)
    }

    /// Takes the staged pairs.
    pub(crate) fn take_staged(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        core::mem::take(&mut self.staged)
    }

    /// Leaves bytes in the out buffer.
    pub(crate) fn put_out(&mut self, bytes: Vec<u8>) {
        self.out = bytes;
        self.settle();
    }

    /// Keeps no large scratch buffer for the sake of one long message.
    pub(crate) fn forget_long_message(&mut self) {
        if self.scratch.len() > SCRATCH_BYTES_KEPT {
            self.scratch = vec![0; SCRATCH_BYTES];
        }
    }

    fn verdict(&mut self, result: Result<(), sync::SyncError>) -> u32 {
        self.out.clear();
        if let Err(error) = &result {
            self.out.extend_from_slice(error.to_string().as_bytes());
        }
        self.settle();
        match result {
            Ok(()) => GO_ON,
            Err(error) if error.may_retry() => CONNECT_AGAIN,
            Err(_) => GIVE_UP,
        }
    }

    fn answer(&mut self, kind: u32, seq: u64, reply: Vec<u8>) -> u32 {
        self.words.set_wide(Word::EventSeq, seq);
        self.out = reply;
        kind
    }

    /// Brings the words up to date that a call may leave changed.
    pub(crate) fn settle(&mut self) {
        // The counter wraps after four billion changes; a mirror only asks whether it has moved.
        self.words.set(Word::Changes, self.replica.engine().keyspace().changes() as u32);
        self.words.set(Word::Session, u32::from(self.replica.in_transaction()));
        self.words.set(Word::OutAddress, address_of(&self.out));
        self.words.set(Word::OutLength, u32::try_from(self.out.len()).unwrap_or(u32::MAX));
        self.words.set(Word::ScratchAddress, address_of(&self.scratch));
        self.words.set(Word::ScratchLength, u32::try_from(self.scratch.len()).unwrap_or(u32::MAX));
    }
}

fn wrong(what: &str) -> js_sys::Error {
    js_sys::Error::new(what)
}

pub(crate) fn env(now_ms: f64, entropy_low: u32, entropy_high: u32) -> Env {
    Env::new(now_ms as u64, u64::from(entropy_high) << 32 | u64::from(entropy_low))
}

/// The connection is in order.
pub(crate) const GO_ON: u32 = 0;
/// It is to be closed and opened again.
pub(crate) const CONNECT_AGAIN: u32 = 1;
/// It is to be closed for good.
const GIVE_UP: u32 = 2;

/// What the scratch buffer begins with: nearly every call fits.
const SCRATCH_BYTES: usize = 16 * 1024;
/// A scratch buffer longer than this isn't kept for the sake of one long message.
const SCRATCH_BYTES_KEPT: usize = 1024 * 1024;
