//! GEOADD: positions become scores, and then it is ZADD.

use alloc::{format, string::String, vec::Vec};

use super::cell::Position;
use crate::{
    command::{Access, Args, Command, Context, Flags, Group, Keys},
    error::{Error, Result},
    num::Extended,
    types::zset::add::{Options, set_scores},
};

/// The rows of commands that set positions.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Geo, "geoadd", -5, Flags::WRITE.and(Flags::DENYOOM), Keys::FIRST, geoadd)
        .doc("3.2.0", "O(log(N)) for each item added, where N is the number of elements in the sorted set", "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]", "Adds one or more members with their positions to a sorted set. Creates the key if it doesn't exist.").accessing(Access::Blind),
];

fn geoadd(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let key = args.word()?;
    let mut options = Options::default();
    loop {
        if args.take_if("NX") {
            options.if_absent = true;
        } else if args.take_if("XX") {
            options.if_present = true;
        } else if args.take_if("CH") {
            options.count_changed = true;
        } else {
            break;
        }
    }
    if args.is_empty() || !args.len().is_multiple_of(3) || options.if_absent && options.if_present {
        return Err(Error::SYNTAX);
    }
    let mut pairs = Vec::with_capacity(args.len() / 3);
    while !args.is_empty() {
        pairs.push((read_position(args)?.score(), args.word()?));
    }
    set_scores(ctx, key, options, &pairs)
}

/// Reads longitude and latitude.
pub(super) fn read_position(args: &mut Args<'_>) -> Result<Position> {
    let (longitude, latitude) = (args.float()?, args.float()?);
    Position::new(longitude, latitude).ok_or_else(|| {
        let shown = |degrees: f64| {
            // A zero keeps its sign in C.
            let sign = if degrees == 0.0 && degrees.is_sign_negative() { "-" } else { "" };
            let text = String::from_utf8(Extended::from(degrees).to_fixed(6)).unwrap_or_default();
            format!("{sign}{text}")
        };
        Error::owned(format!("ERR invalid longitude,latitude pair {},{}", shown(longitude), shown(latitude)))
    })
}
