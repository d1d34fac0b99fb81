//! What a bench leaves: its figures as JSON in `target/xtask/bench/NAME.json`, with the machine and the call.
//!
//! Numbers are written with few digits: what a run shows isn't known more exactly.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths;
use crate::shell::{self, command};

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Writes the figures of a bench, and says where.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(name: &str, arguments: &[String], figures: Vec<(&'static str, Json)>) -> Result<()> {
    let mut all = head(name, arguments)?;
    all.extend(figures);
    let file = file(name)?;
    let mut text = String::new();
    append(&mut text, &Json::Object(all), 0);
    fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    tell(&file);
    Ok(())
}

/// Returns as JSON what the figures of every bench begin with, for one that writes them itself.
///
/// # Errors
/// When the machine has no date.
pub(super) fn about(name: &str, arguments: &[String]) -> Result<String> {
    let mut text = String::new();
    append(&mut text, &Json::Object(head(name, arguments)?), FLAT);
    Ok(text)
}

/// Says where the figures are.
pub(super) fn tell(file: &Path) {
    println!("\nthe figures as JSON: {}", file.display());
}

/// Who measured what, where and when.
fn head(name: &str, arguments: &[String]) -> Result<Vec<(&'static str, Json)>> {
    // A path of one machine tells nobody anything.
    let root = format!("{}/", paths::root().display());
    let call = format!("cargo xtask bench {name} {}", arguments.join(" ")).replace(&root, "");
    Ok(vec![
        ("bench", name.into()),
        ("command", call.trim_end().into()),
        ("machine", machine().into()),
        ("date", shell::read(command("date").args(["-u", "+%Y-%m-%d"]))?.into()),
        ("commit", shell::read(command("git").args(["rev-parse", "--short", "HEAD"])).unwrap_or_default().into()),
    ])
}

/// Returns where the figures of a bench are left.
///
/// # Errors
/// When the folder cannot be made.
pub(super) fn file(name: &str) -> Result<PathBuf> {
    Ok(folder()?.join(format!("{name}.json")))
}

/// Returns the folder of the figures.
///
/// # Errors
/// When it cannot be made.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = paths::state().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Describes the machine in a line.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let release = read("/etc/os-release");
    let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown system");
    format!("{cores} × {name}, {}, Linux {}", system.trim_matches('"'), read("/proc/sys/kernel/osrelease").trim())
}

fn append(text: &mut String, json: &Json, depth: usize) {
    // What is small stands on one line.
    let is_flat = depth >= FLAT;
    let gap = |depth| if is_flat { String::new() } else { format!("\n{}", "  ".repeat(depth)) };
    match json {
        Json::Number(number) if !number.is_finite() => text.push_str("null"),
        Json::Number(number) if number.fract() == 0.0 || number.abs() >= 1000.0 => _ = write!(text, "{number:.0}"),
        Json::Number(number) => _ = write!(text, "{number:.3}"),
        Json::Text(string) => _ = write!(text, "\"{}\"", string.replace('\\', "\\\\").replace('"', "\\\"")),
        Json::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                text.push_str(if is_flat && index > 0 { " " } else { "" });
                text.push_str(&gap(depth + 1));
                append(text, item, depth + 1);
            }
            text.push_str(&gap(depth));
            text.push(']');
        }
        Json::Object(fields) => {
            text.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                text.push_str(if is_flat && index > 0 { " " } else { "" });
                text.push_str(&gap(depth + 1));
                _ = write!(text, "\"{name}\": ");
                append(text, value, depth + 1);
            }
            text.push_str(&gap(depth));
            text.push('}');
        }
    }
}

/// From this depth on everything stands on one line.
const FLAT: usize = 2;

#[cfg(test)]
mod tests {
    use super::{Json, append};

    #[test]
    fn rows_stand_on_lines() {
        let row = Json::Object(vec![("name", "a \"b\"".into()), ("value", 1.25.into()), ("none", f64::NAN.into())]);
        let mut text = String::new();
        append(&mut text, &Json::Object(vec![("rows", Json::List(vec![row]))]), 0);
        assert_eq!(text, "{\n  \"rows\": [\n    {\"name\": \"a \\\"b\\\"\", \"value\": 1.250, \"none\": null}\n  ]\n}");
    }
}
