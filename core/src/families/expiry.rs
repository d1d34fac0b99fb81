//! Deadlines of keys: EXPIRE and its kin, TTL and its kin, PERSIST.

use alloc::{format, string::String};

use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys, TimeUnit},
    effect::{Change, Effect},
    env::UnixMillis,
    error::{Error, Result},
};

const READ: Flags = Flags::READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Generic, name, arity, flags, Keys::FIRST, handler)
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("expire", -3, WRITE, |ctx, args| expire(ctx, args, TimeUnit::Seconds))
        .doc("1.0.0", "O(1)", "key seconds [NX | XX | GT | LT]", "Sets the expiration time of a key in seconds.").accessing(Access::Blind),
    row("expireat", -3, WRITE, |ctx, args| expire(ctx, args, TimeUnit::UnixSeconds))
        .doc("1.2.0", "O(1)", "key unix-time-seconds [NX | XX | GT | LT]", "Sets the expiration time of a key to a Unix timestamp.").accessing(Access::Blind),
    row("expiretime", 2, READ, |ctx, args| deadline(ctx, args, |at, _| seconds(at.0)))
        .doc("7.0.0", "O(1)", "key", "Returns the expiration time of a key as a Unix timestamp."),
    row("persist", 2, WRITE, persist)
        .doc("2.2.0", "O(1)", "key", "Removes the expiration time of a key.").accessing(Access::Blind),
    row("pexpire", -3, WRITE, |ctx, args| expire(ctx, args, TimeUnit::Millis))
        .doc("2.6.0", "O(1)", "key milliseconds [NX | XX | GT | LT]", "Sets the expiration time of a key in milliseconds.").accessing(Access::Blind),
    row("pexpireat", -3, WRITE, |ctx, args| expire(ctx, args, TimeUnit::UnixMillis))
        .doc("2.6.0", "O(1)", "key unix-time-milliseconds [NX | XX | GT | LT]", "Sets the expiration time of a key to a Unix milliseconds timestamp.").accessing(Access::Blind),
    row("pexpiretime", 2, READ, |ctx, args| deadline(ctx, args, |at, _| at.0))
        .doc("7.0.0", "O(1)", "key", "Returns the expiration time of a key as a Unix milliseconds timestamp."),
    row("pttl", 2, READ, |ctx, args| deadline(ctx, args, |at, now| at.ms_since(now)))
        .doc("2.6.0", "O(1)", "key", "Returns the expiration time in milliseconds of a key."),
    row("ttl", 2, READ, |ctx, args| deadline(ctx, args, |at, now| seconds(at.ms_since(now))))
        .doc("1.0.0", "O(1)", "key", "Returns the expiration time in seconds of a key."),
];

/// When a new deadline is taken over.
#[derive(Default)]
struct Condition {
    without_deadline: bool,
    with_deadline: bool,
    if_later: bool,
    if_earlier: bool,
}

impl Condition {
    fn read(args: &mut Args<'_>) -> Result<Self> {
        let mut condition = Self::default();
        while let Some(option) = args.peek() {
            if args.take_if("NX") {
                condition.without_deadline = true;
            } else if args.take_if("XX") {
                condition.with_deadline = true;
            } else if args.take_if("GT") {
                condition.if_later = true;
            } else if args.take_if("LT") {
                condition.if_earlier = true;
            } else {
                return Err(Error::owned(format!("ERR Unsupported option {}", String::from_utf8_lossy(option))));
            }
        }
        if condition.without_deadline && (condition.with_deadline || condition.if_later || condition.if_earlier) {
            return Err(Error::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.if_later && condition.if_earlier {
            return Err(Error::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether `at` may take the place of `before`. A key without a deadline lives for ever, later than any other.
    fn holds(&self, at: i64, before: Option<UnixMillis>) -> bool {
        let before = before.map(|before| i64::try_from(before.0).unwrap_or(i64::MAX));
        !(self.without_deadline && before.is_some()
            || self.with_deadline && before.is_none()
            || self.if_later && before.is_none_or(|before| at <= before)
            || self.if_earlier && before.is_some_and(|before| at >= before))
    }
}

fn expire(ctx: &mut Context<'_>, args: &mut Args<'_>, unit: TimeUnit) -> Result<()> {
    let (key, mut time) = (args.word()?, Args::new(args.words(1)?));
    let condition = Condition::read(args)?;
    let now = ctx.data.now();
    let at = unit.read(&mut time, now, ctx.row.name)?;
    let wanted = ctx.data.entry(key).is_some_and(|entry| condition.holds(at, entry.expires_at));
    if wanted {
        let at = u64::try_from(at).ok().map(UnixMillis).filter(|at| *at > now);
        ctx.data.apply(&match at {
            Some(at) => Effect::new(key, Change::ExpireAt(at)),
            // A deadline that has passed removes the key at once, so that no copy has to look at a clock for it.
            None => Effect::delete(key),
        });
    }
    ctx.reply.integer(i64::from(wanted));
    Ok(())
}

fn persist(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    ctx.data.settle(key);
    let applied = ctx.data.apply(&Effect::new(key, Change::Persist));
    ctx.reply.integer(i64::from(applied.changed));
    Ok(())
}

/// Replies with a key's deadline as `shown` gives it: −2 without the key, −1 without a deadline.
fn deadline(ctx: &mut Context<'_>, args: &mut Args<'_>, shown: fn(UnixMillis, UnixMillis) -> u64) -> Result<()> {
    let now = ctx.data.now();
    let reply = match ctx.data.look(args.word()?).map(|entry| entry.expires_at) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => i64::try_from(shown(at, now)).unwrap_or(i64::MAX),
    };
    ctx.reply.integer(reply);
    Ok(())
}

/// Seconds, rounded to the nearest as Redis does.
fn seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}
