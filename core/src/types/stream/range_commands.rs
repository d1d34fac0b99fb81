//! `XRANGE` and `XREVRANGE`, and how ranges of ids are given and entries answered.

use super::{Entry, Stream, StreamId, commands::INVALID_ID};
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    resp::Reply,
};

const fn row(name: &'static str, handler: crate::command::Handler) -> Command {
    Command::new(Group::Stream, name, -4, Flags::READ, Keys::FIRST, handler)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("xrange", |ctx, args| range(ctx, args, false))
        .doc("5.0.0", "O(N) with N being the number of elements being returned", "key start end [COUNT count]", "Returns the messages of a stream from one id to another."),
    row("xrevrange", |ctx, args| range(ctx, args, true))
        .doc("5.0.0", "O(N) with N being the number of elements returned", "key end start [COUNT count]", "Returns the messages of a stream from one id down to another."),
];

/// Which end of a range an id is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Where it starts: an id without a number means the first of its millisecond.
    Start,
    /// Where it ends: an id without a number means the last.
    End,
}

impl Bound {
    /// Reads `-`, `+`, an id, or `(` and the id that doesn't belong to the range.
    ///
    /// # Errors
    /// Redis's texts, if it is no id or there's none beyond it.
    pub(super) fn parse(self, word: &[u8]) -> Result<StreamId> {
        let missing_seq = if self == Self::Start { 0 } else { u64::MAX };
        match word {
            b"-" => Ok(StreamId::MIN),
            b"+" => Ok(StreamId::MAX),
            [b'(', word @ ..] => {
                let id = StreamId::parse(word, missing_seq).ok_or(INVALID_ID)?;
                match self {
                    Self::Start => id.next().ok_or(Error::new("ERR invalid start ID for the interval")),
                    Self::End => id.previous().ok_or(Error::new("ERR invalid end ID for the interval")),
                }
            }
            _ => StreamId::parse(word, missing_seq).ok_or(INVALID_ID),
        }
    }
}

fn range(ctx: &mut Context<'_>, args: &mut Args<'_>, reverse: bool) -> Result<()> {
    let key = args.word()?;
    let (one, other) = (args.word()?, args.word()?);
    let (from, to) = if reverse { (other, one) } else { (one, other) };
    let (from, to) = (Bound::Start.parse(from)?, Bound::End.parse(to)?);
    let mut count = usize::MAX;
    while !args.is_empty() {
        if args.len() < 2 || !args.take_if("COUNT") {
            return Err(Error::SYNTAX);
        }
        count = usize::try_from(args.integer()?).unwrap_or(0);
    }
    match ctx.data.get::<Stream>(key)? {
        None => ctx.reply.array(0),
        Some(_) if count == 0 => ctx.reply.null_array(),
        Some(stream) if reverse => {
            let mut entries = stream.range_rev(to, from);
            reply_entries(&mut ctx.reply, &mut || entries.next(), count);
        }
        Some(stream) => {
            let mut entries = stream.range(from, to);
            reply_entries(&mut ctx.reply, &mut || entries.next(), count);
        }
    }
    Ok(())
}

/// Replies with the entries that come, `limit` at most.
pub(super) fn reply_entries<'a>(reply: &mut Reply<'_>, next: &mut dyn FnMut() -> Option<Entry<'a>>, limit: usize) {
    let start = reply.position();
    let mut count = 0;
    while count < limit
        && let Some(entry) = next()
    {
        reply_entry(reply, &entry);
        count += 1;
    }
    reply.array_around(start, count);
}

/// Replies with an entry: its id, and its fields with their values.
pub(super) fn reply_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2);
    reply.bulk(&entry.id.text());
    reply.array(2 * entry.fields.len());
    for (field, value) in entry.fields.clone() {
        reply.bulk(field);
        reply.bulk(value);
    }
}
