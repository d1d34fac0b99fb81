//! `XREAD` and `XREADGROUP`: what is new in several streams, at once or as soon as something comes.

use alloc::vec::Vec;

use super::{
    StoredDelivery, Stream, StreamChange, StreamId,
    commands::{no_group, parse_id, stream_effect},
    range_commands::{reply_entries, reply_entry},
};
use crate::{
    blob::Blob,
    command::{Args, Command, Context, Flags, Group, Keys, Timeout},
    error::{Error, Result},
    resp::Protocol,
    role::Role,
};
#[cfg(feature = "server")]
use crate::{keyspace::Kind, session::Queued};

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Stream, name, arity, flags.and(Flags::BLOCKING), Keys::Streams, handler)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("xread", -4, Flags::READ, |ctx, args| read(ctx, args, false))
        .doc("5.0.0", "For each stream mentioned: O(N) with N being the number of elements being returned", "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]", "Returns what came to streams after the given ids, and may wait until something comes."),
    row("xreadgroup", -7, Flags::WRITE, |ctx, args| read(ctx, args, true))
        .doc("5.0.0", "For each stream mentioned: O(M) with M being the number of elements returned", "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]", "Returns to a consumer what its group hasn't read yet, or what is pending for it, and may wait until something comes."),
];

/// What is asked for.
struct Request<'a> {
    /// The most entries of each stream; 0 for all.
    count: usize,
    block: Option<Timeout>,
    /// The group, and who reads for it.
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

/// From where on a stream is read.
#[derive(Clone, Copy)]
enum From {
    /// After this id; in a group, of what is pending for the consumer.
    After(StreamId),
    /// What the group hasn't read yet.
    New,
}

impl<'a> Request<'a> {
    fn parse(args: &mut Args<'a>, in_group: bool) -> Result<Self> {
        let mut request = Self { count: 0, block: None, group: None, no_ack: false, keys: &[], ids: &[] };
        // The place of the keys among the words, which others go by, is found by the same rules: `Keys::first_stream`.
        loop {
            let has_more = args.len() >= 2;
            if has_more && args.take_if("BLOCK") {
                request.block = Some(Timeout::parse_ms(args.word()?)?);
            } else if has_more && args.take_if("COUNT") {
                request.count = usize::try_from(args.integer()?).unwrap_or(0);
            } else if has_more && args.take_if("STREAMS") {
                break;
            } else if args.len() >= 3 && args.take_if("GROUP") {
                if !in_group {
                    return Err(Error::new(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.group = Some((args.word()?, args.word()?));
            } else if args.take_if("NOACK") {
                if !in_group {
                    return Err(Error::new(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.no_ack = true;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        if !args.len().is_multiple_of(2) {
            return Err(Error::new(
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
            ));
        }
        if in_group && request.group.is_none() {
            return Err(Error::new("ERR Missing GROUP option for XREADGROUP"));
        }
        request.keys = args.words(args.len() / 2)?;
        request.ids = args.rest();
        Ok(request)
    }

    /// From where on a stream is to be read.
    ///
    /// # Errors
    /// If the word is no id, or the key holds no stream or not the group.
    fn resolve(&self, ctx: &mut Context<'_>, key: &[u8], word: &[u8]) -> Result<From> {
        let woken = ctx.serving.is_some();
        let stream = ctx.data.get::<Stream>(key);
        if let Some((group, _)) = self.group {
            match &stream {
                Ok(Some(stream)) if stream.group(group).is_some() => {}
                Ok(Some(_)) if woken => {
                    let text = "NOGROUP the consumer group this client was blocked on no longer exists";
                    return Err(Error::new(text));
                }
                _ if woken => return Err(Error::new("UNBLOCKED the stream key no longer exists")),
                Ok(_) => return Err(no_group(key, group, " in XREADGROUP with GROUP option")),
                Err(_) => {}
            }
        }
        let stream = stream?;
        match word {
            b"$" if self.group.is_some() => Err(Error::new(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
            )),
            b"$" => Ok(From::After(stream.map_or(StreamId::MIN, |stream| stream.head().last_id))),
            // The last entry, however old it is.
            b"+" if self.group.is_none() => {
                let last = stream.and_then(|stream| stream.last()).and_then(|last| last.id.previous());
                Ok(From::After(last.unwrap_or(StreamId::MIN)))
            }
            b">" if self.group.is_some() => Ok(From::New),
            // In a group the last id that there can be stands for what is new.
            id if self.group.is_some() && parse_id(id) == Ok(StreamId::MAX) => Ok(From::New),
            b">" => Err(Error::new(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            )),
            _ => Ok(From::After(parse_id(word)?)),
        }
    }

    /// The same call with every id as a number: what `$` means is decided once, when the call begins to wait.
    #[cfg(feature = "server")]
    fn resolved(&self, ids: &[From]) -> Queued {
        let number = |number: usize| itoa::Buffer::new().format(number).as_bytes().to_vec();
        let mut words: Vec<Vec<u8>> = Vec::new();
        match self.group {
            Some((group, consumer)) => {
                words.extend([&b"XREADGROUP"[..], b"GROUP", group, consumer].map(<[u8]>::to_vec))
            }
            None => words.push(b"XREAD".to_vec()),
        }
        if self.no_ack {
            words.push(b"NOACK".to_vec());
        }
        let count = if self.count == 0 { WAITING_COUNT } else { self.count };
        words.extend([b"COUNT".to_vec(), number(count), b"BLOCK".to_vec(), b"0".to_vec(), b"STREAMS".to_vec()]);
        words.extend(self.keys.iter().map(|key| key.to_vec()));
        words.extend(ids.iter().map(|from| match from {
            From::After(id) => id.text().to_vec(),
            From::New => b">".to_vec(),
        }));
        Queued(words.into_iter().map(Vec::into_boxed_slice).collect())
    }
}

/// The most entries of a stream that a call gets which had to wait and doesn't say how many: it may be far behind.
#[cfg(feature = "server")]
const WAITING_COUNT: usize = 1_000;

fn read(ctx: &mut Context<'_>, args: &mut Args<'_>, in_group: bool) -> Result<()> {
    let request = Request::parse(args, in_group)?;
    if request.block.is_some() && ctx.data.role == Role::Replica {
        return Err(Error::new("ERR BLOCK waits on a server only, not in a replica: leave it out, or call the server"));
    }
    if request.block.is_some() && ctx.in_script {
        return Err(Error::new(match in_group {
            true => "ERR xreadgroup command is not allowed with BLOCK option from scripts",
            false => "ERR xread command is not allowed with BLOCK option from scripts",
        }));
    }
    let streams = || request.keys.iter().copied().zip(request.ids.iter().copied());
    let mut from = Vec::new();
    for (key, word) in streams() {
        // A call that is made again is about one key; the others may have become anything.
        from.push(match ctx.is_candidate(key) {
            true => request.resolve(ctx, key, word)?,
            false => From::New,
        });
    }
    let start = ctx.reply.position();
    let mut served = 0;
    for (key, from) in request.keys.iter().zip(&from) {
        if ctx.is_candidate(key) && serve(ctx, &request, key, *from)? {
            served += 1;
        }
    }
    if served > 0 {
        match ctx.reply.protocol() {
            Protocol::Resp2 => ctx.reply.array_around(start, served),
            Protocol::Resp3 => ctx.reply.insert(start, |reply| reply.map(served)),
        }
        return Ok(());
    }
    #[cfg(feature = "server")]
    if let Some(timeout) = request.block {
        // A group that is waited for may go, and that is to be told.
        let kind = (!in_group).then_some(Kind::Stream);
        let call = ctx.serving.is_none().then(|| request.resolved(&from));
        return ctx.wait_to_call(request.keys.iter().copied(), kind, timeout, call);
    }
    ctx.reply.null_array();
    Ok(())
}

/// Replies with what a stream has for the call; returns whether there was anything to say.
fn serve(ctx: &mut Context<'_>, request: &Request<'_>, key: &[u8], from: From) -> Result<bool> {
    let Some(stream) = ctx.data.peek_as::<Stream>(key)? else { return Ok(false) };
    let reply = &mut ctx.reply;
    let limit = if request.count == 0 { usize::MAX } else { request.count };
    let mut open = || {
        if reply.protocol() == Protocol::Resp2 {
            reply.array(2);
        }
        reply.bulk(key);
    };
    let at = ctx.data.env.now;
    let change = match (request.group, from) {
        (None, From::After(id)) => {
            if !stream.reaches_beyond(id) {
                return Ok(false);
            }
            open();
            let mut entries = stream.after(id);
            reply_entries(reply, &mut || entries.next(), limit);
            return Ok(true);
        }
        (None, From::New) => return Ok(false),
        (Some((name, consumer)), From::New) => {
            let Some(group) = stream.group(name).filter(|group| stream.reaches_beyond(group.last_id)) else {
                return Ok(false);
            };
            open();
            let (mut last_id, mut entries_read) = (group.last_id, group.entries_read);
            let mut ids = Vec::new();
            let mut entries = stream.after(group.last_id);
            let mut next = || {
                let entry = entries.next()?;
                entries_read = stream.read_through(entry.id, entries_read);
                last_id = entry.id;
                if !request.no_ack {
                    ids.push(entry.id);
                }
                Some(entry)
            };
            reply_entries(reply, &mut next, limit);
            let (group, consumer) = (Blob::from(name), Blob::from(consumer));
            StreamChange::Read { group, consumer, at, last_id, entries_read, ids }
        }
        (Some((name, consumer)), From::After(id)) => {
            open();
            let pending = stream.group(name).and_then(|group| group.consumer(consumer)).map(super::Consumer::pending);
            let after = id.next().and_then(|first| Some(pending?.range(first..)));
            let start = reply.position();
            let mut deliveries = Vec::new();
            let mut count = 0;
            for (id, delivery) in after.into_iter().flatten() {
                if count == limit {
                    break;
                }
                match stream.find(*id) {
                    Some(entry) => {
                        reply_entry(reply, &entry);
                        deliveries.push(StoredDelivery { id: *id, at, count: delivery.count.saturating_add(1) });
                    }
                    // It was removed since; that it's pending is still true.
                    None => {
                        reply.array(2);
                        reply.bulk(&id.text());
                        reply.null_array();
                    }
                }
                count += 1;
            }
            reply.array_around(start, count);
            let (group, consumer) = (Blob::from(name), Blob::from(consumer));
            StreamChange::Deliver { group, consumer, at, deliveries }
        }
    };
    ctx.data.apply(&stream_effect(key, change));
    Ok(true)
}
