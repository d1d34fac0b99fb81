//! A search as it was asked for, and what it finds.

use alloc::{string::String, vec::Vec};

use super::{
    add_commands::read_position,
    area::{Area, Shape},
    cell::Position,
    read_commands::{position_of, read_unit},
};
use crate::{
    command::Args,
    error::{Error, Result},
    num, order,
    types::zset::{ScoreBound, ZSet},
};

/// Which command it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Search,
    SearchStore,
    Radius { by_member: bool, may_store: bool },
}

/// What was asked for.
#[derive(Default)]
pub(super) struct Request<'a> {
    from: Option<Position>,
    shape: Option<Shape>,
    /// Metres of the unit that distances are told in.
    pub(super) unit: f64,
    pub(super) with_distance: bool,
    pub(super) with_score: bool,
    pub(super) with_position: bool,
    /// The nearest first, or the farthest.
    is_ascending: Option<bool>,
    count: Option<usize>,
    is_any: bool,
    /// Where the result goes, in the older commands.
    pub(super) destination: Option<&'a [u8]>,
    /// Scores there are distances.
    pub(super) stores_distance: bool,
}

/// A member in the area.
pub(super) struct Found<'a> {
    pub(super) member: &'a [u8],
    pub(super) score: f64,
    pub(super) distance: f64,
    pub(super) position: Position,
}

impl<'a> Request<'a> {
    /// Reads what follows the key. `name` is the command as it was written.
    pub(super) fn read(args: &mut Args<'a>, form: Form, set: Option<&ZSet>, name: &[u8]) -> Result<Self> {
        let mut request = Self { unit: 1.0, ..Self::default() };
        if let Form::Radius { by_member, .. } = form {
            match (by_member, set) {
                (false, _) => request.from = Some(read_position(args)?),
                (true, Some(set)) => request.from = Some(read_member(args, set)?),
                // Without a set there is nothing to find; what follows only says how to reply.
                (true, None) => drop(args.words(3)?),
            }
            if !by_member || set.is_some() {
                request.read_circle(args)?;
            }
        }
        let mut origins = [false; 2];
        let mut shapes = [false; 2];
        let is_search = !matches!(form, Form::Radius { .. });
        while !args.is_empty() {
            let left = args.len();
            if request.read_common(args)? {
            } else if is_search && left > 1 && origins == [false; 2] && args.take_if("FROMMEMBER") {
                origins[0] = true;
                match set {
                    Some(set) => request.from = Some(read_member(args, set)?),
                    None => drop(args.word()?),
                }
            } else if is_search && left > 2 && origins == [false; 2] && args.take_if("FROMLONLAT") {
                origins[1] = true;
                request.from = Some(read_position(args)?);
            } else if is_search && left > 2 && shapes == [false; 2] && args.take_if("BYRADIUS") {
                shapes[0] = true;
                request.read_circle(args)?;
            } else if is_search && left > 3 && shapes == [false; 2] && args.take_if("BYBOX") {
                shapes[1] = true;
                request.read_box(args)?;
            } else if form == Form::SearchStore && args.take_if("STOREDIST") {
                request.stores_distance = true;
            } else if matches!(form, Form::Radius { may_store: true, .. }) && left > 1 && args.take_if("STORE") {
                (request.destination, request.stores_distance) = (Some(args.word()?), false);
            } else if matches!(form, Form::Radius { may_store: true, .. }) && left > 1 && args.take_if("STOREDIST") {
                (request.destination, request.stores_distance) = (Some(args.word()?), true);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        let shows = request.with_distance || request.with_score || request.with_position;
        if shows && (request.destination.is_some() || form == Form::SearchStore) {
            return Err(Error::new(match form {
                Form::SearchStore => {
                    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
                _ => "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            }));
        }
        if is_search && origins[0] == origins[1] {
            return Err(exactly_one("FROMMEMBER or FROMLONLAT", name));
        }
        if is_search && shapes[0] == shapes[1] {
            return Err(exactly_one("BYRADIUS and BYBOX", name));
        }
        if request.is_any && request.count.is_none() {
            return Err(Error::new("ERR the ANY argument requires COUNT argument"));
        }
        Ok(request)
    }

    /// Reads an option that all forms have, if one is next.
    fn read_common(&mut self, args: &mut Args<'a>) -> Result<bool> {
        if args.take_if("WITHDIST") {
            self.with_distance = true;
        } else if args.take_if("WITHHASH") {
            self.with_score = true;
        } else if args.take_if("WITHCOORD") {
            self.with_position = true;
        } else if args.take_if("ANY") {
            self.is_any = true;
        } else if args.take_if("ASC") {
            self.is_ascending = Some(true);
        } else if args.take_if("DESC") {
            self.is_ascending = Some(false);
        } else if args.len() > 1 && args.take_if("COUNT") {
            let count = args.integer()?;
            let count = usize::try_from(count).ok().filter(|count| *count > 0);
            self.count = Some(count.ok_or(Error::new("ERR COUNT must be > 0"))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn read_circle(&mut self, args: &mut Args<'_>) -> Result<()> {
        let radius = read_length(args, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Error::new("ERR radius cannot be negative"));
        }
        self.unit = read_unit(args)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(())
    }

    fn read_box(&mut self, args: &mut Args<'_>) -> Result<()> {
        let width = read_length(args, "ERR need numeric width")?;
        let height = read_length(args, "ERR need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::new("ERR height or width cannot be negative"));
        }
        self.unit = read_unit(args)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    /// What there is, in the order and the number that were asked for. Cost: O(n + log m) where n is what lies in the
    /// cells around the area and m the size of the set.
    pub(super) fn find<'s>(&self, set: &'s ZSet) -> Vec<Found<'s>> {
        let (Some(middle), Some(shape)) = (self.from, self.shape) else { return Vec::new() };
        let area = Area { middle, shape };
        let enough = self.count.filter(|_| self.is_any).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for cell in area.cells() {
            let (first, end) = cell.scores();
            let ranks = set.ranks_by_score(ScoreBound::included(first), ScoreBound::excluded(end));
            for (member, score) in set.iter_range(ranks.start, ranks.len()) {
                if found.len() >= enough {
                    break;
                }
                let position = Position::of_score(score);
                if let Some(distance) = area.distance_within(position) {
                    found.push(Found { member, score, distance: distance / self.unit, position });
                }
            }
        }
        // The first so many are the nearest, unless any will do.
        match self.is_ascending.or_else(|| (self.count.is_some() && !self.is_any).then_some(true)) {
            Some(true) => order::sort_by(&mut found, |one, other| one.distance.total_cmp(&other.distance)),
            Some(false) => order::sort_by(&mut found, |one, other| other.distance.total_cmp(&one.distance)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        found
    }
}

fn read_member(args: &mut Args<'_>, set: &ZSet) -> Result<Position> {
    position_of(set, args.word()?).ok_or(Error::new("ERR could not decode requested zset member"))
}

fn read_length(args: &mut Args<'_>, error: &'static str) -> Result<f64> {
    num::parse_f64(args.word()?).ok_or(Error::new(error))
}

fn exactly_one(of: &str, name: &[u8]) -> Error {
    Error::owned(alloc::format!("ERR exactly one of {of} can be specified for {}", String::from_utf8_lossy(name)))
}
