//! The server's time, as a replica estimates it.
//!
//! Cristian's algorithm: the server's answer is taken to have been given halfway between question and answer, and the
//! sample with the shortest round trip is trusted most (F. Cristian, "Probabilistic clock synchronization", 1989).

use serde::{Deserialize, Serialize};

use crate::env::UnixMillis;

/// The offset between a replica's clock and the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    offset_ms: i64,
    /// Half the round trip of the sample in use: how wrong the offset may be.
    uncertainty_ms: Option<u64>,
}

impl Clock {
    /// The server's time when the replica's clock shows `local`.
    pub fn server_time(&self, local: UnixMillis) -> UnixMillis {
        UnixMillis(local.0.saturating_add_signed(self.offset_ms))
    }

    /// Takes in that the server's clock showed `server` between `sent` and `received` on the replica's.
    pub fn handle_sample(&mut self, sent: UnixMillis, received: UnixMillis, server: UnixMillis) {
        let half = received.ms_since(sent) / 2;
        let offset = i128::from(server.0) - i128::from(sent.0) - i128::from(half);
        let Ok(offset) = i64::try_from(offset) else { return };
        // A sample that contradicts the estimate by more than both can err means that a clock was set.
        let error = offset.abs_diff(self.offset_ms);
        let contradicts = self.uncertainty_ms.is_none_or(|uncertainty| error > uncertainty + half + 1);
        if contradicts || self.uncertainty_ms.is_some_and(|uncertainty| half <= uncertainty) {
            self.offset_ms = offset;
            self.uncertainty_ms = Some(half);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_wins_and_a_jump_is_believed() {
        let mut clock = Clock::default();
        clock.handle_sample(UnixMillis(1000), UnixMillis(1200), UnixMillis(5100));
        assert_eq!(clock.server_time(UnixMillis(2000)), UnixMillis(6000));
        clock.handle_sample(UnixMillis(2000), UnixMillis(2010), UnixMillis(6015));
        assert_eq!(clock.server_time(UnixMillis(2000)), UnixMillis(6010));
        clock.handle_sample(UnixMillis(3000), UnixMillis(3400), UnixMillis(7100));
        assert_eq!(clock.server_time(UnixMillis(2000)), UnixMillis(6010), "a long round trip teaches nothing new");
        clock.handle_sample(UnixMillis(4000), UnixMillis(4100), UnixMillis(104_000));
        assert_eq!(clock.server_time(UnixMillis(4000)), UnixMillis(103_950));
    }
}
