//! What a command costs the engine alone: instructions, counted by callgrind, and nanoseconds.
//!
//! The count is the same in each run of one compiler's code, so a table of it stands in the repository, and a run says
//! what has changed since. Another compiler makes other code, and another processor lets libc choose other functions:
//! the table tells whose figures it holds, and differences are no error for anyone else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::report::{self, Json};
use crate::shell::{self, cargo, command, timed};
use crate::{need, paths};

/// Counts and times all streams, or with `--quick` only times them; prints them beside the table, or rewrites the table.
///
/// # Errors
/// When something is missing, or a command needs more instructions than the table allows.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (is_update, is_quick) = match arguments {
        [] => (false, false),
        [flag] if flag == "--update" => (true, false),
        [flag] if flag == "--quick" => (false, true),
        _ => bail!("usage: cargo xtask bench engine [--update | --quick]"),
    };
    need::programs(&[("valgrind", "valgrind")])?;
    let binary = build()?;
    let times = timed("time every stream", || Ok(lines(&shell::read(&mut command(&binary))?)))?;
    let rows = timed("count instructions (callgrind)", || {
        let counted = times.into_iter().map(|(name, nanoseconds)| {
            let instructions = if is_quick { f64::NAN } else { count(&binary, &name)? };
            Ok(Row { name, instructions, nanoseconds })
        });
        counted.collect::<Result<Vec<_>>>()
    })?;
    let table = Table::read()?;
    print!("{}", comparison(&rows, &table));
    let figures = rows.iter().map(|row| {
        Json::Object(vec![
            ("command", row.name.as_str().into()),
            ("instructions", row.instructions.into()),
            ("nanoseconds", row.nanoseconds.into()),
        ])
    });
    report::write("engine", arguments, vec![("versions", maker()?.into()), ("rows", Json::List(figures.collect()))])?;
    if is_update { Table::write(&rows) } else { table.check(&rows) }
}

/// What one stream needs a command.
#[derive(Debug)]
struct Row {
    name: String,
    instructions: f64,
    nanoseconds: f64,
}

/// The committed table: who made it, and the instructions a command.
#[derive(Debug, Default)]
struct Table {
    maker: String,
    instructions: BTreeMap<String, f64>,
}

impl Table {
    fn path() -> PathBuf {
        paths::root().join("tests/bench/instructions.tsv")
    }

    fn read() -> Result<Self> {
        // A first run has none, and then there is nothing to compare with.
        Ok(Self::parse(&fs::read_to_string(Self::path()).unwrap_or_default()))
    }

    fn parse(text: &str) -> Self {
        let maker = text.lines().find_map(|line| line.strip_prefix("# made with ")).unwrap_or_default().to_owned();
        Self { maker, instructions: lines(text).into_iter().collect() }
    }

    fn write(rows: &[Row]) -> Result<()> {
        let mut text = "# Instructions a command, counted by `cargo xtask bench engine --update`.\n".to_owned();
        _ = writeln!(text, "# made with {}", maker()?);
        rows.iter().for_each(|row| _ = writeln!(text, "{}\t{:.1}", row.name, row.instructions));
        fs::write(Self::path(), text).with_context(|| format!("cannot write {}", Self::path().display()))
    }

    /// Refuses rows that need too much more than the table says, if the same compiler made both.
    fn check(&self, rows: &[Row]) -> Result<()> {
        let made = maker()?;
        if self.maker != made {
            println!("the table was made with {:?}, and this is {made:?}: nothing is judged", self.maker);
            return Ok(());
        }
        let worse = self.worse(rows);
        ensure!(
            worse.is_empty(),
            "more than {:.0} % more instructions: {}; if that is meant, `cargo xtask bench engine --update`",
            MORE_MAX * 100.0,
            worse.join(", ")
        );
        Ok(())
    }

    fn worse(&self, rows: &[Row]) -> Vec<String> {
        let is_worse = |row: &&Row| {
            let before = self.instructions.get(&row.name);
            before.is_some_and(|before| row.instructions > before * (1.0 + MORE_MAX))
        };
        rows.iter().filter(is_worse).map(|row| row.name.clone()).collect()
    }
}

fn build() -> Result<PathBuf> {
    timed("engine: compile (fast)", || {
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--package", "sanderling-tests", "--bin", "engine", "--profile", "fast"]);
        shell::run(&mut cargo)
    })?;
    Ok(paths::target().join("fast/engine"))
}

/// Has callgrind count one stream, from the entry of the function that measures to its end.
fn count(binary: &Path, name: &str) -> Result<f64> {
    let file = report::folder()?.join("callgrind.out");
    let _ = fs::remove_file(&file);
    let mut valgrind = command("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--toggle-collect={MEASURED}"));
    valgrind.arg(format!("--callgrind-out-file={}", file.display())).arg(binary).arg(name);
    let calls: f64 = shell::read(&mut valgrind)?.parse().with_context(|| format!("there is no stream {name}"))?;
    let text = fs::read_to_string(&file).with_context(|| format!("callgrind left no {}", file.display()))?;
    let total = total(&text).with_context(|| format!("{} has no total", file.display()))?;
    ensure!(total > 0.0, "callgrind did not find {MEASURED}");
    Ok(total / calls)
}

/// Reads the sum of a file of callgrind.
fn total(text: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")))?
        .trim()
        .parse()
        .ok()
}

/// Reads lines of a name, a tab and a number.
fn lines(text: &str) -> Vec<(String, f64)> {
    let parse = |line: &str| {
        let (name, value) = line.split_once('\t')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

/// Names the compiler and the processor, on both of which the count depends.
fn maker() -> Result<String> {
    let compiler = shell::read(command("rustc").arg("--version"))?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(format!("{compiler} on {}", name.map_or("an unknown processor", |(_, name)| name)))
}

fn comparison(rows: &[Row], table: &Table) -> String {
    let mut text = format!("\n{:<12} {:>14} {:>10} {:>8}\n", "", "instructions", "change", "ns");
    for row in rows {
        let was = table.instructions.get(&row.name);
        let was = was.filter(|_| row.instructions.is_finite());
        let change = was.map_or(String::new(), |was| format!("{:+.1} %", (row.instructions / was - 1.0) * 100.0));
        _ = writeln!(text, "{:<12} {:>14.1} {change:>10} {:>8.0}", row.name, row.instructions, row.nanoseconds);
    }
    text
}

/// The function that callgrind watches; its mangled name has a hash in it.
const MEASURED: &str = "sanderling_tests::engine::measured*";
/// So much more is an error: less is noise of the layout of code, and of inlining decided elsewhere.
const MORE_MAX: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::{Row, Table, total};

    #[test]
    fn the_table_tells_what_became_worse() {
        let table = Table::parse("# made with rustc 1\nSET\t100.0\nGET\t50.0\n");
        assert_eq!(table.maker, "rustc 1");
        let row = |name: &str, instructions| Row { name: name.to_owned(), instructions, nanoseconds: 1.0 };
        assert_eq!(table.worse(&[row("SET", 104.0), row("GET", 53.0), row("NEW", 9.0)]), ["GET"]);
    }

    #[test]
    fn callgrind_is_read() {
        assert_eq!(total("events: Ir\nsummary: 1234\nfn=a\n"), Some(1234.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
