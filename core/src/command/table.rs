//! The table of all commands: every family's rows, found by name.

use super::Command;
use crate::{families, types};

/// Rows of each family. A new family is one line here.
const FAMILIES: &[&[Command]] = &[
    #[cfg(not(feature = "server"))]
    families::absent::COMMANDS,
    #[cfg(feature = "server")]
    families::acl::COMMANDS,
    #[cfg(feature = "server")]
    families::client::COMMANDS,
    #[cfg(feature = "server")]
    families::cluster::COMMANDS,
    #[cfg(feature = "server")]
    families::command::COMMANDS,
    #[cfg(feature = "server")]
    families::config::COMMANDS,
    families::connection::COMMANDS,
    #[cfg(feature = "server")]
    families::debug::COMMANDS,
    #[cfg(feature = "server")]
    families::dump::COMMANDS,
    families::expiry::COMMANDS,
    #[cfg(feature = "server")]
    families::info::COMMANDS,
    families::keys::COMMANDS,
    #[cfg(feature = "server")]
    families::latency::COMMANDS,
    families::memory::COMMANDS,
    #[cfg(feature = "server")]
    families::modules::COMMANDS,
    #[cfg(feature = "server")]
    families::monitor::COMMANDS,
    families::object::COMMANDS,
    #[cfg(feature = "server")]
    families::persistence::COMMANDS,
    #[cfg(feature = "server")]
    families::pubsub::COMMANDS,
    #[cfg(feature = "server")]
    families::replication::COMMANDS,
    #[cfg(feature = "server")]
    families::scripting::COMMANDS,
    families::server::COMMANDS,
    #[cfg(feature = "server")]
    families::slowlog::COMMANDS,
    families::sort::COMMANDS,
    families::transactions::COMMANDS,
    #[cfg(feature = "server")]
    families::wait::COMMANDS,
    types::geo::ADD_COMMANDS,
    types::geo::READ_COMMANDS,
    types::geo::SEARCH_COMMANDS,
    types::hyperloglog::ADD_COMMANDS,
    #[cfg(feature = "server")]
    types::hyperloglog::DEBUG_COMMANDS,
    types::hyperloglog::READ_COMMANDS,
    types::list::blocking_commands::COMMANDS,
    types::list::commands::COMMANDS,
    types::list::search::COMMANDS,
    types::list::transfer::COMMANDS,
    types::hash::COMMANDS,
    types::hash::expiry_commands::COMMANDS,
    types::hash::get_set_commands::COMMANDS,
    types::set::COMMANDS,
    types::set::ALGEBRA_COMMANDS,
    types::string::COMMANDS,
    types::string::COUNTER_COMMANDS,
    types::zset::add::COMMANDS,
    types::zset::blocking_commands::COMMANDS,
    types::zset::combine::COMMANDS,
    types::zset::commands::COMMANDS,
    types::zset::pops::COMMANDS,
    types::zset::ranges::COMMANDS,
    types::string::LCS_COMMANDS,
    types::bitmap::COMMANDS,
    types::bitmap::FIELD_COMMANDS,
    types::stream::claim_commands::COMMANDS,
    types::stream::commands::COMMANDS,
    types::stream::group_commands::COMMANDS,
    types::stream::info_commands::COMMANDS,
    types::stream::range_commands::COMMANDS,
    types::stream::read_commands::COMMANDS,
];

/// Rows without those of subcommands.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const ROWS_COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// All rows, family by family, each with its number.
static ROWS: [Command; ROWS_COUNT] = numbered();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const fn numbered() -> [Command; ROWS_COUNT] {
    let mut rows = [FAMILIES[0][0]; ROWS_COUNT];
    let (mut at, mut family) = (0, 0);
    #[cfg(feature = "server")]
    let mut number = 0;
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            rows[at] = FAMILIES[family][row];
            #[cfg(feature = "server")]
            {
                rows[at].number = number;
                number += 1 + rows[at].subcommands.len() as u16;
            }
            at += 1;
            row += 1;
        }
        family += 1;
    }
    rows
}

/// All rows, family by family.
pub fn all() -> impl Iterator<Item = &'static Command> {
    ROWS.iter()
}

/// All rows, and after each that is a container those of its subcommands: each stands at its [number](number_of).
#[cfg(feature = "server")]
pub(crate) fn with_subcommands() -> impl Iterator<Item = &'static Command> {
    ROWS.iter().flat_map(|row| core::iter::once(row).chain(row.subcommands))
}

/// The number of a row, different for each; but `DEBUG` is one command, as in Redis. Cost: O(1), of a subcommand O(its
/// siblings).
#[cfg(feature = "server")]
pub(crate) fn number_of(row: &Command) -> usize {
    if row.container.is_empty() {
        return usize::from(row.number);
    }
    let Some(container) = find(row.container.as_bytes()) else { return 0 };
    if container.name == "debug" {
        return usize::from(container.number);
    }
    let place = container.subcommands.iter().position(|inner| inner.name == row.name).unwrap_or(0);
    usize::from(container.number) + 1 + place
}

/// The row named `name`, in whatever case. Cost: O(1); the index is built by the compiler.
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let mut slot = slot_of(name);
    loop {
        let at = *INDEX.get(slot)?;
        let row = ROWS.get(usize::from(at))?;
        if name.eq_ignore_ascii_case(row.name.as_bytes()) {
            return Some(row);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Places in the index: a power of two with room for four times the commands there are, so that probes stay short.
const SLOTS: usize = 1024;
/// Marks a place without a row.
const VACANT: u16 = u16::MAX;
/// The row of every name, by open addressing.
static INDEX: [u16; SLOTS] = build_index();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const fn build_index() -> [u16; SLOTS] {
    let rows = numbered();
    let mut index = [VACANT; SLOTS];
    let mut row = 0;
    while row < ROWS_COUNT {
        let mut slot = slot_of(rows[row].name.as_bytes());
        while index[slot] != VACANT {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = row as u16;
        row += 1;
    }
    index
}

/// FNV-1a over the lower-case name: small, good enough for a few hundred short names, and computable by the compiler.
#[expect(clippy::indexing_slicing, reason = "the index stays below the length by the loop's condition")]
const fn slot_of(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at].to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Flags, Keys};
    use alloc::collections::BTreeSet;

    #[test]
    fn every_row_is_found_under_its_name_and_no_name_stands_twice() {
        let mut names = BTreeSet::new();
        for row in all() {
            assert!(names.insert(row.name), "{} stands twice", row.name);
            assert_eq!(find(row.name.to_ascii_uppercase().as_bytes()).map(|row| row.name), Some(row.name));
        }
        assert!(find(b"").is_none() && find(b"nosuchcommand").is_none());
    }

    #[test]
    #[cfg(feature = "server")]
    fn every_row_stands_at_its_number() {
        for (number, row) in with_subcommands().enumerate().filter(|(_, row)| row.container != "debug") {
            assert_eq!(number_of(row), number, "{}", row.full_name());
        }
    }

    #[test]
    fn every_row_is_documented_and_agrees_with_itself() {
        for row in all().flat_map(|row| core::iter::once(row).chain(row.subcommands)) {
            let name = row.full_name();
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(row.summary.ends_with('.') && !row.since.is_empty() && !row.complexity.is_empty(), "{name}");
            assert!(row.arity != 0, "{name}");
            assert!(!row.flags.has(Flags::READ.and(Flags::WRITE)), "{name} either reads or writes");
            let data = row.flags.has(Flags::READ) || row.flags.has(Flags::WRITE);
            assert!(!data || row.keys != Keys::None || row.flags.has(Flags::ALL_KEYS), "{name} says what it touches");
            for inner in row.subcommands {
                assert_eq!(inner.container, row.name, "{name}");
            }
        }
    }
}
