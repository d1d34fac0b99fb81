//! What connections may cost: the limits of their buffers, and how long they may do nothing.

use alloc::{
    format,
    string::{String, ToString},
};

use super::{Config, settings::parse_memory};

/// Bounds of a connection, as the settings say; a 0 there is no bound here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// What may wait for one that isn't listening to channels.
    pub normal: OutputLimit,
    /// What may wait for one that is.
    pub pubsub: OutputLimit,
    /// Bytes of a request, and of what comes after it, that are kept until it is whole.
    pub query_bytes_max: usize,
    /// Milliseconds without a call after which it is closed.
    pub idle_ms_max: Option<u64>,
    /// There is a bound for what all clients keep together, so that what calls add to it is of interest.
    pub kept_is_bounded: bool,
    /// Seconds of silence after which it is asked whether it is still there.
    pub keepalive_seconds: Option<u32>,
}

/// How much may wait to be read by a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes past which its connection is closed at once.
    pub hard_bytes: Option<usize>,
    /// Bytes past which it is closed when it stays there for too long.
    pub soft_bytes: Option<usize>,
    /// How long that is, in milliseconds.
    pub soft_ms: u64,
}

/// Classes of clients as Redis names them, and what may wait for each without being set.
const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];
pub(super) const DEFAULT: &str = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";

/// Reads `class hard soft seconds …` into the canonical form, the classes in their order.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let words: alloc::vec::Vec<&str> = text.split_ascii_whitespace().collect();
    let (groups, rest) = words.as_chunks::<4>();
    if groups.is_empty() || !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut read: [Option<String>; 3] = [const { None }; 3];
    for [class, hard, soft, seconds] in groups {
        let class = class.to_ascii_lowercase();
        let class = if class == "replica" { "slave" } else { &class };
        let place = CLASSES.iter().position(|name| *name == class);
        let slot = place.and_then(|place| read.get_mut(place));
        let slot = slot.ok_or("Invalid client class specified in buffer limit configuration.")?;
        let numbers = parse_memory(hard).zip(parse_memory(soft)).zip(seconds.parse::<u32>().ok());
        let ((hard, soft), seconds) =
            numbers.ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        *slot = Some(format!("{class} {hard} {soft} {seconds}"));
    }
    Ok(read.into_iter().flatten().collect::<alloc::vec::Vec<_>>().join(" "))
}

/// What holds when some classes are set: those that aren't stay as they are.
pub(super) fn merged(before: &str, set: &str) -> String {
    let group = |text: &str, class: &str| {
        let words: alloc::vec::Vec<&str> = text.split(' ').collect();
        let (groups, _) = words.as_chunks::<4>();
        groups.iter().find(|[name, ..]| *name == class).map(|group| group.join(" "))
    };
    let groups = CLASSES.iter().filter_map(|class| group(set, class).or_else(|| group(before, class)));
    groups.collect::<alloc::vec::Vec<_>>().join(" ")
}

/// Reads what all clients together may keep: bytes, or a part of `maxmemory` in percent.
pub(super) fn parse_bytes_max(text: &str) -> Result<String, String> {
    let Some(percent) = text.strip_suffix('%') else {
        let bytes = parse_memory(text).filter(|bytes| i64::try_from(*bytes).is_ok());
        return bytes.map(|bytes| bytes.to_string()).ok_or_else(|| "argument must be a memory or percent value".into());
    };
    match percent.parse::<u8>() {
        Ok(percent) if percent <= 100 => Ok(format!("{percent}%")),
        Ok(_) => Err("percentage argument must be less or equal to 100".into()),
        Err(_) => Err("argument must be a memory or percent value".into()),
    }
}

/// The same in bytes; a part of a memory without a bound is none.
pub(super) fn bytes_max(setting: Option<&str>, memory_max: usize) -> usize {
    let text = setting.unwrap_or_default();
    match text.strip_suffix('%').map(str::parse::<usize>) {
        Some(percent) => {
            let percent = percent.unwrap_or(0);
            memory_max / 100 * percent + memory_max % 100 * percent / 100
        }
        None => text.parse().unwrap_or(0),
    }
}

impl Config {
    /// What connections may cost now.
    pub fn client_limits(&self) -> ClientLimits {
        let limits = self.value("client-output-buffer-limit").unwrap_or(DEFAULT).to_string();
        let of = |class: &str| {
            let mut words = limits.split(' ').skip_while(|word| *word != class).skip(1);
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            let (hard, soft, seconds) = (number(), number(), number());
            let bytes = |bytes: u64| usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            OutputLimit { hard_bytes: bytes(hard), soft_bytes: bytes(soft), soft_ms: seconds.saturating_mul(1000) }
        };
        let number = |name: &str| self.number(name).and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        ClientLimits {
            normal: of("normal"),
            pubsub: of("pubsub"),
            query_bytes_max: usize::try_from(number("client-query-buffer-limit")).unwrap_or(usize::MAX),
            idle_ms_max: Some(number("timeout")).filter(|seconds| *seconds > 0).map(|seconds| seconds * 1000),
            kept_is_bounded: self.clients_bytes_max() > 0,
            keepalive_seconds: u32::try_from(number("tcp-keepalive")).ok().filter(|seconds| *seconds > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn what_all_clients_keep_is_bounded_in_bytes_or_in_percent() {
        let mut config = Config::new(&Limits::DEFAULT);
        let check = |config: &mut Config, value: &str, shown: &str, bytes: usize| {
            config.set_all(&[(b"maxmemory-clients", value.as_bytes())]).unwrap();
            assert_eq!(
                (config.value("maxmemory-clients"), config.clients_bytes_max()),
                (Some(shown), bytes),
                "{value}"
            );
        };
        check(&mut config, "3mb", "3145728", 3 << 20);
        check(&mut config, "7%", "7%", 0);
        config.set_all(&[(b"maxmemory", b"6291456")]).unwrap();
        assert_eq!(config.clients_bytes_max(), 440_401);
        check(&mut config, "100%", "100%", 6 << 20);
        check(&mut config, "0", "0", 0);
        for wrong in ["101%", "-1%", "300%", "%", "-1", "5x", ""] {
            assert!(config.set_all(&[(b"maxmemory-clients", wrong.as_bytes())]).is_err(), "{wrong}");
        }
        assert_eq!(config.value("maxmemory-clients"), Some("0"));
    }

    #[test]
    fn limits_are_set_class_by_class() {
        let mut config = Config::new(&Limits::DEFAULT);
        let set = |config: &mut Config, value: &str| {
            config
                .set_all(&[(b"client-output-buffer-limit", value.as_bytes())])
                .map_err(|error| error.text().to_string())
        };
        assert_eq!(config.client_limits().pubsub.hard_bytes, Some(32 << 20));
        assert_eq!(config.client_limits().normal, OutputLimit::default());
        set(&mut config, "normal 1mb 2mb 60 replica 3mb 4mb 70").unwrap();
        assert_eq!(
            config.value("client-output-buffer-limit"),
            Some("normal 1048576 2097152 60 slave 3145728 4194304 70 pubsub 33554432 8388608 60")
        );
        let limit = OutputLimit { hard_bytes: Some(1 << 20), soft_bytes: Some(2 << 20), soft_ms: 60_000 };
        assert_eq!(config.client_limits().normal, limit);
        for (wrong, why) in [
            ("wrong number", "Wrong number of arguments"),
            ("nosuch 10mb 10mb 60", "Invalid client class"),
            ("normal 10mbs 10mb 60", "Error in hard, soft or soft_seconds"),
            ("pubsub 10mb 10mb 60s", "Error in hard, soft or soft_seconds"),
        ] {
            assert!(set(&mut config, wrong).unwrap_err().contains(why), "{wrong}");
        }
    }
}
