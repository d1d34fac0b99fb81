//! Deadlines of a hash's fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST.

use alloc::vec::Vec;

use super::{HashChange, HashView};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Keys, TimeUnit},
    effect::{Change, Effect},
    env::UnixMillis,
    error::{Error, Result},
    num, order,
};

const READ: Flags = Flags::READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Hash, name, arity, flags, Keys::FIRST, handler)
}

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("hexpire", -6, WRITE.and(Flags::DENYOOM), |ctx, args| expire(ctx, args, TimeUnit::Seconds))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]", "Sets the expiration time of fields of a hash in seconds.").accessing(Access::Blind),
    row("hexpireat", -6, WRITE.and(Flags::DENYOOM), |ctx, args| expire(ctx, args, TimeUnit::UnixSeconds))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]", "Sets the expiration time of fields of a hash to a Unix timestamp.").accessing(Access::Blind),
    row("hexpiretime", -5, READ, |ctx, args| deadlines(ctx, args, |at, _| at.0.div_ceil(1000)))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Returns the expiration times of fields of a hash as Unix timestamps."),
    row("hpersist", -5, WRITE, persist)
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Removes the expiration times of fields of a hash.").accessing(Access::Blind),
    row("hpexpire", -6, WRITE.and(Flags::DENYOOM), |ctx, args| expire(ctx, args, TimeUnit::Millis))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]", "Sets the expiration time of fields of a hash in milliseconds.").accessing(Access::Blind),
    row("hpexpireat", -6, WRITE.and(Flags::DENYOOM), |ctx, args| expire(ctx, args, TimeUnit::UnixMillis))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]", "Sets the expiration time of fields of a hash to a Unix milliseconds timestamp.").accessing(Access::Blind),
    row("hpexpiretime", -5, READ, |ctx, args| deadlines(ctx, args, |at, _| at.0))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Returns the expiration times of fields of a hash as Unix milliseconds timestamps."),
    row("hpttl", -5, READ, |ctx, args| deadlines(ctx, args, UnixMillis::ms_since))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Returns the expiration times in milliseconds of fields of a hash."),
    row("httl", -5, READ, |ctx, args| deadlines(ctx, args, |at, now| at.ms_since(now).div_ceil(1000)))
        .doc("7.4.0", "O(N) where N is the number of specified fields", "key FIELDS numfields field [field ...]", "Returns the expiration times in seconds of fields of a hash."),
];

/// When a new deadline is taken over.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    WithoutDeadline,
    WithDeadline,
    IfLater,
    IfEarlier,
}

impl Condition {
    fn read(args: &mut Args<'_>) -> Self {
        const OPTIONS: [(&str, Condition); 4] = [
            ("NX", Condition::WithoutDeadline),
            ("XX", Condition::WithDeadline),
            ("GT", Condition::IfLater),
            ("LT", Condition::IfEarlier),
        ];
        let found = OPTIONS.into_iter().find(|(name, _)| args.take_if(name));
        found.map_or(Self::Always, |(_, condition)| condition)
    }

    /// Whether `at` may take the place of `before`. A field without a deadline lives for ever, later than any other.
    fn holds(self, at: UnixMillis, before: Option<UnixMillis>) -> bool {
        match self {
            Self::Always => true,
            Self::WithoutDeadline => before.is_none(),
            Self::WithDeadline => before.is_some(),
            Self::IfLater => before.is_some_and(|before| at > before),
            Self::IfEarlier => before.is_none_or(|before| at < before),
        }
    }
}

/// Reads a deadline for fields: they are bounded more closely than those of keys.
pub(super) fn read_deadline(args: &mut Args<'_>, unit: TimeUnit, now: UnixMillis, command: &str) -> Result<UnixMillis> {
    let value = num::parse_i64(args.word()?).ok_or(Error::NOT_AN_INTEGER)?;
    let value = u64::try_from(value).map_err(|_| Error::new("ERR invalid expire time, must be >= 0"))?;
    let (scale, base) = match unit {
        TimeUnit::Seconds => (1000, now.0),
        TimeUnit::Millis => (1, now.0),
        TimeUnit::UnixSeconds => (1000, 0),
        TimeUnit::UnixMillis => (1, 0),
    };
    let at = value.checked_mul(scale).and_then(|ms| ms.checked_add(base));
    at.filter(|at| *at <= FIELD_EXPIRES_AT_MS_MAX).map(UnixMillis).ok_or_else(|| Error::invalid_expire(command))
}

/// Reads `FIELDS numfields field …`, with which a call ends; `wrong_number` is said of a number that is none.
pub(super) fn read_fields<'a>(args: &mut Args<'a>, wrong_number: &'static str) -> Result<&'a [&'a [u8]]> {
    if !args.take_if("FIELDS") {
        return Err(Error::new("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.take().and_then(num::parse_i64).filter(|count| *count > 0).ok_or(Error::new(wrong_number))?;
    match usize::try_from(count) == Ok(args.len()) {
        true => Ok(args.rest()),
        false => Err(Error::new("ERR The `numfields` parameter must match the number of arguments")),
    }
}

/// The fields in runs within which none stands twice: what is done with a run is done with each in its turn.
pub(super) fn runs<'f, 'a>(fields: &'f [&'a [u8]]) -> impl Iterator<Item = &'f [&'a [u8]]> {
    let mut sorted = fields.to_vec();
    order::sort(&mut sorted);
    let is_distinct = sorted.is_sorted_by(|one, other| one < other);
    fields.chunks(if is_distinct { fields.len().max(1) } else { 1 })
}

/// Gives fields a deadline; those go at once for which it has passed.
pub(super) fn set_deadline(ctx: &mut Context<'_>, key: &[u8], fields: Vec<Blob<'_>>, at: UnixMillis) {
    let change = match at <= ctx.data.now() {
        true => HashChange::Remove(fields),
        false => HashChange::ExpireAt { at, fields },
    };
    ctx.data.apply(&Effect::new(key, Change::Hash(change)));
}

fn expire(ctx: &mut Context<'_>, args: &mut Args<'_>, unit: TimeUnit) -> Result<()> {
    let key = args.word()?;
    ctx.data.hash(key)?;
    let now = ctx.data.now();
    let at = read_deadline(args, unit, now, ctx.row.name)?;
    let condition = Condition::read(args);
    let fields = read_fields(args, "ERR Parameter `numFields` should be greater than 0")?;
    ctx.reply.array(fields.len());
    for run in runs(fields) {
        let hash = ctx.data.hash(key)?;
        let mut wanted = Vec::new();
        for field in run {
            let answer = match hash.filter(|hash| hash.contains(field)) {
                None => NO_FIELD,
                Some(hash) if !condition.holds(at, hash.expires_at(field)) => 0,
                Some(_) => {
                    wanted.push(Blob::from(*field));
                    if at <= now { 2 } else { 1 }
                }
            };
            ctx.reply.integer(answer);
        }
        set_deadline(ctx, key, wanted, at);
    }
    Ok(())
}

fn persist(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    ctx.data.hash(key)?;
    let fields = read_fields(args, WRONG_COUNT)?;
    ctx.reply.array(fields.len());
    for run in runs(fields) {
        let hash = ctx.data.hash(key)?;
        for field in run {
            ctx.reply.integer(deadline(hash, field).map_or_else(|why| why, |_| 1));
        }
        let fields = run.iter().map(|field| Blob::from(*field)).collect();
        ctx.data.apply(&Effect::new(key, Change::Hash(HashChange::Persist(fields))));
    }
    Ok(())
}

/// Replies with the fields' deadlines as `shown` gives them: −2 without the field, −1 without a deadline.
fn deadlines(ctx: &mut Context<'_>, args: &mut Args<'_>, shown: fn(UnixMillis, UnixMillis) -> u64) -> Result<()> {
    let (key, now) = (args.word()?, ctx.data.now());
    let hash = ctx.data.hash(key)?;
    let fields = read_fields(args, WRONG_COUNT)?;
    ctx.reply.array(fields.len());
    for field in fields {
        let answer = deadline(hash, field).map(|at| i64::try_from(shown(at, now)).unwrap_or(i64::MAX));
        ctx.reply.integer(answer.unwrap_or_else(|why| why));
    }
    Ok(())
}

/// When a field expires, or the number that says why it doesn't.
fn deadline(hash: Option<HashView<'_>>, field: &[u8]) -> core::result::Result<UnixMillis, i64> {
    let hash = hash.filter(|hash| hash.contains(field)).ok_or(NO_FIELD)?;
    hash.expires_at(field).ok_or(NO_DEADLINE)
}

/// There is no such field.
const NO_FIELD: i64 = -2;
/// It has no deadline.
const NO_DEADLINE: i64 = -1;
/// The number of fields isn't one.
pub(super) const WRONG_COUNT: &str = "ERR Number of fields must be a positive integer";
/// The latest deadline that a field may have, in milliseconds: Redis's, which keeps them in 46 bits.
const FIELD_EXPIRES_AT_MS_MAX: u64 = (1 << 46) - 1;
