//! Save points: after how much time and how many changes a snapshot is written.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::Config;

/// A snapshot is due once as many changes are as old as this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    pub seconds: u64,
    /// Changes since then.
    pub changes: u64,
}

/// Reads `seconds changes …` into the canonical form; no words are no save points.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let points = read(text).ok_or("Invalid save parameters")?;
    let shown: Vec<String> = points.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect();
    Ok(shown.join(" "))
}

fn read(text: &str) -> Option<Vec<SavePoint>> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let points = pairs.iter().map(|[seconds, changes]| {
        let point = SavePoint { seconds: seconds.parse().ok()?, changes: changes.parse().ok()? };
        (point.seconds > 0).then_some(point)
    });
    points.collect::<Option<_>>().filter(|_| rest.is_empty())
}

impl Config {
    /// When a snapshot is due.
    pub fn save_points(&self) -> Vec<SavePoint> {
        self.value("save").and_then(read).unwrap_or_default()
    }

    /// Adds what a further line says to the save points; an empty one takes back those before.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn join_save_points(before: &str, line: &str) -> Result<String, String> {
        let line = parse(line)?;
        Ok(if line.is_empty() { line } else { [before, &line].join(" ").trim_start().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn save_points_are_pairs_of_seconds_and_changes() {
        let mut config = Config::new(&Limits::DEFAULT);
        assert_eq!(config.save_points(), []);
        config.set_all(&[(b"save", b" 3600 1  60 10000")]).unwrap();
        assert_eq!(config.value("save"), Some("3600 1 60 10000"));
        let points = [(3600, 1), (60, 10000)].map(|(seconds, changes)| SavePoint { seconds, changes });
        assert_eq!(config.save_points(), points);
        for wrong in ["60", "0 1", "60 -1", "x 1", "60 1 5", "60 1.5"] {
            let error = config.set_all(&[(b"save", wrong.as_bytes())]).unwrap_err();
            assert!(error.text().contains("Invalid save parameters"), "{wrong}");
        }
        assert_eq!(config.save_points(), points, "what is wrong changes nothing");
        config.set_all(&[(b"save", b"")]).unwrap();
        assert_eq!(config.save_points(), []);
    }

    #[test]
    fn lines_add_up_until_an_empty_one() {
        let join = |before, line| Config::join_save_points(before, line).unwrap();
        assert_eq!(join("", "900 1"), "900 1");
        assert_eq!(join("900 1", "60 100"), "900 1 60 100");
        assert_eq!(join("900 1", ""), "");
        assert!(Config::join_save_points("900 1", "x").is_err());
    }
}
