//! Settings as `CONFIG GET` and `CONFIG SET` know them, under Redis's names.

#[cfg(feature = "server")]
mod clients;
#[cfg(feature = "server")]
mod file;
#[cfg(feature = "server")]
mod measures;
#[cfg(feature = "server")]
mod saving;
mod settings;

#[cfg(feature = "server")]
use alloc::boxed::Box;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

#[cfg(feature = "server")]
pub use clients::{ClientLimits, OutputLimit};
#[cfg(feature = "server")]
pub use file::{ConfigFile, Written};
#[cfg(feature = "server")]
pub(crate) use measures::Measures;
#[cfg(feature = "server")]
pub use saving::SavePoint;
use settings::{ALIASES, SETTINGS};
pub use settings::{Setting, SettingKind};

use crate::{
    error::{Error, Result},
    glob,
    keyspace::Aging,
    limits::Limits,
    num, order,
    types::encoding::Encoding,
};

/// The settings of an engine.
#[derive(Debug)]
pub struct Config {
    values: BTreeMap<&'static str, String>,
    /// Whether keys are removed as their deadline passes, not only when they are met. Tests switch it off.
    pub active_expiry: bool,
    /// Whether scripts may call commands that are kept from them. Tests switch it on.
    pub scripts_call_all: bool,
    /// Whether the shell's regular work rests. Tests switch it on.
    #[cfg(feature = "server")]
    pub work_rests: bool,
    /// The events that are told, as bits: `notify-keyspace-events`.
    #[cfg(feature = "server")]
    events: u16,
    /// `requirepass` was set by a command: the default user gets it.
    #[cfg(feature = "server")]
    sets_password: bool,
    /// The file that the shell was started with.
    #[cfg(feature = "server")]
    pub(crate) file: Option<Box<dyn ConfigFile>>,
    /// Bytes that may be used; 0 for as many as there are.
    #[cfg(feature = "server")]
    memory_max: usize,
    /// Bytes that all clients together may keep; 0 for as many as there are.
    #[cfg(feature = "server")]
    clients_bytes_max: usize,
    /// What is measured.
    #[cfg(feature = "server")]
    pub(crate) measures: Measures,
    /// Keys that may be tracked; 0 for as many as there are.
    #[cfg(feature = "server")]
    tracking_keys_max: usize,
    changed: bool,
}

impl Config {
    /// Makes the settings of an engine on which nothing was set.
    pub fn new(limits: &Limits) -> Self {
        let mut values: BTreeMap<_, _> =
            SETTINGS.iter().map(|setting| (setting.name, setting.default.to_string())).collect();
        values.insert("proto-max-bulk-len", limits.bulk_bytes_max.to_string());
        Self {
            values,
            active_expiry: true,
            scripts_call_all: false,
            #[cfg(feature = "server")]
            work_rests: false,
            #[cfg(feature = "server")]
            events: 0,
            #[cfg(feature = "server")]
            sets_password: false,
            #[cfg(feature = "server")]
            file: None,
            #[cfg(feature = "server")]
            memory_max: 0,
            #[cfg(feature = "server")]
            clients_bytes_max: 0,
            #[cfg(feature = "server")]
            measures: Measures::default(),
            #[cfg(feature = "server")]
            tracking_keys_max: 1_000_000,
            changed: false,
        }
    }

    /// The value of a setting, under its own name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names and values of the settings that one of the globs matches, by name; aliases count as names.
    pub fn matching(&self, patterns: &[&[u8]]) -> Vec<(&'static str, &str)> {
        let own = self.values.iter().map(|(name, value)| (*name, value.as_str()));
        let aliases = ALIASES.iter().filter_map(|(alias, name)| Some((*alias, self.value(name)?)));
        let mut found: Vec<_> = own.chain(aliases).collect();
        found.retain(|(name, _)| patterns.iter().any(|pattern| glob::matches_ignore_case(pattern, name.as_bytes())));
        order::sort(&mut found);
        found
    }

    /// Sets several settings or, if one of them can't be, none.
    ///
    /// # Errors
    /// Redis's texts, naming the setting.
    pub fn set_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<()> {
        let mut checked: Vec<(&'static str, String)> = Vec::new();
        let settings = pairs.iter().map(|(name, _)| {
            let shown = String::from_utf8_lossy(name);
            let unknown = || format!("ERR Unknown option or number of arguments for CONFIG SET - '{shown}'");
            Setting::find(name).ok_or_else(|| Error::owned(unknown()))
        });
        let settings = settings.collect::<Result<Vec<_>>>()?;
        let failed = |name: &[u8], reason: &str| {
            let shown = String::from_utf8_lossy(name);
            Error::owned(format!("ERR CONFIG SET failed (possibly related to argument '{shown}') - {reason}"))
        };
        for (index, setting) in settings.iter().enumerate() {
            let repeated = settings.iter().take(index).any(|other| other.name == setting.name);
            if repeated && let Some((name, _)) = pairs.get(index) {
                return Err(failed(name, "duplicate parameter"));
            }
        }
        for (setting, (name, value)) in settings.into_iter().zip(pairs) {
            // What can't change may be set to what it is, so that a script may state what it needs.
            if !setting.mutable && self.value(setting.name).is_none_or(|held| held.as_bytes() != *value) {
                return Err(failed(name, "can't set immutable config"));
            }
            checked.push((setting.name, setting.kind.parse(value).map_err(|reason| failed(name, &reason))?));
        }
        for (name, value) in checked {
            #[cfg(feature = "server")]
            if name == "requirepass" {
                self.sets_password = true;
            }
            self.force(name, value);
        }
        Ok(())
    }

    /// The password that the default user is to have from now on, if one was set since the last call; an empty one is
    /// none.
    #[cfg(feature = "server")]
    pub(crate) fn take_password(&mut self) -> Option<&str> {
        core::mem::take(&mut self.sets_password).then(|| self.value("requirepass").unwrap_or_default())
    }

    /// Sets a setting under its own name, immutable or not. Returns whether there is such a one.
    pub fn replace(&mut self, name: &str, value: &str) -> bool {
        let known = self.values.get_key_value(name).map(|(name, _)| *name);
        if let Some(name) = known {
            self.force(name, value);
        }
        known.is_some()
    }

    /// Sets a setting as the shell's configuration says, immutable or not.
    pub fn force(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        #[cfg(feature = "server")]
        let value = match name {
            "client-output-buffer-limit" => clients::merged(self.value(name).unwrap_or_default(), &value),
            _ => value,
        };
        #[cfg(feature = "server")]
        if name == "notify-keyspace-events" {
            self.events = settings::event_bits(&value).unwrap_or_default();
        }
        #[cfg(feature = "server")]
        if name == "maxmemory" {
            self.memory_max = value.parse().unwrap_or(usize::MAX);
        }
        #[cfg(feature = "server")]
        self.measures.set(name, &value);
        #[cfg(feature = "server")]
        if name == "tracking-table-max-keys" {
            self.tracking_keys_max = value.parse().unwrap_or(0);
        }
        self.values.insert(name, value);
        #[cfg(feature = "server")]
        if matches!(name, "maxmemory" | "maxmemory-clients") {
            self.clients_bytes_max = clients::bytes_max(self.value("maxmemory-clients"), self.memory_max);
        }
        self.changed = true;
    }

    /// The events that are told, as bits in the order of [`settings::EVENTS`].
    #[cfg(feature = "server")]
    pub(crate) fn events(&self) -> u16 {
        self.events
    }

    /// Bytes that may be used; 0 for as many as there are.
    #[cfg(feature = "server")]
    pub(crate) fn memory_max(&self) -> usize {
        self.memory_max
    }

    /// Bytes that all clients together may keep; 0 for as many as there are.
    #[cfg(feature = "server")]
    pub(crate) fn clients_bytes_max(&self) -> usize {
        self.clients_bytes_max
    }

    /// Keys that may be tracked; 0 for as many as there are.
    #[cfg(feature = "server")]
    pub(crate) fn tracking_keys_max(&self) -> usize {
        self.tracking_keys_max
    }

    /// Whether keys that were used least go when memory is short, so that the use of each is kept.
    #[cfg(feature = "server")]
    pub(crate) fn evicts_by_age(&self) -> bool {
        let policy = self.value("maxmemory-policy").unwrap_or_default();
        self.memory_max != 0 && (policy.ends_with("lru") || policy.ends_with("lfu"))
    }

    /// How many keys are drawn for one to be evicted.
    #[cfg(feature = "server")]
    pub(crate) fn memory_samples(&self) -> usize {
        self.number("maxmemory-samples").and_then(|value| usize::try_from(value).ok()).unwrap_or(5)
    }

    /// How keys age under these settings.
    pub fn aging(&self) -> Aging {
        let count = |name: &str| self.number(name).and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        Aging {
            counts_uses: self.value("maxmemory-policy").is_some_and(|policy| policy.ends_with("lfu")),
            log_factor: count("lfu-log-factor"),
            decay_minutes: count("lfu-decay-time"),
        }
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
            stream_node_max_bytes: count("stream-node-max-bytes"),
            stream_node_max_entries: count("stream-node-max-entries"),
        }
    }

    /// Longest argument and string value in bytes.
    pub fn bulk_bytes_max(&self) -> usize {
        self.number("proto-max-bulk-len").and_then(|value| usize::try_from(value).ok()).unwrap_or(512 * 1024 * 1024)
    }

    /// Longest sparse form of a HyperLogLog in bytes.
    pub fn hll_sparse_bytes_max(&self) -> usize {
        self.number("hll-sparse-max-bytes").and_then(|value| usize::try_from(value).ok()).unwrap_or(3000)
    }

    fn number(&self, name: &str) -> Option<i64> {
        num::parse_i64(self.value(name)?.as_bytes())
    }
}
