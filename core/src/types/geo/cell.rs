//! Cells of the map: a grid of 2^n × 2^n over the Mercator square, and how far two positions are from each other.
//!
//! Of a cell's number the even bits say which row (latitude), the odd bits which column (longitude). A number of fewer
//! bits is a larger cell that begins with the same bits. The square ends at 85.05112878°, where Web Mercator does.

use core::f64::consts::PI;

/// A position in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// A square of the grid with 2^`bits` rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) bits: u32,
}

/// A rectangle in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Position {
    /// A position, if it is on the map.
    pub(super) fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let is_there = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        is_there.then_some(Self { longitude, latitude })
    }

    /// The middle of the finest cell of a score.
    pub(super) fn of_score(score: f64) -> Self {
        Cell::of_number(score as u64, BITS_MAX).middle()
    }

    /// The score of the finest cell that it lies in.
    pub(super) fn score(self) -> f64 {
        self.cell(BITS_MAX).number() as f64
    }

    /// The cell of the grid with 2^`bits` rows that it lies in.
    pub(super) fn cell(self, bits: u32) -> Cell {
        let count = f64::from(1_u32 << bits);
        let place = |value: f64, max: f64| ((value + max) / (2.0 * max) * count) as u32;
        let (row, column) = (place(self.latitude, LATITUDE_MAX), place(self.longitude, LONGITUDE_MAX));
        // What lies on the far edge belongs to no cell, and takes the number of the next, as in Redis.
        Cell { row, column, bits }
    }

    /// The distance to another position in metres, on a sphere (the haversine formula).
    pub(super) fn distance(self, other: Self) -> f64 {
        let (own, others) = (radians(self.latitude), radians(other.latitude));
        let across = libm::sin((radians(other.longitude) - radians(self.longitude)) / 2.0);
        if across == 0.0 {
            return self.distance_along(other);
        }
        let along = libm::sin((others - own) / 2.0);
        let root = libm::sqrt(along * along + libm::cos(own) * libm::cos(others) * across * across);
        2.0 * EARTH_RADIUS * libm::asin(root)
    }

    /// The distance along the meridian alone.
    pub(super) fn distance_along(self, other: Self) -> f64 {
        EARTH_RADIUS * (radians(other.latitude) - radians(self.latitude)).abs()
    }

    /// Eleven letters of the geohash that other systems use: there the square ends at 90° north and south.
    pub(super) fn geohash(self) -> [u8; 11] {
        let count = f64::from(1_u32 << BITS_MAX);
        let place = |value: f64, max: f64| ((value + max) / (2.0 * max) * count) as u32;
        let cell = Cell { row: place(self.latitude, 90.0), column: place(self.longitude, 180.0), bits: BITS_MAX };
        let number = cell.number();
        core::array::from_fn(|at| {
            // Ten letters take 50 bits of 52; of the eleventh there aren't enough.
            let shift = (2 * BITS_MAX as usize).checked_sub((at + 1) * 5);
            let letter = shift.map_or(0, |shift| number >> shift & 31) as usize;
            LETTERS.get(letter).copied().unwrap_or_default()
        })
    }
}

impl Cell {
    /// The cell of a number.
    pub(super) fn of_number(number: u64, bits: u32) -> Self {
        Self { row: gather(number), column: gather(number >> 1), bits }
    }

    /// Its number: rows in the even bits, columns in the odd ones.
    pub(super) fn number(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    /// The scores of what lies in it: from the first to before the second.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (BITS_MAX - self.bits);
        ((self.number() << shift) as f64, ((self.number() + 1) << shift) as f64)
    }

    /// The one that is so many rows to the north and columns to the east; around the edge it goes on at the other side.
    pub(super) fn neighbour(self, north: i32, east: i32) -> Self {
        let mask = (1_u32 << self.bits) - 1;
        let moved = |place: u32, by: i32| place.wrapping_add_signed(by) & mask;
        Self { row: moved(self.row, north), column: moved(self.column, east), bits: self.bits }
    }

    /// What it covers.
    pub(super) fn rectangle(self) -> Rectangle {
        let count = f64::from(1_u32 << self.bits);
        let edge = |place: f64, max: f64| -max + place / count * (2.0 * max);
        let (row, column) = (f64::from(self.row), f64::from(self.column));
        Rectangle {
            west: edge(column, LONGITUDE_MAX),
            east: edge(column + 1.0, LONGITUDE_MAX),
            south: edge(row, LATITUDE_MAX),
            north: edge(row + 1.0, LATITUDE_MAX),
        }
    }

    fn middle(self) -> Position {
        let Rectangle { west, east, south, north } = self.rectangle();
        Position {
            longitude: ((west + east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((south + north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }
}

/// Puts a zero between any two bits.
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in STEPS {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

/// Takes every second bit, the lowest first.
fn gather(bits: u64) -> u32 {
    let mut gathered = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [(1, STEPS[3].1), (2, STEPS[2].1), (4, STEPS[1].1), (8, STEPS[0].1), (16, 0xffff_ffff)] {
        gathered = (gathered | gathered >> shift) & mask;
    }
    gathered as u32
}

pub(super) fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

pub(super) fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// The steps of spreading 32 bits: the distance by which the upper half moves, and what is kept.
const STEPS: [(u32, u64); 5] = [
    (16, 0x0000_ffff_0000_ffff),
    (8, 0x00ff_00ff_00ff_00ff),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
];
/// The finest grid: 52 bits are what a double holds exactly.
pub(super) const BITS_MAX: u32 = 26;
pub(super) const LONGITUDE_MAX: f64 = 180.0;
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;
/// The earth's radius in metres.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;
const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
