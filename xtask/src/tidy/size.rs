//! A source file holds one idea, and an idea fits into some hundred lines.

use super::{File, Problem};

pub(super) fn check(file: &File) -> Vec<Problem> {
    if !file.is_source() {
        return Vec::new();
    }
    let lines = file.text.lines().count();
    let text = format!("{lines} lines, more than the {LINES_USUAL} that one idea takes: split it by ideas");
    match lines {
        0..=LINES_USUAL => Vec::new(),
        _ => vec![Problem { fatal: lines > LINES_MAX, ..Problem::new(0, text) }],
    }
}

const LINES_USUAL: usize = 500;
const LINES_MAX: usize = 800;

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    #[test]
    fn long_files_are_warned_of_and_longer_ones_refused() {
        let verdicts = |path, lines: usize| -> Vec<bool> {
            check(&file(path, &"x\n".repeat(lines))).iter().map(|problem| problem.fatal).collect()
        };
        assert_eq!(verdicts("core/src/a.rs", 500), []);
        assert_eq!(verdicts("core/src/a.rs", 501), [false]);
        assert_eq!(verdicts("core/src/a.rs", 800), [false]);
        assert_eq!(verdicts("core/src/a.rs", 801), [true]);
        assert_eq!(verdicts("wasm/js/src/commands.gen.ts", 5_000), []);
        assert_eq!(verdicts("Cargo.lock", 5_000), []);
    }
}
