//! The users of the configuration and of the ACL file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use sanderling_core::Engine;
use sanderling_core::acl::UserStore;

use crate::config::Config;
use crate::entropy::Entropy;

/// Defines the users that the configuration names, or those of the ACL file.
///
/// # Errors
/// If it names both, or one of them can't be read.
pub(super) fn configure(engine: &mut Engine, config: &Config) -> Result<()> {
    let file = config.aclfile.clone();
    let defined = config.redis.as_ref().map_or(&[][..], |redis| &redis.users);
    ensure!(
        file.is_none() || defined.is_empty(),
        "users are defined in the configuration and in an ACL file: define all of them in one place"
    );
    let shown = file.as_ref().map(|path| path.display().to_string());
    let store = FileStore { name: shown.clone(), file: file.unwrap_or_default(), entropy: Entropy::default() };
    let users = engine.users_mut();
    users.set_store(Box::new(store));
    let settings = config.redis.as_ref().map_or(&[][..], |redis| &redis.settings);
    let all_channels = settings.iter().rev().find(|(name, _)| *name == "acl-pubsub-default");
    users.begin_with_all_channels(all_channels.is_some_and(|(_, value)| value == "allchannels"));
    for user in defined {
        let words: Vec<&[u8]> = user.words.iter().map(Vec::as_slice).collect();
        let name = String::from_utf8_lossy(words.first().copied().unwrap_or_default()).into_owned();
        users.define(&words).map_err(|why| anyhow!("{}: user {name}: {why}", user.place))?;
    }
    if shown.is_some() {
        users.load_file().map_err(|why| anyhow!(why))?;
    }
    Ok(())
}

/// The ACL file, if there is one.
#[derive(Debug)]
struct FileStore {
    name: Option<String>,
    file: PathBuf,
    entropy: Entropy,
}

impl UserStore for FileStore {
    fn file(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn read(&mut self) -> Result<String, String> {
        fs::read_to_string(&self.file).map_err(|error| error.to_string())
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        replace(&self.file, text).map_err(|error| error.to_string())
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.entropy.draw().to_le_bytes();
            chunk.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
    }
}

/// Replaces a file's text, so that a crash leaves the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = File::create(&temporary).and_then(|mut file| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    replaced
}
