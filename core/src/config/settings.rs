//! The table of settings: Redis's names, what they are without being set, and what they may be.
//!
//! A setting stands here if what it says holds: it changes something, or both of its values describe what happens
//! anyway (whether memory is freed lazily, say), or the only value that it takes is the true one. A tool that asks
//! for something else is told so, instead of being left in the belief that it got it.

use alloc::{
    format,
    string::{String, ToString},
};

use crate::{limits::STRING_BYTES_MAX, num};

/// One setting: its name, what it is without being set, and what it may be.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Redis's name.
    pub name: &'static str,
    /// The value that holds until another is set.
    pub default: &'static str,
    /// What values it takes.
    pub kind: SettingKind,
    /// Whether `CONFIG SET` may change it.
    pub mutable: bool,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// An integer between two bounds.
    Integer(i64, i64),
    /// Bytes between two bounds, with an optional unit (`kb`, `mb`, `gb`).
    Memory(u64, u64),
    /// `yes` or `no`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Classes of events, a letter each.
    Events,
    /// Classes of clients, each with what may wait for them to be read.
    #[cfg(feature = "server")]
    OutputLimits,
    /// Pairs of seconds and changes.
    #[cfg(feature = "server")]
    SavePoints,
    /// Percents, separated by blanks.
    #[cfg(feature = "server")]
    Percents,
    /// Bytes as in `Memory`, or a part of `maxmemory` in percent.
    #[cfg(feature = "server")]
    MemoryOrPercent,
}

impl SettingKind {
    /// The value in its canonical form, or what is wrong with it.
    pub(super) fn parse(self, value: &[u8]) -> Result<String, String> {
        let text = core::str::from_utf8(value).map_err(|_| "argument must be valid UTF-8".to_string())?;
        match self {
            Self::Text => Ok(text.to_string()),
            Self::Events => event_bits(text)
                .map(event_letters)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            #[cfg(feature = "server")]
            Self::OutputLimits => super::clients::parse(text),
            #[cfg(feature = "server")]
            Self::SavePoints => super::saving::parse(text),
            #[cfg(feature = "server")]
            Self::Percents => percents(text),
            #[cfg(feature = "server")]
            Self::MemoryOrPercent => super::clients::parse_bytes_max(text),
            Self::Bool if text.eq_ignore_ascii_case("yes") => Ok("yes".into()),
            Self::Bool if text.eq_ignore_ascii_case("no") => Ok("no".into()),
            Self::Bool => Err("argument must be 'yes' or 'no'".into()),
            Self::Choice(words) => match words.iter().find(|word| text.eq_ignore_ascii_case(word)) {
                Some(word) => Ok((*word).into()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Self::Integer(min, max) => match num::parse_i64(value) {
                Some(number) if (min..=max).contains(&number) => Ok(number.to_string()),
                Some(_) => Err(format!("argument must be between {min} and {max} inclusive")),
                None => Err("argument couldn't be parsed into an integer".into()),
            },
            Self::Memory(min, max) => match parse_memory(text) {
                Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes.to_string()),
                Some(_) => Err(format!("argument must be between {min} and {max} inclusive")),
                None => Err("argument must be a memory value".into()),
            },
        }
    }
}

/// The classes of events by their letters, each a bit; `d`, of modules, and `m`, of keys that are missed, are never told.
pub(super) const EVENTS: &str = "g$lshzxetKEmnd";
/// What `A` stands for.
const ALL_EVENTS: &str = "g$lshzxetd";

/// The classes that letters name, as bits in the order of [`EVENTS`].
pub(super) fn event_bits(text: &str) -> Option<u16> {
    let bit = |letter: char| EVENTS.find(letter).map(|place| 1_u16 << place);
    let all = || ALL_EVENTS.chars().filter_map(bit).sum();
    text.chars().try_fold(0, |bits, letter| Some(bits | if letter == 'A' { all() } else { bit(letter)? }))
}

/// The letters of classes, as Redis writes them.
fn event_letters(bits: u16) -> String {
    let has = |letter: &char| EVENTS.find(*letter).is_some_and(|place| bits & 1 << place != 0);
    let is_all = ALL_EVENTS.chars().all(|letter| has(&letter));
    let classes: String = if is_all { "A".into() } else { ALL_EVENTS.chars().filter(has).collect() };
    let others: String = "KEmn".chars().filter(has).collect();
    classes + &others
}

/// Percents as they are shown: without decimals that say nothing.
#[cfg(feature = "server")]
fn percents(text: &str) -> Result<String, String> {
    let mut shown = String::new();
    for word in text.split_ascii_whitespace() {
        let percent = num::parse_f64(word.as_bytes()).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&percent) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        shown += if shown.is_empty() { "" } else { " " };
        shown += &percent.to_string();
    }
    Ok(shown)
}

pub(super) fn parse_memory(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match lower.get(digits.len()..)? {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1024,
        "m" => 1_000_000,
        "mb" => 1024 * 1024,
        "g" => 1_000_000_000,
        "gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

impl Setting {
    /// The setting that `name` or an alias of it names, in whatever case.
    pub fn find(name: &[u8]) -> Option<&'static Self> {
        let alias = ALIASES.iter().find(|(alias, _)| name.eq_ignore_ascii_case(alias.as_bytes()));
        let name = alias.map_or(name, |(_, name)| name.as_bytes());
        SETTINGS.iter().find(|setting| name.eq_ignore_ascii_case(setting.name.as_bytes()))
    }

    /// The value in its canonical form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, value: &[u8]) -> Result<String, String> {
        self.kind.parse(value)
    }

    const fn new(name: &'static str, default: &'static str, kind: SettingKind) -> Self {
        Self { name, default, kind, mutable: true }
    }

    const fn integer(name: &'static str, default: &'static str, min: i64, max: i64) -> Self {
        Self::new(name, default, SettingKind::Integer(min, max))
    }

    const fn flag(name: &'static str, default: &'static str) -> Self {
        Self::new(name, default, SettingKind::Bool)
    }

    /// A setting that takes one value: anything else isn't there.
    const fn only(name: &'static str, value: &'static [&'static str; 1]) -> Self {
        let [default] = value;
        Self::new(name, default, SettingKind::Choice(value))
    }

    /// A setting that the shell decides.
    const fn fixed(name: &'static str, default: &'static str, kind: SettingKind) -> Self {
        Self { name, default, kind, mutable: false }
    }
}

/// Other names of settings: those of earlier releases of Redis.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("hash-max-ziplist-value", "hash-max-listpack-value"),
    ("list-max-ziplist-size", "list-max-listpack-size"),
    ("lua-time-limit", "busy-reply-threshold"),
    ("min-slaves-max-lag", "min-replicas-max-lag"),
    ("min-slaves-to-write", "min-replicas-to-write"),
    ("slave-lazy-flush", "replica-lazy-flush"),
    ("slave-read-only", "replica-read-only"),
    ("slave-serve-stale-data", "replica-serve-stale-data"),
    ("slaveof", "replicaof"),
    ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("zset-max-ziplist-value", "zset-max-listpack-value"),
];

/// What may go when memory is short, and in which order.
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

/// Every setting, by name. A shell forces those that it decides (ports, directory, fsync) to what they are.
pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("acl-pubsub-default", "resetchannels", SettingKind::Choice(&["allchannels", "resetchannels"])),
    Setting::fixed("aclfile", "", SettingKind::Text),
    Setting::integer("acllog-max-len", "128", 0, i64::MAX),
    // How eagerly the shell lets the engine expire keys is the shell's business; these are hints to it.
    Setting::integer("active-expire-effort", "1", 1, 10),
    Setting::flag("activedefrag", "no"),
    Setting::flag("activerehashing", "yes"),
    Setting::flag("aof-use-rdb-preamble", "yes"),
    Setting::fixed("appendfsync", "everysec", SettingKind::Choice(&["always", "everysec", "no"])),
    Setting::fixed("appendonly", "no", SettingKind::Bool),
    Setting::integer("auto-aof-rewrite-percentage", "100", 0, i32::MAX as i64),
    Setting::fixed("bind", "", SettingKind::Text),
    Setting::integer("busy-reply-threshold", "5000", 0, i64::MAX),
    #[cfg(feature = "server")]
    Setting::new("client-output-buffer-limit", super::clients::DEFAULT, SettingKind::OutputLimits),
    Setting::new("client-query-buffer-limit", "1073741824", SettingKind::Memory(1024 * 1024, i64::MAX as u64)),
    Setting::only("cluster-enabled", &["no"]),
    Setting::fixed("daemonize", "no", SettingKind::Bool),
    Setting::fixed("databases", "16", SettingKind::Integer(16, 16)),
    Setting::fixed("dbfilename", "", SettingKind::Text),
    Setting::fixed("dir", "", SettingKind::Text),
    Setting::flag("dynamic-hz", "yes"),
    #[cfg(feature = "server")]
    Setting::fixed("enable-debug-command", "no", SettingKind::Choice(&["no", "yes", "local"])),
    Setting::integer("hash-max-listpack-entries", "128", 0, i64::MAX),
    Setting::integer("hash-max-listpack-value", "64", 0, i64::MAX),
    Setting::integer("hll-sparse-max-bytes", "3000", 0, i64::MAX),
    Setting::integer("hz", "10", 1, 500),
    #[cfg(feature = "server")]
    Setting::integer("latency-monitor-threshold", "0", 0, i64::MAX),
    #[cfg(feature = "server")]
    Setting::flag("latency-tracking", "yes"),
    #[cfg(feature = "server")]
    Setting::new("latency-tracking-info-percentiles", "50 99 99.9", SettingKind::Percents),
    // Values are freed where they are let go; none is large enough to free that anybody would notice.
    Setting::flag("lazyfree-lazy-eviction", "no"),
    Setting::flag("lazyfree-lazy-expire", "no"),
    Setting::flag("lazyfree-lazy-server-del", "no"),
    Setting::flag("lazyfree-lazy-user-del", "no"),
    Setting::flag("lazyfree-lazy-user-flush", "no"),
    Setting::integer("lfu-decay-time", "1", 0, i32::MAX as i64),
    Setting::integer("lfu-log-factor", "10", 0, i32::MAX as i64),
    // Nodes of lists aren't compressed, whatever depth is asked for: it would change their size only.
    Setting::integer("list-compress-depth", "0", 0, i32::MAX as i64),
    Setting::integer("list-max-listpack-size", "-2", i32::MIN as i64, i32::MAX as i64),
    Setting::fixed("loglevel", "notice", SettingKind::Choice(&["debug", "verbose", "notice", "warning", "nothing"])),
    Setting::new("lua-memory-max", "268435456", SettingKind::Memory(8 * 1024 * 1024, i64::MAX as u64)),
    // It would be for a Redis that is followed.
    #[cfg(feature = "server")]
    Setting::only("masterauth", &[""]),
    Setting::fixed("maxclients", "10000", SettingKind::Integer(1, u32::MAX as i64)),
    Setting::new("maxmemory", "0", SettingKind::Memory(0, i64::MAX as u64)),
    #[cfg(feature = "server")]
    Setting::new("maxmemory-clients", "0", SettingKind::MemoryOrPercent),
    Setting::new("maxmemory-policy", "noeviction", SettingKind::Choice(POLICIES)),
    Setting::integer("maxmemory-samples", "5", 1, 64),
    Setting::integer("min-replicas-max-lag", "10", 0, i32::MAX as i64),
    Setting::only("min-replicas-to-write", &["0"]),
    Setting::new("notify-keyspace-events", "", SettingKind::Events),
    Setting::fixed("port", "0", SettingKind::Integer(0, u16::MAX as i64)),
    Setting::new("proto-max-bulk-len", "536870912", SettingKind::Memory(1024 * 1024, STRING_BYTES_MAX as u64)),
    Setting::flag("replica-lazy-flush", "no"),
    Setting::only("replica-read-only", &["yes"]),
    Setting::only("replica-serve-stale-data", &["yes"]),
    Setting::fixed("replicaof", "", SettingKind::Text),
    Setting::new("requirepass", "", SettingKind::Text),
    // With a log all is on the disk at least as often as these say: they act where there is none.
    #[cfg(feature = "server")]
    Setting::new("save", "", SettingKind::SavePoints),
    Setting::integer("set-max-intset-entries", "512", 0, i64::MAX),
    Setting::integer("set-max-listpack-entries", "128", 0, i64::MAX),
    Setting::integer("set-max-listpack-value", "64", 0, i64::MAX),
    #[cfg(feature = "server")]
    Setting::integer("slowlog-log-slower-than", "10000", -1, i64::MAX),
    #[cfg(feature = "server")]
    Setting::integer("slowlog-max-len", "128", 0, i64::MAX),
    Setting::new("stream-node-max-bytes", "4096", SettingKind::Memory(0, i64::MAX as u64)),
    Setting::integer("stream-node-max-entries", "100", 0, i64::MAX),
    Setting::integer("tcp-keepalive", "300", 0, i32::MAX as i64),
    Setting::integer("timeout", "0", 0, i32::MAX as i64),
    #[cfg(feature = "server")]
    Setting::integer("tracking-table-max-keys", "1000000", 0, i64::MAX),
    Setting::integer("zset-max-listpack-entries", "128", 0, i64::MAX),
    Setting::integer("zset-max-listpack-value", "64", 0, i64::MAX),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_its_default_and_stands_in_its_place() {
        for setting in SETTINGS {
            assert_eq!(
                setting.kind.parse(setting.default.as_bytes()).as_deref(),
                Ok(setting.default),
                "{}",
                setting.name
            );
        }
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name), "by name");
        for (alias, name) in ALIASES {
            assert_eq!(Setting::find(alias.as_bytes()).map(|setting| setting.name), Some(*name));
            assert!(SETTINGS.iter().all(|setting| setting.name != *alias), "{alias} is no setting of its own");
        }
    }

    #[test]
    fn memory_is_read_with_units() {
        let parse = |text: &str| SettingKind::Memory(0, u64::MAX).parse(text.as_bytes()).ok();
        assert_eq!(parse("1kb").as_deref(), Some("1024"));
        assert_eq!(parse("2G").as_deref(), Some("2000000000"));
        assert_eq!(parse("7").as_deref(), Some("7"));
        assert!(parse("1x").is_none() && parse("").is_none() && parse("99999999999gb").is_none());
    }
}
