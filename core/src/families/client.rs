//! CLIENT: what connections are and were told, and ending them.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;

use super::{connection::check_name, help::reply_help, pause, tracking};
use crate::{
    acl::Users,
    command::{Args, Command, Context, Flags, Group, Keys},
    env::UnixMillis,
    error::{Error, Result},
    num, order,
    session::{Errand, Replies, Session, SessionId, Topic, UserId},
};

const OWN: Flags = Flags::CONNECTION.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT);
const ADMIN: Flags = OWN.and(Flags::ADMIN);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Connection, name, arity, flags, Keys::None, handler).inside("client")
}

/// The family's row.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Connection, "client", -2, OWN, Keys::None, super::help::container)
        .doc("2.4.0", "Depends on subcommand", "", "A container for client connection commands.")
        .with(&[
            row("caching", 3, OWN, tracking::caching)
                .doc("6.0.0", "O(1)", "YES | NO", "Instructs the server whether to track the keys in the next request."),
            row("getname", 2, OWN, getname)
                .doc("2.6.9", "O(1)", "", "Returns the name of the connection."),
            row("getredir", 2, OWN, tracking::getredir)
                .doc("6.0.0", "O(1)", "", "Returns the client ID to which the connection's tracking notifications are redirected."),
            row("help", 2, OWN, reply_help)
                .doc("5.0.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            row("id", 2, OWN, id)
                .doc("5.0.0", "O(1)", "", "Returns the unique client ID of the connection."),
            row("info", 2, OWN, info)
                .doc("6.2.0", "O(1)", "", "Returns information about the connection."),
            row("kill", -3, ADMIN, kill)
                .doc("2.4.0", "O(N) where N is the number of client connections", "ip:port | <ID client-id | TYPE <NORMAL | MASTER | REPLICA | PUBSUB> | USER username | ADDR ip:port | LADDR ip:port | SKIPME <YES | NO> | MAXAGE maxage> ...", "Terminates open connections."),
            row("list", -2, ADMIN, list)
                .doc("2.4.0", "O(N) where N is the number of client connections", "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]", "Lists open connections."),
            row("no-evict", 3, ADMIN, no_evict)
                .doc("7.0.0", "O(1)", "ON | OFF", "Sets the client eviction mode of the connection."),
            row("no-touch", 3, OWN, no_touch)
                .doc("7.2.0", "O(1)", "ON | OFF", "Controls whether commands sent by the client affect the access times of keys."),
            row("pause", -3, ADMIN, pause::pause)
                .doc("3.0.0", "O(1)", "timeout [WRITE | ALL]", "Suspends commands processing."),
            row("reply", 3, OWN, reply)
                .doc("3.2.0", "O(1)", "ON | OFF | SKIP", "Instructs the server whether to reply to commands."),
            row("setinfo", 4, OWN, setinfo)
                .doc("7.2.0", "O(1)", "LIB-NAME libname | LIB-VER libver", "Sets information specific to the client or connection."),
            row("setname", 3, OWN, setname)
                .doc("2.6.9", "O(1)", "connection-name", "Sets the connection name."),
            row("tracking", -3, OWN, tracking::tracking)
                .doc("6.0.0", "O(1). Some options may introduce additional complexity.", "ON | OFF [REDIRECT client-id | PREFIX prefix | BCAST | OPTIN | OPTOUT | NOLOOP] ...", "Controls server-assisted client-side caching for the connection."),
            row("trackinginfo", 2, OWN, tracking::trackinginfo)
                .doc("6.2.0", "O(1)", "", "Returns information about server-assisted client-side caching for the connection."),
            row("unblock", -3, ADMIN, unblock)
                .doc("5.0.0", "O(log N) where N is the number of client connections", "client-id [TIMEOUT | ERROR]", "Unblocks a client blocked by a blocking command from a different connection."),
            row("unpause", 2, ADMIN, pause::unpause)
                .doc("6.2.0", "O(N) Where N is the number of paused clients", "", "Resumes processing commands from paused clients."),
        ]),
];

fn id(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let id = ctx.session().id;
    ctx.reply.integer(id as i64);
    Ok(())
}

fn getname(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let session = ctx.sessions.session_mut(ctx.session);
    ctx.reply.bulk_or_null((!session.name.is_empty()).then_some(session.name.as_bytes()));
    Ok(())
}

fn setname(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let name = args.word()?;
    check_name(name)?;
    ctx.session().name = String::from_utf8_lossy(name).into_owned();
    ctx.reply.ok();
    Ok(())
}

fn unblock(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let id = args.integer()?;
    let with_error = args.take_if("ERROR");
    if !with_error && !args.is_empty() && !args.take_if("TIMEOUT") {
        return Err(Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    args.end()?;
    let found = ctx.sessions.iter().find(|(_, session)| i64::try_from(session.id) == Ok(id)).map(|(found, _)| found);
    let found = found.filter(|session| !ctx.sessions.waiting.is_postponed(*session));
    const UNBLOCKED: Error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    if let Some(session) = found.filter(|_| with_error) {
        ctx.account_unblocked(session, &UNBLOCKED);
    }
    let woken = found.is_some_and(|session| {
        ctx.sessions.wake_with(session, ctx.data.keyspace, |reply| {
            if with_error {
                reply.error(&UNBLOCKED);
            } else {
                reply.null_array();
            }
        })
    });
    ctx.reply.integer(i64::from(woken));
    Ok(())
}

fn setinfo(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (option, value) = (args.word()?, args.word()?);
    let session = ctx.sessions.session_mut(ctx.session);
    let (target, name) = match option {
        _ if option.eq_ignore_ascii_case(b"LIB-NAME") => (&mut session.library.0, "lib-name"),
        _ if option.eq_ignore_ascii_case(b"LIB-VER") => (&mut session.library.1, "lib-ver"),
        _ => return Err(Error::owned(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(option)))),
    };
    if check_name(value).is_err() {
        return Err(Error::owned(format!("ERR {name} cannot contain spaces, newlines or special characters.")));
    }
    *target = String::from_utf8_lossy(value).into_owned();
    ctx.reply.ok();
    Ok(())
}

fn no_touch(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let is_on = args.take_if("ON");
    if !is_on && !args.take_if("OFF") {
        return Err(Error::SYNTAX);
    }
    ctx.session().no_touch = is_on;
    ctx.reply.ok();
    Ok(())
}

fn no_evict(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let is_on = args.take_if("ON");
    if !is_on && !args.take_if("OFF") {
        return Err(Error::SYNTAX);
    }
    ctx.session().no_evict = is_on;
    ctx.evict_clients();
    ctx.reply.ok();
    Ok(())
}

fn reply(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let replies = if args.take_if("ON") {
        Replies::On
    } else if args.take_if("OFF") {
        Replies::Off
    } else if args.take_if("SKIP") {
        Replies::SkipNext
    } else {
        return Err(Error::SYNTAX);
    };
    let session = ctx.session();
    // Who has switched replies off doesn't get them back by asking to skip one.
    if session.replies != Replies::Off || replies == Replies::On {
        session.replies = replies;
    }
    ctx.reply.ok();
    Ok(())
}

fn info(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let call = Some(CallBytes::of(ctx, args));
    let line =
        ctx.sessions.session(ctx.session).map(|session| line(ctx, ctx.session, session, call)).unwrap_or_default();
    ctx.reply.verbatim(&line);
    Ok(())
}

fn list(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let call = CallBytes::of(ctx, args);
    let (mut ids, mut kind): (Option<Vec<i64>>, _) = (None, None);
    if args.take_if("TYPE") {
        kind = Some(Kind::read(args.word()?)?);
        args.end()?;
    } else if args.len() >= 2 && args.take_if("ID") {
        let parsed = args.rest().iter().map(|word| num::parse_i64(word));
        ids = Some(parsed.collect::<Option<_>>().ok_or(Error::new("ERR Invalid client ID"))?);
    } else {
        args.end()?;
    }
    let mut sessions: Vec<_> = ctx.sessions.iter().filter(|(_, session)| !session.killed).collect();
    order::sort_by(&mut sessions, |(_, one), (_, other)| one.id.cmp(&other.id));
    let mut lines = String::new();
    for (id, session) in sessions {
        let is_wanted = kind.is_none_or(|kind: Kind| kind.holds(session));
        if is_wanted && ids.as_ref().is_none_or(|ids| ids.contains(&(session.id as i64))) {
            lines += &line(ctx, id, session, Some(call).filter(|_| id == ctx.session));
        }
    }
    ctx.reply.verbatim(&lines);
    Ok(())
}

/// What a session is and does, a letter each.
fn flags(ctx: &Context<'_>, id: SessionId, session: &Session) -> String {
    let tracker = session.tracker.as_ref();
    let letters = [
        ('O', ctx.sessions.monitors.contains(&id)),
        ('P', session.listens()),
        ('x', session.transaction.is_some()),
        ('b', ctx.sessions.waiting.is_waiting(id)),
        ('t', tracker.is_some()),
        ('R', tracker.is_some_and(|tracker| tracker.is_broken)),
        ('B', tracker.is_some_and(|tracker| tracker.options.broadcast)),
        ('e', session.no_evict),
        ('T', session.no_touch),
    ];
    let flags: String = letters.iter().filter(|(_, is)| *is).map(|(letter, _)| letter).collect();
    if flags.is_empty() { "N".into() } else { flags }
}

/// One session as `CLIENT LIST` shows it, with the call that it makes, if that is what asks. What a shell's buffers could take
/// without growing isn't known here and is given as 0.
pub(crate) fn line(ctx: &Context<'_>, id: SessionId, session: &Session, call: Option<CallBytes>) -> String {
    let call = call.unwrap_or_default();
    let now = ctx.data.now();
    let seconds = |since: UnixMillis| now.ms_since(since) / 1000;
    let (container, name) = session.last_command;
    let command = if container.is_empty() { name.to_string() } else { format!("{container}|{name}") };
    let queued = session.transaction.as_ref().map_or(-1, |transaction| transaction.commands.len() as i64);
    let mut line = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        line,
        "id={id} addr={address} laddr={local} fd=0 name={name} age={age} idle={idle} flags={flags} db={db} \
         sub={channels} psub={patterns} ssub={shards} multi={queued} qbuf={query} qbuf-free=0 argv-mem={words} multi-mem={queued_bytes} rbs=0 rbp=0 obl=0 \
         oll={lists} omem={output} tot-mem={kept} events=r cmd={command} user={user} lib-name={library} lib-ver={version} redir={redirect} \
         resp={protocol}",
        channels = session.listening.of(Topic::Channel).len(),
        patterns = session.listening.of(Topic::Pattern).len(),
        shards = session.listening.of(Topic::Shard).len(),
        id = session.id,
        address = session.address,
        local = local_address(ctx, session),
        query = session.buffers.query_bytes + call.wire,
        words = call.words,
        queued_bytes = session.queued_bytes(),
        kept = session.kept_bytes() + call.words,
        name = session.name,
        age = seconds(session.opened_at),
        idle = seconds(session.active_at),
        flags = flags(ctx, id, session),
        db = session.db,
        user = String::from_utf8_lossy(ctx.users.name_of(session)),
        lists = usize::from(session.buffers.output_bytes > 0),
        output = session.buffers.output_bytes,
        library = session.library.0,
        version = session.library.1,
        redirect = tracking::redirect_of(session),
        protocol = session.protocol.version(),
    );
    line
}

/// Where the shell took the connection or, if it doesn't say, where it listens.
fn local_address(ctx: &Context<'_>, session: &Session) -> String {
    if !session.local_address.is_empty() {
        return session.local_address.clone();
    }
    let host = ctx.config.value("bind").and_then(|hosts| hosts.split(' ').next()).unwrap_or_default();
    format!("{host}:{}", ctx.config.value("port").unwrap_or("0"))
}

/// What the running call takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallBytes {
    /// Its words.
    words: usize,
    /// All of it on the wire.
    wire: usize,
}

impl CallBytes {
    fn of(ctx: &Context<'_>, args: &Args<'_>) -> Self {
        let names = [ctx.row.container.as_bytes(), ctx.row.name.as_bytes()];
        let lengths = || names.iter().chain(args.rest()).map(|word| word.len());
        let header = |count: usize| count.to_string().len() + 3;
        let wire = lengths().map(|length| header(length) + length + 2).sum::<usize>() + header(2 + args.len());
        Self { words: lengths().sum(), wire }
    }
}

/// A type of clients. Of masters and replicas there are none here.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Normal,
    PubSub,
    Other,
}

impl Kind {
    fn read(word: &[u8]) -> Result<Self> {
        const KINDS: [(&str, Kind); 5] = [
            ("normal", Kind::Normal),
            ("pubsub", Kind::PubSub),
            ("master", Kind::Other),
            ("replica", Kind::Other),
            ("slave", Kind::Other),
        ];
        let found = KINDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Error::owned(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word))))
    }

    fn holds(self, session: &Session) -> bool {
        match self {
            Self::Normal => session.listening.is_empty(),
            Self::PubSub => !session.listening.is_empty(),
            Self::Other => false,
        }
    }
}

/// Which sessions `CLIENT KILL` ends.
#[derive(Debug)]
struct Victims<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    kind: Option<Kind>,
    user: Option<UserId>,
    skip_me: bool,
    /// Those that were opened so many seconds ago, or before.
    age_min: Option<u64>,
}

impl<'a> Victims<'a> {
    fn read(args: &mut Args<'a>, users: &Users) -> Result<Self> {
        let mut victims =
            Self { id: None, address: None, local_address: None, kind: None, user: None, skip_me: true, age_min: None };
        while !args.is_empty() {
            if args.len() < 2 {
                return Err(Error::SYNTAX);
            }
            if args.take_if("ID") {
                let id = num::parse_i64(args.word()?).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
                victims.id = Some(id.ok_or(Error::new("ERR client-id should be greater than 0"))?);
            } else if args.take_if("ADDR") {
                victims.address = Some(args.word()?);
            } else if args.take_if("LADDR") {
                victims.local_address = Some(args.word()?);
            } else if args.take_if("TYPE") {
                victims.kind = Some(Kind::read(args.word()?)?);
            } else if args.take_if("USER") {
                let user = args.word()?;
                let Some((id, _)) = users.find(user) else {
                    return Err(Error::owned(format!("ERR No such user '{}'", String::from_utf8_lossy(user))));
                };
                victims.user = Some(id);
            } else if args.take_if("MAXAGE") {
                let age = num::parse_i64(args.word()?);
                let age = age.ok_or(Error::new("ERR maxage is not an integer or out of range"))?;
                let age = u64::try_from(age).ok().filter(|age| *age > 0);
                victims.age_min = Some(age.ok_or(Error::new("ERR maxage should be greater than 0"))?);
            } else if args.take_if("SKIPME") {
                victims.skip_me = args.take_if("YES");
                if !victims.skip_me && !args.take_if("NO") {
                    return Err(Error::SYNTAX);
                }
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(victims)
    }

    fn holds(&self, ctx: &Context<'_>, session: &Session, is_me: bool, now: UnixMillis) -> bool {
        !session.killed
            && self.kind.is_none_or(|kind| kind.holds(session))
            && self.user.is_none_or(|user| session.user == Some(user))
            && !(self.skip_me && is_me)
            && self.age_min.is_none_or(|age| now.ms_since(session.opened_at) / 1000 >= age)
            && self.id.is_none_or(|id| id == session.id)
            && self.address.is_none_or(|address| address == session.address.as_bytes())
            && self.local_address.is_none_or(|address| address == local_address(ctx, session).as_bytes())
    }
}

fn kill(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let old_form = args.len() == 1;
    let victims = match old_form {
        true => {
            let address = Some(args.word()?);
            Victims { id: None, address, local_address: None, kind: None, user: None, skip_me: false, age_min: None }
        }
        false => Victims::read(args, ctx.users)?,
    };
    let (me, now) = (ctx.session, ctx.data.now());
    let chosen = ctx.sessions.iter().filter(|(id, session)| victims.holds(ctx, session, *id == me, now));
    let mut chosen: Vec<(u64, SessionId)> = chosen.map(|(id, session)| (session.id, id)).collect();
    order::sort(&mut chosen);
    for (_, id) in &chosen {
        ctx.sessions.kill(*id);
        // The caller's own connection closes with this reply.
        if *id != me {
            ctx.errands.push_back(Errand::Close(*id));
        }
    }
    match (old_form, chosen.is_empty()) {
        (true, true) => return Err(Error::new("ERR No such client")),
        (true, false) => ctx.reply.ok(),
        (false, _) => ctx.reply.count(chosen.len()),
    }
    Ok(())
}
