//! CLIENT TRACKING and its like: clients that cache what they read, and are told when it changes.

use alloc::{format, string::String, vec::Vec};

use crate::{
    command::{Args, Context},
    error::{Error, Result},
    session::{Reads, Session, Tracker, TrackingOptions},
};

/// Switches it on or off: `CLIENT TRACKING`.
pub(super) fn tracking(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let switch = args.word()?;
    let (options, prefixes) = read(ctx, args)?;
    if switch.eq_ignore_ascii_case(b"on") {
        check(ctx.session().tracker.as_deref(), options, &prefixes)?;
        let held = ctx.session().tracker.as_ref().map_or(0, |tracker| tracker.prefixes.len());
        if held + prefixes.len() > ctx.limits.session_channels_max {
            let max = ctx.limits.session_channels_max;
            return Err(Error::owned(format!("ERR a connection tracks {max} prefixes at most")));
        }
        let everything: &[&[u8]] = &[b""];
        let prefixes = if options.broadcast && prefixes.is_empty() { everything } else { &prefixes };
        ctx.sessions.track(ctx.session, options, prefixes);
        // What follows in the same transaction counts.
        ctx.data.happenings.get_or_insert_default();
    } else if switch.eq_ignore_ascii_case(b"off") {
        ctx.sessions.untrack(ctx.session);
    } else {
        return Err(Error::SYNTAX);
    }
    ctx.reply.ok();
    Ok(())
}

fn read<'a>(ctx: &Context<'_>, args: &mut Args<'a>) -> Result<(TrackingOptions, Vec<&'a [u8]>)> {
    let (mut options, mut prefixes) = (TrackingOptions::default(), Vec::new());
    let (mut opts_in, mut opts_out) = (false, false);
    while !args.is_empty() {
        let has_value = args.len() >= 2;
        if has_value && args.take_if("REDIRECT") {
            if options.redirect.is_some() {
                return Err(Error::new("ERR A client can only redirect to a single other client"));
            }
            let number = args.integer()?;
            let mut sessions = ctx.sessions.iter();
            let found = sessions.find(|(_, session)| i64::try_from(session.id) == Ok(number) && !session.killed);
            let found = found.map(|(id, session)| (session.id, id));
            // It may leave later; now it is to be there, so that a wrong number is noticed.
            let found = found.ok_or(Error::new("ERR The client ID you want redirect to does not exist"))?;
            options.redirect = Some(found);
        } else if has_value && args.take_if("PREFIX") {
            prefixes.push(args.word()?);
        } else if args.take_if("BCAST") {
            options.broadcast = true;
        } else if args.take_if("OPTIN") {
            opts_in = true;
        } else if args.take_if("OPTOUT") {
            opts_out = true;
        } else if args.take_if("NOLOOP") {
            options.noloop = true;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    options.reads = match (opts_in, opts_out) {
        (false, false) => Reads::All,
        (true, false) => Reads::OptIn,
        (false, true) => Reads::OptOut,
        (true, true) if options.broadcast => return Err(OPTS_WITH_BROADCAST),
        (true, true) => return Err(Error::new("ERR You can't specify both OPTIN mode and OPTOUT mode")),
    };
    Ok((options, prefixes))
}

/// Refuses options that don't go together, or not with what is tracked already.
fn check(before: Option<&Tracker>, options: TrackingOptions, prefixes: &[&[u8]]) -> Result<()> {
    if !options.broadcast && !prefixes.is_empty() {
        return Err(Error::new("ERR PREFIX option requires BCAST mode to be enabled"));
    }
    if before.is_some_and(|before| before.options.broadcast != options.broadcast) {
        return Err(Error::new(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
        ));
    }
    if options.broadcast && options.reads != Reads::All {
        return Err(OPTS_WITH_BROADCAST);
    }
    let switches = |before: &Tracker| {
        matches!((before.options.reads, options.reads), (Reads::OptIn, Reads::OptOut) | (Reads::OptOut, Reads::OptIn))
    };
    if before.is_some_and(switches) {
        return Err(Error::new(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
        ));
    }
    let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
    for (index, prefix) in prefixes.iter().enumerate() {
        let mut held = before.into_iter().flat_map(|before| before.prefixes.iter());
        if let Some(other) = held.find(|other| overlap(prefix, other)) {
            return Err(overlapping(prefix, "an existing", other));
        }
        if let Some(other) = prefixes.iter().skip(index + 1).find(|other| overlap(prefix, other)) {
            return Err(overlapping(prefix, "another provided", other));
        }
    }
    Ok(())
}

const OPTS_WITH_BROADCAST: Error = Error::new("ERR OPTIN and OPTOUT are not compatible with BCAST");

fn overlapping(prefix: &[u8], which: &str, other: &[u8]) -> Error {
    let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
    Error::owned(format!(
        "ERR Prefix '{prefix}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
    ))
}

/// Makes an exception for the next command: `CLIENT CACHING`.
pub(super) fn caching(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let Some(tracker) = &mut ctx.sessions.session_mut(ctx.session).tracker else {
        return Err(Error::new(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    if args.take_if("YES") {
        if tracker.options.reads != Reads::OptIn {
            return Err(Error::new("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."));
        }
    } else if args.take_if("NO") {
        if tracker.options.reads != Reads::OptOut {
            return Err(Error::new("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."));
        }
    } else {
        return Err(Error::SYNTAX);
    }
    tracker.caching = true;
    ctx.reply.ok();
    Ok(())
}

/// Who is told in a session's place: 0 for itself, -1 where nothing is tracked.
pub(super) fn redirect_of(session: &Session) -> i64 {
    match &session.tracker {
        None => -1,
        Some(tracker) => tracker.options.redirect.map_or(0, |(number, _)| number as i64),
    }
}

/// `CLIENT GETREDIR`.
pub(super) fn getredir(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let redirect = redirect_of(ctx.session());
    ctx.reply.integer(redirect);
    Ok(())
}

/// `CLIENT TRACKINGINFO`.
pub(super) fn trackinginfo(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let session = ctx.sessions.session_mut(ctx.session);
    let mut flags: Vec<&str> = Vec::new();
    match &session.tracker {
        None => flags.push("off"),
        Some(tracker) => {
            let (options, reads) = (tracker.options, tracker.options.reads);
            let named = [
                (true, "on"),
                (options.broadcast, "bcast"),
                (reads == Reads::OptIn, "optin"),
                (reads == Reads::OptIn && tracker.caching, "caching-yes"),
                (reads == Reads::OptOut, "optout"),
                (reads == Reads::OptOut && tracker.caching, "caching-no"),
                (options.noloop, "noloop"),
                (tracker.is_broken, "broken_redirect"),
            ];
            flags.extend(named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name));
        }
    }
    let reply = &mut ctx.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirect_of(session));
    reply.bulk(b"prefixes");
    reply.array(session.tracker.as_ref().map_or(0, |tracker| tracker.prefixes.len()));
    for prefix in session.tracker.iter().flat_map(|tracker| &tracker.prefixes) {
        reply.bulk(prefix);
    }
    Ok(())
}
