//! ACL: users, what they may do, and what was denied to them.

mod file;
mod rules;
#[cfg(test)]
mod tests;
mod view;

use alloc::{format, string::String, vec::Vec};

use rules::Refusal;

use super::help::{container, reply_help};
use crate::{
    acl::{Denial, User, end_sessions, hex},
    command::{Args, Command, Context, Flags, Group, Handler, Keys, find_row},
    error::{Error, Result},
    num,
};

const ANYONE: Flags = Flags::SERVER_ONLY.and(Flags::NO_SCRIPT);
const ADMIN: Flags = ANYONE.and(Flags::ADMIN);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::Server, name, arity, flags, Keys::None, handler).inside("acl")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "acl", -2, Flags::SERVER_ONLY, Keys::None, container)
        .doc("6.0.0", "Depends on subcommand", "", "A container for Access List Control commands.")
        .with(&[
            row("cat", -2, ANYONE, view::cat)
                .doc("6.0.0", "O(1) since the categories and commands are a fixed set", "[category]", "Lists the ACL categories, or the commands inside a category."),
            row("deluser", -3, ADMIN, deluser)
                .doc("6.0.0", "O(1) amortized time considering the typical user", "username [username ...]", "Deletes ACL users, and terminates their connections."),
            row("dryrun", -4, ADMIN, dryrun)
                .doc("7.0.0", "O(1)", "username command [arg [arg ...]]", "Simulates the execution of a command by a user, without executing the command."),
            row("genpass", -2, ANYONE, genpass)
                .doc("6.0.0", "O(1)", "[bits]", "Generates a pseudorandom, secure password that can be used to identify ACL users."),
            row("getuser", 3, ADMIN, view::getuser)
                .doc("6.0.0", "O(N) where N is the number of password, command and pattern rules that the user has", "username", "Lists the ACL rules of a user."),
            row("help", 2, Flags::SERVER_ONLY, reply_help)
                .doc("6.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("list", 2, ADMIN, view::list)
                .doc("6.0.0", "O(N) where N is the number of configured users", "", "Dumps the effective rules in ACL file format."),
            row("load", 2, ADMIN, file::load)
                .doc("6.0.0", "O(N) where N is the number of configured users", "", "Reloads the rules from the configured ACL file."),
            row("log", -2, ADMIN, view::log)
                .doc("6.0.0", "O(N) with N being the number of entries shown", "[count | RESET]", "Lists recent security events generated due to ACL rules."),
            row("save", 2, ADMIN, file::save)
                .doc("6.0.0", "O(N) where N is the number of configured users", "", "Saves the effective ACL rules in the configured ACL file."),
            row("setuser", -3, ADMIN, setuser)
                .doc("6.0.0", "O(N) where N is the number of rules provided", "username [rule [rule ...]]", "Creates and modifies an ACL user and its rules."),
            row("users", 2, ADMIN, view::users)
                .doc("6.0.0", "O(N) where N is the number of configured users", "", "Lists all ACL users."),
            row("whoami", 2, ANYONE, view::whoami)
                .doc("6.0.0", "O(1)", "", "Returns the authenticated username of the current connection."),
        ]),
];

/// Whether a name can stand in a line of an ACL file.
fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0 | 0x0b))
}

fn setuser(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let name = args.word()?;
    if !is_name(name) {
        return Err(Error::new("ERR Usernames can't contain spaces or null characters"));
    }
    let all_channels = ctx.users.all_channels;
    let mut user = ctx.users.find(name).map_or_else(|| User::new(name, all_channels), |(_, user)| user.clone());
    let rules = rules::merged(args.rest()).map_err(|start| {
        let start = String::from_utf8_lossy(start);
        Error::owned(format!("ERR Unmatched parenthesis in acl selector starting at '{start}'."))
    })?;
    for rule in &rules {
        user.apply(rule, all_channels).map_err(|Refusal(why)| {
            Error::owned(format!("ERR Error in ACL SETUSER modifier '{}': {why}", String::from_utf8_lossy(rule)))
        })?;
    }
    let id = ctx.users.put(user);
    let trespassers = ctx.users.trespassers(ctx.sessions, id);
    end_sessions(ctx.sessions, ctx.errands, ctx.session, |session, _| trespassers.contains(&session));
    ctx.users.refresh(ctx.sessions);
    ctx.reply.ok();
    Ok(())
}

fn deluser(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if args.rest().contains(&&b"default"[..]) {
        return Err(Error::new("ERR The 'default' user cannot be removed"));
    }
    let gone: Vec<_> = args.rest().iter().filter_map(|name| ctx.users.remove(name)).collect();
    let is_gone = |user: Option<_>| user.is_some_and(|user| gone.contains(&user));
    end_sessions(ctx.sessions, ctx.errands, ctx.session, |_, session| is_gone(session.user));
    ctx.users.refresh(ctx.sessions);
    ctx.reply.count(gone.len());
    Ok(())
}

fn dryrun(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let name = args.word()?;
    let Some((_, user)) = ctx.users.find(name) else {
        return Err(Error::owned(format!("ERR User '{}' not found", String::from_utf8_lossy(name))));
    };
    let words = args.rest();
    let (row, _) = find_row(words).map_err(|error| match error.text().starts_with("ERR unknown ") {
        true => {
            let command = words.first().copied().unwrap_or_default();
            Error::owned(format!("ERR Command '{}' not found", String::from_utf8_lossy(command)))
        }
        false => error,
    })?;
    let word = |position: usize| String::from_utf8_lossy(words.get(position).copied().unwrap_or_default());
    let denied = match user.check(row, words) {
        Ok(()) => {
            ctx.reply.ok();
            return Ok(());
        }
        Err(Denial::Command) => format!("run the '{}' command", row.full_name()),
        Err(Denial::Key(position)) => format!("access the '{}' key", word(position)),
        Err(Denial::Channel(position)) => format!("access the '{}' channel", word(position)),
    };
    ctx.reply.bulk(format!("This user has no permissions to {denied}").as_bytes());
    Ok(())
}

fn genpass(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let bits = match args.take() {
        None => 256,
        Some(bits) => num::parse_i64(bits).ok_or(Error::NOT_AN_INTEGER)?,
    };
    view::nothing_more(args, "genpass")?;
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(Error::owned(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {PASSWORD_BITS_MAX}"
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = alloc::vec![0; digits.div_ceil(2)];
    match &mut ctx.users.store {
        Some(store) => store.fill_random(&mut bytes),
        None => return Err(Error::new("ERR there is no source of secrets")),
    }
    let password = hex(&bytes);
    ctx.reply.bulk(password.as_bytes().get(..digits).unwrap_or_default());
    Ok(())
}

/// Bits of the longest password that is made.
const PASSWORD_BITS_MAX: i64 = 4096;
