//! Who a replica is and what it may do: from its token, the server's password, or the lack of both.
//!
//! ```text
//!  token ──▶ jwt (with keys): the signature ──▶ claims: for whom, until when ──▶ Granted
//! ```
//! A token that the handshake brought and one that renews it are checked by the same call. It knows no HTTP and no
//! sockets.

mod claims;
mod jwt;
mod keys;
pub(crate) mod mint;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use sanderling_core::UnixMillis;
use sanderling_core::sync::{Grant, GrantLimits};
use tracing::{error, info};

use crate::config::Config;
use crate::quota::Share;
use keys::KeySet;

/// What a replica was found to be allowed.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) grant: Arc<Grant>,
    /// Who it is and what all its connections together may have, if its token names it.
    pub(crate) share: Option<(Box<str>, Share)>,
}

/// What tokens have to say, and what they get where they don't say otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) audience: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) share: Share,
    pub(crate) patterns_max: usize,
    pub(crate) pending_bytes_max: usize,
}

impl Default for Terms {
    fn default() -> Self {
        let limits = GrantLimits::default();
        Self {
            audience: None,
            issuer: None,
            share: Share::default(),
            patterns_max: limits.interest_patterns_max,
            pending_bytes_max: limits.pending_bytes_max,
        }
    }
}

/// Decides who may do what.
#[derive(Debug)]
pub(crate) struct Auth {
    files: Vec<PathBuf>,
    keys: Mutex<Loaded>,
    password: Option<String>,
    terms: Terms,
    /// What all get of whom no token is asked.
    everything: Arc<Grant>,
}

/// Keys, and the state of the files that they were read from.
#[derive(Debug)]
struct Loaded {
    keys: Arc<KeySet>,
    stamps: Vec<Stamp>,
}

/// What changes when a file does.
type Stamp = Option<(SystemTime, u64)>;

impl Auth {
    /// Reads the keys that the configuration names.
    ///
    /// # Errors
    /// If one can't be read or used; the text names the file.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let files = config.token_key.clone();
        let keys = Mutex::new(load(&files)?);
        let (password, terms) = (config.requirepass.clone(), config.token_terms());
        Ok(Self { files, keys, password, terms, everything: Arc::new(Grant::everything()) })
    }

    /// Whether nothing is asked of anybody: then only this machine may connect.
    pub(crate) fn asks_nothing(&self) -> bool {
        self.files.is_empty() && self.password.is_none()
    }

    /// Whether there are keys that may be renewed.
    pub(crate) fn has_keys(&self) -> bool {
        !self.files.is_empty()
    }

    /// Says what somebody may do who shows this: a token, the password, or nothing where nothing is asked.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub(crate) fn grant(&self, shown: &[u8], now: UnixMillis) -> Result<Granted, String> {
        let by_password = self.password.as_deref().is_some_and(|password| same_secret(password, shown));
        if by_password || self.asks_nothing() {
            return Ok(Granted { grant: Arc::clone(&self.everything), share: None });
        }
        if shown.is_empty() {
            return Err("this server asks for a token, and none was given".into());
        }
        if self.files.is_empty() {
            return Err("the password is wrong".into());
        }
        let keys = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner).keys);
        claims::read(&jwt::verify(shown, &keys)?, &self.terms, now)
    }

    /// Reads the keys again if their files have changed, or anyway. Files that can't be used leave the keys as they are.
    pub(crate) fn reload(&self, anyway: bool) {
        let before = self.keys.lock().unwrap_or_else(PoisonError::into_inner).stamps.clone();
        let stamps = stamps_of(&self.files);
        if stamps == before && !anyway {
            return;
        }
        match load(&self.files) {
            Ok(loaded) => {
                info!("read the keys for tokens again");
                *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = loaded;
            }
            Err(why) => {
                error!("the keys for tokens stay as they were: {why:#}");
                self.keys.lock().unwrap_or_else(PoisonError::into_inner).stamps = stamps;
            }
        }
    }
}

fn load(files: &[PathBuf]) -> Result<Loaded> {
    // Taken first: a change in between is then seen as one.
    let stamps = stamps_of(files);
    let mut keys = KeySet::default();
    for file in files {
        keys.extend(KeySet::read(file)?)?;
    }
    Ok(Loaded { keys: Arc::new(keys), stamps })
}

fn stamps_of(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(stamp).collect()
}

/// Compares without giving away by its duration how much of a guess is right.
fn same_secret(expected: &str, given: &[u8]) -> bool {
    let differing = expected.bytes().zip(given).fold(0, |differing, (one, other)| differing | (one ^ other));
    expected.len() == given.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use mint::{Mint, Signer};

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn auth(secrets: &[&str], password: Option<&str>) -> (Auth, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let files = (0..secrets.len()).map(|at| folder.path().join(format!("{at}.key"))).collect::<Vec<_>>();
        for (file, secret) in files.iter().zip(secrets) {
            std::fs::write(file, secret.repeat(40)).unwrap();
        }
        let config = Config { token_key: files, requirepass: password.map(Into::into), ..Config::default() };
        (Auth::new(&config).unwrap(), folder)
    }

    fn token(secret: &str) -> Vec<u8> {
        let mint = Mint { read: vec!["a".into()], ..Mint::default() };
        mint.token(&Signer::parse(secret.repeat(40).as_bytes()).unwrap(), NOW).unwrap().into_bytes()
    }

    fn may_read(auth: &Auth, shown: &[u8]) -> Result<[bool; 2], String> {
        auth.grant(shown, NOW).map(|granted| [b"a", b"b"].map(|key| granted.grant.may_read(key)))
    }

    #[test]
    fn what_is_shown_decides_what_is_allowed() {
        let (open, _folder) = auth(&[], None);
        assert!(open.asks_nothing());
        assert_eq!(may_read(&open, b""), Ok([true, true]));
        let (closed, _folder) = auth(&[], Some("secret"));
        assert!(!closed.asks_nothing());
        assert_eq!(may_read(&closed, b"secret"), Ok([true, true]));
        for wrong in [b"secre".as_slice(), b"secrets", b"Secret", b""] {
            assert!(may_read(&closed, wrong).is_err());
        }
        let (both, _folder) = auth(&["x", "y"], Some("secret"));
        assert_eq!(may_read(&both, b"secret"), Ok([true, true]));
        assert_eq!(may_read(&both, &token("x")), Ok([true, false]));
        assert_eq!(may_read(&both, &token("y")), Ok([true, false]));
        assert_eq!(may_read(&both, &token("z")), Err("the token's signature is wrong".into()));
        assert!(may_read(&both, b"").unwrap_err().contains("none was given"));
    }

    #[test]
    fn keys_are_read_again_when_their_file_changes() {
        let (auth, folder) = auth(&["x"], None);
        let file = folder.path().join("0.key");
        auth.reload(false);
        assert!(may_read(&auth, &token("x")).is_ok());
        std::fs::write(&file, "y".repeat(40) + "\n").unwrap();
        auth.reload(false);
        assert!(may_read(&auth, &token("x")).is_err() && may_read(&auth, &token("y")).is_ok());
        for anyway in [false, true] {
            std::fs::write(&file, "too short").unwrap();
            auth.reload(anyway);
            assert!(may_read(&auth, &token("y")).is_ok(), "a broken file leaves the keys as they were");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let config = Config { token_key: vec!["/nowhere/token.key".into()], ..Config::default() };
        assert!(format!("{:#}", Auth::new(&config).unwrap_err()).contains("/nowhere/token.key"));
    }
}
