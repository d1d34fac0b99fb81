//! What is counted, for `/metrics`: written on the shard's thread, read by HTTP, without a lock.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::shard::{Counts, resident_bytes};

/// The numbers as they were within the last second.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    /// Open RESP connections.
    pub(crate) connections: AtomicU64,
    commands: AtomicU64,
    errors: AtomicU64,
    expired_keys: AtomicU64,
    sessions_opened: AtomicU64,
    keys: AtomicU64,
    seq: AtomicU64,
    log_bytes: AtomicU64,
    peers: AtomicU64,
    writable: AtomicBool,
    refused: [AtomicU64; Refused::ALL.len()],
}

/// Why a replica was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// What came was no handshake.
    Handshake,
    /// A page of another site.
    Origin,
    /// A name that isn't this server's.
    Host,
    /// Not from this machine, where nothing is asked.
    Remote,
    /// A token that is missing, wrong or over.
    Token,
    /// Too many connections.
    Connections,
    /// Too many messages or bytes a second: the connection was ended.
    Rate,
}

impl Refused {
    const ALL: [(Self, &str); 7] = [
        (Self::Handshake, "handshake"),
        (Self::Origin, "origin"),
        (Self::Host, "host"),
        (Self::Remote, "remote"),
        (Self::Token, "token"),
        (Self::Connections, "connections"),
        (Self::Rate, "rate"),
    ];
}

impl Metrics {
    /// Starts to count.
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            sessions_opened: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            seq: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            peers: AtomicU64::new(0),
            writable: AtomicBool::new(true),
            refused: Default::default(),
        }
    }

    /// Takes over what a shard counts.
    pub(crate) fn publish(&self, counts: &Counts) {
        self.commands.store(counts.commands, Ordering::Relaxed);
        self.errors.store(counts.errors, Ordering::Relaxed);
        self.expired_keys.store(counts.expired_keys, Ordering::Relaxed);
        self.sessions_opened.store(counts.sessions_opened, Ordering::Relaxed);
        self.keys.store(counts.keys, Ordering::Relaxed);
        self.seq.store(counts.seq.0, Ordering::Relaxed);
        self.log_bytes.store(counts.log_bytes, Ordering::Relaxed);
        self.peers.store(counts.peers, Ordering::Relaxed);
        self.writable.store(counts.writable, Ordering::Relaxed);
    }

    /// Counts a refusal.
    pub(crate) fn count_refused(&self, reason: Refused) {
        for ((other, _), count) in Refused::ALL.iter().zip(&self.refused) {
            if *other == reason {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether the log takes what is written.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Returns the numbers in Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let rows = [
            ("commands_total", "counter", "Commands run.", read(&self.commands)),
            ("command_errors_total", "counter", "Replies that were errors.", read(&self.errors)),
            ("expired_keys_total", "counter", "Keys removed because their time was over.", read(&self.expired_keys)),
            ("sessions_total", "counter", "Sessions opened, by clients and replicas.", read(&self.sessions_opened)),
            ("connections", "gauge", "Open RESP connections.", read(&self.connections)),
            ("sync_peers", "gauge", "Connected replicas.", read(&self.peers)),
            ("keys", "gauge", "Keys in all databases.", read(&self.keys)),
            ("log_seq", "counter", "Position of the last record of the log.", read(&self.seq)),
            ("log_segment_bytes", "gauge", "Length of the newest segment of the log.", read(&self.log_bytes)),
            ("log_writable", "gauge", "Whether the log takes what is written.", u64::from(self.is_writable())),
            ("resident_memory_bytes", "gauge", "Memory that the process holds.", resident_bytes()),
            ("uptime_seconds", "counter", "Seconds since the start.", self.started.elapsed().as_secs()),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in rows {
            // Writing to a String can't fail.
            let _ = write!(
                text,
                "# HELP sanderling_{name} {help}\n# TYPE sanderling_{name} {kind}\nsanderling_{name} {value}\n"
            );
        }
        let name = "sanderling_sync_refused_total";
        let _ = writeln!(
            text,
            "# HELP {name} Connections of replicas that were refused or cut off.\n# TYPE {name} counter"
        );
        for ((_, reason), count) in Refused::ALL.iter().zip(&self.refused) {
            let _ = writeln!(text, "{name}{{reason=\"{reason}\"}} {}", read(count));
        }
        text
    }
}
