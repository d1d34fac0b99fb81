//! What a command that may wait says: for which keys, and for how long.

use alloc::{boxed::Box, vec::Vec};

use super::Context;
#[cfg(feature = "server")]
use crate::session::Otherwise;
use crate::{
    env::UnixMillis,
    error::{Error, Result},
    keyspace::Kind,
    num,
    session::Queued,
};

/// What a handler waits for; the engine knows the call and who made it.
#[derive(Debug)]
#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only a server's calls wait"))]
pub(crate) struct WaitFor {
    pub(crate) keys: Vec<Box<[u8]>>,
    /// What type the key that changed has to have for the call to be made again; `None`: it is made again even when
    /// the key has gone.
    pub(crate) kind: Option<Kind>,
    pub(crate) deadline: Option<UnixMillis>,
    /// What is called then; the same call if `None`.
    pub(crate) call: Option<Queued>,
    /// What is answered when the time is over.
    #[cfg(feature = "server")]
    pub(crate) otherwise: Otherwise,
}

/// How long a call waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    /// Milliseconds; `None` is for ever.
    ms: Option<u64>,
}

impl Timeout {
    /// Reads seconds with decimals; 0 is for ever.
    ///
    /// # Errors
    /// Redis's texts, if it is no number, negative or too large.
    pub fn parse(word: &[u8]) -> Result<Self> {
        const OUT_OF_RANGE: Error = Error::new("ERR timeout is out of range");
        let seconds = num::parse_f64(word).ok_or(Error::new("ERR timeout is not a float or out of range"))?;
        if seconds < 0.0 {
            return Err(Error::new("ERR timeout is negative"));
        }
        // Rounded up, so that no timeout becomes 0, which would be for ever.
        let ms = libm::ceil(seconds * 1000.0);
        if ms >= i64::MAX as f64 {
            return Err(OUT_OF_RANGE);
        }
        Ok(Self { ms: (ms > 0.0).then_some(ms as u64) })
    }

    /// Reads whole milliseconds; 0 is for ever.
    ///
    /// # Errors
    /// Redis's texts, if it is no integer or negative.
    pub fn parse_ms(word: &[u8]) -> Result<Self> {
        let ms = num::parse_i64(word).ok_or(Error::new("ERR timeout is not an integer or out of range"))?;
        let ms = u64::try_from(ms).map_err(|_| Error::new("ERR timeout is negative"))?;
        Ok(Self { ms: (ms > 0).then_some(ms) })
    }
}

impl Context<'_> {
    /// Whether a call may wait: not inside a transaction, and not on a replica.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Whether a key is to be looked at: when a call is made again, only the key that has changed is.
    pub fn is_candidate(&self, key: &[u8]) -> bool {
        self.serving.is_none_or(|serving| serving == key)
    }

    /// Lets the call wait until one of the keys holds a value of a type; nothing may have been written to the reply.
    ///
    /// Where it may not wait it is answered with a null array at once.
    ///
    /// # Errors
    /// If the timeout reaches past the end of time.
    pub fn wait_for<'k>(
        &mut self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        kind: Kind,
        timeout: Timeout,
    ) -> Result<()> {
        self.wait_to_call(keys, Some(kind), timeout, None)
    }

    /// Lets the call wait until one of the keys has changed and holds a value of a type, or whatever it holds, to be
    /// made again then, perhaps in other words.
    ///
    /// # Errors
    /// If the timeout reaches past the end of time.
    pub(crate) fn wait_to_call<'k>(
        &mut self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        kind: Option<Kind>,
        timeout: Timeout,
        call: Option<Queued>,
    ) -> Result<()> {
        if !self.may_wait {
            self.reply.null_array();
            return Ok(());
        }
        let deadline = self.deadline_of(timeout)?;
        let keys = keys.into_iter().map(Box::from).collect();
        self.wait = Some(WaitFor {
            keys,
            kind,
            deadline,
            call,
            #[cfg(feature = "server")]
            otherwise: Otherwise::Null,
        });
        Ok(())
    }

    /// Lets the call wait for what doesn't come, until its time is over.
    ///
    /// # Errors
    /// If the timeout reaches past the end of time.
    #[cfg(feature = "server")]
    pub(crate) fn wait_in_vain(&mut self, timeout: Timeout, otherwise: Otherwise) -> Result<()> {
        let deadline = self.deadline_of(timeout)?;
        self.wait = Some(WaitFor { keys: Vec::new(), kind: None, deadline, call: None, otherwise });
        Ok(())
    }

    /// When the time of a call is over; never if `None`.
    fn deadline_of(&self, timeout: Timeout) -> Result<Option<UnixMillis>> {
        let now = self.data.now();
        match timeout.ms {
            Some(ms) if ms > i64::MAX as u64 - now.0.min(i64::MAX as u64) => {
                Err(Error::new("ERR timeout is out of range"))
            }
            Some(ms) => Ok(Some(now.plus_ms(ms))),
            None => Ok(None),
        }
    }
}
