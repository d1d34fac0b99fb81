//! COMMAND: the table of commands, as clients and tools ask for it.

use alloc::{string::String, vec::Vec};

use super::{help::reply_help, key_flags};
use crate::{
    command::{
        Args, Command, Context, Flags, Group, KeyUse, Keys, find_row,
        syntax::{Argument, ArgumentKind, arguments},
        table,
    },
    error::{Error, Result},
    glob, num,
    resp::Reply,
};

const FLAGS: Flags = Flags::SERVER_ONLY;

const fn row(name: &'static str, arity: i32, handler: crate::command::Handler) -> Command {
    Command::new(Group::Server, name, arity, FLAGS, Keys::None, handler).inside("command")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "command", -1, FLAGS, Keys::None, |ctx, _| info_of_all(ctx))
        .doc("2.8.13", "O(N) where N is the total number of commands", "", "Returns detailed information about all commands.")
        .with(&[
            row("count", 2, count)
                .doc("2.8.13", "O(1)", "", "Returns a count of commands."),
            row("docs", -2, docs)
                .doc("7.0.0", "O(N) where N is the number of commands to look up", "[command-name [command-name ...]]", "Returns documentary information about one, multiple or all commands."),
            row("getkeys", -3, getkeys)
                .doc("2.8.13", "O(N) where N is the number of arguments to the command", "command [arg [arg ...]]", "Extracts the key names from an arbitrary command."),
            row("getkeysandflags", -3, getkeysandflags)
                .doc("7.0.0", "O(N) where N is the number of arguments to the command", "command [arg [arg ...]]", "Extracts the key names and access flags for an arbitrary command."),
            row("help", 2, reply_help)
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("info", -2, info)
                .doc("2.8.13", "O(N) where N is the number of commands to look up", "[command-name [command-name ...]]", "Returns information about one, multiple or all commands."),
            row("list", -2, list)
                .doc("7.0.0", "O(N) where N is the total number of commands", "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]", "Returns a list of command names."),
        ]),
];

/// The row that a name with or without a subcommand (`config|get`) means.
fn named(name: &[u8]) -> Option<&'static Command> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let row = table::find(parts.next()?)?;
    match parts.next() {
        None => Some(row),
        Some(inner) => row.subcommand(inner),
    }
}

fn count(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.reply.count(table::all().count());
    Ok(())
}

fn info_of_all(ctx: &mut Context<'_>) -> Result<()> {
    ctx.reply.array(table::all().count());
    table::all().for_each(|row| write_info(&mut ctx.reply, row));
    Ok(())
}

fn info(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    if args.is_empty() {
        return info_of_all(ctx);
    }
    ctx.reply.array(args.len());
    for name in args.rest() {
        match named(name) {
            Some(row) => write_info(&mut ctx.reply, row),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}

fn write_info(reply: &mut Reply<'_>, row: &Command) {
    reply.array(10);
    reply.bulk(row.full_name().as_bytes());
    reply.integer(i64::from(row.arity));
    let moves = matches!(row.keys, Keys::Counted { .. } | Keys::DestinationCounted | Keys::Streams)
        || matches!(row.name, "sort" | "sort_ro" | "georadius" | "georadiusbymember" | "migrate");
    let pubsub = row.group == Group::PubSub && row.subcommands.is_empty() && row.name != "help";
    let more = moves.then_some("movablekeys").into_iter().chain(pubsub.then_some("pubsub"));
    let flags: Vec<_> = row.flags.names().chain(more).collect();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    let (first, last, step) = match row.keys {
        Keys::None | Keys::Counted { .. } | Keys::Streams => (0, 0, 0),
        Keys::Range { first, last, step } => (first, last, step),
        Keys::DestinationCounted => (1, 1, 1),
    };
    reply.count(first);
    reply.integer(i64::from(last));
    reply.count(step);
    let categories: Vec<_> = row.categories().collect();
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(category));
    // Tips are for proxies that spread a command over shards; there's none here yet.
    reply.array(0);
    write_key_specs(reply, row);
    reply.array(row.subcommands.len());
    row.subcommands.iter().for_each(|inner| write_info(reply, inner));
}

/// Where keys stand: the word at which to begin, and how to go on from there.
fn write_key_specs(reply: &mut Reply<'_>, row: &Command) {
    let counted = |at: usize| (at, ["keynumidx", "firstkey", "keystep"], [0, 1, 1]);
    let range = |first: usize, last: i32, step: usize| {
        let last = if last < 0 { last } else { last - first as i32 };
        (first, ["lastkey", "keystep", "limit"], [i64::from(last), step as i64, 0])
    };
    let [flags_first, flags_others] = key_flags::of(row);
    let specs = match row.keys {
        Keys::None => Vec::new(),
        // What differs in what it does to its first key and to the others is told of in two.
        Keys::Range { first, last, step } if flags_first != flags_others => {
            alloc::vec![range(first, first as i32, step), range(first + step, last, step)]
        }
        Keys::Range { first, last, step } => alloc::vec![range(first, last, step)],
        Keys::Counted { at } => alloc::vec![counted(at)],
        Keys::DestinationCounted => alloc::vec![range(1, 1, 1), counted(2)],
        // The first half of what is left.
        Keys::Streams => alloc::vec![(1, ["lastkey", "keystep", "limit"], [-1, 1, 2])],
    };
    reply.array(specs.len());
    for (index, (first, names, numbers)) in specs.into_iter().enumerate() {
        reply.map(3);
        reply.bulk(b"flags");
        let flags = if index == 0 { flags_first } else { flags_others };
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
        reply.bulk(b"begin_search");
        reply.map(2);
        reply.bulk(b"type");
        match row.keys {
            Keys::Streams => {
                reply.bulk(b"keyword");
                reply.bulk(b"spec");
                reply.map(2);
                reply.bulk(b"keyword");
                reply.bulk(b"STREAMS");
                reply.bulk(b"startfrom");
            }
            _ => {
                reply.bulk(b"index");
                reply.bulk(b"spec");
                reply.map(1);
                reply.bulk(b"index");
            }
        }
        reply.count(first);
        reply.bulk(b"find_keys");
        reply.map(2);
        reply.bulk(b"type");
        reply.bulk(if names.contains(&"keynumidx") { b"keynum" } else { b"range" });
        reply.bulk(b"spec");
        reply.map(3);
        for (name, number) in names.into_iter().zip(numbers) {
            reply.bulk(name.as_bytes());
            reply.integer(number);
        }
    }
}

fn docs(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let rows: Vec<&Command> = match args.is_empty() {
        true => table::all().collect(),
        false => args.rest().iter().filter_map(|name| named(name)).collect(),
    };
    ctx.reply.map(rows.len());
    rows.into_iter().for_each(|row| write_docs(&mut ctx.reply, row));
    Ok(())
}

fn write_docs(reply: &mut Reply<'_>, row: &Command) {
    let arguments = arguments(row.syntax);
    reply.bulk(row.full_name().as_bytes());
    reply.map(4 + usize::from(!arguments.is_empty()) + usize::from(!row.subcommands.is_empty()));
    let texts = [
        ("summary", row.summary.trim_end_matches('.')),
        ("since", row.since),
        ("group", row.group.name()),
        ("complexity", row.complexity),
    ];
    for (name, text) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        write_arguments(reply, &arguments);
    }
    if !row.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(row.subcommands.len());
        row.subcommands.iter().for_each(|inner| write_docs(reply, inner));
    }
}

fn write_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let inner = match &argument.kind {
            ArgumentKind::OneOf(inner) | ArgumentKind::Block(inner) => inner.as_slice(),
            ArgumentKind::Word(_) | ArgumentKind::Token => &[],
        };
        let flags = [(argument.optional, "optional"), (argument.multiple, "multiple")];
        let flags: Vec<_> = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
        let pairs = [argument.token.is_some(), !flags.is_empty(), !inner.is_empty()];
        reply.map(2 + pairs.into_iter().filter(|present| *present).count());
        reply.bulk(b"name");
        reply.bulk(argument.name().to_ascii_lowercase().as_bytes());
        reply.bulk(b"type");
        reply.bulk(argument.type_name().as_bytes());
        if let Some(token) = argument.token {
            reply.bulk(b"token");
            reply.bulk(token.as_bytes());
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            reply.array(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if !inner.is_empty() {
            reply.bulk(b"arguments");
            write_arguments(reply, inner);
        }
    }
}

fn list(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let all = || table::all().flat_map(|row| core::iter::once(row).chain(row.subcommands));
    let rows: Vec<&Command> = if args.is_empty() {
        all().collect()
    } else if args.take_if("FILTERBY") && args.len() == 2 {
        if args.take_if("MODULE") {
            Vec::new()
        } else if args.take_if("ACLCAT") {
            let wanted = String::from_utf8_lossy(args.word()?).to_ascii_lowercase();
            all().filter(|row| row.categories().any(|category| category.trim_start_matches('@') == wanted)).collect()
        } else if args.take_if("PATTERN") {
            let pattern = args.word()?;
            all().filter(|row| glob::matches_ignore_case(pattern, row.full_name().as_bytes())).collect()
        } else {
            return Err(Error::SYNTAX);
        }
    } else {
        return Err(Error::SYNTAX);
    };
    ctx.reply.array(rows.len());
    rows.iter().for_each(|row| ctx.reply.bulk(row.full_name().as_bytes()));
    Ok(())
}

fn getkeys(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (_, keys) = keys_of(args.rest())?;
    ctx.reply.array(keys.len());
    keys.iter().for_each(|key| ctx.reply.bulk(key));
    Ok(())
}

fn getkeysandflags(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (row, keys) = keys_of(args.rest())?;
    ctx.reply.array(keys.len());
    let words = args.rest();
    let mut uses = row.key_uses(words);
    for (index, key) in keys.into_iter().enumerate() {
        // What MIGRATE names after KEYS is used as its first key is.
        let used = uses.next().unwrap_or(KeyUse { position: 0, reads: true, writes: true });
        let flags = key_flags::of_call(row, used, index);
        ctx.reply.array(2);
        ctx.reply.bulk(key);
        ctx.reply.set(flags.len());
        flags.iter().for_each(|flag| ctx.reply.simple(flag));
    }
    Ok(())
}

fn keys_of<'a>(words: &[&'a [u8]]) -> Result<(&'static Command, Vec<&'a [u8]>)> {
    let Some(row) = words.first().and_then(|name| table::find(name)) else {
        return Err(Error::new("ERR Invalid command specified"));
    };
    let inner = |word: &&&[u8]| row.subcommands.iter().find(|inner| word.eq_ignore_ascii_case(inner.name.as_bytes()));
    let row = words.get(1).as_ref().and_then(inner).unwrap_or(row);
    if row.keys == Keys::None && row.subcommands.is_empty() && row.name != "migrate" {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    let (row, _) = find_row(words).map_err(|error| match error.text().contains("unknown subcommand") {
        true => Error::new("ERR Invalid command specified"),
        false => Error::new("ERR Invalid number of arguments specified for command"),
    })?;
    let mut keys: Vec<&[u8]> = row.key_positions(words).filter_map(|at| words.get(at).copied()).collect();
    keys.extend(destination(row, words));
    if row.name == "migrate" {
        keys.extend_from_slice(migrated(words));
    }
    // Scripts may do without, and have none where the number of keys makes no sense.
    if row.group == Group::Scripting {
        let count = words.get(2).and_then(|word| num::parse_i64(word)).and_then(|count| usize::try_from(count).ok());
        keys.truncate(if count == Some(keys.len()) { keys.len() } else { 0 });
    }
    if keys.is_empty() && row.group != Group::Scripting {
        return Err(Error::new("ERR Invalid arguments specified for command"));
    }
    Ok((row, keys))
}

/// The keys of `MIGRATE`: one in its place, or where that is empty, those that follow `KEYS`.
fn migrated<'w, 'a>(words: &'w [&'a [u8]]) -> &'w [&'a [u8]] {
    if words.get(3).is_none_or(|key| !key.is_empty()) {
        return words.get(3..4).unwrap_or_default();
    }
    let at = words.iter().skip(6).position(|word| word.eq_ignore_ascii_case(b"KEYS"));
    at.and_then(|at| words.get(at + 7..)).unwrap_or_default()
}

/// The key that an option names, which has no place of its own among the words: the last of several.
fn destination<'a>(row: &Command, words: &[&'a [u8]]) -> Option<&'a [u8]> {
    let mut at = match row.name {
        "sort" => 2,
        "georadius" => 6,
        "georadiusbymember" => 5,
        _ => return None,
    };
    let mut found = None;
    while let Some(word) = words.get(at) {
        let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        at += match () {
            () if is("LIMIT") => 3,
            () if is("GET") || is("BY") || is("COUNT") => 2,
            () if is("STORE") || is("STOREDIST") => {
                found = words.get(at + 1).copied().or(found);
                2
            }
            () => 1,
        };
    }
    found
}
