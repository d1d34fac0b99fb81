//! What is counted, for `/metrics`: written on the shard's thread, read by HTTP.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::outbound::Queued;
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
    /// Bytes queued for replicas' sockets.
    queued: Queued,
    resumes: AtomicU64,
    digests: AtomicU64,
    loads: AtomicU64,
    clients: AtomicU64,
    backlog_bytes: AtomicU64,
    /// Connections that this side has closed, by the close code.
    closed: Mutex<BTreeMap<u16, u64>>,
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
    /// As many replicas as there may be.
    Full,
}

impl Refused {
    const ALL: [(Self, &str); 8] = [
        (Self::Handshake, "handshake"),
        (Self::Origin, "origin"),
        (Self::Host, "host"),
        (Self::Remote, "remote"),
        (Self::Token, "token"),
        (Self::Connections, "connections"),
        (Self::Rate, "rate"),
        (Self::Full, "full"),
    ];
}

impl Metrics {
    /// Starts to count.
    pub(crate) fn new(queued: Queued) -> Self {
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
            queued,
            resumes: AtomicU64::new(0),
            digests: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            backlog_bytes: AtomicU64::new(0),
            closed: Mutex::default(),
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
        self.resumes.store(counts.sync.resumes, Ordering::Relaxed);
        self.digests.store(counts.sync.digests, Ordering::Relaxed);
        self.loads.store(counts.sync.loads, Ordering::Relaxed);
        self.clients.store(counts.sync.clients as u64, Ordering::Relaxed);
        self.backlog_bytes.store(counts.sync.backlog_bytes as u64, Ordering::Relaxed);
    }

    /// Counts a connection of a replica that this side closes.
    pub(crate) fn count_closed(&self, code: u16) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
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
            ("sync_queued_bytes", "gauge", "Bytes queued for replicas.", self.queued.bytes() as u64),
            ("sync_clients", "gauge", "Replicas whose pushed commands are remembered.", read(&self.clients)),
            ("sync_backlog_bytes", "gauge", "Records kept for replicas that come back.", read(&self.backlog_bytes)),
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
        text += "# HELP sanderling_sync_starts_total How replicas caught up when they came.\n";
        text += "# TYPE sanderling_sync_starts_total counter\n";
        for (how, count) in [("resume", &self.resumes), ("digest", &self.digests), ("load", &self.loads)] {
            let _ = writeln!(text, "sanderling_sync_starts_total{{how=\"{how}\"}} {}", read(count));
        }
        text += "# HELP sanderling_sync_closed_total Connections that the server has closed, by close code.\n";
        text += "# TYPE sanderling_sync_closed_total counter\n";
        for (code, count) in &*self.closed.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "sanderling_sync_closed_total{{code=\"{code}\"}} {count}");
        }
        text
    }
}
