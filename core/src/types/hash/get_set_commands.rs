//! Fields of a hash read or written together with their deadlines, or their end: HGETEX, HGETDEL, HSETEX.

use alloc::{format, string::String, vec::Vec};

use super::{
    HashChange,
    expiry_commands::{WRONG_COUNT, read_deadline, read_fields, runs, set_deadline},
};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Keys, TimeUnit},
    effect::{Change, Effect},
    env::UnixMillis,
    error::{Error, Result},
    num,
};

const WRITE: Flags = Flags::WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Hash, name, arity, flags, Keys::FIRST, handler)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("hgetdel", -5, WRITE, hgetdel)
        .doc("8.0.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Returns the values of fields of a hash and deletes the fields."),
    row("hgetex", -5, WRITE, hgetex)
        .doc("8.0.0", "O(N) where N is the number of specified fields", "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]", "Returns the values of fields of a hash and sets or removes their expiration time."),
    row("hsetex", -6, WRITE.and(Flags::DENYOOM), hsetex)
        .doc("8.0.0", "O(N) where N is the number of specified fields", "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]", "Sets the values of fields of a hash and optionally their expiration time.").accessing(Access::Blind),
];

/// What becomes of fields that were read.
#[derive(Clone, Copy)]
enum Fate {
    Stay,
    Go,
    Persist,
    ExpireAt(UnixMillis),
}

fn hgetdel(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    ctx.data.hash(key)?;
    let fields = read_fields(args, WRONG_COUNT)?;
    read_and_change(ctx, key, fields, Fate::Go)
}

fn hgetex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    ctx.data.hash(key)?;
    let fate = match TimeUnit::take(args) {
        Some(unit) => Fate::ExpireAt(read_deadline(args, unit, ctx.data.now(), ctx.row.name)?),
        None if args.take_if("PERSIST") => Fate::Persist,
        None => Fate::Stay,
    };
    let fields = read_fields(args, WRONG_COUNT)?;
    read_and_change(ctx, key, fields, fate)
}

fn read_and_change(ctx: &mut Context<'_>, key: &[u8], fields: &[&[u8]], fate: Fate) -> Result<()> {
    ctx.reply.array(fields.len());
    for run in runs(fields) {
        let hash = ctx.data.hash(key)?;
        run.iter().for_each(|field| ctx.reply.bulk_or_null(hash.and_then(|hash| hash.get(field))));
        let fields = run.iter().map(|field| Blob::from(*field)).collect();
        match fate {
            Fate::Stay => {}
            Fate::ExpireAt(at) => set_deadline(ctx, key, fields, at),
            Fate::Go => _ = ctx.data.apply(&Effect::new(key, Change::Hash(HashChange::Remove(fields)))),
            Fate::Persist => _ = ctx.data.apply(&Effect::new(key, Change::Hash(HashChange::Persist(fields)))),
        }
    }
    Ok(())
}

/// What stands before the fields that `HSETEX` sets.
#[derive(Default)]
struct Options {
    /// All of the fields have to exist, or none of them.
    if_present: Option<bool>,
    keeps: bool,
    expires_at: Option<UnixMillis>,
}

impl Options {
    /// Reads them up to and with `FIELDS`.
    fn read(ctx: &Context<'_>, args: &mut Args<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !args.take_if("FIELDS") {
            let has_time = options.keeps || options.expires_at.is_some();
            if args.take_if("KEEPTTL") {
                options.keeps = true;
            } else if let Some(unit) = TimeUnit::take(args) {
                if has_time {
                    return Err(ONE_TIME);
                }
                if args.is_empty() {
                    return Err(Error::new("ERR missing expire time"));
                }
                options.expires_at = Some(read_deadline(args, unit, ctx.data.now(), ctx.row.name)?);
                continue;
            } else if let Some(present) =
                [("FXX", true), ("FNX", false)].into_iter().find(|(name, _)| args.take_if(name))
            {
                if options.if_present.replace(present.1).is_some() {
                    return Err(Error::new("ERR Only one of FXX or FNX arguments can be specified"));
                }
                continue;
            } else {
                let word = args.take().ok_or_else(|| Error::arity(ctx.row.name))?;
                return Err(Error::owned(format!("ERR unknown argument: {}", String::from_utf8_lossy(word))));
            }
            if has_time {
                return Err(ONE_TIME);
            }
        }
        Ok(options)
    }
}

const ONE_TIME: Error = Error::new("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");

fn hsetex(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let options = Options::read(ctx, args)?;
    if args.len() < 3 {
        return Err(Error::arity(ctx.row.name));
    }
    let count = num::parse_i64(args.word()?).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(Error::new("ERR invalid number of fields"))?;
    let (pairs, rest) = args.rest().as_chunks::<2>();
    if !rest.is_empty() || usize::try_from(count) != Ok(pairs.len()) {
        return Err(Error::arity(ctx.row.name));
    }
    let hash = ctx.data.hash(key)?;
    let is = |[field, _]: &[&[u8]; 2], present| hash.is_some_and(|hash| hash.contains(field)) == present;
    if !options.if_present.is_none_or(|present| pairs.iter().all(|pair| is(pair, present))) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let blobs = pairs.iter().map(|[field, value]| (Blob::from(*field), Blob::from(*value))).collect();
    let change = if options.keeps { HashChange::SetKeeping(blobs) } else { HashChange::Set(blobs) };
    ctx.data.apply(&Effect::new(key, Change::Hash(change)));
    if let Some(at) = options.expires_at {
        let fields: Vec<Blob<'_>> = pairs.iter().map(|[field, _]| Blob::from(*field)).collect();
        set_deadline(ctx, key, fields, at);
    }
    ctx.reply.integer(1);
    Ok(())
}
