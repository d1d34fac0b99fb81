//! How long requests wait while something large goes on: ours beside redis-server and Valkey.
//!
//! ```text
//! due      │  │  │  │  │  │  │  │  │      one request every so often, whether the one before was answered or not
//! sent     │  │  │        ││││  │  │      what was held up goes out at once, and still counts from when it was due
//! answered  │  │  │        │││││  │  │
//! ```
//! So a pause shows in all requests that it held up (an open loop; a client that waits for each answer would ask
//! less while it is served badly, and so hide it). One connection asks, another one causes what goes on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::connection::Connection;
use super::flags::Flags;
use super::report::{self, Json};
use super::servers::{Persistence, Running, Versions};
use super::valkey;
use crate::shell::timed;
use crate::{build, need};

/// Measures every scenario on every server and prints a table.
///
/// # Errors
/// When something is missing, or a server does not start or answer.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let mut flags = Flags::new(USAGE, arguments)?;
    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let only = flags.some_of("--only", &names, str::to_owned)?;
    let (keys, rate) = (flags.one("--keys", flags.full_or(KEYS, KEYS / 10))?, flags.one("--rate", RATE)?);
    let binary: Option<PathBuf> = flags.all("--binary").pop().map(PathBuf::from);
    flags.end()?;
    need::programs(&[("redis-server", "redis-server")])?;
    let ours = binary.map_or_else(|| build::server("release"), Ok)?;
    let valkey = valkey::server()?;
    println!("\nmilliseconds from when a request was due to its answer, {rate} requests a second");
    println!("{:<10} {:<14} {:>8} {:>8} {:>8} {:>8}", "", "", "p50", "p99", "p99.9", "max");
    let (mut rows, mut versions) = (Vec::new(), Versions::default());
    for scenario in SCENARIOS.iter().filter(|scenario| only.contains(&scenario.name)) {
        for server in ["sanderling", "redis-server", "valkey"] {
            let running = match server {
                "sanderling" => Running::ours(&ours, scenario.persistence)?,
                "valkey" => Running::redis_like("valkey", &valkey, scenario.persistence)?,
                _ => Running::redis_like("redis-server", "redis-server".as_ref(), scenario.persistence)?,
            };
            versions.note(&running)?;
            let waits = timed(&format!("{} on {server}", scenario.name), || scenario.measure(&running, keys, rate))?;
            let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|part| percentile(&waits, part));
            println!("{:<10} {server:<14} {p50:>8.2} {p99:>8.2} {p999:>8.2} {max:>8.2}", scenario.name);
            rows.push(Json::Object(vec![
                ("scenario", scenario.name.into()),
                ("server", server.into()),
                ("p50Ms", p50.into()),
                ("p99Ms", p99.into()),
                ("p999Ms", p999.into()),
                ("maxMs", max.into()),
            ]));
        }
    }
    report::write("latency", arguments, vec![versions.json(), ("keys", keys.into()), ("rows", Json::List(rows))])
}

/// Something large that goes on.
struct Scenario {
    name: &'static str,
    persistence: Persistence,
    /// What is there before; the number is that of keys.
    prepare: fn(&mut Connection, u32) -> Result<()>,
    /// What goes on.
    disturb: fn(&mut Connection, u32) -> Result<()>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "idle", persistence: Persistence::Off, prepare: fill, disturb: |_, _| Ok(()) },
    Scenario { name: "grow", persistence: Persistence::Off, prepare: |_, _| Ok(()), disturb: grow },
    Scenario { name: "snapshot", persistence: Persistence::Everysec, prepare: fill, disturb: save },
    Scenario { name: "expiry", persistence: Persistence::Off, prepare: |_, _| Ok(()), disturb: expire },
    Scenario { name: "delete", persistence: Persistence::Off, prepare: big, disturb: delete },
    Scenario { name: "flush", persistence: Persistence::Off, prepare: fill, disturb: flush },
];

impl Scenario {
    /// What each request waited, in milliseconds, ascending.
    fn measure(&self, server: &Running, keys: u32, rate: u32) -> Result<Vec<f64>> {
        let mut connection = Connection::open(server.port)?;
        (self.prepare)(&mut connection, keys)?;
        let probe = Probe::start(server.port, rate)?;
        thread::sleep(MARGIN);
        let outcome = (self.disturb)(&mut connection, keys);
        thread::sleep(MARGIN);
        let waits = probe.end()?;
        outcome.map(|()| waits)
    }
}

/// Requests at a fixed rate, from two threads: one that sends and one that reads.
struct Probe {
    stop: std::sync::mpsc::Sender<()>,
    sender: thread::JoinHandle<Result<usize>>,
    reader: thread::JoinHandle<Result<Vec<f64>>>,
    stream: TcpStream,
}

impl Probe {
    fn start(port: u16, rate: u32) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        let (mut out, mut input) = (stream.try_clone()?, stream.try_clone()?);
        let (stop, stopped) = std::sync::mpsc::channel();
        let (begin, gap) = (Instant::now(), Duration::from_secs(1) / rate);
        let due = move |index: usize| begin + gap * u32::try_from(index).unwrap_or(u32::MAX);
        let sender = thread::spawn(move || {
            let mut sent = 0;
            loop {
                thread::sleep(due(sent).saturating_duration_since(Instant::now()));
                let first = sent;
                while due(sent) <= Instant::now() {
                    sent += 1;
                }
                out.write_all(&REQUEST.repeat(sent - first)).context("cannot send")?;
                match stopped.try_recv() {
                    Err(std::sync::mpsc::TryRecvError::Empty) => {}
                    _ => return Ok(sent),
                }
            }
        });
        let reader = thread::spawn(move || {
            let (mut buffer, mut bytes, mut waits) = (vec![0; 64 * 1024], 0_usize, Vec::new());
            loop {
                let read = input.read(&mut buffer).context("cannot read")?;
                if read == 0 {
                    return Ok(waits);
                }
                bytes += read;
                let now = Instant::now();
                while waits.len() < bytes / REPLY_BYTES {
                    waits.push(now.saturating_duration_since(due(waits.len())).as_secs_f64() * 1000.0);
                }
            }
        });
        Ok(Self { stop, sender, reader, stream })
    }

    /// Ends it once all has been answered, and returns what was waited, ascending.
    fn end(self) -> Result<Vec<f64>> {
        drop(self.stop);
        let sent = self.sender.join().map_err(|_| anyhow::anyhow!("the sending thread panicked"))??;
        self.stream.shutdown(std::net::Shutdown::Write)?;
        let mut waits = self.reader.join().map_err(|_| anyhow::anyhow!("the reading thread panicked"))??;
        anyhow::ensure!(waits.len() == sent, "{sent} requests were sent and {} answered", waits.len());
        waits.sort_by(f64::total_cmp);
        Ok(waits)
    }
}

/// The wait that this part of all is not above.
fn percentile(ascending: &[f64], part: f64) -> f64 {
    let index = ((ascending.len() as f64 * part).ceil() as usize).saturating_sub(1);
    ascending.get(index).copied().unwrap_or(f64::NAN)
}

fn set(number: u32) -> Vec<String> {
    vec!["SET".into(), format!("key:{number:012}"), "x".repeat(32)]
}

fn fill(connection: &mut Connection, keys: u32) -> Result<()> {
    connection.fill((0..keys).map(set))
}

/// Adds keys at a steady pace, some hundred thousand a second: what grows is to be measured, not a flood.
fn grow(connection: &mut Connection, keys: u32) -> Result<()> {
    for first in (0..keys).step_by(PACE as usize) {
        let next = Instant::now() + Duration::from_millis(1);
        connection.fill((first..keys.min(first + PACE)).map(set))?;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

fn save(connection: &mut Connection, _: u32) -> Result<()> {
    connection.call(&["BGSAVE"])?;
    thread::sleep(Duration::from_secs(5));
    Ok(())
}

/// Adds keys that are due at one moment, and waits until they are gone.
fn expire(connection: &mut Connection, keys: u32) -> Result<()> {
    let seconds = u64::from(keys / 100_000) + 5;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let due = (now + seconds).to_string();
    for first in (0..keys).step_by(PACE as usize) {
        let next = Instant::now() + Duration::from_millis(1);
        let timed = |number| [set(number), vec!["EXAT".into(), due.clone()]].concat();
        connection.fill((first..keys.min(first + PACE)).map(timed))?;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let deadline = Instant::now() + Duration::from_secs(seconds + 60);
    while connection.call(&["DBSIZE"])?.parse::<u64>()? > 0 {
        anyhow::ensure!(Instant::now() < deadline, "keys that are due are not removed");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A set, a hash and a sorted set with so many members each.
fn big(connection: &mut Connection, keys: u32) -> Result<()> {
    for (key, name) in [("set", "SADD"), ("hash", "HSET"), ("zset", "ZADD")] {
        connection.fill((0..keys).map(|number| {
            let member = format!("member:{number:012}");
            let mut words = vec![name.to_owned(), key.to_owned()];
            match name {
                "SADD" => words.push(member),
                "HSET" => words.extend([member, "x".repeat(32)]),
                _ => words.extend([number.to_string(), member]),
            }
            words
        }))?;
    }
    Ok(())
}

fn delete(connection: &mut Connection, _: u32) -> Result<()> {
    for key in ["set", "hash", "zset"] {
        connection.call(&["DEL", key])?;
        thread::sleep(MARGIN);
    }
    Ok(())
}

fn flush(connection: &mut Connection, _: u32) -> Result<()> {
    connection.call(&["FLUSHALL"]).map(drop)
}

const USAGE: &str =
    "latency [--quick] [--only idle,grow,snapshot,expiry,delete,flush] [--keys N] [--rate N] [--binary FILE]";
const KEYS: u32 = 1_000_000;
const RATE: u32 = 5_000;
/// Keys of one batch, a millisecond each.
const PACE: u32 = 100;
/// Time before and after what goes on.
const MARGIN: Duration = Duration::from_millis(500);
const REQUEST: &[u8] = b"*1\r\n$4\r\nPING\r\n";
/// Those of `+PONG CRLF`.
const REPLY_BYTES: usize = 7;

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_of_those_that_waited() {
        let waits: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|part| percentile(&waits, part)), [500.0, 990.0, 999.0, 1000.0]);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
