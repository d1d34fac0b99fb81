//! The journal: effects as they happen, already in their wire form, until someone takes them.

use alloc::vec::Vec;

use crate::effect::Effect;

/// Collects the effects of the running command or transaction.
#[derive(Debug, Default)]
pub struct Journal {
    enabled: bool,
    bytes: Vec<u8>,
    count: u32,
}

impl Journal {
    /// Starts or stops collecting. While stopped, effects cost nothing.
    pub fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// Notes an effect on a key of database `db`.
    pub fn record(&mut self, db: u8, effect: &Effect<'_>) {
        if self.enabled {
            effect.encode(db, &mut self.bytes);
            self.count += 1;
        }
    }

    /// Effects collected since the last [`Journal::clear`].
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Their wire form: (database byte, effect)*.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was collected, keeping the buffer unless a large command blew it up.
    pub fn clear(&mut self) {
        self.count = 0;
        if self.bytes.capacity() > BUFFER_BYTES_KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }
}

/// Capacity that an empty journal keeps.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;
