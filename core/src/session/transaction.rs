//! Commands queued between `MULTI` and `EXEC`.

use alloc::{boxed::Box, vec::Vec};

use crate::error::{Error, Result};

/// An open transaction.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The calls so far.
    pub commands: Vec<Queued>,
    /// A call couldn't be queued: `EXEC` will refuse.
    pub aborted: bool,
    bytes: usize,
}

/// One queued call: its words, the name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued(pub Vec<Box<[u8]>>);

impl Queued {
    /// Copies a call's words.
    pub fn new(args: &[&[u8]]) -> Self {
        Self(args.iter().map(|arg| (*arg).into()).collect())
    }

    /// The words, borrowed.
    pub fn words(&self) -> Vec<&[u8]> {
        self.0.iter().map(|word| &**word).collect()
    }
}

impl Transaction {
    /// Adds a call.
    ///
    /// # Errors
    /// If the queued arguments would pass `bytes_max` together.
    pub fn queue(&mut self, command: Queued, bytes_max: usize) -> Result<()> {
        self.bytes += command.0.iter().map(|word| word.len() + 16).sum::<usize>();
        if self.bytes > bytes_max {
            return Err(Error::new("ERR transaction too large: it passes queued-bytes-max"));
        }
        self.commands.push(command);
        Ok(())
    }

    /// What the queued arguments take together.
    #[cfg(feature = "server")]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
