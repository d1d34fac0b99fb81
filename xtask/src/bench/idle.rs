//! What a request costs beside what does not concern it: connections that do nothing, subscriptions that do not match,
//! keys that will expire one day, databases that nobody has selected.
//!
//! Each server runs twice, once without and once with it, and redis-benchmark loads the two in turns. The figure is the
//! server's own processor time a request, in which all that it does besides is contained.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::connection::Connection;
use super::flags::Flags;
use super::report::{self, Json};
use super::servers::{Persistence, Running, Versions};
use super::spread::Spread;
use super::valkey;
use crate::shell::{self, command, timed};
use crate::{build, need};

/// Measures every server with everything, prints a table and leaves the figures.
///
/// # Errors
/// When something is missing, or a server does not start or answer.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    need::programs(&[("redis-server", "redis-server"), ("redis-benchmark", "redis-tools")])?;
    let ours = options.binary.clone().map_or_else(|| build::server("release"), Ok)?;
    let binaries = Binaries { ours, valkey: valkey::server()? };
    let (mut rows, mut versions) = (Vec::new(), Versions::default());
    println!("\nµs of the server's processor time a request, without and with; medians of {}", options.rounds);
    for burden in &options.burdens {
        let mut of_burden: Vec<Row> = Vec::new();
        // One server after the other, since all of them together could not have so many connections.
        for name in options.servers.iter().copied() {
            let pair = timed(&format!("{} on {name}", burden.name), || Pair::start(&binaries, name, burden, &options))?;
            versions.note(&pair.with)?;
            for (index, (test, pipeline)) in cases(burden).enumerate() {
                let spreads = measure(&pair, test, pipeline, &options)?;
                if of_burden.len() <= index {
                    of_burden.push(Row { title: (burden.title)(pair.count), test, pipeline, servers: Vec::new() });
                }
                if let Some(row) = of_burden.get_mut(index) {
                    row.servers.push((name, spreads));
                }
            }
        }
        of_burden.iter().for_each(|row| println!("{row}"));
        rows.extend(of_burden.iter().map(Row::json));
    }
    report::write(
        "idle",
        arguments,
        vec![versions.json(), ("rounds", options.rounds.into()), ("rows", Json::List(rows))],
    )
}

struct Options {
    binary: Option<PathBuf>,
    rounds: u32,
    requests: u32,
    servers: Vec<&'static str>,
    burdens: Vec<&'static Burden>,
    /// The share of each burden that is laid on.
    divisor: u32,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut flags = Flags::new(USAGE, arguments)?;
        let all: Vec<&'static Burden> = BURDENS.iter().collect();
        let options = Self {
            binary: flags.all("--binary").pop().map(PathBuf::from),
            rounds: flags.one("--rounds", flags.full_or(5, 1))?,
            requests: flags.one("--requests", flags.full_or(1_000_000, 100_000))?,
            servers: flags.some_of("--servers", SERVERS, str::to_owned)?,
            burdens: flags.some_of("--only", &all, |burden| burden.name.to_owned())?,
            divisor: flags.full_or(1, 10),
        };
        flags.end()?;
        ensure!(options.rounds > 0 && options.requests > 0, "no flag may be 0");
        Ok(options)
    }
}

struct Binaries {
    ours: PathBuf,
    valkey: PathBuf,
}

/// Something that a server holds and that a request has nothing to do with.
struct Burden {
    name: &'static str,
    /// How the table calls it.
    title: fn(u32) -> String,
    count: u32,
    /// Whether a message could concern it, so that publishing is measured too.
    is_told: bool,
    /// What the server without it has instead.
    relieve: fn(&Running, u32) -> Result<()>,
    /// Lays it on, and returns the connections that must stay open.
    lay_on: fn(&Running, u32) -> Result<Vec<TcpStream>>,
}

/// What is asked.
struct Test {
    name: &'static str,
    words: &'static [&'static str],
    is_told: bool,
}

/// A server without a burden, and the same with it.
struct Pair {
    without: Running,
    with: Running,
    /// How much there is of it.
    count: u32,
    /// Held open.
    _connections: Vec<TcpStream>,
}

impl Pair {
    fn start(binaries: &Binaries, name: &str, burden: &Burden, options: &Options) -> Result<Self> {
        let wanted = burden.count / options.divisor;
        let count = if burden.name == "connections" { wanted.min(connections_max()?) } else { wanted };
        let start = || -> Result<Running> {
            let running = match name {
                "sanderling" => Running::ours(&binaries.ours, Persistence::Off)?,
                "valkey" => Running::redis_like("valkey", &binaries.valkey, Persistence::Off)?,
                _ => Running::redis_like("redis-server", Path::new("redis-server"), Persistence::Off)?,
            };
            Connection::open(running.port)?.fill((0..KEYS).map(|number| set("key", number)))?;
            Ok(running)
        };
        let (without, with) = (start()?, start()?);
        (burden.relieve)(&without, count)?;
        let connections = (burden.lay_on)(&with, count)?;
        Ok(Self { without, with, count, _connections: connections })
    }
}

/// What is asked of a server with this burden, and how many requests at once.
fn cases(burden: &Burden) -> impl Iterator<Item = (&'static Test, u32)> {
    let tests = TESTS.iter().filter(|test| !test.is_told || burden.is_told);
    tests.flat_map(|test| [(test, 1), (test, 16)])
}

/// Returns what a request costs without the burden, and with it.
fn measure(pair: &Pair, test: &Test, pipeline: u32, options: &Options) -> Result<[Spread; 2]> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        without.push(sample(&pair.without, test, pipeline, options.requests)?);
        with.push(sample(&pair.with, test, pipeline, options.requests)?);
    }
    Ok([without, with].map(|of| Spread::of(of.into_iter())))
}

/// Returns the microseconds of processor time that a request took the server.
fn sample(server: &Running, test: &Test, pipeline: u32, requests: u32) -> Result<f64> {
    // What is not pipelined is bound by the kernel, and a tenth of the requests says as much.
    let requests = if pipeline == 1 { requests / 10 } else { requests };
    let benchmark = |requests: u32| {
        let mut benchmark = command("redis-benchmark");
        benchmark.args(["-q", "-c", CLIENTS, "-r", &KEYS.to_string(), "-p", &server.port.to_string()]);
        benchmark.args(["-P", &pipeline.to_string(), "-n", &requests.to_string()]).args(test.words);
        shell::read(benchmark.stderr(Stdio::null()))
    };
    // A few tell how many can be made in the time that there is.
    let (pilot, started) = (PILOT.min(requests), Instant::now());
    benchmark(pilot)?;
    let affordable = f64::from(pilot) * SAMPLE_MAX.as_secs_f64() / started.elapsed().as_secs_f64();
    let requests = requests.min(affordable as u32).max(pilot);
    let before = server.cpu_us()?;
    benchmark(requests)?;
    Ok((server.cpu_us()? - before) / f64::from(requests))
}

/// A line of the table.
struct Row {
    title: String,
    test: &'static Test,
    pipeline: u32,
    /// Without and with, by server.
    servers: Vec<(&'static str, [Spread; 2])>,
}

impl Row {
    fn json(&self) -> Json {
        let servers = self.servers.iter().map(|(name, [without, with])| {
            Json::Object(vec![("server", (*name).into()), ("without", without.json()), ("with", with.json())])
        });
        Json::Object(vec![
            ("load", self.title.as_str().into()),
            ("test", self.test.name.into()),
            ("pipeline", self.pipeline.into()),
            ("servers", Json::List(servers.collect())),
        ])
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<34} {:<8} {:>2}", self.title, self.test.name, self.pipeline)?;
        for (name, [without, with]) in &self.servers {
            let ratio = with.median / without.median;
            write!(f, "   {name} {:.2} → {:.2} (× {ratio:.2})", without.median, with.median)?;
        }
        Ok(())
    }
}

fn set(name: &str, number: u32) -> Vec<String> {
    vec!["SET".to_owned(), format!("{name}:{number:012}"), VALUE.to_owned()]
}

fn nothing(_: &Running, _: u32) -> Result<()> {
    Ok(())
}

/// Connections of which each has said something once.
fn connect(server: &Running, count: u32) -> Result<Vec<TcpStream>> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).context("cannot connect any more")?;
        stream.set_read_timeout(Some(REPLY_MAX))?;
        stream.write_all(b"PING\r\n")?;
        let mut pong = [0; 7];
        stream.read_exact(&mut pong)?;
        ensure!(&pong == b"+PONG\r\n", "{} answered {:?}", server.name, String::from_utf8_lossy(&pong));
        connections.push(stream);
    }
    Ok(connections)
}

/// Subscriptions of one connection, to what nobody publishes.
fn subscribe(server: &Running, command: &str, count: u32, name: impl Fn(u32) -> String) -> Result<Vec<TcpStream>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
    stream.set_read_timeout(Some(REPLY_MAX))?;
    for first in (0..count).step_by(SUBSCRIPTIONS_AT_ONCE) {
        let end = count.min(first + SUBSCRIPTIONS_AT_ONCE as u32);
        let names: Vec<String> = (first..end).map(&name).collect();
        stream.write_all(format!("{command} {}\r\n", names.join(" ")).as_bytes())?;
        // The reply to each ends with how many there are.
        let last = format!(":{end}\r\n");
        let mut replies = Vec::new();
        let mut buffer = [0; 64 * 1024];
        while !replies.ends_with(last.as_bytes()) {
            let read = stream.read(&mut buffer)?;
            ensure!(read > 0, "{} ended a connection that subscribes", server.name);
            replies.extend_from_slice(buffer.get(..read).unwrap_or_default());
            ensure!(!replies.starts_with(b"-"), "{} answered {}", server.name, String::from_utf8_lossy(&replies));
        }
    }
    Ok(vec![stream])
}

/// Keys in other databases, as many in each as in the first.
fn databases(server: &Running, count: u32) -> Result<Vec<TcpStream>> {
    let mut connection = Connection::open(server.port)?;
    for database in 1..count {
        connection.call(&["SELECT", &database.to_string()])?;
        connection.fill((0..KEYS).map(|number| set("key", number)))?;
    }
    Ok(Vec::new())
}

/// How many connections a process can have, beside the files that it needs: by its soft limit, which its children inherit.
fn connections_max() -> Result<u32> {
    let limits = fs::read_to_string("/proc/self/limits").context("the limit of open files is read from /proc")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("there is no such limit")?;
    let soft = line.split_whitespace().next().unwrap_or_default();
    // `unlimited` is no number.
    Ok(soft.parse::<u32>().unwrap_or(u32::MAX).saturating_sub(FILES_BESIDE))
}

const BURDENS: &[Burden] = &[
    Burden {
        name: "connections",
        title: |count| format!("{count} idle connections"),
        count: 10_000,
        is_told: true,
        relieve: nothing,
        lay_on: connect,
    },
    Burden {
        name: "channels",
        title: |count| format!("{count} subscriptions to channels"),
        count: 100_000,
        is_told: true,
        relieve: nothing,
        lay_on: |server, count| subscribe(server, "SUBSCRIBE", count, |number| format!("other:{number}")),
    },
    Burden {
        name: "patterns",
        title: |count| format!("{count} subscriptions to patterns"),
        count: 100_000,
        is_told: true,
        relieve: nothing,
        lay_on: |server, count| subscribe(server, "PSUBSCRIBE", count, |number| format!("other:{number}:*")),
    },
    Burden {
        name: "deadlines",
        title: |count| format!("deadlines of {count} keys"),
        count: 1_000_000,
        is_told: false,
        relieve: |server, count| Connection::open(server.port)?.fill((0..count).map(|number| set("other", number))),
        lay_on: |server, count| {
            let dated = |number| [set("other", number), vec!["EX".to_owned(), (86_400 + number).to_string()]].concat();
            Connection::open(server.port)?.fill((0..count).map(dated))?;
            Ok(Vec::new())
        },
    },
    Burden {
        name: "databases",
        title: |_| "16 databases instead of one".to_owned(),
        count: 16,
        is_told: false,
        relieve: nothing,
        // As many with `--quick`, since there are few.
        lay_on: |server, _| databases(server, 16),
    },
];

const TESTS: &[Test] = &[
    Test { name: "GET", words: &["GET", "key:__rand_int__"], is_told: false },
    Test { name: "SET", words: &["SET", "key:__rand_int__", VALUE], is_told: false },
    Test { name: "PUBLISH", words: &["PUBLISH", "channel:__rand_int__", VALUE], is_told: true },
];

const USAGE: &str = "idle [--quick] [--only connections,channels,patterns,deadlines,databases] \
                     [--servers sanderling,redis-server,valkey] [--rounds N] [--requests N] [--binary FILE]";
const SERVERS: &[&str] = &["sanderling", "redis-server", "valkey"];
const CLIENTS: &str = "50";
/// Keys that are read and written: few enough that most of them stay in the processor's caches.
const KEYS: u32 = 100_000;
const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
const PILOT: u32 = 1_000;
const SAMPLE_MAX: Duration = Duration::from_secs(5);
const REPLY_MAX: Duration = Duration::from_secs(60);
const SUBSCRIPTIONS_AT_ONCE: usize = 1_000;
const FILES_BESIDE: u32 = 500;

#[cfg(test)]
mod tests {
    use super::{BURDENS, Options};

    #[test]
    fn options_are_checked() {
        let parse = |text: &str| Options::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let options = parse("--quick --only deadlines,channels --servers valkey").unwrap();
        assert_eq!((options.rounds, options.burdens.len(), options.servers), (1, 2, vec!["valkey"]));
        assert!(parse("--only nothing").is_err_and(|error| error.to_string().contains("databases")));
        assert!(parse("--rounds 0").is_err());
        assert_eq!((BURDENS[0].title)(3), "3 idle connections");
    }
}
