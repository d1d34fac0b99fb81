//! GEOPOS, GEODIST, GEOHASH: what a sorted set says of members that are named.

use super::cell::Position;
use crate::{
    command::{Args, Command, Context, Flags, Group, Handler, Keys},
    error::{Error, Result},
    num::Extended,
    resp::Reply,
    types::zset::ZSet,
};

const fn row(name: &'static str, arity: i32, handler: Handler) -> Command {
    Command::new(Group::Geo, name, arity, Flags::READ, Keys::FIRST, handler)
}

/// The rows of commands that read positions.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("geodist", -4, geodist)
        .doc("3.2.0", "O(1)", "key member1 member2 [M | KM | FT | MI]", "Returns the distance between two members."),
    row("geohash", -2, geohash)
        .doc("3.2.0", "O(1) for each member requested", "key [member [member ...]]", "Returns the positions of members as geohash strings."),
    row("geopos", -2, geopos)
        .doc("3.2.0", "O(1) for each member requested", "key [member [member ...]]", "Returns the longitudes and latitudes of members."),
];

fn geodist(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (key, members) = (args.word()?, [args.word()?, args.word()?]);
    if args.len() > 1 {
        return Err(Error::SYNTAX);
    }
    let metres = if args.is_empty() { 1.0 } else { read_unit(args)? };
    let set = ctx.data.get::<ZSet>(key)?;
    let positions = members.map(|member| set.and_then(|set| position_of(set, member)));
    match positions {
        [Some(one), Some(other)] => reply_distance(&mut ctx.reply, one.distance(other) / metres),
        _ => ctx.reply.null(),
    }
    Ok(())
}

fn geohash(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<ZSet>(args.word()?)?;
    ctx.reply.array(args.len());
    for member in args.rest() {
        match set.and_then(|set| position_of(set, member)) {
            Some(position) => ctx.reply.bulk(&position.geohash()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn geopos(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let set = ctx.data.get::<ZSet>(args.word()?)?;
    ctx.reply.array(args.len());
    for member in args.rest() {
        match set.and_then(|set| position_of(set, member)) {
            Some(position) => reply_position(&mut ctx.reply, position),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}

/// Where a member is.
pub(super) fn position_of(set: &ZSet, member: &[u8]) -> Option<Position> {
    set.score(member).map(Position::of_score)
}

/// Reads a unit of length: how many metres it is.
pub(super) fn read_unit(args: &mut Args<'_>) -> Result<f64> {
    let unit = args.word()?;
    let found = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, metres)| *metres).ok_or(Error::new("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Replies with a distance, to four decimals.
pub(super) fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(&Extended::from(distance).to_fixed(4));
}

/// Replies with longitude and latitude.
pub(super) fn reply_position(reply: &mut Reply<'_>, position: Position) {
    reply.array(2);
    reply.extended(Extended::from(position.longitude));
    reply.extended(Extended::from(position.latitude));
}

const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
