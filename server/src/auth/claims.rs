//! What a good token says: until when, for whom, and what it allows.
//!
//! It knows no signatures. Its errors are for the one who makes the tokens, and may name what a token says.

use std::fmt::Display;

use sanderling_core::UnixMillis;
use sanderling_core::acl::CommandSet;
use sanderling_core::command::table;
use sanderling_core::sync::{Grant, GrantLimits, Interest};
use serde::{Deserialize, Serialize};

use super::{Granted, Terms};

/// The claims that are looked at. Others may be there.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Claims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<Audience>,
    /// Seconds since the epoch, as are the others; they may have a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iat: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sanderling: Option<Rights>,
}

/// One audience or several.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What is allowed. A name that isn't known is an error: what was meant to restrict must not be passed over.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rights {
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) channels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commands: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<Limits>,
}

/// Bounds in place of the server's own for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) connections: Option<u64>,
    pub(crate) messages: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) pending: Option<u64>,
    pub(crate) patterns: Option<u64>,
}

/// Reads the payload of a token whose signature is good, as of `now`.
///
/// # Errors
/// Which claim is missing or wrong.
pub(crate) fn read(payload: &[u8], terms: &Terms, now: UnixMillis) -> Result<Granted, String> {
    let claims: Claims = serde_json::from_slice(payload).map_err(|error| unread(&error))?;
    let expires_at = claims.check(terms, now)?;
    let rights = claims.sanderling.ok_or("the token has no claim sanderling, so it allows nothing")?;
    let limits = rights.limits.unwrap_or_default();
    let globs = |list: &[String]| Interest::new(list.iter().map(String::as_bytes));
    let commands = match &rights.commands {
        Some(rules) => CommandSet::parse(rules.iter().map(String::as_str), table::find),
        None => CommandSet::parse(COMMANDS, table::find),
    };
    let grant = Grant {
        subject: claims.sub.as_deref().unwrap_or("token").into(),
        read: globs(&rights.read),
        write: globs(&rights.write),
        channels: globs(&rights.channels),
        commands: commands.map_err(|why| format!("the token's commands: {why}"))?,
        expires_at: Some(expires_at),
        limits: GrantLimits {
            interest_patterns_max: limits.patterns.map_or(terms.patterns_max, count),
            pending_bytes_max: limits.pending.map_or(terms.pending_bytes_max, count),
        },
    };
    let share = terms.share.overridden(limits.connections, limits.messages, limits.bytes);
    // Those who have no name have nothing in common.
    Ok(Granted { grant: grant.into(), share: claims.sub.map(|subject| (subject.into(), share)) })
}

impl Claims {
    /// Checks for whom and when the token is good. Returns until when.
    fn check(&self, terms: &Terms, now: UnixMillis) -> Result<UnixMillis, &'static str> {
        let expires_at = moment(self.exp.ok_or("the token has no exp: it would never end")?)?;
        if expires_at <= now {
            return Err("the token has expired");
        }
        if let Some(from) = self.nbf
            && moment(from)?.0 > now.0.saturating_add(2 * LEEWAY_MS)
        {
            return Err("the token is not valid yet (nbf)");
        }
        match (&terms.issuer, &self.iss) {
            (Some(wanted), Some(issuer)) if wanted == issuer => {}
            (Some(_), _) => return Err("the token is of another issuer (iss) than this server's --token-issuer"),
            (None, _) => {}
        }
        match (&terms.audience, &self.aud) {
            (Some(wanted), Some(audience)) if audience.has(wanted) => {}
            (Some(_), _) => return Err("the token is for another audience (aud) than this server's --token-audience"),
            (None, Some(_)) => {
                return Err("the token is for an audience (aud), and this server has no --token-audience");
            }
            (None, None) => {}
        }
        Ok(expires_at)
    }
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(audience) => audience == wanted,
            Self::Many(audiences) => audiences.iter().any(|audience| audience == wanted),
        }
    }
}

/// A time of a token on this server's clock, with the leeway that clocks need of each other.
fn moment(seconds: f64) -> Result<UnixMillis, &'static str> {
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err("the token has a time that is none: seconds since 1970 are expected");
    }
    Ok(UnixMillis((seconds * 1000.0) as u64 + LEEWAY_MS))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn unread(error: &dyn Display) -> String {
    let mut why = error.to_string();
    why.truncate(why.char_indices().nth(SHOWN_CHARS_MAX).map_or(why.len(), |(at, _)| at));
    format!("the token's claims: {why}")
}

/// What a token may run that names no commands: all but the dangerous ones. Keys restrict them further.
const COMMANDS: [&str; 2] = ["+@all", "-@dangerous"];

/// How far the clocks of this server and of a token's maker may be apart.
const LEEWAY_MS: u64 = 5_000;

/// Latest time of a token: the end of the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// Characters of an error that are told.
const SHOWN_CHARS_MAX: usize = 90;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Share;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn terms() -> Terms {
        Terms { share: Share { connections: 1, messages: 2, bytes: 3 }, ..Terms::default() }
    }

    fn try_read(claims: &str, terms: &Terms) -> Result<Granted, String> {
        read(claims.as_bytes(), terms, NOW)
    }

    #[test]
    fn claims_become_a_grant() {
        let claims = r#"{"sub": "ada", "exp": 1000060.5, "iat": 1000000, "jti": {"any": 1}, "sanderling": {"read": ["a:*", "b"],
            "write": ["a:1"], "channels": ["news"], "commands": ["@read", "set"],
            "limits": {"connections": 10, "bytes": 30, "pending": 5, "patterns": 6}}}"#;
        let Granted { grant, share } = try_read(claims, &terms()).unwrap();
        assert_eq!(&*grant.subject, "ada");
        assert!(grant.may_read(b"a:x") && grant.may_read(b"b") && !grant.may_read(b"c"));
        assert!(grant.may_write(b"a:1") && !grant.may_write(b"a:2"));
        assert!(grant.may_use_channel(b"news") && !grant.may_use_channel(b"old"));
        assert!(grant.check_call(&[b"GET", b"b"]).is_ok() && grant.check_call(&[b"INCR", b"a:1"]).is_err());
        assert_eq!(grant.expires_at, Some(UnixMillis(1_000_060_500 + LEEWAY_MS)));
        assert_eq!(grant.limits, GrantLimits { interest_patterns_max: 6, pending_bytes_max: 5 });
        assert_eq!(share, Some(("ada".into(), Share { connections: 10, messages: 2, bytes: 30 })));
    }

    #[test]
    fn what_is_not_said_is_not_allowed() {
        let Granted { grant, share } = try_read(r#"{"exp": 1000060, "sanderling": {}}"#, &terms()).unwrap();
        assert!(!grant.may_read(b"a") && !grant.may_write(b"a") && !grant.may_use_channel(b"a"));
        assert_eq!(share, None);
        let open = r#"{"exp": 1000060, "sanderling": {"read": ["*"], "write": ["*"]}}"#;
        let grant = try_read(open, &terms()).unwrap().grant;
        assert!(grant.check_call(&[b"SET", b"k", b"v"]).is_ok());
        assert!(grant.check_call(&[b"FLUSHALL"]).is_err(), "dangerous commands are to be named");
    }

    #[test]
    fn times_are_kept_with_a_little_leeway() {
        let at = |claims: &str| try_read(&format!("{{{claims}, \"sanderling\": {{}}}}"), &terms()).map(|_| ());
        assert_eq!(at("\"exp\": 1000001"), Ok(()));
        assert_eq!(at("\"exp\": 999996"), Ok(()));
        assert_eq!(at("\"exp\": 999995"), Err("the token has expired".into()));
        assert_eq!(at("\"exp\": 1000060, \"nbf\": 1000005"), Ok(()));
        assert!(at("\"exp\": 1000060, \"nbf\": 1000006").unwrap_err().contains("not valid yet"));
        assert!(at("\"iat\": 1").unwrap_err().contains("no exp"));
        for bad in ["-1", "1e300", "1759000000000", "\"soon\"", "null", "[]"] {
            assert!(at(&format!("\"exp\": {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn issuer_and_audience_have_to_be_those_of_this_server() {
        let outcome = |terms: &Terms, claims: &str| {
            try_read(&format!("{{\"exp\": 1000060, \"sanderling\": {{}}{claims}}}"), terms).map(|_| ())
        };
        let strict = Terms { issuer: Some("me".into()), audience: Some("us".into()), ..terms() };
        assert_eq!(outcome(&strict, ", \"iss\": \"me\", \"aud\": \"us\""), Ok(()));
        assert_eq!(outcome(&strict, ", \"iss\": \"me\", \"aud\": [\"them\", \"us\"]"), Ok(()));
        assert!(outcome(&strict, ", \"iss\": \"me\", \"aud\": [\"them\"]").unwrap_err().contains("--token-audience"));
        assert!(outcome(&strict, ", \"iss\": \"me\"").unwrap_err().contains("--token-audience"));
        assert!(outcome(&strict, ", \"iss\": \"you\", \"aud\": \"us\"").unwrap_err().contains("--token-issuer"));
        assert!(outcome(&strict, ", \"aud\": \"us\"").unwrap_err().contains("--token-issuer"));
        assert_eq!(outcome(&terms(), ", \"iss\": \"anyone\""), Ok(()));
        assert!(outcome(&terms(), ", \"aud\": \"them\"").unwrap_err().contains("--token-audience"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let why = |claims: &str| try_read(claims, &terms()).unwrap_err();
        assert!(why("{\"exp\": 1000060}").contains("no claim sanderling"));
        assert!(why("{\"exp\": 1000060, \"sanderling\": {\"reads\": []}}").contains("reads"));
        assert!(why("{\"exp\": 1000060, \"sanderling\": {\"limits\": {\"keys\": 1}}}").contains("keys"));
        assert!(why("{\"exp\": 1000060, \"sanderling\": {\"commands\": [\"-@nosuch\"]}}").contains("-@nosuch"));
        assert!(why("{\"exp\": 1000060, \"exp\": 1, \"sanderling\": {}}").contains("duplicate"));
        assert!(why("[1]").len() < 150 && why("").len() < 150);
    }
}
