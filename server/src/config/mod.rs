//! What the server is told at its start: flags, then `SANDERLING_*` variables, then a TOML file, then defaults.
//!
//! One struct is read from all three sources, so that every setting has the same name in each of them. Besides, a
//! `redis.conf` is understood, with the command line of redis-server: see [`redis_conf`].

pub mod redis_conf;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use sanderling_core::config::Setting;
use serde::{Deserialize, Deserializer, de};

use redis_conf::RedisConf;

use crate::auth::Terms;
use crate::auth::mint::Mint;
use crate::quota::Share;

/// Everything that a server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where RESP is spoken, `host:port`; port 0 picks a free one.
    pub resp: String,
    /// Where HTTP and the sync WebSocket are spoken; nowhere if `None`.
    pub http: Option<String>,
    /// The folder of log and snapshots.
    pub dir: PathBuf,
    /// Whether what is written goes into the log on disk.
    pub appendonly: bool,
    /// When a snapshot is due without a log: pairs of seconds and changes.
    pub save: String,
    /// When the log reaches the disk for good.
    pub fsync: Fsync,
    /// The folder of the web page.
    pub www: Option<PathBuf>,
    /// The password that clients must give.
    pub requirepass: Option<String>,
    /// Longest argument and string value.
    pub proto_max_bulk_len: Bytes,
    /// Most RESP connections at a time.
    pub maxclients: usize,
    /// Most connected replicas at a time.
    pub max_replicas: usize,
    /// Further origins whose pages may open the sync WebSocket.
    pub origin: Vec<String>,
    /// Whether a proxy in front says where connections come from.
    pub trust_forwarded: bool,
    /// Files with the keys that tokens are checked with.
    pub token_key: Vec<PathBuf>,
    /// For whom tokens have to be.
    pub token_audience: Option<String>,
    /// From whom tokens have to be.
    pub token_issuer: Option<String>,
    /// What one subject, or one connection, may have, where its token doesn't say.
    pub token_limits: TokenLimits,
    /// What one address may have, where that was set.
    pub address_limits: AddressLimits,
    /// Log bytes after which a snapshot is worth its writing, however small the data.
    pub compact_min: Bytes,
    /// Milliseconds that a script may run before others are answered with BUSY; 0 never answers them.
    pub busy_reply_threshold: u64,
    /// Bytes that scripts may hold, and functions as many.
    pub lua_memory_max: Bytes,
    /// What to do about a damaged log.
    pub repair: Option<Repair>,
    /// Who may call `DEBUG`.
    pub enable_debug_command: Debuggers,
    /// The file of users, and what they may do.
    pub aclfile: Option<PathBuf>,
    /// What a `redis.conf` says besides.
    pub redis: Option<RedisConf>,
    /// The file that settings were read from.
    pub file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Settings::default().resolve(None, None)
    }
}

/// What tokens get that don't say.
#[derive(Clone, Copy, Debug)]
pub struct TokenLimits {
    /// Connections of a subject.
    pub connections: u64,
    /// Messages a second of a subject.
    pub messages: u64,
    /// Bytes of messages a second of a subject.
    pub bytes: Bytes,
    /// Bytes of answers that wait for a connection.
    pub pending: Bytes,
    /// Patterns and channels of a connection.
    pub patterns: usize,
}

/// What one address may have; `None` where nothing was set.
#[derive(Clone, Copy, Debug)]
pub struct AddressLimits {
    /// Connections at a time.
    pub connections: Option<u64>,
    /// Messages a second.
    pub messages: Option<u64>,
    /// Bytes of messages a second.
    pub bytes: Option<Bytes>,
}

impl Config {
    /// What is demanded of tokens, and what they get.
    pub(crate) fn token_terms(&self) -> Terms {
        let TokenLimits { connections, messages, bytes, pending, patterns } = self.token_limits;
        Terms {
            audience: self.token_audience.clone(),
            issuer: self.token_issuer.clone(),
            share: Share { connections, messages, bytes: bytes.0 },
            patterns_max: patterns,
            pending_bytes_max: usize::try_from(pending.0).unwrap_or(usize::MAX),
        }
    }
}

impl AddressLimits {
    /// What an address gets. This machine itself has no bounds but those that were set: it may be a proxy in front.
    pub(crate) fn share(self, address: IpAddr) -> Share {
        let unset = if address.to_canonical().is_loopback() { Share::UNLIMITED } else { ADDRESS_SHARE };
        unset.overridden(self.connections, self.messages, self.bytes.map(|bytes| bytes.0))
    }
}

/// Whether a flag of this name says what a server does.
fn has_flag(name: &str) -> bool {
    let serve = Serve::augment_args(clap::Command::new("serve"));
    name != "config" && serve.get_arguments().any(|argument| argument.get_long() == Some(name))
}

/// When what was written to the log is made to reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// Before a reply is sent: nothing that was answered can be lost.
    Always,
    /// Once a second: a crash of the machine can take the last second.
    Everysec,
    /// When the operating system likes, and at the end.
    No,
}

impl Fsync {
    /// Redis's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
            Self::No => "no",
        }
    }
}

/// Who may call `DEBUG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Debuggers {
    /// Nobody.
    No,
    /// Everybody whose user may.
    Yes,
    /// The same, from this machine alone.
    Local,
}

impl Debuggers {
    /// Redis's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Local => "local",
        }
    }
}

/// What to do about a damaged log at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Repair {
    /// Keep what stands before the damage, and set the rest aside.
    Truncate,
}

/// A number of bytes, written as `1048576`, `1mb` or `1m` (1024 × 1024 and 1000 × 1000, as in Redis).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match lower.get(digits.len()..).unwrap_or_default() {
            "" | "b" => Some(1),
            "k" => Some(1000),
            "kb" => Some(1 << 10),
            "m" => Some(1_000_000),
            "mb" => Some(1 << 20),
            "g" => Some(1_000_000_000),
            "gb" => Some(1 << 30),
            _ => None,
        };
        let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(count, unit)| count.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| format!("{text:?} is no number of bytes such as 1048576 or 1mb"))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes such as 1048576 or \"1mb\"")
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Bytes, E> {
                u64::try_from(bytes).map(Bytes).map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// When a snapshot is due, in the form in which `CONFIG GET save` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SavePoints(String);

impl FromStr for SavePoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let setting = Setting::find(b"save").ok_or("no such setting")?;
        let read = setting.read(text.as_bytes()).map(Self);
        read.map_err(|_| format!("{text:?} is no pair of seconds and changes such as \"3600 1\", nor several"))
    }
}

impl<'de> Deserialize<'de> for SavePoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// To serve.
    Serve(Box<Config>),
    /// To print a token.
    Token(Box<Mint>),
}

/// Reads the command line, the environment and, if one is named, the file.
///
/// Ends the process where the command line asks for help or can't be understood, as clap does.
///
/// # Errors
/// If the file can't be read or holds what it shouldn't; the text names file and key.
pub fn from_arguments() -> Result<Task> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| redis_conf::is_meant(&first.to_string_lossy())) {
        return Ok(Task::Serve(Box::new(redis_conf::read(&arguments)?)));
    }
    let serve = match Cli::parse().command {
        Command::Serve(serve) => serve,
        Command::Token(mint) => return Ok(Task::Token(mint)),
    };
    let file = match &serve.config {
        Some(path) => read_file(path)?,
        None => Settings::default(),
    };
    Ok(Task::Serve(Box::new(serve.settings.or(file).resolve(serve.repair, serve.config))))
}

fn read_file(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_file(&text).with_context(|| format!("in {}", path.display()))
}

fn parse_file(text: &str) -> Result<Settings> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
        let key = key.filter(|key| !key.is_empty()).map_or(String::new(), |key| format!(", {key}"));
        anyhow::anyhow!("line {line}{key}: {}", error.message().replace('\n', " "))
    })
}

/// A Redis-compatible server whose data lives in browsers too.
#[derive(Debug, Parser)]
#[command(name = "sanderling", version, about, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves RESP, sync and the web page until it is told to stop.
    Serve(Box<Serve>),
    /// Prints a token for a replica, good for an hour unless told otherwise.
    Token(Box<Mint>),
}

// The last one of a flag wins, so that a script can add to another's.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
struct Serve {
    /// A TOML file with the settings below under the same names.
    #[arg(long, env = "SANDERLING_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Starts on a damaged log by setting aside what comes after the damage.
    #[arg(long, value_name = "HOW")]
    repair: Option<Repair>,
    #[command(flatten)]
    settings: Settings,
}

/// The settings as a source gives them: all may be absent.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Settings {
    /// Where RESP is spoken [default: 127.0.0.1:6379].
    #[arg(long, env = "SANDERLING_RESP", value_name = "HOST:PORT")]
    resp: Option<String>,
    /// Where HTTP and the sync WebSocket are spoken [default: 127.0.0.1:7379].
    #[arg(long, env = "SANDERLING_HTTP", value_name = "HOST:PORT")]
    http: Option<String>,
    /// The folder of log and snapshots [default: ./data].
    #[arg(long, env = "SANDERLING_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Whether writes go into the log on disk; without it only snapshots keep anything: SAVE, BGSAVE, --save
    /// [default: yes].
    #[arg(long, env = "SANDERLING_APPENDONLY", value_name = "YES|NO", value_parser = clap::builder::BoolishValueParser::new())]
    appendonly: Option<bool>,
    /// When a snapshot is written without a log: `SECONDS CHANGES`, once or more [default: never].
    #[arg(long, env = "SANDERLING_SAVE", value_name = "POINTS")]
    save: Option<SavePoints>,
    /// When the log is made to reach the disk [default: everysec].
    #[arg(long, env = "SANDERLING_FSYNC", value_name = "WHEN")]
    fsync: Option<Fsync>,
    /// The folder of the web page.
    #[arg(long, env = "SANDERLING_WWW", value_name = "DIR")]
    www: Option<PathBuf>,
    /// The password that clients must give.
    #[arg(long, env = "SANDERLING_REQUIREPASS", hide_env_values = true, value_name = "PASSWORD")]
    requirepass: Option<String>,
    /// Longest argument and string value [default: 512mb].
    #[arg(long, env = "SANDERLING_PROTO_MAX_BULK_LEN", value_name = "BYTES")]
    proto_max_bulk_len: Option<Bytes>,
    /// Most RESP connections at a time [default: 10000].
    #[arg(long, env = "SANDERLING_MAXCLIENTS", value_name = "COUNT")]
    maxclients: Option<usize>,
    /// Most connected replicas at a time [default: 10000].
    #[arg(long, env = "SANDERLING_MAX_REPLICAS", value_name = "COUNT")]
    max_replicas: Option<usize>,
    /// A further origin whose pages may open the sync WebSocket, such as `https://example.org`. May be repeated.
    #[arg(long, env = "SANDERLING_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    origin: Option<Vec<String>>,
    /// A proxy in front says in X-Forwarded-For where connections come from [default: false].
    #[arg(long, env = "SANDERLING_TRUST_FORWARDED", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    trust_forwarded: Option<bool>,
    /// A file with a secret, public keys in PEM or a JWKS, that tokens are checked with. May be repeated.
    #[arg(long, env = "SANDERLING_TOKEN_KEY", value_name = "FILE", value_delimiter = ',')]
    token_key: Option<Vec<PathBuf>>,
    /// The audience (aud) that tokens must be for.
    #[arg(long, env = "SANDERLING_TOKEN_AUDIENCE", value_name = "NAME")]
    token_audience: Option<String>,
    /// The issuer (iss) that tokens must be of.
    #[arg(long, env = "SANDERLING_TOKEN_ISSUER", value_name = "NAME")]
    token_issuer: Option<String>,
    /// Connections with tokens of one subject [default: 100].
    #[arg(long, env = "SANDERLING_TOKEN_CONNECTIONS", value_name = "COUNT")]
    token_connections: Option<u64>,
    /// Messages a second of one subject [default: 5000].
    #[arg(long, env = "SANDERLING_TOKEN_MESSAGES", value_name = "COUNT")]
    token_messages: Option<u64>,
    /// Bytes of messages a second of one subject [default: 32mb].
    #[arg(long, env = "SANDERLING_TOKEN_BYTES", value_name = "BYTES")]
    token_bytes: Option<Bytes>,
    /// Bytes of answers that may wait for a connection with a token to read them [default: 32mb].
    #[arg(long, env = "SANDERLING_TOKEN_PENDING", value_name = "BYTES")]
    token_pending: Option<Bytes>,
    /// Patterns, and channels, that a connection with a token may subscribe to [default: 1000].
    #[arg(long, env = "SANDERLING_TOKEN_PATTERNS", value_name = "COUNT")]
    token_patterns: Option<usize>,
    /// Connections of one address [default: 1000; unlimited for this machine].
    #[arg(long, env = "SANDERLING_ADDRESS_CONNECTIONS", value_name = "COUNT")]
    address_connections: Option<u64>,
    /// Messages a second of one address [default: 20000; unlimited for this machine].
    #[arg(long, env = "SANDERLING_ADDRESS_MESSAGES", value_name = "COUNT")]
    address_messages: Option<u64>,
    /// Bytes of messages a second of one address [default: 64mb; unlimited for this machine].
    #[arg(long, env = "SANDERLING_ADDRESS_BYTES", value_name = "BYTES")]
    address_bytes: Option<Bytes>,
    /// Log bytes after which a snapshot is written, however small the data [default: 64mb].
    #[arg(long, env = "SANDERLING_COMPACT_MIN", value_name = "BYTES")]
    compact_min: Option<Bytes>,
    /// Milliseconds that a script may run before others are answered with BUSY, and may end it; 0 for never
    /// [default: 5000].
    #[arg(long, env = "SANDERLING_BUSY_REPLY_THRESHOLD", value_name = "MS")]
    busy_reply_threshold: Option<u64>,
    /// Bytes that scripts may hold, and functions as many [default: 256mb].
    #[arg(long, env = "SANDERLING_LUA_MEMORY_MAX", value_name = "BYTES")]
    lua_memory_max: Option<Bytes>,
    /// Who may call DEBUG, which can stop the server for a while; local are those on this machine [default: no].
    #[arg(long, env = "SANDERLING_ENABLE_DEBUG_COMMAND", value_name = "WHO")]
    enable_debug_command: Option<Debuggers>,
    /// A file of users and what they may do, as `ACL SAVE` writes it.
    #[arg(long, env = "SANDERLING_ACLFILE", value_name = "FILE")]
    aclfile: Option<PathBuf>,
}

impl Settings {
    /// Takes from `other` what is absent here.
    fn or(self, other: Self) -> Self {
        Self {
            resp: self.resp.or(other.resp),
            http: self.http.or(other.http),
            dir: self.dir.or(other.dir),
            appendonly: self.appendonly.or(other.appendonly),
            save: self.save.or(other.save),
            fsync: self.fsync.or(other.fsync),
            www: self.www.or(other.www),
            requirepass: self.requirepass.or(other.requirepass),
            proto_max_bulk_len: self.proto_max_bulk_len.or(other.proto_max_bulk_len),
            maxclients: self.maxclients.or(other.maxclients),
            max_replicas: self.max_replicas.or(other.max_replicas),
            origin: self.origin.or(other.origin),
            trust_forwarded: self.trust_forwarded.or(other.trust_forwarded),
            token_key: self.token_key.or(other.token_key),
            token_audience: self.token_audience.or(other.token_audience),
            token_issuer: self.token_issuer.or(other.token_issuer),
            token_connections: self.token_connections.or(other.token_connections),
            token_messages: self.token_messages.or(other.token_messages),
            token_bytes: self.token_bytes.or(other.token_bytes),
            token_pending: self.token_pending.or(other.token_pending),
            token_patterns: self.token_patterns.or(other.token_patterns),
            address_connections: self.address_connections.or(other.address_connections),
            address_messages: self.address_messages.or(other.address_messages),
            address_bytes: self.address_bytes.or(other.address_bytes),
            compact_min: self.compact_min.or(other.compact_min),
            busy_reply_threshold: self.busy_reply_threshold.or(other.busy_reply_threshold),
            lua_memory_max: self.lua_memory_max.or(other.lua_memory_max),
            enable_debug_command: self.enable_debug_command.or(other.enable_debug_command),
            aclfile: self.aclfile.or(other.aclfile),
        }
    }

    fn resolve(self, repair: Option<Repair>, file: Option<PathBuf>) -> Config {
        Config {
            resp: self.resp.unwrap_or_else(|| "127.0.0.1:6379".into()),
            http: Some(self.http.unwrap_or_else(|| "127.0.0.1:7379".into())),
            dir: self.dir.unwrap_or_else(|| "./data".into()),
            appendonly: self.appendonly.unwrap_or(true),
            save: self.save.unwrap_or_default().0,
            fsync: self.fsync.unwrap_or(Fsync::Everysec),
            www: self.www,
            requirepass: self.requirepass.filter(|password| !password.is_empty()),
            proto_max_bulk_len: self.proto_max_bulk_len.unwrap_or(Bytes(512 << 20)),
            maxclients: self.maxclients.unwrap_or(10_000),
            max_replicas: self.max_replicas.unwrap_or(10_000),
            origin: self.origin.unwrap_or_default(),
            trust_forwarded: self.trust_forwarded.unwrap_or(false),
            token_key: self.token_key.unwrap_or_default(),
            token_audience: self.token_audience,
            token_issuer: self.token_issuer,
            token_limits: TokenLimits {
                connections: self.token_connections.unwrap_or(100),
                messages: self.token_messages.unwrap_or(5000),
                bytes: self.token_bytes.unwrap_or(Bytes(32 << 20)),
                pending: self.token_pending.unwrap_or(Bytes(32 << 20)),
                patterns: self.token_patterns.unwrap_or(1000),
            },
            address_limits: AddressLimits {
                connections: self.address_connections,
                messages: self.address_messages,
                bytes: self.address_bytes,
            },
            compact_min: self.compact_min.unwrap_or(Bytes(64 << 20)),
            busy_reply_threshold: self.busy_reply_threshold.unwrap_or(5000),
            lua_memory_max: self.lua_memory_max.unwrap_or(Bytes(256 << 20)),
            enable_debug_command: self.enable_debug_command.unwrap_or(Debuggers::No),
            aclfile: self.aclfile,
            redis: None,
            repair,
            file,
        }
    }
}

/// What an address gets where nothing is set: enough for an office behind one.
const ADDRESS_SHARE: Share = Share { connections: 1000, messages: 20_000, bytes: 64 << 20 };

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(arguments: &[&str]) -> Settings {
        match Cli::parse_from([&["sanderling", "serve"], arguments].concat()).command {
            Command::Serve(serve) => serve.settings,
            Command::Token(_) => unreachable!("it says serve"),
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file =
            parse_file("fsync = 'no'\nresp = 'localhost:1'\nproto-max-bulk-len = '1mb'\nmaxclients = 7").unwrap();
        let config = serve(&["--resp", "[::1]:2", "--compact-min", "5k"]).or(file).resolve(None, None);
        assert_eq!((config.resp.as_str(), config.fsync, config.maxclients), ("[::1]:2", Fsync::No, 7));
        assert_eq!((config.proto_max_bulk_len, config.compact_min), (Bytes(1 << 20), Bytes(5000)));
        assert_eq!(config.http.as_deref(), Some("127.0.0.1:7379"));
    }

    #[test]
    fn this_machine_is_bound_only_by_what_was_set() {
        let share = |arguments: &[&str], address: &str| {
            serve(arguments).resolve(None, None).address_limits.share(address.parse().unwrap())
        };
        assert_eq!(share(&[], "::ffff:127.0.0.1"), Share::UNLIMITED);
        assert_eq!(share(&[], "192.0.2.1"), ADDRESS_SHARE);
        let set = ["--address-messages", "7"];
        assert_eq!(share(&set, "127.0.0.1"), Share { messages: 7, ..Share::UNLIMITED });
        assert_eq!(share(&set, "192.0.2.1"), Share { messages: 7, ..ADDRESS_SHARE });
    }

    #[test]
    fn a_bad_file_is_refused_with_line_and_key() {
        let check = |text: &str, expected: &str| {
            let shown = parse_file(text).unwrap_err().to_string();
            assert!(shown.starts_with(expected), "{shown}");
        };
        check("fsync = 'no'\nfsink = 1", "line 2, fsink: unknown field `fsink`, expected one of `resp`");
        check("fsync = 'sometimes'", "line 1, fsync: unknown variant `sometimes`, expected one of `always`");
        check("proto-max-bulk-len = 'many'", "line 1, proto-max-bulk-len: \"many\" is no number of bytes");
        check("save = '60'", "line 1, save: \"60\" is no pair of seconds and changes");
        check("resp = ", "line 1, resp: ");
        check("= x", "line 1: ");
    }

    #[test]
    fn every_setting_has_one_name() {
        // A setting that the file knows and the flags don't, or the other way round, would fail here.
        let text = "resp='a'\nhttp='b'\ndir='c'\nappendonly=false\nsave='60 1'\nfsync='no'\nwww='d'\nrequirepass='e'\nproto-max-bulk-len=1\n\
                    maxclients=2\nmax-replicas=12\norigin=['f','g']\ncompact-min=3\ntrust-forwarded=true\ntoken-key=['h','i']\n\
                    token-audience='j'\ntoken-issuer='k'\ntoken-connections=4\ntoken-messages=5\ntoken-bytes=6\n\
                    token-pending=7\ntoken-patterns=8\naddress-connections=9\naddress-messages=10\naddress-bytes=11\naclfile='k'\nenable-debug-command='local'";
        let flags = [
            "--resp=a",
            "--http=b",
            "--dir=c",
            "--appendonly=no",
            "--save=60 1",
            "--fsync=no",
            "--www=d",
            "--requirepass=e",
            "--proto-max-bulk-len=1",
            "--maxclients=2",
            "--max-replicas=12",
            "--origin=f",
            "--origin=g",
            "--compact-min=3",
            "--trust-forwarded",
            "--token-key=h,i",
            "--token-audience=j",
            "--token-issuer=k",
            "--token-connections=4",
            "--token-messages=5",
            "--token-bytes=6",
            "--token-pending=7",
            "--token-patterns=8",
            "--address-connections=9",
            "--address-messages=10",
            "--address-bytes=11",
            "--aclfile=k",
            "--enable-debug-command=local",
        ];
        assert_eq!(format!("{:?}", serve(&flags)), format!("{:?}", parse_file(text).unwrap()));
    }
}
