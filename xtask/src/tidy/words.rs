//! What must not stand in the repository: paths of somebody's machine, unresolved conflicts, and work put off in a
//! comment.

use super::{File, Problem};

pub(super) fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for &(parts, why) in MACHINE_PATHS {
            if starts_a_path(line, &parts.concat()) {
                problems.push(Problem::new(index + 1, format!("{:?}: {why}", parts.concat())));
            }
        }
        if CONFLICT.iter().any(|parts| line.starts_with(&parts.concat())) {
            problems.push(Problem::new(index + 1, "a conflict that was not resolved"));
        }
        if !file.is_source() {
            continue;
        }
        for &(parts, why) in PUT_OFF {
            if has_word(line, &parts.concat()) {
                problems.push(Problem::new(index + 1, format!("{}: {why}", parts.concat())));
            }
        }
    }
    problems
}

/// Tells whether a line has the path, not as the inner part of a longer one.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | '}' | ')'))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric()).any(|found| found == word)
}

// Written in two parts, so that this file passes its own rule.
const MACHINE_PATHS: &[([&str; 2], &str)] = &[
    (["../", "shared"], "the repository stands alone"),
    (["/wo", "rk/"], "a path of one machine"),
    (["/ro", "ot/"], "a path of one machine"),
    (["/ho", "me/"], "a path of one machine"),
    (["/Us", "ers/"], "a path of one machine"),
    (["/tmp", "/wt"], "a path of one machine"),
];

const CONFLICT: &[[&str; 2]] = &[["<<<<", "<<< "], [">>>>", ">>> "]];

const PUT_OFF: &[([&str; 2], &str)] = &[
    (["TO", "DO"], "do it, or file it where it will be seen"),
    (["FIX", "ME"], "fix it, or file it where it will be seen"),
    (["XX", "X"], "say what is wrong"),
];

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    fn broken(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text)).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        assert_eq!(broken("README.md", &format!("fine\nsee {}work/main\n", '/')), [2]);
        assert_eq!(broken("a.toml", &format!("p = \"..{}shared/x\"", '/')), [1]);
        assert_eq!(broken("README.md", "a framework/tool, network/work/x, $HOME/x"), []);
    }

    #[test]
    fn conflicts_are_found() {
        assert_eq!(broken("a.toml", &format!("a\n{}<<< HEAD\nb", "<<<<")), [2]);
        assert_eq!(broken("README.md", "1 << 7\n>>> quoted"), []);
    }

    #[test]
    fn work_put_off_is_found_in_sources_only() {
        let comment = format!("// {}DO later", "TO");
        assert_eq!(broken("core/src/a.rs", &comment), [1]);
        assert_eq!(broken("CHANGELOG.md", &comment), []);
        assert_eq!(broken("core/src/a.rs", "let mastodon = 1; // TODOS"), []);
    }
}
