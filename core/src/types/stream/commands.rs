//! Commands that add entries to a stream, remove some and count them.

use alloc::{format, string::String, vec::Vec};

use super::{Stream, StreamChange, StreamId, Threshold};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect},
    error::{Error, Result},
    num,
};

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Stream, name, arity, flags, Keys::FIRST, handler)
}

const GROWS: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("xadd", -5, GROWS, xadd)
        .doc("5.0.0", "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted", "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]", "Appends a message to a stream, which is made if it doesn't exist, and returns its id.").accessing(Access::Blind),
    row("xdel", -3, Flags::WRITE.and(Flags::FAST), xdel)
        .doc("5.0.0", "O(1) for each single item to delete in the stream, regardless of the stream size", "key id [id ...]", "Removes messages from a stream and returns how many were there.").accessing(Access::Blind),
    row("xlen", 2, Flags::READ.and(Flags::FAST), xlen)
        .doc("5.0.0", "O(1)", "key", "Returns how many messages are in a stream.").accessing(Access::Existence),
    row("xsetid", -3, GROWS, xsetid)
        .doc("5.0.0", "O(1)", "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]", "Sets the last id that a stream gave, and what it has counted.").accessing(Access::Blind),
    row("xtrim", -4, Flags::WRITE, xtrim)
        .doc("5.0.0", "O(N), with N being the number of evicted entries", "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]", "Removes messages from the front of a stream.").accessing(Access::Blind),
];

/// Makes an effect on the stream `key`.
pub(super) fn stream_effect<'a>(key: &'a [u8], change: StreamChange<'a>) -> Effect<'a> {
    Effect::new(key, Change::Stream(change))
}

/// Reads an id; one without a number means the first of its millisecond.
pub(super) fn parse_id(word: &[u8]) -> Result<StreamId> {
    StreamId::parse(word, 0).ok_or(INVALID_ID)
}

/// Reads ids.
///
/// # Errors
/// If one of the words is none.
pub(super) fn parse_ids(words: &[&[u8]]) -> Result<Vec<StreamId>> {
    words.iter().map(|word| parse_id(word)).collect()
}

/// What is no id.
pub(super) const INVALID_ID: Error = Error::new("ERR Invalid stream ID specified as stream command argument");

/// What is answered where a key or a group is missing.
pub(super) fn no_group(key: &[u8], group: &[u8], more: &str) -> Error {
    Error::owned(format!("NOGROUP No such key '{}' or consumer group '{}'{more}", shown(key), shown(group)))
}

/// What is answered where a stream doesn't have a group.
pub(super) fn no_group_of(key: &[u8], group: &[u8]) -> Error {
    Error::owned(format!("NOGROUP No such consumer group '{}' for key name '{}'", shown(group), shown(key)))
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

/// How a stream is trimmed.
struct Trim {
    threshold: Threshold,
    /// Only whole nodes go.
    rough: bool,
    /// The most entries that go; 0 for no bound.
    limit: usize,
}

/// What is given for the id of an entry.
#[derive(Clone, Copy)]
enum NewId {
    /// The next one by the clock.
    Auto,
    /// The next one of this millisecond.
    AutoSeq(u64),
    /// This one.
    Exact(StreamId),
}

/// What stands before the fields of `XADD`, and after the key of `XTRIM`.
struct Options {
    trim: Option<Trim>,
    must_exist: bool,
    id: Option<NewId>,
}

impl Options {
    fn read(ctx: &Context<'_>, args: &mut Args<'_>, adds: bool) -> Result<Self> {
        let mut options = Self { trim: None, must_exist: false, id: None };
        let mut limit = None;
        while !args.is_empty() {
            if adds && args.peek() == Some(b"*") {
                args.take();
                options.id = Some(NewId::Auto);
                break;
            }
            let has_more = args.len() >= 2;
            if has_more && args.take_if("MAXLEN") {
                options.read_threshold(args, |args| {
                    let len = args.integer()?;
                    let len = usize::try_from(len).map_err(|_| Error::new("ERR The MAXLEN argument must be >= 0."))?;
                    Ok(Threshold::Len(len))
                })?;
            } else if has_more && args.take_if("MINID") {
                options.read_threshold(args, |args| Ok(Threshold::Id(parse_id(args.word()?)?)))?;
            } else if has_more && args.take_if("LIMIT") {
                let count = args.integer()?;
                limit = Some(usize::try_from(count).map_err(|_| Error::new("ERR The LIMIT argument must be >= 0."))?);
            } else if adds && args.take_if("NOMKSTREAM") {
                options.must_exist = true;
            } else if adds {
                options.id = Some(read_new_id(args.word()?)?);
                break;
            } else {
                return Err(Error::SYNTAX);
            }
        }
        match (&mut options.trim, limit) {
            (None, Some(1..)) => {
                let text = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
                return Err(Error::new(text));
            }
            (None, _) if !adds => {
                return Err(Error::new("ERR syntax error, XTRIM must be called with a trimming strategy"));
            }
            (trim, Some(_)) if trim.as_ref().is_none_or(|trim| !trim.rough) => {
                return Err(Error::new("ERR syntax error, LIMIT cannot be used without the special ~ option"));
            }
            (Some(trim), Some(limit)) => trim.limit = limit,
            // A rough trimming that isn't told how far it may go isn't to stall everybody.
            (Some(trim), None) if trim.rough => {
                let node = ctx.data.keyspace.encoding.stream_node_max_entries;
                trim.limit = if node == 0 { 10_000 } else { node.saturating_mul(100).min(1_000_000) };
            }
            _ => {}
        }
        Ok(options)
    }

    fn read_threshold(&mut self, args: &mut Args<'_>, read: fn(&mut Args<'_>) -> Result<Threshold>) -> Result<()> {
        if self.trim.is_some() {
            let text = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
            return Err(Error::new(text));
        }
        let has_more = args.len() >= 2;
        let rough = has_more && args.take_if("~");
        if has_more && !rough {
            args.take_if("=");
        }
        self.trim = Some(Trim { threshold: read(args)?, rough, limit: 0 });
        Ok(())
    }
}

fn read_new_id(word: &[u8]) -> Result<NewId> {
    match word.strip_suffix(b"-*") {
        // The number is read with a neighbour, so that it's read as in every id.
        Some(ms) if !ms.contains(&b'-') => Ok(NewId::AutoSeq(parse_id(ms)?.ms)),
        _ => Ok(NewId::Exact(parse_id(word)?)),
    }
}

fn xadd(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let options = Options::read(ctx, args, true)?;
    let words = args.rest();
    if words.len() < 2 || !words.len().is_multiple_of(2) {
        return Err(Error::arity("xadd"));
    }
    if let Some(NewId::Exact(StreamId::MIN)) = options.id {
        return Err(Error::new("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let last_id = ctx.data.get::<Stream>(key)?.map(|stream| stream.head().last_id);
    if last_id.is_none() && options.must_exist {
        ctx.reply.null();
        return Ok(());
    }
    let id = next_id(last_id.unwrap_or_default(), options.id.unwrap_or(NewId::Auto), ctx.data.now().0)?;
    if words.iter().map(|word| word.len()).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(Error::new("ERR Elements are too large to be stored"));
    }
    let words: Vec<Blob<'_>> = words.iter().map(|word| Blob::from(*word)).collect();
    ctx.data.apply(&stream_effect(key, StreamChange::Add { id, words }));
    ctx.reply.bulk(&id.text());
    if let Some(trim) = options.trim {
        run_trim(ctx, key, &trim)?;
    }
    Ok(())
}

/// Most bytes that the fields and values of an entry take together. Redis's bound.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// Decides the id of an entry that comes after the one with the id `last`.
fn next_id(last: StreamId, wanted: NewId, now_ms: u64) -> Result<StreamId> {
    const NOT_ABOVE: Error =
        Error::new("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    let Some(next) = last.next() else {
        return Err(Error::new("ERR The stream has exhausted the last possible ID, unable to add more items"));
    };
    let id = match wanted {
        NewId::Auto if now_ms > last.ms => StreamId { ms: now_ms, seq: 0 },
        NewId::Auto => next,
        NewId::AutoSeq(ms) if ms == last.ms && next.ms == ms => next,
        NewId::AutoSeq(ms) => StreamId { ms, seq: 0 },
        NewId::Exact(id) => id,
    };
    if id > last { Ok(id) } else { Err(NOT_ABOVE) }
}

/// Trims a stream, if it exists. Returns how many entries went.
fn run_trim(ctx: &mut Context<'_>, key: &[u8], trim: &Trim) -> Result<usize> {
    let Some(stream) = ctx.data.get::<Stream>(key)? else { return Ok(0) };
    let count = stream.count_to_trim(trim.threshold, trim.rough, trim.limit);
    Ok(ctx.data.apply(&stream_effect(key, StreamChange::Trim(count as u64))).count)
}

fn xtrim(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let options = Options::read(ctx, args, false)?;
    let count = match &options.trim {
        Some(trim) => run_trim(ctx, key, trim)?,
        None => 0,
    };
    ctx.reply.count(count);
    Ok(())
}

fn xlen(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let len = ctx.data.get::<Stream>(args.word()?)?.map_or(0, Stream::len);
    ctx.reply.count(len);
    Ok(())
}

fn xdel(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut count = 0;
    if ctx.data.get::<Stream>(key)?.is_some() {
        let ids = parse_ids(args.rest())?;
        count = ctx.data.apply(&stream_effect(key, StreamChange::Delete(ids))).count;
    }
    ctx.reply.count(count);
    Ok(())
}

fn xsetid(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, last_id) = (args.word()?, parse_id(args.word()?)?);
    let (mut added, mut max_deleted) = (None, StreamId::MIN);
    while !args.is_empty() {
        if args.len() >= 2 && args.take_if("ENTRIESADDED") {
            let count = num::parse_i64(args.word()?).ok_or(Error::NOT_AN_INTEGER)?;
            added = Some(u64::try_from(count).map_err(|_| Error::new("ERR entries_added must be positive"))?);
        } else if args.len() >= 2 && args.take_if("MAXDELETEDID") {
            max_deleted = parse_id(args.word()?)?;
            if last_id < max_deleted {
                let text = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
                return Err(Error::new(text));
            }
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let stream = ctx.data.get::<Stream>(key)?.ok_or(Error::NO_SUCH_KEY)?;
    if let Some(last) = stream.last() {
        if last_id < last.id {
            return Err(Error::new("ERR The ID specified in XSETID is smaller than the target stream top item"));
        }
        if added.is_some_and(|added| added < stream.len() as u64) {
            let text = "ERR The entries_added specified in XSETID is smaller than the target stream length";
            return Err(Error::new(text));
        }
    }
    let head = stream.head();
    let max_deleted = if max_deleted == StreamId::MIN { head.max_deleted } else { max_deleted };
    let added = added.unwrap_or(head.added);
    ctx.data.apply(&stream_effect(key, StreamChange::SetHead { last_id, max_deleted, added }));
    ctx.reply.ok();
    Ok(())
}
