//! Playing units on both servers at once, and finding where the replies part.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::calls::Call;
use super::check::{Check, differs};
use super::meant::{self, Case};
use super::units::Unit;
use super::wire::{Line, Replies, Unanswered, elements};
use crate::client::encode;
use crate::reply::decode;

/// The name of a difference that is meant, after which there is nothing left to compare.
pub(super) const PARTED: &str = "(parted)";
/// Calls after which a batch is sent.
const BATCH_CALLS: usize = 400;
/// Bytes after which a batch is sent.
const BATCH_BYTES: usize = 96 * 1024;

/// Two servers, each with a connection that speaks RESP2 and one that speaks RESP3.
#[derive(Debug)]
pub(super) struct Pair {
    lines: [(Line, Line); 2],
}

/// Where the replies part.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The name of the call, in lower case; `(broken)` when a server doesn't answer any more.
    pub(super) name: String,
    /// What is different, the call and both replies: for people.
    pub(super) text: String,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Calls whose replies were compared.
    pub(super) calls: u64,
    /// Of those, how many were refused by both alike.
    pub(super) errors: u64,
    /// Differences that are meant, by their place in the list.
    pub(super) meant: Vec<u64>,
}

struct Batch {
    units: Vec<Unit>,
    line: usize,
}

impl Pair {
    /// Connects twice to both.
    ///
    /// # Errors
    /// What a socket reports, and what a server says that doesn't speak RESP3.
    pub(super) fn connect(redis: SocketAddr, ours: SocketAddr) -> io::Result<Self> {
        let pair = || Ok::<_, io::Error>((Line::connect(redis)?, Line::connect(ours)?));
        let this = Self { lines: [pair()?, pair()?] };
        for replies in this.exchange(1, &[Call::of("HELLO 3")])? {
            if !replies.get(0).starts_with(b"%") {
                return Err(io::Error::other("a server doesn't speak RESP3"));
            }
        }
        Ok(this)
    }

    /// Empties both, and ends what a connection has begun.
    ///
    /// # Errors
    /// When a server doesn't answer.
    pub(super) fn reset(&self) -> io::Result<()> {
        let calls = ["DISCARD", "UNWATCH", "SELECT 0", "FLUSHALL"].map(Call::of);
        (0..2).try_for_each(|line| self.exchange(line, &calls).map(drop))
    }

    /// Sends calls and returns what Redis and ours reply, uncompared.
    ///
    /// # Errors
    /// When a server doesn't answer.
    pub(super) fn exchange(&self, line: usize, calls: &[Call]) -> io::Result<[Replies; 2]> {
        let bytes = Arc::new(calls.iter().flat_map(|call| encode(&call.words)).collect::<Vec<u8>>());
        let (redis, ours) = &self.lines[line];
        redis.send(&bytes, calls.len());
        ours.send(&bytes, calls.len());
        let replies = [redis.receive(), ours.receive()];
        let [redis, ours] = replies;
        Ok([redis?, ours?])
    }

    /// Plays what `next` gives until it gives no more or replies differ. What was played is added to `log`.
    pub(super) fn play(
        &self,
        mut next: impl FnMut() -> Option<Unit>,
        log: &mut Vec<Unit>,
        tally: &mut Tally,
    ) -> Option<Found> {
        let mut queued = [Vec::new(), Vec::new()];
        let mut waiting: Option<Unit> = None;
        let mut under_way: Option<Batch> = None;
        loop {
            // While the servers work on a batch, the next one is made.
            let batch = fill(&mut waiting, &mut next);
            let found = under_way.take().and_then(|batch| self.judge(batch, &mut queued, log, tally));
            if found.is_some() {
                return found;
            }
            let batch = batch?;
            let calls = || batch.units.iter().flat_map(|unit| &unit.calls);
            let bytes = Arc::new(calls().flat_map(|call| encode(&call.words)).collect::<Vec<u8>>());
            let count = calls().count();
            self.lines[batch.line].0.send(&bytes, count);
            self.lines[batch.line].1.send(&bytes, count);
            under_way = Some(batch);
        }
    }

    fn judge(
        &self,
        batch: Batch,
        queued: &mut [Vec<Call>; 2],
        log: &mut Vec<Unit>,
        tally: &mut Tally,
    ) -> Option<Found> {
        let (redis, ours) = &self.lines[batch.line];
        let replies = (redis.receive(), ours.receive());
        let (redis, ours) = match replies {
            (Ok(redis), Ok(ours)) => (redis, ours),
            (redis, ours) => {
                let state = |replies: io::Result<Replies>| match replies {
                    Ok(_) => "answers".to_owned(),
                    Err(error) => unanswered(&batch.units, &error),
                };
                let text = format!(
                    "a server doesn't answer as it should\n  redis: {}\n  ours:  {}",
                    state(redis),
                    state(ours)
                );
                log.extend(batch.units);
                return Some(Found { name: "(broken)".into(), text });
            }
        };
        let mut at = 0;
        for unit in batch.units {
            let first = at;
            let mut found = None;
            for call in &unit.calls {
                let before: Vec<(&[u8], &[u8])> =
                    (first..at).map(|index| (redis.get(index), ours.get(index))).collect();
                found = compare(call, (redis.get(at), ours.get(at)), &before, &mut queued[batch.line], tally);
                at += 1;
                if found.is_some() {
                    break;
                }
            }
            log.push(unit);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// What a socket reports, and the first call of a batch that it didn't answer.
fn unanswered(units: &[Unit], error: &io::Error) -> String {
    let answered = error.get_ref().and_then(|inner| inner.downcast_ref::<Unanswered>()).map(|inner| inner.answered);
    let call = answered.and_then(|answered| units.iter().flat_map(|unit| &unit.calls).nth(answered));
    match call {
        Some(call) => format!("{error}, after {}", shown(&call.words)),
        None => error.to_string(),
    }
}

/// Takes units of one connection until they are enough for a batch.
fn fill(waiting: &mut Option<Unit>, next: &mut impl FnMut() -> Option<Unit>) -> Option<Batch> {
    let first = waiting.take().or_else(&mut *next)?;
    let mut batch = Batch { line: first.line, units: vec![first] };
    let size = |unit: &Unit| unit.calls.iter().flat_map(|call| &call.words).map(|word| word.len() + 16).sum::<usize>();
    let (mut calls, mut bytes) = (batch.units[0].calls.len(), size(&batch.units[0]));
    while calls < BATCH_CALLS && bytes < BATCH_BYTES {
        match next() {
            Some(unit) if unit.line == batch.line => {
                calls += unit.calls.len();
                bytes += size(&unit);
                batch.units.push(unit);
            }
            other => {
                *waiting = other;
                break;
            }
        }
    }
    Some(batch)
}

fn compare(
    call: &Call,
    (redis, ours): (&[u8], &[u8]),
    before: &[(&[u8], &[u8])],
    queued: &mut Vec<Call>,
    tally: &mut Tally,
) -> Option<Found> {
    tally.calls += 1;
    tally.errors += u64::from(redis.starts_with(b"-") && ours.starts_with(b"-"));
    let name = call.words.first().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).unwrap_or_default();
    if redis == b"+QUEUED\r\n" && ours == redis {
        queued.push(call.clone());
        return None;
    }
    let ends = matches!(name.as_str(), "exec" | "discard") && call.words.len() == 1;
    let calls = if ends { std::mem::take(queued) } else { Vec::new() };
    if name == "exec" && redis.starts_with(b"*") && redis != ours {
        let (theirs, mine) = (elements(redis), elements(ours));
        if theirs.len() == mine.len() && theirs.len() == calls.len() {
            return calls
                .iter()
                .zip(theirs.into_iter().zip(mine))
                .find_map(|(call, replies)| one(call, replies, &[], tally));
        }
    }
    one(call, (redis, ours), before, tally)
}

fn one(call: &Call, (redis, ours): (&[u8], &[u8]), before: &[(&[u8], &[u8])], tally: &mut Tally) -> Option<Found> {
    let always = matches!(call.check, Check::Drawn { .. } | Check::Scanned { .. } | Check::Left);
    if redis == ours && !always {
        return None;
    }
    let what = differs(call.check, redis, ours, before)?;
    let case = Case { words: &call.words, redis, ours };
    if let Some(index) = meant::place(&case) {
        tally.meant.resize(meant::MEANT.len(), 0);
        tally.meant[index] += 1;
        let ends = meant::MEANT.get(index).is_some_and(|meant| meant.parts);
        return ends.then(|| Found { name: PARTED.into(), text: String::new() });
    }
    let name = call.words.first().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).unwrap_or_default();
    let name = match name.as_str() {
        "eval" | "eval_ro" => {
            let inner =
                call.words.get(3).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).unwrap_or_default();
            format!("{name} {inner}")
        }
        "xinfo" | "xgroup" | "object" => {
            let inner =
                call.words.get(1).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).unwrap_or_default();
            format!("{name} {inner}")
        }
        _ => name,
    };
    let from = redis.iter().zip(ours).take_while(|(one, other)| one == other).count();
    let text = format!(
        "{what}\n  call:  {}\n  redis: {}\n  ours:  {}",
        shown(&call.words),
        reply(redis, from),
        reply(ours, from)
    );
    Some(Found { name, text })
}

/// A call as a line for redis-cli.
pub(super) fn shown(words: &[Vec<u8>]) -> String {
    let is_plain = |word: &[u8]| {
        !word.is_empty() && word.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'))
    };
    let word = |word: &Vec<u8>| {
        if is_plain(word) { String::from_utf8_lossy(word).into_owned() } else { crate::notation::quote(word) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A reply for people: its start, and what stands around the byte at `from`, where it differs from the other's.
fn reply(bytes: &[u8], from: usize) -> String {
    const SHOWN_MAX: usize = 600;
    const AROUND: usize = 40;
    let text = match decode(bytes) {
        Ok(Some((reply, _))) => format!("{reply:?}").replace('\n', "\n         "),
        _ => bytes.escape_ascii().to_string(),
    };
    let around = bytes.get(from.saturating_sub(AROUND)..(from + AROUND).min(bytes.len())).unwrap_or_default();
    format!("{}   […{}…]", text.chars().take(SHOWN_MAX).collect::<String>(), around.escape_ascii())
}
