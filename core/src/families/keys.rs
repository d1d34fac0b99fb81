//! Commands on keys of any type: DEL, EXISTS, RENAME, KEYS, SCAN and their kin. Deadlines are in [`super::expiry`].

use alloc::vec::Vec;

use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys, ScanOptions},
    effect::{Change, Effect, Put, stored_value},
    error::{Error, Result},
    glob,
    keyspace::Entry,
    limits::DATABASES,
    role::Role,
    table::WARMED_MAX,
};

const fn row(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: crate::command::Handler) -> Command {
    Command::new(Group::Generic, name, arity, flags, keys, handler)
}

/// The family's rows, deadlines apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("copy", -3, Flags::WRITE.and(Flags::DENYOOM), Keys::FIRST_TWO, copy)
        .doc("6.2.0", "O(N) where N is the size of the value", "source destination [DB destination-db] [REPLACE]", "Copies the value of a key to a new key.").accessing(Access::FirstToSecond),
    row("del", -2, Flags::WRITE, Keys::ALL, del)
        .doc("1.0.0", "O(N) where N is the number of keys that will be removed", "key [key ...]", "Deletes one or more keys.").accessing(Access::Blind),
    row("exists", -2, Flags::READ.and(Flags::FAST), Keys::ALL, exists)
        .doc("1.0.0", "O(N) where N is the number of keys to check", "key [key ...]", "Determines whether one or more keys exist.").accessing(Access::Existence),
    row("keys", 2, Flags::READ.and(Flags::ALL_KEYS).and(Flags::DANGEROUS), Keys::None, keys)
        .doc("1.0.0", "O(N) with N being the number of keys in the database", "pattern", "Returns all key names that match a pattern."),
    row("move", 3, Flags::WRITE.and(Flags::FAST), Keys::FIRST, move_to_db)
        .doc("1.0.0", "O(N) where N is the size of the value", "key db", "Moves a key to another database."),
    row("randomkey", 1, Flags::READ.and(Flags::RANDOM).and(Flags::ALL_KEYS), Keys::None, randomkey)
        .doc("1.0.0", "O(1)", "", "Returns a random key name from the database."),
    row("rename", 3, Flags::WRITE, Keys::FIRST_TWO, rename)
        .doc("1.0.0", "O(N) where N is the size of the value", "key newkey", "Renames a key and overwrites the destination.").accessing(Access::FirstIntoSecond),
    row("renamenx", 3, Flags::WRITE.and(Flags::FAST), Keys::FIRST_TWO, renamenx)
        .doc("1.0.0", "O(N) where N is the size of the value", "key newkey", "Renames a key only when the target key name doesn't exist.").accessing(Access::FirstIntoSecond),
    row("scan", -2, Flags::READ.and(Flags::ALL_KEYS), Keys::None, scan)
        .doc("2.8.0", "O(1) for every call", "cursor [MATCH pattern] [COUNT count] [TYPE type]", "Iterates over the key names in the database."),
    row("touch", -2, Flags::READ.and(Flags::FAST), Keys::ALL, touch)
        .doc("3.2.1", "O(N) where N is the number of keys that will be touched", "key [key ...]", "Returns the number of existing keys out of those specified after updating the time they were last accessed.").accessing(Access::Existence),
    row("type", 2, Flags::READ.and(Flags::FAST), Keys::FIRST, kind)
        .doc("1.0.0", "O(1)", "key", "Determines the type of value stored at a key.").accessing(Access::Existence),
    row("unlink", -2, Flags::WRITE.and(Flags::FAST), Keys::ALL, del)
        .doc("4.0.0", "O(1) for each key removed", "key [key ...]", "Asynchronously deletes one or more keys.").accessing(Access::Blind),
];

fn del(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let mut removed = 0;
    for keys in args.rest().chunks(WARMED_MAX) {
        ctx.data.warm(keys, 1);
        removed += keys.iter().filter(|key| ctx.data.delete(key)).count();
    }
    ctx.reply.count(removed);
    Ok(())
}

fn exists(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let present = args.rest().iter().filter(|key| ctx.data.contains(key)).count();
    ctx.reply.count(present);
    Ok(())
}

/// Counts keys, and what it finds as used, even for who asks not to touch keys otherwise.
fn touch(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    #[cfg(feature = "server")]
    {
        ctx.data.touches = true;
    }
    exists(ctx, args)
}

fn kind(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let name = ctx.data.look(args.word()?).map_or("none", |entry| entry.value.kind().name());
    ctx.reply.simple(name);
    Ok(())
}

fn keys(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (pattern, now) = (args.word()?, ctx.data.now());
    let found: Vec<Entry<'_>> =
        ctx.data.db().iter().filter(|entry| !entry.is_expired(now) && glob::matches(pattern, entry.key)).collect();
    ctx.reply.array(found.len());
    for entry in found {
        ctx.reply.bulk(entry.key);
    }
    Ok(())
}

fn randomkey(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let (mut rng, now) = (ctx.data.rng(), ctx.data.now());
    // Expired keys that weren't removed yet are drawn again; should nearly all be, one is drawn of those that are left.
    let key = (0..100).find_map(|_| ctx.data.db().sample(&mut rng).filter(|entry| !entry.is_expired(now)));
    let key = key.or_else(|| {
        let left: Vec<Entry<'_>> = ctx.data.db().iter().filter(|entry| !entry.is_expired(now)).collect();
        left.get(rng.index(left.len().max(1))).copied()
    });
    ctx.reply.bulk_or_null(key.map(|entry| entry.key));
    Ok(())
}

fn scan(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let cursor = args.cursor()?;
    let options = ScanOptions::read(args, true)?;
    let now = ctx.data.now();
    let mut found: Vec<Entry<'_>> = Vec::new();
    let db = ctx.data.db();
    let next = db.scan(cursor, options.count, |entry| {
        let of_kind = options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(entry.value.kind().name().as_bytes()));
        if of_kind && !entry.is_expired(now) && options.matches(entry.key) {
            found.push(entry);
        }
    });
    ctx.reply.array(2);
    ctx.reply.bulk(alloc::format!("{next}").as_bytes());
    ctx.reply.array(found.len());
    for entry in found {
        ctx.reply.bulk(entry.key);
    }
    Ok(())
}

fn rename(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (from, to) = (args.word()?, args.word()?);
    if !ctx.data.contains(from) {
        return Err(Error::NO_SUCH_KEY);
    }
    move_key(ctx, from, to);
    ctx.reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (from, to) = (args.word()?, args.word()?);
    if !ctx.data.contains(from) {
        return Err(Error::NO_SUCH_KEY);
    }
    let absent = !ctx.data.contains(to);
    if absent {
        move_key(ctx, from, to);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

fn copy(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (from, to) = (args.word()?, args.word()?);
    let (mut db, mut replace) = (ctx.data.db_index(), false);
    while !args.is_empty() {
        if args.take_if("REPLACE") {
            replace = true;
        } else if args.len() >= 2 && args.take_if("DB") {
            db = read_db(ctx, args)?;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    if from == to && db == ctx.data.db_index() {
        return Err(SAME_OBJECT);
    }
    let wanted = ctx.data.contains(from) && (ctx.data.within(db, |data| !data.contains(to)) || replace);
    if wanted && let Some(value) = Parcel::pack(ctx, from, to) {
        value.unpack(ctx, db);
    }
    ctx.reply.integer(i64::from(wanted));
    Ok(())
}

fn move_to_db(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, db) = (args.word()?, read_db(ctx, args)?);
    if db == ctx.data.db_index() {
        return Err(SAME_OBJECT);
    }
    let wanted = ctx.data.contains(key) && ctx.data.within(db, |data| !data.contains(key));
    if wanted && let Some(value) = Parcel::pack(ctx, key, key) {
        ctx.data.apply(&Effect::delete(key));
        value.unpack(ctx, db);
    }
    ctx.reply.integer(i64::from(wanted));
    Ok(())
}

const SAME_OBJECT: Error = Error::new("ERR source and destination objects are the same");

/// Reads another database's index. A replica holds one database only, so for it there's no other.
fn read_db(ctx: &Context<'_>, args: &mut Args<'_>) -> Result<u8> {
    let index = args.small_integer()?;
    let db = u8::try_from(index).ok().filter(|index| *index < DATABASES);
    let db = db.filter(|db| ctx.data.role == Role::Primary || *db == ctx.data.db_index());
    db.ok_or(Error::new("ERR DB index is out of range"))
}

/// Puts the value of `from` at `to`. Two effects, one key each: a replica that is interested in one of the keys
/// only needs no knowledge of the other.
fn move_key(ctx: &mut Context<'_>, from: &[u8], to: &[u8]) {
    if from == to {
        return;
    }
    let Some(value) = Parcel::pack(ctx, from, to) else { return };
    ctx.data.apply(&Effect::delete(from));
    value.unpack(ctx, ctx.data.db_index());
}

/// A value on its way to another key: the encoded effect that puts it there.
struct Parcel(Vec<u8>);

impl Parcel {
    /// Copies the value and the deadline of `from`, for the key `to`; `None` if there is no `from`.
    fn pack(ctx: &Context<'_>, from: &[u8], to: &[u8]) -> Option<Self> {
        let entry = ctx.data.peek(from)?;
        let put = Put { value: stored_value(entry.value), expires_at: entry.expires_at };
        let mut bytes = Vec::new();
        Effect::new(to, Change::Put(put)).encode(ctx.data.db, &mut bytes);
        Some(Self(bytes))
    }

    /// Puts the value in place, in database `db`.
    fn unpack(&self, ctx: &mut Context<'_>, db: u8) {
        if let Ok((_, effect, _)) = Effect::decode(&self.0) {
            ctx.data.apply_in(db, &effect);
        }
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

    use crate::{Engine, EngineOptions, Env, SessionId, hash::Rng};

    fn call(engine: &mut Engine, session: SessionId, env: Env, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut reply = Vec::new();
        engine.execute(env, session, &words, &mut reply);
        String::from_utf8_lossy(&reply).into_owned()
    }

    #[test]
    fn every_key_is_drawn_as_often_as_any_other() {
        // Once among few that have expired, once among so many that drawing again doesn't help.
        for expired in [10, 3_000] {
            let mut engine = Engine::new(EngineOptions { seed: 3, ..EngineOptions::default() });
            let session = engine.open_session("test", Env::new(1, 0));
            call(&mut engine, session, Env::new(1, 0), "DEBUG SET-ACTIVE-EXPIRE 0");
            (0..expired).for_each(|n| _ = call(&mut engine, session, Env::new(1, 1), &format!("SET gone:{n} v PX 5")));
            (0..20).for_each(|n| _ = call(&mut engine, session, Env::new(1, 1), &format!("SET key:{n} v")));
            let mut counts = BTreeMap::<String, u32>::new();
            let mut rng = Rng::new(7);
            for _ in 0..4_000 {
                let drawn = call(&mut engine, session, Env::new(10, rng.next_u64()), "RANDOMKEY");
                *counts.entry(drawn).or_default() += 1;
            }
            assert_eq!(counts.len(), 20);
            // Six standard deviations around the expected 200.
            assert!(counts.values().all(|count| (116..=284).contains(count)), "{expired} expired: {counts:?}");
        }
    }

    #[test]
    fn a_scan_returns_every_key_that_stays_while_others_come_and_go() {
        for seed in 0..30 {
            let mut rng = Rng::new(seed);
            let mut engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
            let session = engine.open_session("test", Env::new(1, 0));
            let mut call = |line: &str| call(&mut engine, session, Env::new(1, seed), line);
            let stays = 1 + rng.below(400);
            (0..stays).for_each(|n| _ = call(&format!("SET stays:{n} v")));
            let (mut cursor, mut seen) = (String::from("0"), BTreeMap::<String, u32>::new());
            loop {
                let reply = call(&format!("SCAN {cursor} COUNT {}", 1 + rng.below(40)));
                let lines: Vec<&str> = reply.split("\r\n").collect();
                cursor = lines[2].into();
                lines
                    .iter()
                    .filter(|line| line.starts_with("stays:"))
                    .for_each(|key| *seen.entry((*key).into()).or_default() += 1);
                if cursor == "0" {
                    break;
                }
                // The table grows to many times its size, and shrinks again.
                let (first, count) = (rng.below(3_000), rng.below(400));
                let verb = if rng.below(2) == 0 { "SET" } else { "DEL" };
                (first..first + count).for_each(|n| {
                    call(&match verb {
                        "SET" => format!("SET goes:{n} v"),
                        _ => format!("DEL goes:{n}"),
                    });
                });
            }
            assert_eq!(seen.len() as u64, stays, "seed {seed}");
            assert!(seen.values().all(|count| *count == 1), "seed {seed}: none comes twice");
        }
    }
}
