//! Bytes a key, a field, a member: ours beside Debian's redis-server and Valkey.
//!
//! Each server starts afresh for each row and is filled over one pipelined connection with keys that are counted, not
//! drawn, so that all hold the very same. What it then holds more than before is divided by their number: once by what
//! the system says that the process has resident, and once by what the server says itself (`used_memory`). The two
//! have to agree, or an operator who bounds the one can't trust the other.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::flags::Flags;
use super::report::{self, Json};
use super::servers::{Running, Versions};
use super::valkey;
use crate::shell::timed;
use crate::{build, need};

/// Fills every server with every row and prints a table.
///
/// # Errors
/// When something is missing, or a server does not start or answer.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    need::programs(&[("redis-server", "redis-server")])?;
    let binaries = Binaries { sanderling: build::server(&options.profile)?, valkey: valkey::server()? };
    let (mut figures, mut versions) = (Vec::new(), Versions::default());
    for row in ROWS.iter().filter(|row| options.only.is_empty() || options.only.iter().any(|name| name == row.name)) {
        let of_row = timed(row.name, || measure(row, options.keys, &binaries, &mut versions))?;
        figures.push((row, of_row));
    }
    print!("\n{}", table(&figures));
    let rows = figures.iter().map(|(row, of_row)| json(row, of_row)).collect();
    let keys = ("keys", (options.keys as f64).into());
    report::write("memory", arguments, vec![versions.json(), keys, ("rows", Json::List(rows))])
}

struct Options {
    /// Keys, fields, members of a row.
    keys: u64,
    /// The rows that are wanted; all of them if none is named.
    only: Vec<String>,
    /// What our server is built with: where it lies in memory doesn't depend on it, and other profiles build sooner.
    profile: String,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut flags = Flags::new(USAGE, arguments)?;
        let options = Self {
            keys: flags.one("--keys", flags.full_or(KEYS, KEYS / 10))?,
            only: flags
                .all("--only")
                .pop()
                .map_or_else(Vec::new, |names| names.split(',').map(str::to_owned).collect()),
            profile: flags.one("--profile", "release".to_owned())?,
        };
        flags.end()?;
        if let Some(name) = options.only.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            bail!("there is no row {name:?} (there are {})", names.join(", "));
        }
        Ok(options)
    }
}

struct Binaries {
    sanderling: PathBuf,
    valkey: PathBuf,
}

/// Something to fill a server with.
struct Row {
    name: &'static str,
    /// What the bytes are counted for.
    unit: &'static str,
    /// Appends the words of the command that adds the unit with this number.
    command: fn(u64, &mut Words),
    /// Units that one command adds.
    units: u64,
}

/// What a row takes, a unit, in bytes: one of these a server.
#[derive(Clone, Copy, Debug)]
struct Figure {
    server: &'static str,
    resident: f64,
    accounted: f64,
}

impl Figure {
    /// How far what the server says is from what the system says, as a part of the latter.
    fn deviation(self) -> f64 {
        self.accounted / self.resident - 1.0
    }
}

fn measure(row: &Row, keys: u64, binaries: &Binaries, versions: &mut Versions) -> Result<Vec<Figure>> {
    let starts: [&dyn Fn() -> Result<Running>; 3] =
        [&|| Running::sanderling(&binaries.sanderling), &Running::redis, &|| Running::valkey(&binaries.valkey)];
    let mut measure_started = |start: &&dyn Fn() -> Result<Running>| {
        let server = start()?;
        versions.note(&server)?;
        measure_one(row, keys, &server)
    };
    starts.iter().map(&mut measure_started).collect()
}

fn measure_one(row: &Row, keys: u64, server: &Running) -> Result<Figure> {
    let mut connection = Connection::open(server.port)?;
    // What a server sets up with its first commands is not the keys'.
    connection.call(&[b"SET", b"first", b"x"])?;
    connection.call(&[b"DEL", b"first"])?;
    let before = settled(server, &mut connection)?;
    connection.fill(row, keys)?;
    let after = settled(server, &mut connection)?;
    let per_unit = |before: u64, after: u64| (after as f64 - before as f64) / keys as f64;
    Ok(Figure { server: server.name, resident: per_unit(before.0, after.0), accounted: per_unit(before.1, after.1) })
}

/// Returns what the process holds and what it says it holds, once neither changes: tables that grow in the background
/// are done then.
fn settled(server: &Running, connection: &mut Connection) -> Result<(u64, u64)> {
    let look = |connection: &mut Connection| Ok::<_, anyhow::Error>((server.resident_bytes()?, connection.used()?));
    let mut last = look(connection)?;
    for _ in 0..SETTLE_LOOKS_MAX {
        thread::sleep(SETTLE_PAUSE);
        let now = look(connection)?;
        if now.0.abs_diff(last.0) < SETTLED_BYTES && now.1.abs_diff(last.1) < SETTLED_BYTES {
            return Ok(now);
        }
        last = now;
    }
    bail!("{}'s memory does not come to rest", server.name)
}

/// The words of commands in RESP.
#[derive(Default)]
struct Words {
    bytes: Vec<u8>,
}

impl Words {
    fn begin(&mut self, count: usize) {
        let _ = write!(self.bytes, "*{count}\r\n");
    }

    fn word(&mut self, word: &[u8]) {
        let _ = write!(self.bytes, "${}\r\n", word.len());
        self.bytes.extend_from_slice(word);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn command(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        words.iter().for_each(|word| self.word(word));
    }
}

/// A connection that counts replies.
struct Connection {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Connection {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(REPLY_MAX))?;
        Ok(Self { replies: BufReader::new(stream.try_clone()?), stream })
    }

    fn fill(&mut self, row: &Row, keys: u64) -> Result<()> {
        let commands = keys.div_ceil(row.units);
        let mut words = Words::default();
        for first in (0..commands).step_by(BATCH as usize) {
            let batch = first..commands.min(first + BATCH);
            words.bytes.clear();
            batch.clone().for_each(|number| (row.command)(number, &mut words));
            self.stream.write_all(&words.bytes)?;
            for _ in batch {
                self.reply()?;
            }
        }
        Ok(())
    }

    fn call(&mut self, words: &[&[u8]]) -> Result<String> {
        let mut request = Words::default();
        request.command(words);
        self.stream.write_all(&request.bytes)?;
        self.reply()
    }

    /// Returns what the server says of its memory.
    fn used(&mut self) -> Result<u64> {
        let info = self.call(&[b"INFO", b"memory"])?;
        let line =
            info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("INFO has no used_memory")?;
        Ok(line.trim().parse()?)
    }

    /// Reads a status, an integer or a string.
    fn reply(&mut self) -> Result<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let mut bytes = vec![0; length.parse::<usize>()? + 2];
                self.replies.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(String::from_utf8(bytes)?)
            }
            _ => bail!("a server answered {line:?}"),
        }
    }
}

/// The 16 bytes of a key, a field or a member: digits that are spread, as those of identifiers are.
fn name(number: u64) -> [u8; 16] {
    // An odd factor hits every number once.
    let mut name = *b"0000000000000000";
    let mut spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for place in &mut name {
        *place = b"0123456789abcdef"[(spread >> 60) as usize];
        spread <<= 4;
    }
    name
}

fn value(number: u64) -> [u8; 32] {
    let mut value = [b'-'; 32];
    value[..16].copy_from_slice(&name(number));
    value[16..].copy_from_slice(&name(!number));
    value
}

fn table(figures: &[(&Row, Vec<Figure>)]) -> String {
    let mut text =
        "bytes by the process's resident memory (by the server's own account, and its deviation)\n".to_owned();
    let names: Vec<_> = figures.first().into_iter().flat_map(|(_, of_row)| of_row).map(|one| one.server).collect();
    let _ = write!(text, "{:<24} {:<7}", "", "each");
    names.iter().for_each(|name| _ = write!(text, " {name:>24}"));
    names.iter().skip(1).for_each(|name| _ = write!(text, " {:>15}", format!("/ {name}")));
    for (row, of_row) in figures {
        let _ = write!(text, "\n{:<24} {:<7}", row.name, row.unit);
        for one in of_row {
            let cell = format!("{:.1} ({:.1} {:+.0} %)", one.resident, one.accounted, one.deviation() * 100.0);
            let _ = write!(text, " {cell:>24}");
        }
        let ours = of_row.first().map_or(f64::NAN, |one| one.resident);
        of_row.iter().skip(1).for_each(|one| _ = write!(text, " {:>15.2}", ours / one.resident));
    }
    text.push('\n');
    text
}

fn json(row: &Row, of_row: &[Figure]) -> Json {
    let servers = of_row.iter().map(|one| {
        Json::Object(vec![
            ("server", one.server.into()),
            ("residentBytes", one.resident.into()),
            ("accountedBytes", one.accounted.into()),
        ])
    });
    Json::Object(vec![("row", row.name.into()), ("each", row.unit.into()), ("servers", Json::List(servers.collect()))])
}

const USAGE: &str = "memory [--quick] [--keys N] [--only A,B] [--profile NAME]";
const ROWS: &[Row] = &[
    Row {
        name: "strings",
        unit: "key",
        command: |number, words| words.command(&[b"SET", &name(number), &value(number)]),
        units: 1,
    },
    Row {
        name: "strings-ttl",
        unit: "key",
        command: |number, words| {
            let seconds = (86_400 + number % 86_400).to_string();
            words.command(&[b"SET", &name(number), &value(number), b"EX", seconds.as_bytes()]);
        },
        units: 1,
    },
    Row {
        name: "hash",
        unit: "field",
        command: |number, words| words.command(&[b"HSET", b"h", &name(number), &value(number)]),
        units: 1,
    },
    Row {
        name: "set",
        unit: "member",
        command: |number, words| words.command(&[b"SADD", b"s", &name(number)]),
        units: 1,
    },
    Row {
        name: "zset",
        unit: "member",
        command: |number, words| {
            let score = (number.wrapping_mul(7919) % 1_000_000).to_string();
            words.command(&[b"ZADD", b"z", score.as_bytes(), &name(number)]);
        },
        units: 1,
    },
    Row {
        name: "small-hashes",
        unit: "field",
        command: |number, words| {
            words.begin(2 + 2 * SMALL_FIELDS as usize);
            words.word(b"HSET");
            words.word(&name(number));
            for field in 0..SMALL_FIELDS {
                words.word(format!("f{field}").as_bytes());
                words.word(format!("v{:06}", (number * SMALL_FIELDS + field) % 999_983).as_bytes());
            }
        },
        units: SMALL_FIELDS,
    },
    Row {
        name: "list",
        unit: "element",
        command: |number, words| words.command(&[b"RPUSH", b"l", &name(number)]),
        units: 1,
    },
    Row {
        name: "stream",
        unit: "entry",
        command: |number, words| words.command(&[b"XADD", b"x", b"*", b"field", &name(number)]),
        units: 1,
    },
];

/// Fields of a small hash, each of 2 bytes with a value of 7. No number, which some servers keep in fewer bytes.
const SMALL_FIELDS: u64 = 10;
const KEYS: u64 = 1_000_000;
/// Commands that are sent before their replies are read: they fit in the sockets' buffers.
const BATCH: u64 = 500;
const REPLY_MAX: Duration = Duration::from_secs(30);
const SETTLE_PAUSE: Duration = Duration::from_millis(400);
const SETTLE_LOOKS_MAX: usize = 50;
const SETTLED_BYTES: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Figure, Options, ROWS, SMALL_FIELDS, Words, name, table};

    #[test]
    fn names_are_distinct_and_of_one_length() {
        let names: HashSet<_> = (0..10_000).map(name).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn every_row_makes_whole_commands() {
        for row in ROWS {
            let mut words = Words::default();
            (row.command)(7, &mut words);
            let text = String::from_utf8(words.bytes).unwrap();
            let count: usize = text.lines().next().unwrap().strip_prefix('*').unwrap().parse().unwrap();
            assert_eq!(text.lines().count(), 1 + 2 * count, "{}", row.name);
            assert!(row.units == 1 || row.units == SMALL_FIELDS);
        }
    }

    #[test]
    fn figures_are_shown_with_their_ratios() {
        let figure = |server, resident| Figure { server, resident, accounted: resident * 1.02 };
        let figures = [(&ROWS[0], vec![figure("sanderling", 70.0), figure("valkey", 84.0)])];
        let table = table(&figures);
        assert!(table.contains("70.0 (71.4 +2 %)") && table.contains("0.83"), "{table}");
    }

    #[test]
    fn options_are_checked() {
        let parse = |words: &[&str]| Options::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&["--keys", "5", "--only", "hash,set"]).unwrap().only, ["hash", "set"]);
        assert!(parse(&["--only", "nothing"]).is_err_and(|error| error.to_string().contains("small-hashes")));
        assert!(parse(&["--keys"]).is_err());
    }
}
