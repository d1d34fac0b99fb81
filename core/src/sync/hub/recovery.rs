//! The hub over a restart: what is kept beside the data, and what the log says after it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Hub;
use crate::{
    engine::Engine,
    env::UnixMillis,
    format::{ClientId, ClientSeq, LogSeq, Record},
    sync::history::History,
};

/// What a snapshot or a log segment keeps of a hub besides the data.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    history: History,
    seq: LogSeq,
    clients: Vec<(ClientId, ClientSeq, UnixMillis)>,
}

impl Hub {
    /// What a snapshot or a log segment must keep besides the data, for [`Hub::restore_head`].
    pub fn head(&self) -> Vec<u8> {
        let clients = self.clients.iter().map(|(client, (seq, time))| (*client, *seq, *time)).collect();
        let head = Head { history: self.history.clone(), seq: self.seq, clients };
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
        self.clients = head.clients.into_iter().map(|(client, seq, time)| (client, (seq, time))).collect();
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
            self.clients.insert(origin.client, (origin.seq, record.header.time));
        }
        let header = record.header;
        self.backlog.push(self.options.limits.backlog_bytes_max, |out| {
            Record::encode(header.seq, header.time, header.origin, record.effects, out);
        });
        Ok(true)
    }
}
