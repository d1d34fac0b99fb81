//! Medians, with the smallest and the largest: what a table shows of several rounds.

use super::report::Json;

/// A median with the smallest and the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Takes the middle one of several.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), min: at(0), max: at(values.len().saturating_sub(1)) }
    }

    /// Writes it as the files of figures have it.
    pub(super) fn json(self) -> Json {
        Json::Object(vec![("median", self.median.into()), ("min", self.min.into()), ("max", self.max.into())])
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_stands_between_the_smallest_and_the_largest() {
        assert_eq!(Spread::of([3.0, 9.0, 1.0].into_iter()), Spread { median: 3.0, min: 1.0, max: 9.0 });
    }
}
