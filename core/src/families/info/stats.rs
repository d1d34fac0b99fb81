//! What INFO counts since the start, or since `CONFIG RESETSTAT`.

use alloc::{format, vec::Vec};

use super::{Line, line};
use crate::{command::Context, session::Topic};

pub(super) fn stats(ctx: &Context<'_>) -> Vec<Line> {
    let (stats, rates) = (&ctx.stats, &ctx.stats.rates);
    let traffic = ctx.facts.traffic.since(&stats.before.traffic);
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    alloc::vec![
        line("total_connections_received", ctx.sessions.opened().saturating_sub(stats.before.opened)),
        line("total_commands_processed", stats.commands),
        line("instantaneous_ops_per_sec", rates.commands),
        line("total_net_input_bytes", traffic.input_bytes),
        line("total_net_output_bytes", traffic.output_bytes),
        line("total_net_repl_input_bytes", 0),
        line("total_net_repl_output_bytes", 0),
        line("instantaneous_input_kbps", kilobytes(rates.input_bytes)),
        line("instantaneous_output_kbps", kilobytes(rates.output_bytes)),
        line("instantaneous_input_repl_kbps", "0.00"),
        line("instantaneous_output_repl_kbps", "0.00"),
        line("rejected_connections", traffic.rejected),
        line("sync_full", 0),
        line("sync_partial_ok", 0),
        line("sync_partial_err", 0),
        line("expired_keys", stats.expired_keys),
        line("expire_cycle_cpu_milliseconds", stats.expire_nanos / 1_000_000),
        line("evicted_keys", stats.evicted_keys),
        line("evicted_clients", stats.evicted_clients),
        line("keyspace_hits", stats.hits),
        line("keyspace_misses", stats.misses),
        line("pubsub_channels", ctx.sessions.pubsub.of(Topic::Channel).len()),
        line("pubsub_patterns", ctx.sessions.pubsub.of(Topic::Pattern).len()),
        line("pubsubshard_channels", ctx.sessions.pubsub.of(Topic::Shard).len()),
        line("latest_fork_usec", 0),
        line("total_forks", 0),
        line("migrate_cached_sockets", 0),
        line("slave_expires_tracked_keys", 0),
        line("active_defrag_hits", 0),
        line("active_defrag_misses", 0),
        line("active_defrag_key_hits", 0),
        line("active_defrag_key_misses", 0),
        line("tracking_total_keys", ctx.sessions.tracking.keys()),
        line("tracking_total_items", ctx.sessions.tracking.items()),
        line("tracking_total_prefixes", ctx.sessions.tracking.prefixes()),
        line("unexpected_error_replies", 0),
        line("total_error_replies", stats.errors),
        line("total_reads_processed", traffic.reads),
        line("total_writes_processed", traffic.writes),
        line("io_threaded_reads_processed", 0),
        line("io_threaded_writes_processed", 0),
    ]
}
