//! Making a failing run short: units that aren't needed are left out, then single calls, then words.

use std::time::{Duration, Instant};

use super::calls::Call;
use super::check::Check;
use super::units::Unit;

/// How long one run is shortened.
const PATIENCE: Duration = Duration::from_secs(15);

/// Leaves out what `fails` does without. Cost: some hundred runs.
pub(super) fn shrink(units: Vec<Unit>, mut fails: impl FnMut(&[Unit]) -> bool) -> Vec<Unit> {
    let deadline = Instant::now() + PATIENCE;
    let units = without(units, deadline, &mut fails);
    // A transaction without one of its calls is still one.
    let mut whole = units;
    for at in 0..whole.len() {
        // What is drawn from means nothing without what was drawn.
        let depends = |call: &Call| matches!(call.check, Check::Drawn { .. } | Check::Scanned { .. } | Check::Left);
        if whole[at].calls.len() < 2 || whole[at].calls.iter().any(depends) {
            continue;
        }
        let calls = std::mem::take(&mut whole[at].calls);
        let calls: Vec<Call> = without(calls, deadline, &mut |calls| {
            let mut tried = whole.clone();
            tried[at].calls = calls.to_vec();
            fails(&tried)
        });
        whole[at].calls = calls;
    }
    for (unit, at) in whole
        .iter()
        .enumerate()
        .flat_map(|(at, unit)| (0..unit.calls.len()).map(move |call| (at, call)))
        .collect::<Vec<_>>()
    {
        let words = whole[unit].calls[at].words.clone();
        if words.len() > 3 {
            let words = without(words, deadline, &mut |words| {
                let mut tried = whole.clone();
                tried[unit].calls[at].words = words.to_vec();
                fails(&tried)
            });
            whole[unit].calls[at].words = words;
        }
    }
    whole
}

/// Delta debugging (Zeller and Hildebrandt, 2002) without its first half: complements only.
fn without<T: Clone>(mut items: Vec<T>, deadline: Instant, fails: &mut impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut size = items.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < items.len() && Instant::now() < deadline {
            let end = (at + size).min(items.len());
            let rest: Vec<T> = [&items[..at], &items[end..]].concat();
            if !rest.is_empty() && fails(&rest) {
                items = rest;
            } else {
                at = end;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let units: Vec<Unit> =
            (0..100).map(|n| Unit { line: 0, calls: vec![Call::of(&format!("ECHO {n}")), Call::of("PING")] }).collect();
        let has = |units: &[Unit], line: &str| {
            units.iter().flat_map(|unit| &unit.calls).any(|call| call.words == Call::of(line).words)
        };
        let shrunk = shrink(units, |units| has(units, "ECHO 17") && has(units, "ECHO 63"));
        let calls: Vec<_> = shrunk.iter().flat_map(|unit| &unit.calls).map(|call| call.words.join(&b' ')).collect();
        assert_eq!(calls, [b"ECHO 17".to_vec(), b"ECHO 63".to_vec()]);
    }
}
