//! What the server is told at its start: flags, then `SANDERLING_*` variables, then a TOML file, then defaults.
//!
//! One struct is read from all three sources, so that every setting has the same name in each of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Deserializer, de};

/// Everything that a server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where RESP is spoken, `host:port`; port 0 picks a free one.
    pub resp: String,
    /// Where HTTP and the sync WebSocket are spoken.
    pub http: String,
    /// The folder of log and snapshots.
    pub dir: PathBuf,
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
    /// Further origins whose pages may open the sync WebSocket.
    pub allow_origin: Vec<String>,
    /// Log bytes after which a snapshot is worth its writing, however small the data.
    pub compact_min: Bytes,
    /// What to do about a damaged log.
    pub repair: Option<Repair>,
    /// The file that settings were read from.
    pub file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Settings::default().resolve(None, None)
    }
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

/// Reads the command line, the environment and, if one is named, the file.
///
/// Ends the process where the command line asks for help or can't be understood, as clap does.
///
/// # Errors
/// If the file can't be read or holds what it shouldn't; the text names file and key.
pub fn from_arguments() -> Result<Config> {
    let Command::Serve(serve) = Cli::parse().command;
    let file = match &serve.config {
        Some(path) => read_file(path)?,
        None => Settings::default(),
    };
    Ok(serve.settings.or(file).resolve(serve.repair, serve.config))
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
    Serve(Serve),
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
    /// Further origins whose pages may open the sync WebSocket, such as https://example.org.
    #[arg(long, env = "SANDERLING_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    allow_origin: Option<Vec<String>>,
    /// Log bytes after which a snapshot is written, however small the data [default: 64mb].
    #[arg(long, env = "SANDERLING_COMPACT_MIN", value_name = "BYTES")]
    compact_min: Option<Bytes>,
}

impl Settings {
    /// Takes from `other` what is absent here.
    fn or(self, other: Self) -> Self {
        Self {
            resp: self.resp.or(other.resp),
            http: self.http.or(other.http),
            dir: self.dir.or(other.dir),
            fsync: self.fsync.or(other.fsync),
            www: self.www.or(other.www),
            requirepass: self.requirepass.or(other.requirepass),
            proto_max_bulk_len: self.proto_max_bulk_len.or(other.proto_max_bulk_len),
            maxclients: self.maxclients.or(other.maxclients),
            allow_origin: self.allow_origin.or(other.allow_origin),
            compact_min: self.compact_min.or(other.compact_min),
        }
    }

    fn resolve(self, repair: Option<Repair>, file: Option<PathBuf>) -> Config {
        Config {
            resp: self.resp.unwrap_or_else(|| "127.0.0.1:6379".into()),
            http: self.http.unwrap_or_else(|| "127.0.0.1:7379".into()),
            dir: self.dir.unwrap_or_else(|| "./data".into()),
            fsync: self.fsync.unwrap_or(Fsync::Everysec),
            www: self.www,
            requirepass: self.requirepass.filter(|password| !password.is_empty()),
            proto_max_bulk_len: self.proto_max_bulk_len.unwrap_or(Bytes(512 << 20)),
            maxclients: self.maxclients.unwrap_or(10_000),
            allow_origin: self.allow_origin.unwrap_or_default(),
            compact_min: self.compact_min.unwrap_or(Bytes(64 << 20)),
            repair,
            file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(arguments: &[&str]) -> Settings {
        let Command::Serve(serve) = Cli::parse_from([&["sanderling", "serve"], arguments].concat()).command;
        serve.settings
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file =
            parse_file("fsync = 'no'\nresp = 'localhost:1'\nproto-max-bulk-len = '1mb'\nmaxclients = 7").unwrap();
        let config = serve(&["--resp", "[::1]:2", "--compact-min", "5k"]).or(file).resolve(None, None);
        assert_eq!((config.resp.as_str(), config.fsync, config.maxclients), ("[::1]:2", Fsync::No, 7));
        assert_eq!((config.proto_max_bulk_len, config.compact_min), (Bytes(1 << 20), Bytes(5000)));
        assert_eq!(config.http, "127.0.0.1:7379");
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
        check("resp = ", "line 1, resp: ");
        check("= x", "line 1: ");
    }

    #[test]
    fn every_setting_has_one_name() {
        // A setting that the file knows and the flags don't, or the other way round, would fail here.
        let text = "resp='a'\nhttp='b'\ndir='c'\nfsync='no'\nwww='d'\nrequirepass='e'\nproto-max-bulk-len=1\n\
                    maxclients=2\nallow-origin=['f','g']\ncompact-min=3";
        let flags = [
            "--resp=a",
            "--http=b",
            "--dir=c",
            "--fsync=no",
            "--www=d",
            "--requirepass=e",
            "--proto-max-bulk-len=1",
            "--maxclients=2",
            "--allow-origin=f,g",
            "--compact-min=3",
        ];
        assert_eq!(format!("{:?}", serve(&flags)), format!("{:?}", parse_file(text).unwrap()));
    }
}
