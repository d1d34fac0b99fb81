//! Why a hub ends a connection.

use alloc::string::String;

use super::VERSION;
use crate::format::ClientSeq;

/// Why the hub ends a connection; sent as the WebSocket's close code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The replica speaks a version that the hub doesn't.
    UnsupportedVersion(u16),
    /// A message that can't be read, or in the wrong place.
    Malformed(&'static str),
    /// A limit was passed.
    LimitPassed(&'static str),
    /// The same client has connected anew. Of a live connection that is one which took over commands of this one's: each
    /// comes back until they are answered.
    Replaced,
    /// The token isn't good, or not any more.
    Unauthorized(&'static str),
    /// A command's number leaves a gap: the one expected is given.
    Gap(ClientSeq),
    /// The replica is too far behind: come back and resume.
    FellBehind,
    /// The server is going down: come back later.
    ShuttingDown,
    /// More than its share: come back after a while.
    Throttled(&'static str),
    /// What it may read isn't what it was: come back and hold what it then may.
    RightsChanged,
}

impl CloseReason {
    /// The WebSocket close code, from the range for applications.
    pub const fn code(&self) -> u16 {
        match self {
            Self::UnsupportedVersion(_) => 4000,
            Self::Malformed(_) => 4001,
            Self::LimitPassed(_) => 4002,
            Self::Unauthorized(_) => 4004,
            Self::Gap(_) => 4100,
            Self::FellBehind => 4101,
            Self::ShuttingDown => 4102,
            Self::Throttled(_) => 4103,
            Self::RightsChanged => 4104,
            Self::Replaced => 4105,
        }
    }

    /// Whether a replica closed with `code` should connect again. Codes from 4000 to 4099 say no: it would only be
    /// closed again.
    pub const fn may_retry(code: u16) -> bool {
        !(code >= 4000 && code < 4100)
    }

    /// The reason in words, at most 123 bytes as the protocol demands.
    pub fn text(&self) -> String {
        use alloc::format;
        match self {
            Self::UnsupportedVersion(version) => {
                format!("version {version} isn't spoken here; this server speaks version {VERSION}")
            }
            Self::Malformed(what) => format!("malformed message: {what}"),
            Self::LimitPassed(what) => format!("limit passed: {what}"),
            Self::Unauthorized(why) => format!("unauthorized: {why}"),
            Self::Replaced => "the same client has connected anew".into(),
            Self::Gap(expected) => format!("gap in pushed commands: expected {}", expected.0),
            Self::FellBehind => "too far behind: reconnect to resume".into(),
            Self::ShuttingDown => "the server is shutting down".into(),
            Self::Throttled(what) => format!("{what}: come back after a while"),
            Self::RightsChanged => "what may be read has changed: reconnect".into(),
        }
    }
}
