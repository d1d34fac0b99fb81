//! In core a module imports from its own layer and from those below, never from above.
//!
//! The imports are read from the text: every path that begins with `crate::` or `super::`, in `use` or elsewhere, with
//! its braces spread out. Comments and tests are left aside.

use super::{File, Problem};

/// The layers of core from the lowest up, each with the modules in it. `*` at the start of a name stands for
/// anything; the longest match decides, so `types/*/*commands` is not in the layer of `types`.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "the ground",
        &[
            "blob", "compress", "env", "error", "facts", "glob", "hash", "limits", "num", "order", "role", "stats",
            "table",
        ],
    ),
    ("RESP and the values of the types", &["resp", "types"]),
    ("the keyspace and the settings", &["keyspace", "config"]),
    ("the state of a session", &["session"]),
    ("effects", &["effect", "types/*/change"]),
    ("formats", &["format"]),
    ("a command's row, arguments and context, and who may call it", &["command", "acl"]),
    (
        "the commands of the types",
        &[
            "types/*/*commands",
            "types/*/counters",
            "types/bitmap",
            "types/geo",
            "types/hyperloglog",
            "types/string/lcs",
            "types/list/search",
            "types/list/transfer",
            "types/zset/add",
            "types/zset/combine",
            "types/zset/pops",
            "types/zset/query",
            "types/zset/ranges",
        ],
    ),
    (
        "families and the table of all rows",
        &[
            "families",
            "command/table",
            "command/dispatch",
            "command/script",
            "command/account",
            "command/busy",
            "command/permit",
            // Containers, whose `HELP` is a family's.
            "types/stream/group_commands",
            "types/stream/info_commands",
        ],
    ),
    ("the engine", &["engine"]),
    ("sync", &["sync"]),
];

pub(super) fn check(file: &File) -> Vec<Problem> {
    let Some(module) = module_of(&file.path) else {
        return Vec::new();
    };
    let Some(own) = layer(&module) else {
        let text = "in no layer: add its module to LAYERS in xtask/src/tidy/layers.rs";
        return vec![Problem::new(0, text)];
    };
    imports(&file.text, &module)
        .into_iter()
        .filter_map(|(line, path)| {
            let other = layer(&path)?;
            (other > own).then(|| {
                let text = format!(
                    "an import from above: crate::{} is in {}, this file in {}",
                    path.join("::"),
                    LAYERS.get(other).map_or("", |(name, _)| name),
                    LAYERS.get(own).map_or("", |(name, _)| name),
                );
                Problem::new(line, text)
            })
        })
        .collect()
}

/// Returns the path of the module that a file of core holds; `None` for other files, for the crate's root and for tests.
fn module_of(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix("core/src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let is_test = parts.last().is_some_and(|name| name == "tests" || name.ends_with("_tests"));
    (path != "lib" && !is_test && !parts.iter().any(|part| part == "tests")).then_some(parts)
}

/// Returns the layer of a module or of something in it: that of the longest row that it begins with.
fn layer(path: &[String]) -> Option<usize> {
    let rows = LAYERS.iter().enumerate().flat_map(|(index, (_, rows))| rows.iter().map(move |row| (index, row)));
    rows.filter(|(_, row)| begins_with(path, row)).max_by_key(|(_, row)| row.split('/').count()).map(|(index, _)| index)
}

fn begins_with(path: &[String], row: &str) -> bool {
    let count = row.split('/').count();
    path.len() >= count
        && row
            .split('/')
            .zip(path)
            .all(|(pattern, name)| pattern.strip_prefix('*').map_or(pattern == name, |end| name.ends_with(end)))
}

/// Returns the paths within core that a file names, with their lines.
fn imports(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let code = code_of(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let (before, rest) = code.split_at(at);
        let word = before.rsplit(|c: char| !is_word(c)).next().unwrap_or("");
        let start = before.len() - word.len();
        // `a::super::b` is no path of ours, and the second `super` of `super::super::b` is read with the first.
        let continues = before.get(..start).is_some_and(|before| before.ends_with("::"));
        let mut base = match word {
            "crate" => Vec::new(),
            "super" => module.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default(),
            _ => continue,
        };
        if continues {
            continue;
        }
        let mut rest = rest.strip_prefix("::").unwrap_or(rest);
        while let Some(upper) = rest.strip_prefix("super::") {
            base.pop();
            rest = upper;
        }
        let line = before.matches('\n').count() + 1;
        found.extend(spread(rest, &base).into_iter().map(|path| (line, path)));
    }
    found
}

/// Spreads out what follows `crate::`: `a::{b, c::d}` becomes the paths `a::b` and `a::c::d`.
fn spread(tree: &str, base: &[String]) -> Vec<Vec<String>> {
    let mut path = base.to_vec();
    let mut rest = tree;
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            return branches(inner).into_iter().flat_map(|branch| spread(branch.trim(), &path)).collect();
        }
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !word.is_empty() && word != "self" {
            path.push(word.to_owned());
        }
        match after.strip_prefix("::") {
            Some(next) if !word.is_empty() => rest = next,
            _ => return vec![path],
        }
    }
}

/// Cuts the inside of a brace, up to the one that closes it, at the commas that are not within further braces.
fn branches(inner: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.extend(inner.get(start..at).filter(|branch| !branch.trim().is_empty()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the text with its comments emptied, up to the tests at its end.
fn code_of(text: &str) -> String {
    let code = text.find("#[cfg(test)]\nmod ").and_then(|end| text.get(..end)).unwrap_or(text);
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    fn broken(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text)).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn imports_from_below_and_beside_pass() {
        assert_eq!(broken("core/src/keyspace/entry.rs", "use crate::types::Value;\nuse super::db::Db;"), []);
        assert_eq!(broken("core/src/types/hash/commands.rs", "use crate::command::{Context, args::Args};"), []);
        assert_eq!(broken("core/src/engine.rs", "use crate::session::Session;\nuse crate::error::Error;"), []);
        assert_eq!(broken("core/src/command/table.rs", "use crate::types::hash::commands;"), []);
        assert_eq!(broken("core/src/lib.rs", "pub use crate::sync::Hub;"), []);
        assert_eq!(broken("server/src/conn.rs", "use crate::sync::Hub;"), []);
    }

    #[test]
    fn imports_from_above_are_found() {
        assert_eq!(broken("core/src/types/hash/value.rs", "\nuse crate::keyspace::Entry;"), [2]);
        assert_eq!(broken("core/src/types/hash/value.rs", "use super::commands::HSET;"), [1]);
        assert_eq!(broken("core/src/types/hash/value.rs", "use super::super::super::engine::Engine;"), [1]);
        assert_eq!(broken("core/src/num.rs", "use crate::{error::Error, engine::{self, Engine}};"), [1, 1]);
        assert_eq!(broken("core/src/effect/apply.rs", "fn f(x: &crate::command::Context) {}"), [1]);
        assert_eq!(
            broken("core/src/command/mod.rs", "use crate::{\n    error::Error,\n    types::set::commands::SADD,\n};"),
            [1]
        );
        assert_eq!(broken("core/src/session/mod.rs", "use crate::sync::Hub;"), [1]);
    }

    #[test]
    fn comments_and_tests_are_left_aside() {
        assert_eq!(broken("core/src/num.rs", "//! See [`crate::engine`].\n"), []);
        assert_eq!(broken("core/src/num.rs", "#[cfg(test)]\nmod tests {\n    use crate::engine::Engine;\n}"), []);
        assert_eq!(broken("core/src/keyspace/tests.rs", "use crate::engine::Engine;"), []);
    }

    #[test]
    fn a_module_in_no_layer_is_a_problem() {
        assert_eq!(broken("core/src/misc.rs", ""), [0]);
    }
}
