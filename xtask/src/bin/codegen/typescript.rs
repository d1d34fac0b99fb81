//! The TypeScript of the command table: the methods that the npm package offers, and the table that the page shows.

use sanderling_core::command::{Command, Flags, Keys};

use crate::syntax::{Parameters, parameters};

/// Returns an interface with one method for each command that a replica offers.
pub(crate) fn methods(rows: &[&Command]) -> String {
    let rows: Vec<_> = rows.iter().filter(|row| row.is_method()).collect();
    let mut text = header("The commands as methods: how each is called.");
    text += "import type { ReplyOf } from './replies.js';\n\n";
    text +=
        "/** One method for each command; `A` is what goes in as an argument, `V` what a string in a reply is. */\n";
    text += "export interface CommandMethods<A, V> {\n";
    for row in &rows {
        text += &format!("  /** {} Since {}. Cost: {}. */\n", comment(row.summary), row.since, comment(row.complexity));
        text += &format!("  {0}({1}): ReplyOf<'{0}', V>;\n", row.name, signature(&parameters(row.syntax)));
    }
    text + "}\n"
}

/// Returns the rows of one group with their documentation, as data.
pub(crate) fn group(name: &str, rows: &[&Command]) -> String {
    let mut text = header(&format!("The rows of the command table in the group `{name}`."));
    text += "import type { CommandRow } from './row.js';\n\nexport const ROWS: readonly CommandRow[] = [\n";
    for row in rows {
        text += &object(row, 1);
    }
    text + "];\n"
}

/// Returns the module that makes one table of the rows of all groups.
pub(crate) fn index(groups: &[&str]) -> String {
    let mut text = header("The command table with its documentation, for completion and for the help of the console.");
    for name in groups {
        text += &format!("import {{ ROWS as {} }} from './{name}.gen.js';\n", identifier(name));
    }
    let all: Vec<String> = groups.iter().map(|name| format!("...{}", identifier(name))).collect();
    text += "import type { CommandRow } from './row.js';\n\n/** All rows, in order of name. */\n";
    text += &format!("export const COMMANDS: readonly CommandRow[] = [\n  {},\n]", all.join(",\n  "));
    text + ".sort((one, other) => (one.name < other.name ? -1 : 1));\n"
}

fn signature(parameters: &Parameters) -> String {
    let mut list: Vec<String> = parameters.required.iter().map(|name| format!("{name}: A")).collect();
    if parameters.has_more {
        list.push("...more: A[]".to_owned());
    }
    list.join(", ")
}

fn object(row: &Command, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let flags: Vec<String> = row.flags.names().map(quoted).collect();
    let mut text = format!(
        "{indent}{{ name: {}, arity: {}, flags: [{}], firstKey: {}, group: {}, since: {}, serverOnly: {},\n",
        quoted(row.name),
        row.arity,
        flags.join(", "),
        first_key(row.keys),
        quoted(row.group.name()),
        quoted(row.since),
        row.flags.has(Flags::SERVER_ONLY),
    );
    text += &format!("{indent}  syntax: {}, complexity: {},\n", quoted(row.syntax), quoted(row.complexity));
    text += &format!("{indent}  summary: {}, subcommands: [", quoted(row.summary));
    if !row.subcommands.is_empty() {
        let inner: String = row.subcommands.iter().map(|row| object(row, depth + 2)).collect();
        text += &format!("\n{inner}{indent}  ");
    }
    text + "] },\n"
}

/// A group's name as a variable of TypeScript: `sorted-set` is `sortedSet`.
fn identifier(group: &str) -> String {
    let mut parts = group.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (initial, rest) = part.split_at(part.len().min(1));
        name + &initial.to_ascii_uppercase() + rest
    })
}

fn first_key(keys: Keys) -> usize {
    match keys {
        Keys::None => 0,
        Keys::Range { first, .. } => first,
        Keys::Counted { at } => at + 1,
        // Behind options: the position depends on the call.
        Keys::Streams => 0,
        Keys::DestinationCounted => 1,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Keeps a text from ending the comment that it stands in.
fn comment(text: &str) -> String {
    text.replace("*/", "* /")
}

fn header(what: &str) -> String {
    format!("/**\n * {what}\n *\n * Generated from the command table by `cargo xtask codegen`: do not edit.\n */\n\n")
}

#[cfg(test)]
mod tests {
    use sanderling_core::command::{Command, table};

    fn rows() -> Vec<&'static Command> {
        table::all().collect()
    }

    #[test]
    fn a_command_becomes_a_method_with_its_parameters() {
        let text = super::methods(&rows());
        assert!(text.contains("  get(key: A): ReplyOf<'get', V>;\n"), "{text}");
        assert!(text.contains("  mset(key: A, value: A, ...more: A[]): ReplyOf<'mset', V>;\n"), "{text}");
        assert!(!text.contains("  multi("), "{text}");
    }

    #[test]
    fn quotes_are_escaped() {
        assert_eq!(super::quoted(r"it's a \"), r"'it\'s a \\'");
    }

    #[test]
    fn every_row_is_in_the_table() {
        let text = super::group("any", &rows());
        for row in rows() {
            assert!(text.contains(&format!("\n  {{ name: '{}', arity: {},", row.name, row.arity)), "{}", row.name);
        }
    }

    #[test]
    fn the_index_imports_each_group_by_a_name_that_typescript_takes() {
        let text = super::index(&["set", "sorted-set"]);
        assert!(text.contains("import { ROWS as sortedSet } from './sorted-set.gen.js';\n"), "{text}");
        assert!(text.contains("[\n  ...set,\n  ...sortedSet,\n]"), "{text}");
    }
}
