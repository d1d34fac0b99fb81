//! Commands that concern the connection: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET.

use alloc::format;

#[cfg(feature = "server")]
use crate::acl::Occasion;
use crate::{
    command::{Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    limits::DATABASES,
    num,
    resp::Protocol,
};

const CONNECTION: Flags = Flags::CONNECTION.and(Flags::FAST);
const NO_SCRIPT: Flags = Flags::NO_AUTH.and(Flags::NO_SCRIPT);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(Group::Connection, name, arity, flags, Keys::None, handler)
}

/// The Redis release whose commands and texts this engine follows, as `HELLO` and `INFO` give it.
pub const REDIS_VERSION: &str = "7.2.0";

/// The family's rows, `CLIENT` apart.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("auth", -2, CONNECTION.and(NO_SCRIPT), auth)
        .doc("1.0.0", "O(N) where N is the number of passwords defined for the user", "[username] password", "Authenticates the connection."),
    row("echo", 2, CONNECTION, echo)
        .doc("1.0.0", "O(1)", "message", "Returns the given string."),
    row("hello", -1, CONNECTION.and(NO_SCRIPT), hello)
        .doc("6.0.0", "O(1)", "[protover [AUTH username password] [SETNAME clientname]]", "Handshakes with the server."),
    row("ping", -1, CONNECTION, ping)
        .doc("1.0.0", "O(1)", "[message]", "Returns the server's liveliness response."),
    row("quit", -1, CONNECTION.and(NO_SCRIPT).and(Flags::NO_QUEUE), quit)
        .doc("1.0.0", "O(1)", "", "Closes the connection."),
    row("reset", 1, CONNECTION.and(NO_SCRIPT).and(Flags::NO_QUEUE), reset)
        .doc("6.2.0", "O(1)", "", "Resets the connection."),
    row("select", 2, CONNECTION, select)
        .doc("1.0.0", "O(1)", "index", "Changes the selected database."),
];

fn ping(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let message = args.take();
    #[cfg(feature = "server")]
    if args.is_empty() && ctx.reply.protocol() == Protocol::Resp2 && !ctx.session().listening.is_empty() {
        // What comes between messages looks like one.
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        None => ctx.reply.simple("PONG"),
        Some(message) if args.is_empty() => ctx.reply.bulk(message),
        Some(_) => return Err(Error::arity("ping")),
    }
    Ok(())
}

fn echo(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    ctx.reply.bulk(args.word()?);
    Ok(())
}

fn quit(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.closing = true;
    ctx.reply.ok();
    Ok(())
}

fn reset(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let keyspace = &mut *ctx.data.keyspace;
    let session = ctx.sessions.session_mut(ctx.session);
    session.unwatch(keyspace);
    session.transaction = None;
    #[cfg(feature = "server")]
    ctx.sessions.unsubscribe_all(ctx.session);
    #[cfg(feature = "server")]
    ctx.sessions.untrack(ctx.session);
    #[cfg(feature = "server")]
    ctx.sessions.monitors.remove(&ctx.session);
    let session = ctx.sessions.session_mut(ctx.session);
    #[cfg(feature = "server")]
    {
        session.no_touch = false;
    }
    session.name.clear();
    session.db = 0;
    session.protocol = Protocol::Resp2;
    #[cfg(feature = "server")]
    if session.user.is_some() {
        ctx.users.welcome(session);
    }
    ctx.data.db = 0;
    ctx.reply.set_protocol(Protocol::Resp2);
    ctx.reply.simple("RESET");
    Ok(())
}

fn select(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let index = args.small_integer()?;
    let index = u8::try_from(index).ok().filter(|index| *index < DATABASES);
    let index = index.ok_or(Error::new("ERR DB index is out of range"))?;
    ctx.session().db = index;
    ctx.data.db = index;
    ctx.reply.ok();
    Ok(())
}

fn auth(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let first = args.word()?;
    let second = args.take();
    args.end()?;
    if second.is_none() && !asks_password(ctx) {
        return Err(Error::new(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ));
    }
    let (user, password) = match second {
        None => (&b"default"[..], first),
        Some(password) => (first, password),
    };
    authenticate(ctx, user, password, b"AUTH")?;
    ctx.reply.ok();
    Ok(())
}

/// Whether the default user has a password.
fn asks_password(_ctx: &Context<'_>) -> bool {
    #[cfg(feature = "server")]
    return _ctx.users.find(b"default").is_some_and(|(_, user)| !user.nopass);
    #[cfg(not(feature = "server"))]
    return false;
}

const WRONG_PASSWORD: Error = Error::new("WRONGPASS invalid username-password pair or user is disabled.");

/// Makes the connection a user's, if the password is one of the user's. `by` is the command that asks for it.
#[cfg(feature = "server")]
fn authenticate(ctx: &mut Context<'_>, user: &[u8], password: &[u8], by: &[u8]) -> Result<()> {
    let session = ctx.sessions.session_mut(ctx.session);
    match ctx.users.find(user) {
        Some((id, found)) if found.accepts(password) => {
            ctx.users.assign(session, id, true);
            Ok(())
        }
        _ => {
            let occasion = if session.transaction.is_some() { Occasion::Multi } else { Occasion::Toplevel };
            ctx.log_refusal("auth", occasion, by, user);
            Err(WRONG_PASSWORD)
        }
    }
}

/// There are no users, and so nothing that a password could protect.
#[cfg(not(feature = "server"))]
fn authenticate(_: &mut Context<'_>, user: &[u8], _: &[u8], _: &[u8]) -> Result<()> {
    if user == b"default" { Ok(()) } else { Err(WRONG_PASSWORD) }
}

fn hello(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let protocol = match args.take() {
        None => None,
        Some(version) => match num::parse_i64(version) {
            Some(2) => Some(Protocol::Resp2),
            Some(3) => Some(Protocol::Resp3),
            Some(_) => return Err(Error::new("NOPROTO unsupported protocol version")),
            None => return Err(Error::new("ERR Protocol version is not an integer or out of range")),
        },
    };
    let mut name = None;
    while let Some(option) = args.peek() {
        if args.take_if("AUTH") && args.len() >= 2 {
            authenticate(ctx, args.word()?, args.word()?, b"HELLO")?;
        } else if args.take_if("SETNAME") && !args.is_empty() {
            let given = args.word()?;
            check_name(given)?;
            name = Some(alloc::string::String::from_utf8_lossy(given).into_owned());
        } else {
            let option = alloc::string::String::from_utf8_lossy(option);
            return Err(Error::owned(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if !ctx.session().authenticated {
        return Err(Error::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    let session = ctx.session();
    if let Some(name) = name {
        session.name = name;
    }
    if let Some(protocol) = protocol {
        session.protocol = protocol;
    }
    let (id, protocol) = (session.id, session.protocol);
    let reply = &mut ctx.reply;
    reply.set_protocol(protocol);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(i64::from(protocol.version()));
    reply.bulk(b"id");
    reply.integer(id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}

/// Refuses a client name that would break the lines of `CLIENT LIST`.
pub(super) fn check_name(name: &[u8]) -> Result<()> {
    match name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        true => Ok(()),
        false => Err(Error::new("ERR Client names cannot contain spaces, newlines or special characters.")),
    }
}
