//! Settings as `CONFIG GET` and `CONFIG SET` know them, under Redis's names.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};

use crate::{
    error::{Error, Result},
    glob,
    limits::Limits,
    num,
    types::encoding::Encoding,
};

/// One setting: its name, what it is without being set, and what it may be.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Redis's name.
    pub name: &'static str,
    /// The value that holds until another is set.
    pub default: &'static str,
    /// What values it takes.
    pub kind: SettingKind,
    /// Whether `CONFIG SET` may change it.
    pub mutable: bool,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// An integer between two bounds.
    Integer(i64, i64),
    /// Bytes, with an optional unit (`kb`, `mb`, `gb`).
    Memory,
    /// `yes` or `no`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
}

/// The settings of an engine.
#[derive(Debug)]
pub struct Config {
    values: BTreeMap<&'static str, String>,
    /// The password of the default user.
    pub password: Option<String>,
    changed: bool,
}

impl Config {
    /// Makes the settings of an engine on which nothing was set.
    pub fn new(limits: &Limits) -> Self {
        let mut values: BTreeMap<_, _> =
            SETTINGS.iter().map(|setting| (setting.name, setting.default.to_string())).collect();
        values.insert("proto-max-bulk-len", limits.bulk_bytes_max.to_string());
        Self { values, password: None, changed: false }
    }

    /// The value of a setting.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names and values of the settings that match a glob, by name.
    pub fn matching<'a>(&'a self, pattern: &'a [u8]) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.values
            .iter()
            .filter(move |(name, _)| glob::matches_ignore_case(pattern, name.as_bytes()))
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets several settings or, if one of them can't be, none.
    ///
    /// # Errors
    /// Redis's texts, naming the setting.
    pub fn set_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<()> {
        let mut checked = alloc::vec![];
        for (name, value) in pairs {
            let name_shown = String::from_utf8_lossy(name);
            let setting = SETTINGS.iter().find(|setting| name.eq_ignore_ascii_case(setting.name.as_bytes()));
            let Some(setting) = setting else {
                return Err(Error::owned(format!(
                    "ERR Unknown option or number of arguments for CONFIG SET - '{name_shown}'"
                )));
            };
            let failed = |reason: &str| {
                Error::owned(format!("ERR CONFIG SET failed (possibly related to argument '{name_shown}') - {reason}"))
            };
            if !setting.mutable {
                return Err(failed("can't set immutable config"));
            }
            checked.push((setting.name, setting.kind.parse(value).map_err(|reason| failed(&reason))?));
        }
        for (name, value) in checked {
            self.force(name, value);
        }
        Ok(())
    }

    /// Sets a setting as the shell's configuration says, immutable or not.
    pub fn force(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        if name == "requirepass" {
            self.password = (!value.is_empty()).then(|| value.clone());
        }
        self.values.insert(name, value);
        self.changed = true;
    }

    /// Whether a setting changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// How values are laid out under these settings.
    pub fn encoding(&self, seed: u64) -> Encoding {
        let count = |name: &str| self.number(name).and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        Encoding {
            seed,
            hash_max_listpack_entries: count("hash-max-listpack-entries"),
            hash_max_listpack_value: count("hash-max-listpack-value"),
            set_max_intset_entries: count("set-max-intset-entries"),
            set_max_listpack_entries: count("set-max-listpack-entries"),
            set_max_listpack_value: count("set-max-listpack-value"),
            zset_max_listpack_entries: count("zset-max-listpack-entries"),
            zset_max_listpack_value: count("zset-max-listpack-value"),
            list_max_listpack_size: self.number("list-max-listpack-size").unwrap_or(-2),
        }
    }

    /// Longest argument and string value in bytes.
    pub fn bulk_bytes_max(&self) -> usize {
        self.number("proto-max-bulk-len").and_then(|value| usize::try_from(value).ok()).unwrap_or(512 * 1024 * 1024)
    }

    fn number(&self, name: &str) -> Option<i64> {
        num::parse_i64(self.value(name)?.as_bytes())
    }
}

impl SettingKind {
    /// The value in its canonical form, or what is wrong with it.
    fn parse(self, value: &[u8]) -> Result<String, String> {
        let text = core::str::from_utf8(value).map_err(|_| "argument must be valid UTF-8".to_string())?;
        match self {
            Self::Text => Ok(text.to_string()),
            Self::Bool if text.eq_ignore_ascii_case("yes") => Ok("yes".into()),
            Self::Bool if text.eq_ignore_ascii_case("no") => Ok("no".into()),
            Self::Bool => Err("argument must be 'yes' or 'no'".into()),
            Self::Choice(words) => match words.iter().find(|word| text.eq_ignore_ascii_case(word)) {
                Some(word) => Ok((*word).into()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Self::Integer(min, max) => match num::parse_i64(value) {
                Some(number) if (min..=max).contains(&number) => Ok(number.to_string()),
                Some(_) => Err(format!("argument must be between {min} and {max} inclusive")),
                None => Err("argument couldn't be parsed into an integer".into()),
            },
            Self::Memory => {
                parse_memory(text).map(|bytes| bytes.to_string()).ok_or("argument must be a memory value".into())
            }
        }
    }
}

fn parse_memory(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match lower.get(digits.len()..)? {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1024,
        "m" => 1_000_000,
        "mb" => 1024 * 1024,
        "g" => 1_000_000_000,
        "gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

const fn integer(name: &'static str, default: &'static str, min: i64, max: i64) -> Setting {
    Setting { name, default, kind: SettingKind::Integer(min, max), mutable: true }
}

const fn text(name: &'static str, default: &'static str, mutable: bool) -> Setting {
    Setting { name, default, kind: SettingKind::Text, mutable }
}

/// Every setting. A shell forces those that it decides (ports, directory, fsync) to what they are.
const SETTINGS: &[Setting] = &[
    integer("hash-max-listpack-entries", "128", 0, i64::MAX),
    integer("hash-max-listpack-value", "64", 0, i64::MAX),
    integer("list-max-listpack-size", "-2", i32::MIN as i64, i32::MAX as i64),
    integer("set-max-intset-entries", "512", 0, i64::MAX),
    integer("set-max-listpack-entries", "128", 0, i64::MAX),
    integer("set-max-listpack-value", "64", 0, i64::MAX),
    integer("zset-max-listpack-entries", "128", 0, i64::MAX),
    integer("zset-max-listpack-value", "64", 0, i64::MAX),
    Setting { name: "proto-max-bulk-len", default: "536870912", kind: SettingKind::Memory, mutable: true },
    integer("timeout", "0", 0, i32::MAX as i64),
    integer("databases", "16", 16, 16),
    text("requirepass", "", true),
    text("save", "", false),
    Setting { name: "appendonly", default: "no", kind: SettingKind::Bool, mutable: false },
    Setting {
        name: "appendfsync",
        default: "everysec",
        kind: SettingKind::Choice(&["always", "everysec", "no"]),
        mutable: false,
    },
    Setting { name: "maxmemory", default: "0", kind: SettingKind::Memory, mutable: false },
    text("maxmemory-policy", "noeviction", false),
    text("dir", "", false),
    text("port", "0", false),
    text("bind", "", false),
];
