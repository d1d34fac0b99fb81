//! The commands page of the documentation.

use std::collections::BTreeMap;

use sanderling_core::command::{Command, Flags};

/// Returns the page: one table a family, one line a command.
pub(crate) fn commands(rows: &[&Command]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Command>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.group.name()).or_default().push(row);
    }
    let mut text = format!(
        "<!-- Generated from the command table by `cargo xtask codegen`: do not edit. -->\n\n\
         # Commands\n\n\
         {} commands, as Redis defines them. *Where* says whether a replica, in a tab or a worker, runs the command by\n\
         itself, or only the server does.\n",
        rows.len()
    );
    for (group, rows) in groups {
        text += &format!(
            "\n## {}\n\n| command | what it does | cost | since | where |\n|---|---|---|---|---|\n",
            title(group)
        );
        for row in rows {
            text += &line(&row.name.to_uppercase(), row);
            for sub in row.subcommands {
                text += &line(&format!("{} {}", row.name, sub.name).to_uppercase(), sub);
            }
        }
    }
    text
}

fn line(name: &str, row: &Command) -> String {
    let call = format!("{name} {}", row.syntax);
    let place = if row.flags.has(Flags::SERVER_ONLY) { "server" } else { "everywhere" };
    format!(
        "| `{}` | {} | {} | {} | {place} |\n",
        cell(call.trim()),
        cell(row.summary),
        cell(row.complexity),
        row.since
    )
}

/// Keeps a text from ending the cell that it stands in.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn title(group: &str) -> String {
    let mut letters = group.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &letters.as_str().replace('-', " ")
}

#[cfg(test)]
mod tests {
    use sanderling_core::command::{Command, table};

    #[test]
    fn every_command_has_a_line() {
        let rows: Vec<&Command> = table::all().collect();
        let text = super::commands(&rows);
        for row in rows {
            assert!(text.contains(&format!("| `{}", row.name.to_uppercase())), "{}", row.name);
        }
    }

    #[test]
    fn a_bar_does_not_end_the_cell() {
        assert_eq!(super::cell("[NX | XX]"), "[NX \\| XX]");
    }
}
