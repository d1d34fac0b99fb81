//! INFO: what the engine knows of itself and its shell has told it, by sections.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::Result,
    limits::DATABASES,
    num,
    role::Role,
    session::Topic,
};

/// The family's row.
pub const COMMANDS: &[Command] =
    &[Command::new(Group::Server, "info", -1, Flags::SERVER_ONLY.and(Flags::DANGEROUS), Keys::None, info).doc(
        "1.0.0",
        "O(1)",
        "[section [section ...]]",
        "Returns information and statistics about the server.",
    )];

/// One line: a name and what stands after the colon.
type Line = (Cow<'static, str>, String);

/// What writes a section's lines.
type Section = fn(&Context<'_>) -> Vec<Line>;

/// The sections, in their order. `INFO` without arguments, `default`, `all` and `everything` show every one: none is
/// long enough to be left out.
const SECTIONS: [(&str, Section); 10] = [
    ("server", server),
    ("clients", clients),
    ("memory", memory),
    ("persistence", persistence),
    ("stats", stats),
    ("replication", replication),
    ("cpu", |_| Vec::new()),
    ("errorstats", errorstats),
    ("cluster", |_| alloc::vec![line("cluster_enabled", 0)]),
    ("keyspace", keyspace),
];

fn info(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    const ALL: [&str; 3] = ["default", "all", "everything"];
    let named = |name: &str| args.rest().iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let all = args.is_empty() || ALL.into_iter().any(named);
    let mut text = String::new();
    for (name, lines) in SECTIONS {
        if !all && !named(name) {
            continue;
        }
        if !text.is_empty() {
            text += "\r\n";
        }
        let mut title = name.to_string();
        title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        text += &format!("# {}\r\n", if name == "cpu" { "CPU" } else { &title });
        for (name, value) in with_facts(ctx, name, lines(ctx)) {
            text += &format!("{name}:{value}\r\n");
        }
    }
    ctx.reply.verbatim(&text);
    Ok(())
}

/// The section's lines with what the shell says: it corrects a line of ours or adds one.
fn with_facts(ctx: &Context<'_>, section: &str, mut lines: Vec<Line>) -> Vec<Line> {
    for (name, value) in ctx.facts.info.get(section).into_iter().flatten() {
        match lines.iter_mut().find(|(other, _)| other == name) {
            Some((_, ours)) => ours.clone_from(value),
            None => lines.push(((*name).into(), value.clone())),
        }
    }
    lines
}

fn errorstats(ctx: &Context<'_>) -> Vec<Line> {
    let errors = &ctx.stats.errors_by_code;
    errors.iter().map(|(code, count)| (format!("errorstat_{code}").into(), format!("count={count}"))).collect()
}

fn line(name: &'static str, value: impl ToString) -> Line {
    (name.into(), value.to_string())
}

fn fact<'c>(ctx: &'c Context<'_>, section: &str, name: &str) -> Option<&'c str> {
    let lines = ctx.facts.info.get(section)?;
    lines.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
}

fn server(ctx: &Context<'_>) -> Vec<Line> {
    let now = ctx.data.now();
    let uptime = now.ms_since(ctx.facts.started_at) / 1000;
    let setting = |name: &str| ctx.config.value(name).unwrap_or_default().to_string();
    alloc::vec![
        line("redis_version", super::connection::REDIS_VERSION),
        line("sanderling_version", env!("CARGO_PKG_VERSION")),
        line("redis_mode", "standalone"),
        line("os", "unknown"),
        line("arch_bits", usize::BITS),
        line("process_id", 0),
        line("run_id", "0".repeat(40)),
        line("tcp_port", setting("port")),
        line("server_time_usec", now.0.saturating_mul(1000)),
        line("uptime_in_seconds", uptime),
        line("uptime_in_days", uptime / 86_400),
        line("hz", setting("hz")),
        line("configured_hz", setting("hz")),
        line("config_file", ""),
    ]
}

fn clients(ctx: &Context<'_>) -> Vec<Line> {
    let connected = ctx.sessions.iter().filter(|(_, session)| !session.killed).count();
    alloc::vec![
        line("connected_clients", connected),
        line("cluster_connections", 0),
        line("maxclients", ctx.config.value("maxclients").unwrap_or_default()),
        line("blocked_clients", ctx.sessions.waiting.len()),
        line("tracking_clients", ctx.sessions.tracking.clients()),
    ]
}

fn memory(ctx: &Context<'_>) -> Vec<Line> {
    let shell_says = |name| fact(ctx, "memory", name).and_then(|text| num::parse_i64(text.as_bytes()));
    let used = i64::try_from(ctx.used_memory()).unwrap_or(i64::MAX);
    let resident = shell_says("used_memory_rss").unwrap_or(used);
    let peak = shell_says("used_memory_peak").unwrap_or(used);
    let limit = ctx.config.value("maxmemory").unwrap_or("0");
    let scripts = ctx.interpreter.iter().flat_map(|interpreter| interpreter.facts());
    let mut lines = alloc::vec![
        line("used_memory", used),
        line("used_memory_human", human(used)),
        line("used_memory_rss", resident),
        line("used_memory_rss_human", human(resident)),
        line("used_memory_overhead", ctx.facts.held_bytes),
        line("used_memory_dataset", ctx.data.keyspace.allocated_bytes()),
        line("used_memory_peak", peak),
        line("used_memory_peak_human", human(peak)),
        line("maxmemory", limit),
        line("maxmemory_human", human(num::parse_i64(limit.as_bytes()).unwrap_or(0))),
        line("maxmemory_policy", ctx.config.value("maxmemory-policy").unwrap_or_default()),
        line("mem_fragmentation_ratio", format!("{:.2}", resident as f64 / used.max(1) as f64)),
        line("mem_allocator", "unknown"),
    ];
    lines.extend(scripts.map(|(name, value)| line(name, value)));
    lines
}

/// Bytes as Redis writes them for people: `512B`, `1.50K`, `3.25M`, `2.00G`.
fn human(bytes: i64) -> String {
    let steps = [("T", 1_i64 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match steps.into_iter().find(|(_, step)| bytes >= *step) {
        Some((unit, step)) => format!("{:.2}{unit}", bytes as f64 / step as f64),
        None => format!("{bytes}B"),
    }
}

fn persistence(_: &Context<'_>) -> Vec<Line> {
    alloc::vec![
        line("loading", 0),
        line("async_loading", 0),
        line("rdb_changes_since_last_save", 0),
        line("rdb_bgsave_in_progress", 0),
        line("rdb_last_save_time", 0),
        line("rdb_last_bgsave_status", "ok"),
        line("aof_enabled", 0),
        line("aof_rewrite_in_progress", 0),
        line("aof_rewrite_scheduled", 0),
        line("aof_last_bgrewrite_status", "ok"),
        line("aof_last_write_status", "ok"),
    ]
}

fn stats(ctx: &Context<'_>) -> Vec<Line> {
    let stats = &ctx.stats;
    alloc::vec![
        line("total_connections_received", ctx.sessions.opened()),
        line("total_commands_processed", stats.commands),
        line("instantaneous_ops_per_sec", 0),
        line("rejected_connections", 0),
        line("expired_keys", stats.expired_keys),
        line("evicted_keys", stats.evicted_keys),
        line("keyspace_hits", stats.hits),
        line("keyspace_misses", stats.misses),
        line("pubsub_channels", ctx.sessions.pubsub.of(Topic::Channel).len()),
        line("pubsub_patterns", ctx.sessions.pubsub.of(Topic::Pattern).len()),
        line("pubsubshard_channels", ctx.sessions.pubsub.of(Topic::Shard).len()),
        line("latest_fork_usec", 0),
        line("tracking_total_keys", ctx.sessions.tracking.keys()),
        line("tracking_total_items", ctx.sessions.tracking.items()),
        line("tracking_total_prefixes", ctx.sessions.tracking.prefixes()),
        line("total_error_replies", stats.errors),
        line("unexpected_error_replies", 0),
    ]
}

fn replication(ctx: &Context<'_>) -> Vec<Line> {
    alloc::vec![
        line("role", if ctx.data.role == Role::Primary { "master" } else { "slave" }),
        line("connected_slaves", 0),
        line("master_failover_state", "no-failover"),
        line("master_replid", "0".repeat(40)),
        line("master_repl_offset", 0),
    ]
}

fn keyspace(ctx: &Context<'_>) -> Vec<Line> {
    let used = (0..DATABASES).map(|index| (index, ctx.data.keyspace.db(index))).filter(|(_, db)| !db.is_empty());
    used.map(|(index, db)| {
        let counts = format!("keys={},expires={},avg_ttl=0", db.len(), db.volatile_len());
        (format!("db{index}").into(), counts)
    })
    .collect()
}
