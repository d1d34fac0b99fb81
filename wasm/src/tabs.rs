//! What a replica says to those of the other tabs of its browser.
//!
//! What comes in lies in the scratch buffer, what goes out in the out buffer; JavaScript carries it.

use sanderling_core::format::ClientId;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::replica::{CONNECT_AGAIN, GO_ON, Replica, env};

#[wasm_bindgen]
impl Replica {
    /// Follows whoever leads from now on.
    pub fn follow(&mut self) {
        self.parts().0.follow();
        self.settle();
    }

    /// Leads from now on, with the staged pairs of the former leader; `others` are the identities of all other tabs, one
    /// after the other. What they are to be told is in the out buffer. Returns whether all pairs could be read that
    /// mattered.
    pub fn lead(&mut self, others: &[u8], now_ms: f64, entropy_low: u32, entropy_high: u32) -> bool {
        let pairs = self.take_staged();
        let (others, _) = others.as_chunks();
        let others: Vec<ClientId> = others.iter().map(|other| ClientId(*other)).collect();
        let (lead, loaded) = self.parts().0.lead(env(now_ms, entropy_low, entropy_high), &pairs, &others);
        self.put_out(lead);
        loaded.is_ok()
    }

    /// Puts what a tab needs to follow into the out buffer.
    pub fn state(&mut self) {
        let state = self.parts().0.state();
        self.put_out(state);
    }

    /// Puts the next message for all other tabs into the out buffer; returns whether there is one.
    pub fn news(&mut self) -> bool {
        let replica = self.parts().0;
        // What was put in order shows as soon as it is carried.
        replica.settle();
        let news = replica.poll_news();
        let any = news.is_some();
        self.put_out(news.unwrap_or_default());
        any
    }

    /// Puts the next commands for the leader into the out buffer; returns whether there are any.
    pub fn commands(&mut self) -> bool {
        let replica = self.parts().0;
        replica.settle();
        let commands = replica.poll_commands();
        let any = commands.is_some();
        self.put_out(commands.unwrap_or_default());
        any
    }

    /// Takes in what is in the scratch buffer: commands of another tab, or what the leader tells. Returns [`GO_ON`], or
    /// [`CONNECT_AGAIN`] if the leader is to be asked for its state.
    pub fn hear(&mut self, bytes: usize, is_commands: bool) -> u32 {
        let (replica, scratch) = self.parts();
        let bytes = scratch.get(..bytes).unwrap_or_default();
        let asks = match is_commands {
            true => replica.handle_commands(bytes).map(|()| false),
            false => replica.handle_told(bytes),
        };
        self.forget_long_message();
        self.settle();
        if asks == Ok(false) { GO_ON } else { CONNECT_AGAIN }
    }
}
