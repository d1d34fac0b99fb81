//! What INFO and MEMORY tell of memory.
//!
//! The engine counts what its data takes, and the shell says what it holds beside it and what the process has from the
//! system. Nobody knows what the allocator itself takes, so where Redis tells that, the process as a whole is meant, as
//! in a Redis with the allocator of the C library.

use alloc::{format, string::String, vec::Vec};

use super::{Line, fact, line};
use crate::{command::Context, num};

/// Bytes in use, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// All that is counted.
    pub(crate) used: usize,
    /// The most that was.
    pub(crate) peak: usize,
    /// Keys and values.
    pub(crate) dataset: usize,
    /// The recent log, for replicas that come back.
    pub(crate) backlog: usize,
    /// What clients keep: what they ask, what they haven't read, and what follows from what they chose.
    pub(crate) clients: usize,
    /// Of scripts and their machines.
    pub(crate) scripts: usize,
    /// Of libraries of functions.
    pub(crate) functions: usize,
    /// What the process has from the system.
    pub(crate) resident: usize,
    /// Keys of all databases.
    pub(crate) keys: usize,
}

impl Usage {
    /// What is in use now.
    pub(crate) fn of(ctx: &Context<'_>) -> Self {
        let used = ctx.used_memory();
        let facts: Vec<_> = ctx.interpreter.iter().flat_map(|interpreter| interpreter.facts()).collect();
        let scripts = |wanted: &str| {
            let found = facts.iter().find(|(name, _)| *name == wanted);
            found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0_usize)
        };
        let resident = fact(ctx, "memory", "used_memory_rss").and_then(|text| num::parse_i64(text.as_bytes()));
        Self {
            used,
            peak: ctx.stats.memory_peak.max(used),
            dataset: ctx.data.keyspace.allocated_bytes(),
            backlog: ctx.facts.held_bytes,
            clients: ctx.sessions.iter().map(|(_, session)| session.kept_bytes()).sum(),
            scripts: scripts("used_memory_vm_eval") + scripts("used_memory_scripts_eval"),
            functions: scripts("used_memory_vm_functions"),
            resident: resident.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(used),
            keys: (0..crate::limits::DATABASES).map(|db| ctx.data.keyspace.db(db).len()).sum(),
        }
    }

    /// How many times as much the process has as is in use.
    pub(crate) fn fragmentation(&self) -> f64 {
        self.resident as f64 / self.used.max(1) as f64
    }

    /// What the process has that isn't counted; less than nothing where it was swapped out.
    pub(crate) fn fragmentation_bytes(&self) -> i64 {
        self.resident as i64 - self.used as i64
    }
}

impl Context<'_> {
    /// Notes how much memory is in use, if that is the most so far.
    pub(crate) fn note_memory(&mut self) {
        self.stats.memory_peak = self.stats.memory_peak.max(self.used_memory());
    }
}

pub(super) fn memory(ctx: &Context<'_>) -> Vec<Line> {
    let usage = Usage::of(ctx);
    let percent = |part: usize, of: usize| format!("{:.2}%", part as f64 * 100.0 / of.max(1) as f64);
    let limit = ctx.config.value("maxmemory").unwrap_or("0");
    let scripts = ctx.interpreter.iter().flat_map(|interpreter| interpreter.facts());
    let (pending, freed) = ctx.data.keyspace.cleaned();
    let mut lines = alloc::vec![
        line("used_memory", usage.used),
        line("used_memory_human", human(usage.used)),
        line("used_memory_rss", usage.resident),
        line("used_memory_rss_human", human(usage.resident)),
        line("used_memory_peak", usage.peak),
        line("used_memory_peak_human", human(usage.peak)),
        line("used_memory_peak_perc", percent(usage.used, usage.peak)),
        line("used_memory_overhead", usage.used - usage.dataset),
        // What the program itself takes isn't counted.
        line("used_memory_startup", 0),
        line("used_memory_dataset", usage.dataset),
        line("used_memory_dataset_perc", percent(usage.dataset, usage.used)),
        line("allocator_allocated", usage.used),
        line("allocator_active", usage.resident),
        line("allocator_resident", usage.resident),
    ];
    lines.extend(scripts.map(|(name, value)| line(name, value)));
    let scripts = usage.scripts + usage.functions;
    lines.extend([
        line("used_memory_scripts", scripts),
        line("used_memory_scripts_human", human(scripts)),
        line("maxmemory", limit),
        line("maxmemory_human", human(num::parse_i64(limit.as_bytes()).map_or(0, |limit| limit as usize))),
        line("maxmemory_policy", ctx.config.value("maxmemory-policy").unwrap_or_default()),
        line("allocator_frag_ratio", format!("{:.2}", usage.fragmentation())),
        line("allocator_frag_bytes", usage.fragmentation_bytes()),
        line("allocator_rss_ratio", "1.00"),
        line("allocator_rss_bytes", 0),
        line("rss_overhead_ratio", "1.00"),
        line("rss_overhead_bytes", 0),
        line("mem_fragmentation_ratio", format!("{:.2}", usage.fragmentation())),
        line("mem_fragmentation_bytes", usage.fragmentation_bytes()),
        line("mem_not_counted_for_evict", 0),
        line("mem_replication_backlog", usage.backlog),
        line("mem_total_replication_buffers", usage.backlog),
        line("mem_clients_slaves", 0),
        line("mem_clients_normal", usage.clients),
        line("mem_cluster_links", 0),
        line("mem_aof_buffer", 0),
        line("mem_allocator", "libc"),
        line("active_defrag_running", 0),
        line("lazyfree_pending_objects", pending),
        line("lazyfreed_objects", freed.saturating_sub(ctx.stats.before.freed)),
    ]);
    lines
}

/// Bytes as Redis writes them for people: `512B`, `1.50K`, `3.25M`, `2.00G`.
fn human(bytes: usize) -> String {
    let steps = [("T", 1_u64 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match steps.into_iter().find(|(_, step)| bytes as u64 >= *step) {
        Some((unit, step)) => format!("{:.2}{unit}", bytes as f64 / step as f64),
        None => format!("{bytes}B"),
    }
}
