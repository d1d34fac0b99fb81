//! Our server beside Debian's redis-server and Valkey, and whichever other is named.
//!
//! redis-benchmark loads all in turns, so that noise meets everybody alike. Each row begins with the same state on all:
//! what the row works on is removed and filled anew, and what is popped from holds as much as will be popped. Beside the
//! requests a second stands the server's own processor time a request, which noise on the machine moves least, and which
//! the load generator does not bound.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::connection::Connection;
use super::flags::{Flags, joined};
use super::report::{self, Json};
use super::servers::{Persistence, Running, Versions};
use super::spread::Spread;
use super::valkey;
use super::words::{TESTS, Test};
use crate::shell::{self, command, timed};
use crate::{build, need};

/// Measures all servers, prints tables and leaves the figures.
///
/// # Errors
/// When something is missing, or a server does not start or answer.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    need::programs(&[("redis-server", "redis-server"), ("redis-benchmark", "redis-tools")])?;
    let ours = match &options.binary {
        Some(binary) => binary.clone(),
        None => build::server("release")?,
    };
    let binaries = Binaries { ours, valkey: valkey::server()? };
    let (mut rows, mut versions) = (Vec::new(), Versions::default());
    for persistence in options.persistence.iter().copied() {
        for bytes in options.bytes.iter().copied() {
            // New servers for each, so that nobody pays for what another table left.
            let servers = start(&binaries, persistence, &options.peers)?;
            for server in &servers {
                versions.note(server)?;
                timed(&format!("fill {} with {} keys", server.name, options.keys), || fill(server, &options, bytes))?;
            }
            println!("\n{}\n{}", title(&options, persistence, bytes), heading(&servers));
            for pipeline in options.pipelines.iter().copied() {
                for test in &options.tests {
                    let row = measure(&servers, Case { test, pipeline, bytes, persistence }, &options)?;
                    println!("{row}");
                    rows.push(row.json());
                }
            }
        }
    }
    let figures = vec![versions.json(), ("rounds", options.rounds.into()), ("rows", Json::List(rows))];
    report::write("server", arguments, figures)
}

struct Options {
    /// Ours, if it is not to be built.
    binary: Option<PathBuf>,
    rounds: u32,
    requests: u32,
    keys: u32,
    tests: Vec<&'static Test>,
    pipelines: Vec<u32>,
    bytes: Vec<u32>,
    persistence: Vec<Persistence>,
    peers: Vec<(String, u16)>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut flags = Flags::new(USAGE, arguments)?;
        let all: Vec<&'static Test> = TESTS.iter().collect();
        let is_quick = flags.is_quick;
        let options = Self {
            binary: flags.all("--binary").pop().map(PathBuf::from),
            rounds: flags.one("--rounds", flags.full_or(5, 1))?,
            requests: flags.one("--requests", flags.full_or(1_000_000, 100_000))?,
            keys: flags.one("--keys", flags.full_or(1_000_000, 100_000))?,
            tests: flags.some_of("--only", &all, |test| test.name.to_owned())?,
            pipelines: flags.numbers("--pipeline", if is_quick { &[1, 16] } else { &[1, 16, 64] })?,
            bytes: flags.numbers("--bytes", if is_quick { &[32] } else { &[32, 1024] })?,
            persistence: flags
                .some_of("--fsync", if is_quick { &ALL[..1] } else { ALL }, |one| one.name().to_owned())?,
            peers: flags.all("--peer").into_iter().map(peer).collect::<Result<_>>()?,
        };
        flags.end()?;
        let given = [options.rounds, options.requests, options.keys];
        if given.iter().chain(&options.pipelines).chain(&options.bytes).any(|number| *number == 0) {
            bail!("no flag may be 0");
        }
        Ok(options)
    }
}

struct Binaries {
    ours: PathBuf,
    valkey: PathBuf,
}

/// Reads `NAME=127.0.0.1:PORT`. A server elsewhere would be measured with a network that the others have not.
fn peer(text: &str) -> Result<(String, u16)> {
    let parts = text.split_once('=').and_then(|(name, address)| {
        let (host, port) = address.rsplit_once(':')?;
        matches!(host, "127.0.0.1" | "localhost").then_some((name.to_owned(), port.parse().ok()?))
    });
    parts.with_context(|| format!("--peer wants NAME=127.0.0.1:PORT, and not {text:?}"))
}

/// Starts all servers, ours first.
fn start(binaries: &Binaries, persistence: Persistence, peers: &[(String, u16)]) -> Result<Vec<Running>> {
    let mut servers = vec![
        Running::ours(&binaries.ours, persistence)?,
        Running::redis_like("redis-server", "redis-server".as_ref(), persistence)?,
        Running::redis_like("valkey", &binaries.valkey, persistence)?,
    ];
    for (name, port) in peers {
        servers.push(Running::foreign(name, *port)?);
    }
    Ok(servers)
}

/// Sets every key that reads and increments may meet.
fn fill(server: &Running, options: &Options, bytes: u32) -> Result<()> {
    let value = value(bytes);
    let batch = |first: u32| {
        let numbers = || first..options.keys.min(first + FILL_BATCH);
        let strings = numbers().flat_map(|number| [format!("key:{number:012}"), value.clone()]);
        let counters = numbers().flat_map(|number| [format!("counter:{number:012}"), "1".to_owned()]);
        [("MSET", strings.collect::<Vec<_>>()), ("MSET", counters.collect())]
            .map(|(name, words)| std::iter::once(name.to_owned()).chain(words).collect::<Vec<_>>())
    };
    Connection::open(server.port)?.fill((0..options.keys).step_by(FILL_BATCH as usize).flat_map(batch))
}

/// What is measured at a time.
#[derive(Clone, Copy)]
struct Case<'a> {
    test: &'a Test,
    pipeline: u32,
    bytes: u32,
    persistence: Persistence,
}

fn measure<'a>(servers: &'a [Running], case: Case<'a>, options: &Options) -> Result<Row<'a>> {
    let mut samples = vec![Vec::new(); servers.len()];
    for _ in 0..options.rounds {
        for (server, samples) in servers.iter().zip(&mut samples) {
            samples.push(sample(server, case, options)?);
        }
    }
    let figures = servers.iter().zip(&samples).map(|(server, samples)| Figures {
        server: server.name,
        per_second: Spread::of(samples.iter().map(|sample| sample.per_second)),
        cpu_us: Spread::of(samples.iter().map(|sample| sample.cpu_us)),
    });
    Ok(Row { case, figures: figures.collect() })
}

/// What one run of one test made of one server.
#[derive(Clone, Copy, Debug)]
struct Sample {
    per_second: f64,
    cpu_us: f64,
}

fn sample(server: &Running, case: Case<'_>, options: &Options) -> Result<Sample> {
    // What is not pipelined is bound by the kernel, and a tenth of the requests says as much.
    let slower = case.test.slower.max(if case.pipeline == 1 { 10 } else { 1 });
    let requests = (options.requests / slower).max(case.pipeline * CONNECTIONS);
    let value = value(case.bytes);
    Connection::open(server.port)?.fill((case.test.prepare)(requests, &value))?;
    let before = server.cpu_us()?;
    let mut benchmark = command("redis-benchmark");
    benchmark.args(["--csv", "-c", &CONNECTIONS.to_string(), "-r", &options.keys.to_string()]);
    benchmark.args(["-p", &server.port.to_string(), "-P", &case.pipeline.to_string(), "-n", &requests.to_string()]);
    benchmark.args((case.test.command)(&value));
    let csv = shell::read(benchmark.stderr(Stdio::null()))?;
    let cpu_us = (server.cpu_us()? - before) / f64::from(requests);
    Ok(Sample { per_second: per_second(&csv).with_context(|| format!("no result in: {csv}"))?, cpu_us })
}

fn value(bytes: u32) -> String {
    "x".repeat(bytes as usize)
}

/// Reads the requests a second from the last line, `"SET key:__rand_int__ …","462000.00",…`.
fn per_second(csv: &str) -> Option<f64> {
    csv.lines().rev().find_map(|line| line.split("\",\"").nth(1)?.trim_matches('"').parse().ok())
}

struct Figures<'a> {
    server: &'a str,
    per_second: Spread,
    cpu_us: Spread,
}

/// A line of a table: ours first, the peers after it.
struct Row<'a> {
    case: Case<'a>,
    figures: Vec<Figures<'a>>,
}

impl Row<'_> {
    /// Ours to the best peer's: requests a second, and processor time a request.
    fn ratios(&self) -> (f64, f64) {
        let Some((ours, peers)) = self.figures.split_first() else { return (f64::NAN, f64::NAN) };
        let most = peers.iter().map(|peer| peer.per_second.median).fold(f64::NAN, f64::max);
        let least = peers.iter().map(|peer| peer.cpu_us.median).fold(f64::NAN, f64::min);
        (ours.per_second.median / most, ours.cpu_us.median / least)
    }

    fn json(&self) -> Json {
        let (per_second, cpu) = self.ratios();
        let servers = self.figures.iter().map(|figures| {
            Json::Object(vec![
                ("server", figures.server.into()),
                ("perSecond", figures.per_second.json()),
                ("cpuUs", figures.cpu_us.json()),
            ])
        });
        Json::Object(vec![
            ("test", self.case.test.name.into()),
            ("pipeline", self.case.pipeline.into()),
            ("bytes", self.case.bytes.into()),
            ("fsync", self.case.persistence.name().into()),
            ("servers", Json::List(servers.collect())),
            ("perSecondRatio", per_second.into()),
            ("cpuRatio", cpu.into()),
        ])
    }
}

impl std::fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<12}{:>4}", self.case.test.name, self.case.pipeline)?;
        for Figures { per_second, cpu_us, .. } in &self.figures {
            let thousands = |value: f64| format!("{:.0}", value / 1_000.0);
            let rate = [per_second.median, per_second.min, per_second.max].map(thousands);
            let rate = format!("{} ({}–{})", rate[0], rate[1], rate[2]);
            let cpu = format!("{:.2} ({:.2}–{:.2})", cpu_us.median, cpu_us.min, cpu_us.max);
            write!(f, " {rate:>18} {cpu:>20}")?;
        }
        let (per_second, cpu) = self.ratios();
        write!(f, " {per_second:>7.2} {cpu:>6.2}")
    }
}

fn title(options: &Options, persistence: Persistence, bytes: u32) -> String {
    format!(
        "values of {bytes} bytes, {CONNECTIONS} connections, {} keys, fsync {}: thousand requests a second and µs of the \
         server's\nprocessor time a request, medians of {} with the smallest and the largest; ratios to the best peer",
        options.keys,
        persistence.name(),
        options.rounds
    )
}

fn heading(servers: &[Running]) -> String {
    let names = joined(servers.iter().map(|server| format!(" {:>18} {:>20}", server.name, "CPU µs")), "");
    format!("{:<12}{:>4}{names} {:>7} {:>6}", "", "-P", "rate", "CPU")
}

const USAGE: &str = "server [--quick] [--only SET,…] [--pipeline 1,16,64] [--bytes 32,1024] [--fsync no,everysec] [--rounds N] \
                     [--requests N] [--keys N] [--binary FILE] [--peer NAME=127.0.0.1:PORT]";
const ALL: &[Persistence] = &[Persistence::Off, Persistence::Everysec];
const CONNECTIONS: u32 = 50;
const FILL_BATCH: u32 = 100;

#[cfg(test)]
mod tests {
    use super::{Options, peer, per_second};

    #[test]
    fn the_rate_is_read_from_the_csv() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET key:__rand_int__ a,b\",\"94250.71\",\"0.27\"";
        assert_eq!(per_second(csv), Some(94250.71));
        assert_eq!(per_second("\"test\",\"rps\""), None);
    }

    #[test]
    fn options_are_checked() {
        let parse = |text: &str| Options::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let options = parse("--only set,LRANGE_100 --fsync everysec --peer a=127.0.0.1:7000").unwrap();
        assert_eq!((options.tests.len(), options.persistence.len()), (2, 1));
        assert_eq!(options.peers, [("a".to_owned(), 7000)]);
        assert!(parse("--rounds 0").is_err());
        assert!(parse("--only nothing").is_err_and(|error| error.to_string().contains("ZPOPMIN")));
        assert!(peer("a=example.org:1").is_err());
    }
}
