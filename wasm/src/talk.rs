//! What a replica says to the server that isn't a command on its own data: interest, calls, channels, presence.
//!
//! Words come packed in the scratch buffer, like those of a call.

use sanderling_core::Env;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::packed;
use crate::replica::Replica;

#[wasm_bindgen]
impl Replica {
    /// Wants the keys of more globs, and of others no more: the first `add` of the packed words are added, the rest
    /// goes. Returns the number that events will name.
    pub fn subscribe(&mut self, bytes: usize, add: usize, now_ms: f64) -> u32 {
        let (replica, scratch) = self.parts();
        let subscribe = |globs: &[&[u8]]| {
            let (add, remove) = globs.split_at_checked(add).unwrap_or((globs, &[]));
            replica.subscribe(Env::new(now_ms as u64, 0), add, remove)
        };
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), subscribe).unwrap_or_default()
    }

    /// Runs the packed call on the server. Returns the number that the event with the reply will name.
    pub fn remote(&mut self, bytes: usize) -> u32 {
        let (replica, scratch) = self.parts();
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), |words| replica.call(words)).unwrap_or_default()
    }

    /// Listens to channels, the first `join` of the packed words, and to the rest no more.
    pub fn listen(&mut self, bytes: usize, join: usize) {
        let (replica, scratch) = self.parts();
        let listen = |channels: &[&[u8]]| {
            let (join, leave) = channels.split_at_checked(join).unwrap_or((channels, &[]));
            replica.listen(join, leave);
        };
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), listen);
    }

    /// Sends a message: the packed words are the channel and the message. Returns whether there is a connection.
    pub fn publish(&mut self, bytes: usize) -> bool {
        let (replica, scratch) = self.parts();
        let publish = |words: &[&[u8]]| match words {
            [channel, payload] => replica.publish(channel, payload),
            _ => false,
        };
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), publish).unwrap_or_default()
    }

    /// Hands the server a new token, which is in the scratch buffer as it is.
    pub fn renew(&mut self, bytes: usize) {
        let (replica, scratch) = self.parts();
        replica.renew(scratch.get(..bytes).unwrap_or_default());
    }

    /// Gives a key a value for as long as the connection lasts: the packed words are both; the key alone ends that.
    pub fn presence(&mut self, bytes: usize) {
        let (replica, scratch) = self.parts();
        let presence = |words: &[&[u8]]| match words {
            [key] => replica.presence(key, None),
            [key, value] => replica.presence(key, Some(value)),
            _ => {}
        };
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), presence);
    }
}
