//! What the server tells the engine of itself, for `INFO` and `CONFIG GET`.

use std::net::SocketAddr;

use rustix::param::clock_ticks_per_second;
use sanderling_core::Engine;
use sanderling_core::sync::Hub;

use super::compaction::Compaction;
use super::rewrite::RedisConfFile;
use crate::clock;
use crate::config::Config;
use crate::entropy;

/// Where the server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// RESP.
    pub(crate) resp: SocketAddr,
    /// HTTP and sync, if they are spoken.
    pub(crate) http: Option<SocketAddr>,
}

/// Shows the configuration under Redis's names.
pub(super) fn configure(engine: &mut Engine, config: &Config) {
    let shown = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.into()).display().to_string();
    let settings = engine.config_mut();
    settings.force("proto-max-bulk-len", config.proto_max_bulk_len.0.to_string());
    settings.force("requirepass", config.requirepass.clone().unwrap_or_default());
    settings.force("busy-reply-threshold", config.busy_reply_threshold.to_string());
    settings.force("lua-memory-max", config.lua_memory_max.0.to_string());
    settings.force("dir", shown(&config.dir));
    settings.force("appendonly", if config.appendonly { "yes" } else { "no" });
    settings.force("appendfsync", config.fsync.name());
    settings.force("enable-debug-command", config.enable_debug_command.name());
    settings.force("save", config.save.clone());
    settings.force("maxclients", config.maxclients.to_string());
    settings.force("aclfile", config.aclfile.as_deref().map_or(String::new(), shown));
    if let Some(redis) = &config.redis {
        redis.settings.iter().for_each(|(name, value)| settings.force(name, value.as_str()));
        if let Some(file) = &redis.file {
            settings.set_file(Box::new(RedisConfFile(file.clone())));
        }
    }
    let facts = engine.facts_mut();
    facts.started_at = clock::now();
    facts.no_log = !config.appendonly;
    facts.set("server", "os", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    facts.set("server", "process_id", std::process::id().to_string());
    facts.set("server", "executable", std::env::current_exe().map_or(String::new(), |path| shown(&path)));
    facts.set("server", "config_file", config.file.as_deref().map_or(String::new(), shown));
    facts.set("server", "multiplexing_api", "epoll");
    facts.set("server", "run_id", forty_digits());
    facts.set("replication", "master_replid", forty_digits());
    facts.set("memory", "total_system_memory", machine_bytes().to_string());
    facts.set("persistence", "loading", "0");
    facts.set("persistence", "aof_enabled", u8::from(config.appendonly).to_string());
}

/// Makes a name as Redis makes them: forty random digits.
fn forty_digits() -> String {
    let digits: String = (0..3).map(|_| format!("{:016x}", entropy::number())).collect();
    digits.chars().take(40).collect()
}

/// Shows where clients connect to.
pub(super) fn set_addresses(engine: &mut Engine, addresses: &Addresses) {
    engine.config_mut().force("port", addresses.resp.port().to_string());
    engine.config_mut().force("bind", addresses.resp.ip().to_string());
    engine.facts_mut().set("server", "tcp_port", addresses.resp.port().to_string());
    let http = addresses.http.map_or(0, |http| http.port());
    engine.facts_mut().set("server", "http_port", http.to_string());
}

/// Brings up to date what changes by itself.
pub(super) fn refresh(engine: &mut Engine, hub: &Hub, log_bytes: u64, writable: bool, compaction: &Compaction) {
    let facts = engine.facts_mut();
    let resident = resident_bytes();
    if let Some(times) = processor_times() {
        for (name, seconds) in times {
            facts.set("cpu", name, format!("{seconds:.6}"));
        }
    }
    facts.held_bytes = hub.counts().backlog_bytes;
    facts.set("memory", "used_memory_rss", resident.to_string());
    facts.set("persistence", "rdb_last_save_time", (compaction.saved_at().0 / 1000).to_string());
    let status = if writable { "ok" } else { "err" };
    facts.set("persistence", "aof_last_write_status", status);
    let snapshot = if compaction.has_failed() { "err" } else { "ok" };
    facts.set("persistence", "rdb_last_bgsave_status", snapshot);
    facts.set("persistence", "aof_last_bgrewrite_status", snapshot);
    facts.set("persistence", "rdb_saves", compaction.saves().to_string());
    facts.set("persistence", "aof_current_size", log_bytes.to_string());
    facts.set("replication", "master_repl_offset", hub.seq().0.to_string());
    facts.set("replication", "sync_replicas", hub.peer_count().to_string());
}

/// Returns the processor time of the process and of this thread, which is the main one, in seconds under Redis's names;
/// nothing where the system doesn't tell.
fn processor_times() -> Option<[(&'static str, f64); 4]> {
    let [user, system] = times_in("/proc/self/stat")?;
    let [main_user, main_system] = times_in("/proc/thread-self/stat")?;
    Some([
        ("used_cpu_sys", system),
        ("used_cpu_user", user),
        ("used_cpu_sys_main_thread", main_system),
        ("used_cpu_user_main_thread", main_user),
    ])
}

/// Returns the seconds in user mode and in the kernel that a file of Linux's in `/proc` tells.
fn times_in(file: &str) -> Option<[f64; 2]> {
    let text = std::fs::read_to_string(file).ok()?;
    // The name, which may hold anything, ends at the last parenthesis; the times are the 12th and 13th words after it.
    let mut words = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(words.next()?.parse::<u64>().ok()? as f64 / clock_ticks_per_second() as f64);
    Some([seconds()?, seconds()?])
}

/// Returns the memory of the machine, 0 where the system doesn't tell.
fn machine_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Returns the memory that the process holds, 0 where the system doesn't tell.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
