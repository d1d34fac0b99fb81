//! The file that settings come from, as `CONFIG REWRITE` brings it up to date: the shell has it, core says what to write.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use super::{Config, SETTINGS, SettingKind};

/// The configuration's file.
pub trait ConfigFile: fmt::Debug {
    /// Brings the file up to date with the settings, and with the users where they are defined in it.
    ///
    /// # Errors
    /// What the system says.
    fn rewrite(&mut self, settings: &[Written], users: Option<&[String]>) -> Result<(), String>;
}

/// A setting as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: &'static str,
    /// Its value, in quotes where a line needs them.
    pub value: String,
    /// Whether it is what it would be without a line.
    pub is_default: bool,
}

impl Config {
    /// Hands over the file that the shell was started with.
    pub fn set_file(&mut self, file: Box<dyn ConfigFile>) {
        self.file = Some(file);
    }

    /// The settings that commands may change, as they stand in a file.
    pub(crate) fn written(&self) -> Vec<Written> {
        let changeable = SETTINGS.iter().filter(|setting| setting.mutable);
        let written = changeable.filter_map(|setting| {
            let value = self.value(setting.name)?;
            let shown = match setting.kind {
                SettingKind::Text | SettingKind::Events => quoted(value),
                _ => value.to_string(),
            };
            Some(Written { name: setting.name, value: shown, is_default: value == setting.default })
        });
        written.collect()
    }
}

/// A text that a line is read as one word from.
pub(crate) fn quoted(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' => "\\\"".to_string(),
        b'\\' => "\\\\".to_string(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => alloc::format!("\\x{byte:02x}"),
    });
    let escaped: String = escaped.collect();
    alloc::format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::quoted;
    use crate::resp::split_words;

    proptest! {
        #[test]
        fn what_is_quoted_is_read_as_one_word(text in ".{0,20}") {
            let words: Option<Vec<Vec<u8>>> = split_words(quoted(&text).as_bytes());
            prop_assert_eq!(words, Some(vec![text.into_bytes()]));
        }
    }
}
