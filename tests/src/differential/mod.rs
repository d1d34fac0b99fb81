//! The same random commands at a real `redis-server` and at ours: every reply must be the same.
//!
//! ```text
//!                          ┌──▶ redis-server ──▶ replies ──┐
//!  seed ──▶ calls ──▶ batch┤                               ├──▶ compare ──▶ nothing, or a short script
//!                          └──▶ ours         ──▶ replies ──┘
//! ```
//! A run is a row of episodes. Each begins on empty servers with a seed of its own, from which all follows: how many keys
//! and members there are, and every word of every call ([`calls`], [`units`], [`words`]), bad ones among them
//! ([`faults`]). It ends with reading every key out of both ([`readout`]). Replies are compared byte by byte, except where
//! Redis promises less ([`check`]) or the difference is meant ([`meant`]). A run that fails is made short ([`shrink`])
//! and printed as lines for redis-cli.

mod calls;
mod check;
mod faults;
mod meant;
mod play;
mod readout;
mod shrink;
mod units;
mod wire;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use sanderling_core::command::Command;
use sanderling_core::hash::hash;

use crate::reply::{Reply, decode};
use crate::server::{Launch, Server, Target};
use calls::{Call, Shapes};
use play::{Found, Pair, Tally, shown};
use units::{Generator, Unit};

/// Units of one episode: long enough for values to grow, short enough to be played again in a second.
const EPISODE_UNITS: u64 = 15_000;
/// Calls of a script that are printed.
const SHOWN_MAX: usize = 60;
/// Kinds of differences after which a run ends.
const FOUND_MAX: usize = 12;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where it begins.
    pub seed: u64,
    /// Commands in all, about.
    pub commands: u64,
    /// Our server, if it runs already. It is emptied!
    pub against: Option<SocketAddr>,
    /// Values of half a gigabyte, too.
    pub huge: bool,
    /// Goes on after a difference, up to a dozen kinds of them.
    pub goes_on: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, commands: 1_000_000, against: None, huge: false, goes_on: false }
    }
}

/// Runs episodes until there are enough commands, prints what differs, and says whether nothing did.
///
/// # Errors
/// When a server can't be started or spoken to.
pub fn run(options: &Options) -> io::Result<bool> {
    let mut arena = Arena::new(options.against)?;
    let shapes = arena.shapes()?;
    println!("{} commands of the table are known to both servers", shapes.count());
    let (mut tally, started) = (Tally::default(), Instant::now());
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut episode = options.seed;
    while tally.calls < options.commands && found.len() < FOUND_MAX && (options.goes_on || found.is_empty()) {
        let mut log = Vec::new();
        let difference = arena.episode(episode, &shapes, options, &mut log, &mut tally)?;
        if let Some(difference) = difference.filter(|found| found.name != play::PARTED) {
            let count = found.entry(difference.name.clone()).or_default();
            *count += 1;
            if *count == 1 {
                println!("\nseed {episode}: {}", difference.text);
                let script = arena.shortened(log, &difference);
                print_script(&script);
                if let Some(last) = arena.again(&script) {
                    println!("  which gives: {}", last.text);
                }
            }
        }
        episode += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} commands in {} episodes from seed {}, {:.0} s, {:.0} a second; {} were refused by both",
        tally.calls,
        episode - options.seed,
        options.seed,
        seconds,
        tally.calls as f64 / seconds,
        tally.errors
    );
    for (meant, count) in meant::MEANT.iter().zip(&tally.meant).filter(|(_, count)| **count > 0) {
        println!("  meant, {count} times: {}", meant.reason);
    }
    for (name, count) in &found {
        println!("  NOT MEANT, in {count} episodes: {name}");
    }
    Ok(found.is_empty())
}

fn print_script(units: &[Unit]) {
    println!("  the shortest way there that was found, beginning on empty servers:");
    let calls: Vec<_> = units.iter().flat_map(|unit| unit.calls.iter().map(|call| (unit.line, call))).collect();
    if calls.len() > SHOWN_MAX {
        println!("    # {} more calls before: the seed repeats them", calls.len() - SHOWN_MAX);
    }
    for (line, call) in calls.iter().skip(calls.len().saturating_sub(SHOWN_MAX)) {
        println!("    {}{}", shown(&call.words), if *line == 1 { "    # in RESP3" } else { "" });
    }
}

/// Both servers, and the connections to them.
struct Arena {
    /// Kept alive.
    _redis: Server,
    ours: Option<Server>,
    against: Option<SocketAddr>,
    pair: Pair,
}

impl Arena {
    fn new(against: Option<SocketAddr>) -> io::Result<Self> {
        // Hashes outgrow their packed form here at fewer fields, which would show in every encoding.
        // Strings are compared by their bytes there, too; and it looks for calls that have waited long enough at each tick.
        let redis = Launch::new(Target::Redis)
            .env("LC_ALL", "C")
            .args(["--hz", "500", "--hash-max-listpack-entries", "128"])
            .start();
        let ours = against.is_none().then(|| Launch::new(Target::Sanderling).args(["--fsync", "no"]).start());
        let address = against.or(ours.as_ref().map(|server| server.resp)).unwrap_or(redis.resp);
        let pair = Pair::connect(redis.resp, address)?;
        Ok(Self { _redis: redis, ours, against, pair })
    }

    /// Starts what has ended.
    fn revive(&mut self) -> io::Result<()> {
        if let Some(server) = &mut self.ours
            && !server.is_alive()
        {
            println!("our server has ended: {}", server.stderr());
        }
        *self = Self::new(self.against)?;
        Ok(())
    }

    /// The rows that the other server knows as well.
    fn shapes(&self) -> io::Result<Shapes> {
        let known = |row: &Command| {
            let call = Call::of(&format!("COMMAND INFO {}", row.full_name()));
            let replies = self.pair.exchange(0, &[call]);
            let [redis, ours] = replies.as_ref().ok()?;
            let is_known = |reply: &[u8]| matches!(decode(reply), Ok(Some((Reply::Array(rows), _))) if rows.first() != Some(&Reply::Nil));
            Some(is_known(redis.get(0)) && is_known(ours.get(0)))
        };
        let shapes = Shapes::new(|row| known(row).unwrap_or(false));
        if shapes.count() == 0 {
            return Err(io::Error::other("the servers have no command in common"));
        }
        Ok(shapes)
    }

    fn episode(
        &mut self,
        seed: u64,
        shapes: &Shapes,
        options: &Options,
        log: &mut Vec<Unit>,
        tally: &mut Tally,
    ) -> io::Result<Option<Found>> {
        self.pair.reset()?;
        let mut generator = Generator::new(hash(seed, b"differential"), shapes, options.huge);
        let mut left = EPISODE_UNITS.min(options.commands.saturating_sub(tally.calls));
        let next = || {
            left = left.checked_sub(1)?;
            Some(generator.unit())
        };
        let found = self.pair.play(next, log, tally);
        if found.is_some() {
            return Ok(found);
        }
        self.read_out(tally)
    }

    /// Compares what both servers hold.
    fn read_out(&self, tally: &mut Tally) -> io::Result<Option<Found>> {
        let mut units = readout::units(&self.pair)?.into_iter();
        Ok(self
            .pair
            .play(|| units.next(), &mut Vec::new(), tally)
            .map(|found| Found { name: "(what is stored)".into(), ..found }))
    }

    fn shortened(&mut self, log: Vec<Unit>, difference: &Found) -> Vec<Unit> {
        shrink::shrink(log, |units| {
            let found = self.again(units);
            if found.as_ref().is_some_and(|found| found.name == "(broken)") && self.revive().is_err() {
                return false;
            }
            found.is_some_and(|found| found.name == difference.name)
        })
    }

    fn again(&self, units: &[Unit]) -> Option<Found> {
        let broken = |error: io::Error| Some(Found { name: "(broken)".into(), text: error.to_string() });
        if let Err(error) = self.pair.reset() {
            return broken(error);
        }
        let (mut rest, mut tally) = (units.iter().cloned(), Tally::default());
        let found = self.pair.play(|| rest.next(), &mut Vec::new(), &mut tally);
        found.or_else(|| self.read_out(&mut tally).unwrap_or_else(broken))
    }
}
