//! What was delivered and not acknowledged: `XPENDING` shows it, `XCLAIM` and `XAUTOCLAIM` hand it to another consumer.

use alloc::{format, string::String, vec::Vec};

use super::{
    Delivery, Group, Pending, StoredDelivery, Stream, StreamChange, StreamId,
    commands::{no_group, parse_id, stream_effect},
    range_commands::{Bound, reply_entry},
};
use crate::{
    blob::Blob,
    command::{Args, Command, Context, Data, Flags, Group as Family, Keys},
    env::UnixMillis,
    error::{Error, Result},
    num,
};

const CLAIMS: Flags = Flags::WRITE.and(Flags::FAST);

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Family::Stream, "xautoclaim", -6, CLAIMS, Keys::FIRST, xautoclaim)
        .doc("6.2.0", "O(1) if COUNT is small", "key group consumer min-idle-time start [COUNT count] [JUSTID]", "Hands messages that have been pending for long to a consumer, from an id on."),
    Command::new(Family::Stream, "xclaim", -6, CLAIMS, Keys::FIRST, xclaim)
        .doc("5.0.0", "O(log N) with N being the number of messages in the PEL of the consumer group", "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]", "Hands pending messages to a consumer, as if they had been delivered to it."),
    Command::new(Family::Stream, "xpending", -3, Flags::READ, Keys::FIRST, xpending)
        .doc("5.0.0", "O(N) with N being the number of elements returned", "key group [[IDLE min-idle-time] start end count [consumer]]", "Tells what was delivered to the consumers of a group and not acknowledged."),
];

/// The stream at a key and a group of it.
///
/// # Errors
/// If one of them isn't there.
fn group_at<'c>(data: &'c mut Data<'_>, key: &[u8], name: &[u8]) -> Result<(&'c Stream, &'c Group)> {
    let stream = data.get::<Stream>(key)?;
    let group = stream.and_then(|stream| Some((stream, stream.group(name)?)));
    group.ok_or_else(|| no_group(key, name, ""))
}

/// Milliseconds since a delivery; negative if it's said to lie ahead.
fn idle_ms(delivery: &Delivery, now: UnixMillis) -> i64 {
    (now.0 as i64).saturating_sub(delivery.at.0 as i64)
}

fn xpending(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name) = (args.word()?, args.word()?);
    if args.is_empty() {
        return summarize(ctx, key, name);
    }
    if args.len() < 3 || args.len() > 6 {
        return Err(Error::SYNTAX);
    }
    let mut min_idle = 0;
    if args.take_if("IDLE") {
        min_idle = args.integer()?;
        if args.len() < 3 {
            return Err(Error::SYNTAX);
        }
    }
    let (start, end) = (args.word()?, args.word()?);
    let count = usize::try_from(args.integer()?).unwrap_or(0);
    let (start, end) = (Bound::Start.parse(start)?, Bound::End.parse(end)?);
    let consumer = args.take();
    let now = ctx.data.now();
    let (_, group) = group_at(&mut ctx.data, key, name)?;
    let pending = match consumer {
        Some(consumer) => group.consumer(consumer).map(super::Consumer::pending),
        None => Some(group.pending()),
    };
    let found = pending.filter(|_| start <= end).map(|pending| pending.range(start..=end));
    let from = ctx.reply.position();
    let mut shown = 0;
    for (id, delivery) in found.into_iter().flatten() {
        if shown == count {
            break;
        }
        if min_idle != 0 && idle_ms(delivery, now) < min_idle {
            continue;
        }
        ctx.reply.array(4);
        ctx.reply.bulk(&id.text());
        ctx.reply.bulk(group.owner(delivery));
        ctx.reply.integer(idle_ms(delivery, now).max(0));
        ctx.reply.integer(delivery.count as i64);
        shown += 1;
    }
    ctx.reply.array_around(from, shown);
    Ok(())
}

/// Replies with how much is pending, from where to where, and for whom.
fn summarize(ctx: &mut Context<'_>, key: &[u8], name: &[u8]) -> Result<()> {
    let (_, group) = group_at(&mut ctx.data, key, name)?;
    let (reply, pending) = (&mut ctx.reply, group.pending());
    reply.array(4);
    reply.count(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first_key_value(), pending.last_key_value()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return Ok(());
    };
    reply.bulk(&first.text());
    reply.bulk(&last.text());
    let busy = || group.consumers().filter(|consumer| !consumer.pending().is_empty());
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending().len() as i64);
    }
    Ok(())
}

/// What `XCLAIM` is told behind the ids.
#[derive(Default)]
struct Claim {
    /// When the entries are said to have been delivered.
    delivered_at: Option<i64>,
    retry_count: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl Claim {
    fn read(args: &mut Args<'_>, now: UnixMillis) -> Result<Self> {
        let mut claim = Self::default();
        let number = |args: &mut Args<'_>, name: &str| {
            let error = || Error::owned(format!("ERR Invalid {name} option argument for XCLAIM"));
            num::parse_i64(args.word()?).ok_or_else(error)
        };
        while !args.is_empty() {
            let has_more = args.len() >= 2;
            if args.take_if("FORCE") {
                claim.force = true;
            } else if args.take_if("JUSTID") {
                claim.just_id = true;
            } else if has_more && args.take_if("IDLE") {
                claim.delivered_at = Some((now.0 as i64).saturating_sub(number(args, "IDLE")?));
            } else if has_more && args.take_if("TIME") {
                claim.delivered_at = Some(number(args, "TIME")?);
            } else if has_more && args.take_if("RETRYCOUNT") {
                claim.retry_count = u64::try_from(number(args, "RETRYCOUNT")?).ok();
            } else if has_more && args.take_if("LASTID") {
                claim.last_id = parse_id(args.word()?)?;
            } else {
                let option = String::from_utf8_lossy(args.word()?);
                return Err(Error::owned(format!("ERR Unrecognized XCLAIM option '{option}'")));
            }
        }
        Ok(claim)
    }

    /// When the entries count as delivered: what was given, unless it can't be.
    fn delivered_at(&self, now: UnixMillis) -> UnixMillis {
        let given = self.delivered_at.and_then(|at| u64::try_from(at).ok()).map(UnixMillis);
        given.filter(|at| *at <= now).unwrap_or(now)
    }
}

fn read_min_idle(word: &[u8], command: &str) -> Result<i64> {
    let error = || Error::owned(format!("ERR Invalid min-idle-time argument for {command}"));
    Ok(num::parse_i64(word).ok_or_else(error)?.max(0))
}

/// What claiming comes to, before it is done.
#[derive(Default)]
struct Claimed {
    deliveries: Vec<StoredDelivery>,
    /// Pending entries that aren't in the stream any more.
    gone: Vec<StreamId>,
}

impl Claimed {
    fn apply(self, ctx: &mut Context<'_>, key: &[u8], name: &[u8], consumer: &[u8]) {
        if !self.gone.is_empty() {
            ctx.data.apply(&stream_effect(key, StreamChange::Acknowledge { group: name.into(), ids: self.gone }));
        }
        if !self.deliveries.is_empty() {
            let (group, consumer, at) = (Blob::from(name), Blob::from(consumer), ctx.data.now());
            let change = StreamChange::Deliver { group, consumer, at, deliveries: self.deliveries };
            ctx.data.apply(&stream_effect(key, change));
        }
    }
}

fn xclaim(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, consumer, min_idle) = (args.word()?, args.word()?, args.word()?, args.word()?);
    let now = ctx.data.now();
    let (stream, group) = group_at(&mut ctx.data, key, name)?;
    let min_idle = read_min_idle(min_idle, "XCLAIM")?;
    let mut ids = Vec::new();
    while let Some(id) = args.peek().and_then(|word| parse_id(word).ok()) {
        ids.push(id);
        args.take();
    }
    let claim = Claim::read(args, now)?;
    let moved = (claim.last_id > group.last_id).then_some((claim.last_id, group.entries_read));
    let at = claim.delivered_at(now);
    let (start, mut shown) = (ctx.reply.position(), 0);
    let mut claimed = Claimed::default();
    // An id that is named twice meets at its second place what it became at its first.
    let mut decided = Pending::new();
    for id in ids {
        let before = decided.get(&id).or_else(|| group.pending().get(&id));
        let Some(entry) = stream.find(id) else {
            claimed.gone.extend(before.map(|_| id));
            continue;
        };
        let count = match before {
            Some(before) if min_idle > 0 && idle_ms(before, now) < min_idle => continue,
            Some(before) => before.count,
            None if claim.force => 1,
            None => continue,
        };
        let count = claim.retry_count.unwrap_or(count.saturating_add(u64::from(!claim.just_id)));
        decided.insert(id, Delivery::new(at, count));
        claimed.deliveries.push(StoredDelivery { id, at, count });
        match claim.just_id {
            true => ctx.reply.bulk(&id.text()),
            false => reply_entry(&mut ctx.reply, &entry),
        }
        shown += 1;
    }
    ctx.reply.array_around(start, shown);
    if let Some((last_id, entries_read)) = moved {
        ctx.data.apply(&stream_effect(key, StreamChange::SetGroup { group: name.into(), last_id, entries_read }));
    }
    claimed.apply(ctx, key, name, consumer);
    Ok(())
}

fn xautoclaim(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, name, consumer) = (args.word()?, args.word()?, args.word()?);
    let min_idle = read_min_idle(args.word()?, "XAUTOCLAIM")?;
    let from = Bound::Start.parse(args.word()?)?;
    let (mut count, mut just_id) = (100, false);
    while !args.is_empty() {
        if args.len() >= 2 && args.take_if("COUNT") {
            let given = num::parse_i64(args.word()?).filter(|count| (1..=i64::MAX / 16).contains(count));
            count = given.ok_or(Error::new("ERR COUNT must be > 0"))?;
        } else if args.take_if("JUSTID") {
            just_id = true;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let now = ctx.data.now();
    let (stream, group) = group_at(&mut ctx.data, key, name)?;
    let mut claimed = Claimed::default();
    let mut pending = group.pending().range(from..);
    // What isn't idle for long enough costs a look as well.
    let (mut left, mut looks) = (count, count.saturating_mul(LOOKS_PER_ENTRY));
    ctx.reply.array(3);
    let (start, mut shown) = (ctx.reply.position(), 0);
    while left > 0 && looks > 0 {
        let Some((id, before)) = pending.next() else { break };
        looks -= 1;
        let Some(entry) = stream.find(*id) else {
            claimed.gone.push(*id);
            left -= 1;
            continue;
        };
        if min_idle > 0 && idle_ms(before, now) < min_idle {
            continue;
        }
        let count = before.count.saturating_add(u64::from(!just_id));
        claimed.deliveries.push(StoredDelivery { id: *id, at: now, count });
        match just_id {
            true => ctx.reply.bulk(&id.text()),
            false => reply_entry(&mut ctx.reply, &entry),
        }
        shown += 1;
        left -= 1;
    }
    ctx.reply.array_around(start, shown);
    let next = pending.next().map_or(StreamId::MIN, |(id, _)| *id);
    ctx.reply.insert(start, |reply| reply.bulk(&next.text()));
    ctx.reply.array(claimed.gone.len());
    claimed.gone.iter().for_each(|id| ctx.reply.bulk(&id.text()));
    claimed.apply(ctx, key, name, consumer);
    Ok(())
}

/// How many pending entries are looked at for each that may be claimed.
const LOOKS_PER_ENTRY: i64 = 10;
