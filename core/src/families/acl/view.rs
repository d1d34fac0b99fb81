//! What `ACL` shows: users, categories, and the log.

use alloc::{format, string::String, vec::Vec};

use super::rules::rows;
use crate::{
    acl::Selector,
    command::{Args, CATEGORIES, Context},
    error::{Error, Result},
    num,
    resp::Reply,
};

/// Refuses further words, as Redis does where a subcommand may have one.
pub(super) fn nothing_more(args: &Args<'_>, name: &str) -> Result<()> {
    match args.is_empty() {
        true => Ok(()),
        false => Err(Error::owned(format!(
            "ERR unknown subcommand or wrong number of arguments for '{name}'. Try ACL HELP."
        ))),
    }
}

pub(super) fn cat(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let Some(name) = args.take() else {
        ctx.reply.array(CATEGORIES.len());
        CATEGORIES.iter().for_each(|name| ctx.reply.bulk(name.trim_start_matches('@').as_bytes()));
        return Ok(());
    };
    nothing_more(args, "CAT")?;
    let is_named = |category: &&str| category.trim_start_matches('@').as_bytes().eq_ignore_ascii_case(name);
    let Some(wanted) = CATEGORIES.into_iter().find(is_named) else {
        let shown = String::from_utf8_lossy(name.get(..name.len().min(128)).unwrap_or_default());
        return Err(Error::owned(format!("ERR Unknown category '{shown}'")));
    };
    let found: Vec<_> = rows().filter(|row| row.categories().any(|own| own == wanted)).collect();
    ctx.reply.array(found.len());
    found.iter().for_each(|row| ctx.reply.bulk(row.full_name().as_bytes()));
    Ok(())
}

pub(super) fn getuser(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let Some((_, user)) = ctx.users.find(args.word()?) else {
        ctx.reply.null();
        return Ok(());
    };
    let reply = &mut ctx.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords.len());
    user.passwords.iter().for_each(|hash| reply.bulk(hash));
    write_selector(reply, &user.root);
    reply.bulk(b"selectors");
    reply.array(user.selectors.len());
    for selector in &user.selectors {
        reply.map(3);
        write_selector(reply, selector);
    }
    Ok(())
}

/// The three pairs that tell of a selector.
fn write_selector(reply: &mut Reply<'_>, selector: &Selector) {
    let pairs = [
        ("commands", format!("{}", selector.commands)),
        ("keys", selector.describe_keys()),
        ("channels", selector.describe_channels()),
    ];
    for (name, text) in pairs {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
}

pub(super) fn list(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let users = ctx.users.all();
    ctx.reply.array(users.len());
    users.iter().for_each(|user| ctx.reply.bulk(user.describe().as_bytes()));
    Ok(())
}

pub(super) fn users(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let users = ctx.users.all();
    ctx.reply.array(users.len());
    users.iter().for_each(|user| ctx.reply.bulk(&user.name));
    Ok(())
}

pub(super) fn whoami(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let session = ctx.sessions.session_mut(ctx.session);
    ctx.reply.bulk(ctx.users.name_of(session));
    Ok(())
}

pub(super) fn log(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let count = match args.take() {
        None => 10,
        Some(word) if word.eq_ignore_ascii_case(b"reset") => {
            nothing_more(args, "log")?;
            ctx.users.log.clear();
            ctx.reply.ok();
            return Ok(());
        }
        Some(word) => num::parse_i64(word).ok_or(Error::NOT_AN_INTEGER)?,
    };
    nothing_more(args, "log")?;
    let now = ctx.data.now();
    let entries = ctx.users.log.newest(usize::try_from(count).unwrap_or(0));
    let reply = &mut ctx.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.map(10);
        reply.bulk(b"count");
        reply.integer(entry.count as i64);
        let texts: [(&str, &[u8]); 4] = [
            ("reason", entry.reason.as_bytes()),
            ("context", entry.occasion.name().as_bytes()),
            ("object", &entry.object),
            ("username", &entry.user),
        ];
        for (name, text) in texts {
            reply.bulk(name.as_bytes());
            reply.bulk(text);
        }
        reply.bulk(b"age-seconds");
        reply.double(now.ms_since(entry.updated_at) as f64 / 1000.0);
        reply.bulk(b"client-info");
        reply.bulk(entry.client.as_bytes());
        let numbers = [
            ("entry-id", entry.id),
            ("timestamp-created", entry.created_at.0),
            ("timestamp-last-updated", entry.updated_at.0),
        ];
        for (name, number) in numbers {
            reply.bulk(name.as_bytes());
            reply.integer(number as i64);
        }
    }
    Ok(())
}
