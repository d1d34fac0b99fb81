//! The hub over a restart: what is kept beside the data, and what the log says after it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Hub, clients::Stored};
use crate::{
    engine::Engine,
    format::{LogSeq, Record},
    sync::history::History,
};

/// What a snapshot or a log segment keeps of a hub besides the data.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    history: History,
    seq: LogSeq,
    /// No command of a client that isn't among `clients` stands after this.
    forgotten: LogSeq,
    clients: Vec<Stored>,
}

impl Hub {
    /// What a snapshot or a log segment must keep besides the data, for [`Hub::restore_head`].
    pub fn head(&self) -> Vec<u8> {
        let (forgotten, clients) = self.clients.stored();
        let head = Head { history: self.history.clone(), seq: self.seq, forgotten, clients };
        postcard::to_extend(&head, Vec::new()).unwrap_or_default()
    }

    /// Takes over what [`Hub::head`] gave. The data must be that of the same moment.
    ///
    /// # Errors
    /// If the bytes aren't a head.
    pub fn restore_head(&mut self, head: &[u8]) -> Result<(), postcard::Error> {
        let head: Head = postcard::from_bytes(head)?;
        // Between two segments nothing is missing: replicas can still go on from the records before.
        if head.seq != self.seq {
            self.backlog.clear();
        }
        self.history = head.history;
        self.seq = head.seq;
        self.durable = head.seq;
        self.clients.restore(head.forgotten, head.clients);
        Ok(())
    }

    /// Takes over the epochs of a later head: what a log segment begins with, its records following. Data and
    /// position stay what the records before it made them.
    ///
    /// # Errors
    /// If the bytes aren't a head, or it stands at another position than the records before it have reached.
    pub fn restore_history(&mut self, head: &[u8]) -> Result<(), postcard::Error> {
        let head: Head = postcard::from_bytes(head)?;
        if head.seq != self.seq {
            return Err(postcard::Error::DeserializeBadEncoding);
        }
        self.history = head.history;
        Ok(())
    }

    /// Applies a record from the log to the engine, in order. Returns `false`, having done nothing, for one that is
    /// already in the data.
    ///
    /// # Errors
    /// If the record's effects can't be read, or records are missing before it.
    pub fn recover_record(&mut self, engine: &mut Engine, record: &Record<'_>) -> Result<bool, postcard::Error> {
        if record.header.seq <= self.seq {
            return Ok(false);
        }
        if record.header.seq != self.seq.next() {
            return Err(postcard::Error::DeserializeBadEncoding);
        }
        // All or nothing: a record that can't be read to its end must not be half applied.
        record.effects().try_for_each(|effect| effect.map(|_| ()))?;
        for (db, effect) in record.effects().flatten() {
            engine.apply(db, &effect);
        }
        self.seq = record.header.seq;
        self.durable = self.seq;
        if let Some(origin) = record.header.origin {
            let header = &record.header;
            self.clients.note(origin.client, origin.seq, header.seq, header.time, &self.options.limits);
        }
        let header = record.header;
        self.backlog.push(self.options.limits.backlog_bytes_max, |out| {
            Record::encode(header.seq, header.time, header.origin, record.effects, out);
        });
        Ok(true)
    }
}
