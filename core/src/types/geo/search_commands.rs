//! GEOSEARCH and its older forms: the members in an area, told or stored.

use alloc::vec::Vec;

use super::{
    read_commands::{reply_distance, reply_position},
    search::{Form, Found, Request},
};
use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Flags, Group, Handler, Keys},
    error::Result,
    types::zset::{ZSet, ranges::store},
};

const COST: &str = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape";
const RADIUS_COST: &str = "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index";
const STORING: Flags = Flags::WRITE.and(Flags::DENYOOM);
/// The key to store at stands among the options.
const PERHAPS_STORING: Flags = STORING.and(Flags::ALL_KEYS);
const BY_MEMBER: Form = Form::Radius { by_member: true, may_store: true };
const BY_MEMBER_RO: Form = Form::Radius { by_member: true, may_store: false };
const BY_POSITION: Form = Form::Radius { by_member: false, may_store: true };
const BY_POSITION_RO: Form = Form::Radius { by_member: false, may_store: false };

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::Geo, name, arity, flags, Keys::FIRST, handler)
}

/// The rows of commands that search an area.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("georadius", -6, PERHAPS_STORING, |ctx, args| search(ctx, args, BY_POSITION, b"georadius"))
        .doc("3.2.0", RADIUS_COST, "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]", "Queries a geospatial index for members within a distance from a position, optionally stores the result.").accessing(Access::Storing),
    row("georadius_ro", -6, Flags::READ, |ctx, args| search(ctx, args, BY_POSITION_RO, b"georadius_ro"))
        .doc("3.2.10", RADIUS_COST, "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]", "Returns members from a geospatial index that are within a distance from a position."),
    row("georadiusbymember", -5, PERHAPS_STORING, |ctx, args| search(ctx, args, BY_MEMBER, b"georadiusbymember"))
        .doc("3.2.0", RADIUS_COST, "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]", "Queries a geospatial index for members within a distance from a member, optionally stores the result.").accessing(Access::Storing),
    row("georadiusbymember_ro", -5, Flags::READ, |ctx, args| search(ctx, args, BY_MEMBER_RO, b"georadiusbymember_ro"))
        .doc("3.2.10", RADIUS_COST, "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]", "Returns members from a geospatial index that are within a distance from a member."),
    row("geosearch", -7, Flags::READ, |ctx, args| search(ctx, args, Form::Search, b"geosearch"))
        .doc("6.2.0", COST, "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]", "Queries a geospatial index for members inside an area of a box or a circle."),
    Command::new(Group::Geo, "geosearchstore", -8, STORING, Keys::FIRST_TWO, geosearchstore)
        .doc("6.2.0", COST, "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]", "Queries a geospatial index for members inside an area of a box or a circle, and stores the result.").accessing(Access::FirstFromRest),
];

fn search(ctx: &mut Context<'_>, args: &mut Args<'_>, form: Form, name: &[u8]) -> Result<()> {
    let set = ctx.data.get::<ZSet>(args.word()?)?;
    let request = Request::read(args, form, set, name)?;
    let found = set.map(|set| request.find(set)).unwrap_or_default();
    if let Some(destination) = request.destination {
        let members = stored(&request, found);
        store(ctx, destination, members);
        return Ok(());
    }
    ctx.reply.array(found.len());
    let extras = [request.with_distance, request.with_score, request.with_position];
    let extras = extras.into_iter().filter(|is_wanted| *is_wanted).count();
    for Found { member, score, distance, position } in found {
        if extras > 0 {
            ctx.reply.array(1 + extras);
        }
        ctx.reply.bulk(member);
        if request.with_distance {
            reply_distance(&mut ctx.reply, distance);
        }
        if request.with_score {
            ctx.reply.integer(score as i64);
        }
        if request.with_position {
            reply_position(&mut ctx.reply, position);
        }
    }
    Ok(())
}

fn geosearchstore(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (destination, source) = (args.word()?, args.word()?);
    let set = ctx.data.get::<ZSet>(source)?;
    let request = Request::read(args, Form::SearchStore, set, b"geosearchstore")?;
    let members = stored(&request, set.map(|set| request.find(set)).unwrap_or_default());
    store(ctx, destination, members);
    Ok(())
}

fn stored(request: &Request<'_>, found: Vec<Found<'_>>) -> Vec<(f64, Blob<'static>)> {
    let score = |found: &Found<'_>| if request.stores_distance { found.distance } else { found.score };
    found.into_iter().map(|found| (score(&found), found.member.to_vec().into())).collect()
}
