//! The memory budget: its bound, what is used, and what is known.
//!
//! Keys come packed in the scratch buffer, like the words of a call.

use sanderling_core::sync::Eviction;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::packed;
use crate::replica::Replica;

#[wasm_bindgen]
impl Replica {
    /// Bounds what the data may take. Keys go that weren't used for the longest time, or, `by_frequency`, least often.
    pub fn limit_memory(&mut self, bytes_max: u32, by_frequency: bool) {
        let policy = if by_frequency { Eviction::Lfu } else { Eviction::Lru };
        self.parts().0.limit_memory(bytes_max as usize, policy);
    }

    /// Forgets keys that don't fit. Returns whether there are more.
    pub fn shrink(&mut self) -> bool {
        self.parts().0.shrink()
    }

    /// Takes in that the packed keys were read from what JavaScript keeps of them.
    pub fn note_uses(&mut self, bytes: usize) {
        let (replica, scratch) = self.parts();
        packed::with_words(scratch.get(..bytes).unwrap_or_default(), |keys| replica.note_uses(keys));
    }

    /// Asks the server for the packed keys, which are of interest and unknown. Returns whether there is a connection.
    pub fn fetch(&mut self, bytes: usize) -> bool {
        let (replica, scratch) = self.parts();
        let asked = packed::with_words(scratch.get(..bytes).unwrap_or_default(), |keys| replica.fetch(keys));
        asked.unwrap_or_default()
    }

    /// What is known of the key in the scratch buffer: 2 if reading it answers, 1 if it is of interest but unknown, 0 if it
    /// isn't of interest.
    pub fn knows(&mut self, bytes: usize) -> u32 {
        let (replica, scratch) = self.parts();
        replica.settle();
        let key = scratch.get(..bytes).unwrap_or_default();
        match (replica.is_known(key), replica.known().contains(key)) {
            (true, _) => 2,
            (false, of_interest) => u32::from(of_interest),
        }
    }
}
