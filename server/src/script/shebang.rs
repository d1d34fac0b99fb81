//! The first line of a script or library: `#!lua name=value …`.

use sanderling_core::error::{Error, Result};

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScriptFlags(u8);

impl ScriptFlags {
    /// It writes nothing.
    pub(super) const NO_WRITES: Self = Self(1);
    /// It may run when memory is short.
    pub(super) const ALLOW_OOM: Self = Self(1 << 1);
    /// It may run on a replica that has lost its primary.
    pub(super) const ALLOW_STALE: Self = Self(1 << 2);
    /// It may not run in a cluster.
    pub(super) const NO_CLUSTER: Self = Self(1 << 3);
    /// Its keys may lie in several slots.
    pub(super) const ALLOW_CROSS_SLOT_KEYS: Self = Self(1 << 4);
    /// It says nothing of itself, and is trusted as scripts were before they could.
    pub(super) const COMPAT: Self = Self(1 << 5);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::NO_WRITES, "no-writes"),
        (Self::ALLOW_OOM, "allow-oom"),
        (Self::ALLOW_STALE, "allow-stale"),
        (Self::NO_CLUSTER, "no-cluster"),
        (Self::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
    ];

    /// The flag of this name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| own.as_bytes() == name).map(|(flag, _)| *flag)
    }

    /// Both sets together.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of those that are set.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// Splits a script into its flags and what is compiled, which keeps the end of the first line so that lines keep their
/// numbers.
///
/// # Errors
/// Redis's texts for a first line that says what isn't known.
pub(super) fn split_script(script: &[u8]) -> Result<(ScriptFlags, &[u8])> {
    if !script.starts_with(b"#!") {
        return Ok((ScriptFlags::COMPAT, script));
    }
    let end = memchr::memchr(b'\n', script).ok_or(Error::new("ERR Invalid script shebang"))?;
    let (line, body) = script.split_at(end);
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(Error::owned(format!("ERR Unexpected engine in script shebang: {}", lossy(engine))));
    }
    let mut flags = ScriptFlags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(Error::owned(format!("ERR Unknown lua shebang option: {}", lossy(word))));
        };
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            let flag = ScriptFlags::named(name);
            flags = flags.and(
                flag.ok_or_else(|| Error::owned(format!("ERR Unexpected flag in script shebang: {}", lossy(name))))?,
            );
        }
    }
    Ok((flags, body))
}

/// Splits a library into its name and what is compiled.
///
/// # Errors
/// Redis's texts for a first line that isn't there or doesn't name the library.
pub(super) fn split_library(code: &[u8]) -> Result<(String, &[u8])> {
    if !code.starts_with(b"#!") {
        return Err(Error::new("ERR Missing library metadata"));
    }
    let end = memchr::memchr(b'\n', code).ok_or(Error::new("ERR Invalid library metadata"))?;
    let (line, body) = code.split_at(end);
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default().get(2..).unwrap_or_default();
    let mut name = None;
    for word in words {
        let Some(value) = word.strip_prefix(b"name=") else {
            return Err(Error::owned(format!("ERR Invalid metadata value given: {}", lossy(word))));
        };
        // As in a shell, a word may stand in quotation marks.
        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        if name.replace(quoted.unwrap_or(value)).is_some() {
            return Err(Error::new("ERR Invalid metadata value, name argument was given multiple times"));
        }
    }
    let name = name.ok_or(Error::new("ERR Library name was not given"))?;
    if !is_name(name) {
        return Err(Error::new(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ));
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Error::owned(format!("ERR Engine '{}' not found", lossy(engine))));
    }
    Ok((lossy(name), body))
}

/// Whether a library or a function may be called so.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_and_lines_keep_their_numbers() {
        let (flags, body) = split_script(b"#!lua flags=no-writes,allow-oom\nreturn 1").unwrap();
        assert_eq!(flags.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
        assert_eq!(body, b"\nreturn 1");
        assert_eq!(split_script(b"return 1").unwrap(), (ScriptFlags::COMPAT, &b"return 1"[..]));
        for (script, text) in [
            ("#!lua", "ERR Invalid script shebang"),
            ("#!not-lua\nreturn 1", "ERR Unexpected engine in script shebang: #!not-lua"),
            ("#!lua badger=data\nreturn 1", "ERR Unknown lua shebang option: badger=data"),
            ("#!lua flags=allow-what\nreturn 1", "ERR Unexpected flag in script shebang: allow-what"),
        ] {
            assert_eq!(split_script(script.as_bytes()).unwrap_err().text(), text);
        }
    }

    #[test]
    fn a_library_has_one_name() {
        assert_eq!(split_library(b"#!lua name=lib\nx").unwrap(), ("lib".to_owned(), &b"\nx"[..]));
        for (code, text) in [
            ("x", "ERR Missing library metadata"),
            ("#!lua\nx", "ERR Library name was not given"),
            ("#!lua name=a name=b\nx", "ERR Invalid metadata value, name argument was given multiple times"),
            ("#!lua name=a foo=b\nx", "ERR Invalid metadata value given: foo=b"),
            ("#!other name=a\nx", "ERR Engine 'other' not found"),
        ] {
            assert_eq!(split_library(code.as_bytes()).unwrap_err().text(), text);
        }
    }
}
