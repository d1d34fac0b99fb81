//! INFO: what the engine knows of itself and its shell has told it, by sections.

mod calls;
mod memory;
mod stats;

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};

pub(crate) use memory::Usage;

use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::Result,
    limits::DATABASES,
    role::Role,
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

/// The sections, in their order.
const SECTIONS: [(&str, Section); 13] = [
    ("server", server),
    ("clients", clients),
    ("memory", memory::memory),
    ("persistence", persistence),
    ("stats", stats::stats),
    ("replication", replication),
    ("cpu", cpu),
    ("modules", |_| Vec::new()),
    ("commandstats", calls::commandstats),
    ("errorstats", calls::errorstats),
    ("latencystats", calls::latencystats),
    ("cluster", |_| alloc::vec![line("cluster_enabled", 0)]),
    ("keyspace", keyspace),
];

/// The sections that are shown only to those who ask for them: they have a line a command.
const LONG: [&str; 2] = ["commandstats", "latencystats"];

fn info(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.note_memory();
    let named = |name: &str| args.rest().iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let all = ["all", "everything"].into_iter().any(named);
    let usual = args.is_empty() || named("default");
    let mut text = String::new();
    for (name, lines) in SECTIONS {
        let is_usual = usual && !LONG.contains(&name);
        if !(all || is_usual || named(name)) {
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
        // Of which Redis nobody can say: it isn't one.
        line("redis_git_sha1", "00000000"),
        line("redis_git_dirty", 0),
        line("redis_build_id", 0),
        line("sanderling_version", env!("CARGO_PKG_VERSION")),
        line("redis_mode", "standalone"),
        line("os", "unknown"),
        line("arch_bits", usize::BITS),
        line("process_id", 0),
        line("process_supervised", "no"),
        line("run_id", "0".repeat(40)),
        line("tcp_port", setting("port")),
        line("server_time_usec", now.0.saturating_mul(1000)),
        line("uptime_in_seconds", uptime),
        line("uptime_in_days", uptime / 86_400),
        line("hz", setting("hz")),
        line("configured_hz", setting("hz")),
        line("lru_clock", now.0 / 1000 % (1 << 24)),
        line("config_file", ""),
        line("io_threads_active", 0),
    ]
}

fn cpu(_: &Context<'_>) -> Vec<Line> {
    const NAMES: [&str; 6] = [
        "used_cpu_sys",
        "used_cpu_user",
        "used_cpu_sys_children",
        "used_cpu_user_children",
        "used_cpu_sys_main_thread",
        "used_cpu_user_main_thread",
    ];
    NAMES.into_iter().map(|name| line(name, "0.000000")).collect()
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

fn persistence(ctx: &Context<'_>) -> Vec<Line> {
    let saving = u8::from(ctx.facts.is_saving);
    alloc::vec![
        line("loading", 0),
        line("async_loading", 0),
        // No process is forked to save, so nothing is copied for one.
        line("current_cow_peak", 0),
        line("current_cow_size", 0),
        line("current_cow_size_age", 0),
        line("current_fork_perc", "0.00"),
        line("rdb_changes_since_last_save", ctx.data.keyspace.changes().saturating_sub(ctx.facts.saved_changes)),
        line("rdb_bgsave_in_progress", saving),
        line("rdb_last_save_time", 0),
        line("rdb_last_bgsave_status", "ok"),
        line("rdb_last_bgsave_time_sec", -1),
        line("rdb_current_bgsave_time_sec", -1),
        line("rdb_saves", 0),
        line("rdb_last_cow_size", 0),
        line("aof_enabled", 0),
        line("aof_rewrite_in_progress", if ctx.facts.no_log { 0 } else { saving }),
        line("aof_rewrite_scheduled", 0),
        line("aof_last_rewrite_time_sec", -1),
        line("aof_current_rewrite_time_sec", -1),
        line("aof_last_bgrewrite_status", "ok"),
        line("aof_last_write_status", "ok"),
        line("aof_last_cow_size", 0),
        line("module_fork_in_progress", 0),
        line("module_fork_last_cow_size", 0),
    ]
}

fn replication(ctx: &Context<'_>) -> Vec<Line> {
    alloc::vec![
        line("role", if ctx.data.role == Role::Primary { "master" } else { "slave" }),
        line("connected_slaves", 0),
        line("master_failover_state", "no-failover"),
        line("master_replid", "0".repeat(40)),
        line("master_replid2", "0".repeat(40)),
        line("master_repl_offset", 0),
        line("second_repl_offset", -1),
        // Replicas of Redis's kind, who would go on from a place in it, there are none of.
        line("repl_backlog_active", 0),
        line("repl_backlog_size", 0),
        line("repl_backlog_first_byte_offset", 0),
        line("repl_backlog_histlen", 0),
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
