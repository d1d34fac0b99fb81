//! Cells, distances and searches, against figures that are known and against a look at every member.

use alloc::{format, string::String, vec::Vec};

use proptest::prelude::*;

use super::{
    area::{Area, Shape},
    cell::{BITS_MAX, Cell, LATITUDE_MAX, Position},
};
use crate::{
    Engine, EngineOptions, Env,
    resp::{Value, decode_value},
};

const PALERMO: Position = Position { longitude: 13.361_389, latitude: 38.115_556 };
const CATANIA: Position = Position { longitude: 15.087_269, latitude: 37.502_669 };

fn any_position() -> impl Strategy<Value = Position> {
    (-180.0..180.0, -LATITUDE_MAX..LATITUDE_MAX).prop_map(|(longitude, latitude)| Position { longitude, latitude })
}

#[test]
fn scores_and_distances_are_those_of_redis() {
    assert_eq!(PALERMO.score(), 3_479_099_956_230_698.0);
    assert_eq!(CATANIA.score(), 3_479_447_370_796_909.0);
    let [one, other] = [PALERMO, CATANIA].map(|position| Position::of_score(position.score()));
    assert_eq!(format!("{:.4}", one.distance(other)), "166274.1516");
    assert_eq!([&one.geohash(), &other.geohash()], [b"sqc8b49rny0", b"sqdtr74hyu0"]);
}

proptest! {
    #[test]
    fn a_cell_holds_what_lies_in_it(position in any_position(), bits in 1..=BITS_MAX) {
        let cell = position.cell(bits);
        prop_assert_eq!(Cell::of_number(cell.number(), bits), cell);
        let rectangle = cell.rectangle();
        prop_assert!(rectangle.west <= position.longitude && position.longitude <= rectangle.east);
        prop_assert!(rectangle.south <= position.latitude && position.latitude <= rectangle.north);
        let (first, end) = cell.scores();
        prop_assert!((first..end).contains(&position.score()));
        prop_assert_eq!(cell.neighbour(1, -1).neighbour(-1, 1), cell);
    }

    #[test]
    fn the_cells_of_an_area_hold_all_that_is_inside(
        middle in any_position(),
        reach in 0.0..6.0_f64,
        is_box: bool,
        bearing in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 50),
    ) {
        let metres = libm::pow(10.0, reach);
        let shape = match is_box {
            true => Shape::Box { width: metres, height: metres / 2.0 },
            false => Shape::Circle { radius: metres },
        };
        let area = Area { middle, shape };
        let cells = area.cells();
        for (east, north) in bearing {
            let degrees = metres / 111_000.0;
            let Some(position) = Position::new(middle.longitude + east * degrees, middle.latitude + north * degrees)
            else { continue };
            if area.distance_within(position).is_some() {
                let score = position.score();
                let holds = |cell: &Cell| (cell.scores().0..cell.scores().1).contains(&score);
                prop_assert!(cells.iter().any(holds), "{position:?} is in none of {cells:?}");
            }
        }
    }
}

fn call(engine: &mut Engine, session: crate::SessionId, line: &str) -> Value {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let mut reply = Vec::new();
    engine.execute(Env::new(1_000_000, 7), session, &words, &mut reply);
    decode_value(&reply).unwrap().unwrap().0
}

#[test]
fn a_search_finds_what_a_look_at_all_finds() {
    let mut engine = Engine::new(EngineOptions::default());
    let session = engine.open_session("test", Env::new(0, 0));
    let mut rng = crate::hash::Rng::new(3);
    let mut at = |from: f64, to: f64| from + (to - from) * (rng.below(1_000_000) as f64 / 1e6);
    let positions: Vec<Position> =
        (0..400).map(|_| Position { longitude: at(-5.0, 5.0), latitude: at(40.0, 48.0) }).collect();
    for (member, position) in positions.iter().enumerate() {
        call(&mut engine, session, &format!("GEOADD all {} {} {member}", position.longitude, position.latitude));
    }
    for (radius, sort) in [(30, "ASC"), (120, "DESC"), (300, "ASC"), (1_000, "ASC")] {
        let found = call(&mut engine, session, &format!("GEOSEARCH all FROMLONLAT 1 44 BYRADIUS {radius} km {sort}"));
        let Value::Array(found) = found else { panic!("{found:?}") };
        let middle = Position { longitude: 1.0, latitude: 44.0 };
        let distance = |member: usize| middle.distance(Position::of_score(positions[member].score()));
        let mut expected: Vec<usize> =
            (0..positions.len()).filter(|member| distance(*member) <= f64::from(radius) * 1000.0).collect();
        expected.sort_by(|one, other| distance(*one).total_cmp(&distance(*other)));
        if sort == "DESC" {
            expected.reverse();
        }
        let expected: Vec<Value> =
            expected.iter().map(|member| Value::Bulk(format!("{member}").into_bytes())).collect();
        assert!(!expected.is_empty());
        assert_eq!(found, expected, "within {radius} km");
        let count = call(&mut engine, session, &format!("GEOSEARCHSTORE to all FROMLONLAT 1 44 BYRADIUS {radius} km"));
        assert_eq!(count, Value::Integer(expected.len() as i64));
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_as_by_redis() {
    let mut engine = Engine::new(EngineOptions::default());
    let session = engine.open_session("test", Env::new(0, 0));
    call(&mut engine, session, "GEOADD k 13.361389 38.115556 Palermo");
    for (line, error) in [
        ("GEOADD k 200 100 x", "ERR invalid longitude,latitude pair 200.000000,100.000000"),
        ("GEOADD k NX XX 1 1 x", "ERR syntax error"),
        ("GEODIST k Palermo Palermo parsec", "ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("GEOSEARCH k FROMMEMBER nobody BYRADIUS 1 m", "ERR could not decode requested zset member"),
        ("GEOSEARCH k FROMLONLAT 1 1 BYRADIUS -1 m", "ERR radius cannot be negative"),
        ("GEOSEARCH k FROMLONLAT 1 1 BYRADIUS 1 m ANY", "ERR the ANY argument requires COUNT argument"),
        ("GEOSEARCH k FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0", "ERR COUNT must be > 0"),
        ("GEOSEARCH k FROMLONLAT 1 1 BYBOX 1 1 m BYRADIUS 1 m", "ERR syntax error"),
        (
            "GEOSEARCH k BYRADIUS 1 m ASC WITHDIST",
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch",
        ),
        (
            "GEORADIUS k 1 1 1 m STORE to WITHDIST",
            "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        ("GEORADIUS_RO k 1 1 1 m STORE to", "ERR syntax error"),
    ] {
        let reply = call(&mut engine, session, line);
        let text = match &reply {
            Value::Error(text) => String::from(text.as_str()),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(text, error, "{line}");
    }
}
