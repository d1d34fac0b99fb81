//! DUMP and RESTORE: values as bytes that Redis reads and writes, too. MIGRATE, which would carry them, is refused.

use alloc::string::String;

use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    effect::{Change, Effect, Put},
    env::UnixMillis,
    error::{Error, Result},
    format::rdb,
};

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Generic, name, arity, flags.and(Flags::SERVER_ONLY), Keys::FIRST, handler)
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("dump", 2, Flags::READ, dump)
        .doc("2.6.0", "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of objects composing the value and M their average size", "key", "Returns a serialized representation of the value stored at a key."),
    Command::new(Group::Generic, "migrate", -6, Flags::SERVER_ONLY, Keys::None, migrate)
        .doc("2.6.0", "O(N)", "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key [key ...]]", "Is refused: atomically transferring keys to another server is not offered."),
    row("restore", -4, Flags::WRITE.and(Flags::DENYOOM), restore)
        .doc("2.6.0", "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of objects composing the value and M their average size", "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]", "Creates a key from the serialized representation of a value.").accessing(Access::Blind),
];

fn dump(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    match ctx.data.value(args.word()?).map(rdb::dump) {
        Some(payload) => ctx.reply.bulk(&payload),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn migrate(_: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    Err(Error::new("ERR MIGRATE is not offered: carry keys over by DUMP here and RESTORE there"))
}

fn restore(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, ttl, payload) = (args.word()?, args.words(1)?, args.word()?);
    let options = Options::read(args)?;
    let exists = ctx.data.contains(key);
    if exists && !options.replace {
        return Err(Error::new("BUSYKEY Target key name already exists."));
    }
    let ttl = u64::try_from(Args::new(ttl).integer()?).map_err(|_| invalid("TTL", ">= 0"))?;
    let content = rdb::unseal(payload).ok_or(Error::new("ERR DUMP payload version or checksum are wrong"))?;
    let value = rdb::restore(content, ctx.limits.bulk_bytes_max).map_err(|_| Error::new("ERR Bad data format"))?;
    let now = ctx.data.now();
    let expires_at = match ttl {
        0 => None,
        ttl if options.absolute => Some(UnixMillis(ttl)),
        ttl => Some(now.plus_ms(ttl)),
    };
    if expires_at.is_some_and(|at| at <= now) {
        ctx.data.apply(&Effect::delete(key));
    } else {
        ctx.data.apply(&Effect::new(key, Change::Put(Put { value, expires_at })));
        let stamp = ctx.data.keyspace.aging.as_of(options.idle_seconds, options.frequency, now);
        if let Some(stamp) = stamp {
            let db = ctx.data.db;
            ctx.data.keyspace.db_mut(db).touch(key, now, |_| stamp);
        }
    }
    ctx.reply.ok();
    Ok(())
}

/// What is asked of `RESTORE` behind the value.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn read(args: &mut Args<'_>) -> Result<Self> {
        let mut options = Self::default();
        // How long a value was idle, or how often it is used: of the two only one may be given.
        while !args.is_empty() {
            if args.take_if("REPLACE") {
                options.replace = true;
            } else if args.take_if("ABSTTL") {
                options.absolute = true;
            } else if args.len() >= 2 && options.frequency.is_none() && args.take_if("IDLETIME") {
                let seconds = u64::try_from(args.integer()?);
                options.idle_seconds = Some(seconds.map_err(|_| invalid("IDLETIME", ">= 0"))?);
            } else if args.len() >= 2 && options.idle_seconds.is_none() && args.take_if("FREQ") {
                let frequency = u8::try_from(args.integer()?);
                options.frequency = Some(frequency.map_err(|_| invalid("FREQ", ">= 0 and <= 255"))?);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn invalid(what: &str, bounds: &str) -> Error {
    Error::owned(String::from("ERR Invalid ") + what + " value, must be " + bounds)
}
