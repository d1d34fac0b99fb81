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

/// Returns the table with its documentation, as data.
pub(crate) fn table(rows: &[&Command]) -> String {
    let mut text = header("The command table with its documentation, for completion and for the help of the console.");
    text += "/** One row of the table. */\n\
             export interface CommandRow {\n\
             \x20 readonly name: string;\n\
             \x20 /** Words of the whole call, the name included; negative: at least that many. */\n\
             \x20 readonly arity: number;\n\
             \x20 readonly flags: readonly string[];\n\
             \x20 /** The position of the first key among the words of a call; 0: it names none. */\n\
             \x20 readonly firstKey: number;\n\
             \x20 readonly group: string;\n\
             \x20 readonly since: string;\n\
             \x20 readonly complexity: string;\n\
             \x20 readonly syntax: string;\n\
             \x20 readonly summary: string;\n\
             \x20 /** Whether only a server runs it. */\n\
             \x20 readonly serverOnly: boolean;\n\
             \x20 readonly subcommands: readonly CommandRow[];\n\
             }\n\n\
             /** All rows, in order of name. */\n\
             export const COMMANDS: readonly CommandRow[] = [\n";
    for row in rows {
        text += &object(row, 1);
    }
    text + "];\n"
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
    let mut text = format!("{indent}{{\n");
    let mut field = |name: &str, value: String| text += &format!("{indent}  {name}: {value},\n");
    field("name", quoted(row.name));
    field("arity", row.arity.to_string());
    field("flags", format!("[{}]", flags.join(", ")));
    field("firstKey", first_key(row.keys).to_string());
    field("group", quoted(row.group.name()));
    field("since", quoted(row.since));
    field("complexity", quoted(row.complexity));
    field("syntax", quoted(row.syntax));
    field("summary", quoted(row.summary));
    field("serverOnly", row.flags.has(Flags::SERVER_ONLY).to_string());
    if row.subcommands.is_empty() {
        field("subcommands", "[]".to_owned());
    } else {
        let inner: String = row.subcommands.iter().map(|row| object(row, depth + 2)).collect();
        field("subcommands", format!("[\n{inner}{indent}  ]"));
    }
    text + &format!("{indent}}},\n")
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
        let text = super::table(&rows());
        for row in rows() {
            assert!(text.contains(&format!("    name: '{}',\n", row.name)), "{}", row.name);
        }
    }
}
