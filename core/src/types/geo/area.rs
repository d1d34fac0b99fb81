//! What a search looks at: a circle or a rectangle around a position, and the cells that cover it.

use alloc::vec::Vec;

use super::cell::{BITS_MAX, Cell, EARTH_RADIUS, Position, Rectangle, degrees, radians};

/// The form of an area. All in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A form around a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) middle: Position,
    pub(super) shape: Shape,
}

impl Area {
    /// The distance of a position from the middle, if it is inside.
    pub(super) fn distance_within(&self, position: Position) -> Option<f64> {
        let is_inside = match self.shape {
            Shape::Circle { radius } => self.middle.distance(position) <= radius,
            Shape::Box { width, height } => {
                let level = Position { longitude: self.middle.longitude, latitude: position.latitude };
                self.middle.distance_along(position) <= height / 2.0 && level.distance(position) <= width / 2.0
            }
        };
        is_inside.then(|| self.middle.distance(position))
    }

    /// The cells in which all that is inside lies: that of the middle first, then those around it that are needed, each
    /// once.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut bits = self.fitting_bits();
        let mut own = self.middle.cell(bits);
        if bits > 1 && !covers(own, bounds) {
            bits -= 1;
            own = self.middle.cell(bits);
        }
        let Rectangle { west, east, south, north } = own.rectangle();
        let is_needed = |(to_north, to_east): &(i32, i32)| {
            bits < 2
                || !(*to_north < 0 && south < bounds.south
                    || *to_north > 0 && north > bounds.north
                    || *to_east < 0 && west < bounds.west
                    || *to_east > 0 && east > bounds.east)
        };
        let mut cells: Vec<Cell> = Vec::with_capacity(AROUND.len());
        for (to_north, to_east) in AROUND.into_iter().filter(is_needed) {
            let cell = own.neighbour(to_north, to_east);
            // On a coarse grid two ways lead to the same cell.
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }

    /// The rectangle around it. Towards a pole a degree of longitude is shorter, and the wider side decides.
    fn bounds(&self) -> Rectangle {
        let (across, along) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Position { longitude, latitude } = self.middle;
        let along = degrees(along / EARTH_RADIUS);
        let poleward = if latitude < 0.0 { latitude - along } else { latitude + along };
        let across = degrees(across / EARTH_RADIUS / libm::cos(radians(poleward)));
        Rectangle {
            west: longitude - across,
            east: longitude + across,
            south: latitude - along,
            north: latitude + along,
        }
    }

    /// The finest grid of which nine cells are likely to cover the area.
    fn fitting_bits(&self) -> u32 {
        let mut reach = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => libm::sqrt(width / 2.0 * (width / 2.0) + height / 2.0 * (height / 2.0)),
        };
        if reach == 0.0 {
            return BITS_MAX;
        }
        let mut bits = 1_i32;
        while reach < MAP_METRES {
            reach *= 2.0;
            bits += 1;
        }
        // So that the area lies within the cells around wherever in the middle one it begins.
        bits -= 2;
        let latitude = self.middle.latitude.abs();
        bits -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        bits.clamp(1, BITS_MAX as i32) as u32
    }
}

/// Whether a cell and those around it cover a rectangle.
fn covers(cell: Cell, bounds: Rectangle) -> bool {
    let around = |to_north, to_east| cell.neighbour(to_north, to_east).rectangle();
    around(1, 0).north >= bounds.north
        && around(-1, 0).south <= bounds.south
        && around(0, 1).east >= bounds.east
        && around(0, -1).west <= bounds.west
}

/// A cell and its neighbours, in the order in which they are looked at: steps to the north and to the east.
const AROUND: [(i32, i32); 9] = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];
/// Half of the Mercator square's side.
const MAP_METRES: f64 = 20_037_726.37;
