//! Who may open the sync WebSocket: from where, on behalf of which page, and with what.
//!
//! A browser sends its cookies and its network position wherever a page tells it to connect, so a page of another
//! site must not get through to a server on the visitor's machine: neither directly (the `Origin` tells) nor under a
//! name that its owner points to this machine (then the `Host` is not one of ours).
//!
//! A page can't set headers of a WebSocket, so a token may come as an entry of `Sec-WebSocket-Protocol`; and a page
//! isn't shown the answer to a handshake that failed, so it gets the refusal as a close frame.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sanderling_core::sync::CloseReason;
use tokio::time::Instant;
use tracing::warn;

use super::handshake;
use crate::auth::{Auth, Granted};
use crate::clock;
use crate::config::AddressLimits;
use crate::metrics::Refused;
use crate::quota::{Lease, Quotas};

/// The rules.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) auth: Arc<Auth>,
    pub(super) quotas: Quotas,
    /// Origins beyond this server's own, such as `https://example.org`.
    pub(super) origins: Vec<String>,
    pub(super) address_limits: AddressLimits,
    /// Whether a proxy says where a connection comes from.
    pub(super) trust_forwarded: bool,
    /// That there may be a proxy is said once.
    pub(super) proxy_noted: Once,
}

/// A refusal: for which reason, and what would be right.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Refused,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(reason: Refused, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    fn status(&self) -> StatusCode {
        match self.reason {
            Refused::Handshake => StatusCode::BAD_REQUEST,
            Refused::Origin | Refused::Host | Refused::Remote => StatusCode::FORBIDDEN,
            Refused::Token => StatusCode::UNAUTHORIZED,
            Refused::Connections | Refused::Rate => StatusCode::TOO_MANY_REQUESTS,
            Refused::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The close code for those who aren't shown the status; `None` where nobody of good will is told anything.
    pub(super) fn close_code(&self) -> Option<u16> {
        match self.reason {
            Refused::Token => Some(CloseReason::Unauthorized("").code()),
            Refused::Connections | Refused::Rate => Some(CloseReason::Throttled("").code()),
            Refused::Handshake | Refused::Origin | Refused::Host | Refused::Remote | Refused::Full => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.text + "\n").into_response();
        if self.reason == Refused::Token {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl Access {
    /// Checks a request for the WebSocket.
    ///
    /// # Errors
    /// The answer to give instead.
    pub(super) fn check(&self, from: SocketAddr, headers: &HeaderMap) -> Result<(Granted, Lease), Refusal> {
        let host = text(headers, &header::HOST).unwrap_or_default();
        if let Some(origin) = text(headers, &header::ORIGIN)
            && !self.allows_origin(origin, host)
        {
            let why = format!("pages of {origin} may not connect here; start the server with --origin {origin}");
            return Err(Refusal::new(Refused::Origin, why));
        }
        let forwarded =
            headers.get_all(FORWARDED_FOR).iter().next_back().map(|value| value.to_str().unwrap_or_default());
        if self.auth.asks_nothing() {
            self.check_local(from, host, forwarded.is_some() || headers.contains_key(header::FORWARDED))?;
        }
        if forwarded.is_some() && !self.trust_forwarded {
            self.proxy_noted.call_once(|| {
                warn!("a connection came with X-Forwarded-For: all of a proxy's count as one address without --trust-forwarded");
            });
        }
        let shown = shown_by(headers);
        let granted = self.auth.grant(&shown, clock::now()).map_err(|why| Refusal::new(Refused::Token, why))?;
        let address = self.address(from, forwarded);
        let share = self.address_limits.share(address);
        match self.quotas.lease(address, share, granted.share.clone(), Instant::now()) {
            Ok(lease) => Ok((granted, lease)),
            Err(why) => Err(Refusal::new(Refused::Connections, format!("{why}: come back after a while"))),
        }
    }

    /// Checks that a connection of which nothing is asked is from this machine, and knows it.
    fn check_local(&self, from: SocketAddr, host: &str, is_forwarded: bool) -> Result<(), Refusal> {
        if is_forwarded || !from.ip().to_canonical().is_loopback() {
            let why = "without a key only connections from this machine are accepted; start the server with \
                       --token-key or --requirepass";
            return Err(Refusal::new(Refused::Remote, why));
        }
        match self.knows_host(host) {
            true => Ok(()),
            false => {
                let why = format!("{host} is not a name of this server; start it with --origin http://{host}");
                Err(Refusal::new(Refused::Host, why))
            }
        }
    }

    fn allows_origin(&self, origin: &str, host: &str) -> bool {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let both_local = is_local(name_of(authority)) && is_local(name_of(host));
        authority == host || both_local || self.origins.iter().any(|allowed| allowed.trim_end_matches('/') == origin)
    }

    fn knows_host(&self, host: &str) -> bool {
        let name = name_of(host);
        let allowed =
            |origin: &String| origin.split_once("://").is_some_and(|(_, authority)| name_of(authority) == name);
        is_local(name) || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || self.origins.iter().any(allowed)
    }

    /// Where a connection comes from: the proxy in front adds that last.
    fn address(&self, from: SocketAddr, forwarded: Option<&str>) -> IpAddr {
        let last = forwarded.filter(|_| self.trust_forwarded).and_then(|list| list.rsplit(',').next());
        last.and_then(|address| address.trim().trim_matches(['[', ']']).parse().ok()).unwrap_or(from.ip())
    }
}

/// Whether the one who asks can't see the status of a refusal: pages can't, and whoever uses the way of pages.
pub(super) fn wants_close_frame(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || handshake::token(headers).is_some()
}

/// The token or the password that a request shows.
fn shown_by(headers: &HeaderMap) -> Vec<u8> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
    match bearer {
        Some((scheme, shown)) if scheme.eq_ignore_ascii_case(b"Bearer ") => shown.trim_ascii().into(),
        _ => handshake::token(headers).map(percent_decoded).unwrap_or_default(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether a host name is this machine's for everyone.
fn is_local(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The host name in `name:port`.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = after;
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => decoded.push(*byte),
        }
    }
    decoded
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn access(password: Option<&str>, origins: &[&str]) -> Access {
        let config = Config { requirepass: password.map(Into::into), ..Config::default() };
        Access {
            auth: Arc::new(Auth::new(&config).unwrap()),
            quotas: Quotas::default(),
            origins: origins.iter().map(|origin| (*origin).into()).collect(),
            address_limits: config.address_limits,
            trust_forwarded: false,
            proxy_noted: Once::new(),
        }
    }

    fn headers_of(headers: &[(&str, &str)]) -> HeaderMap {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                header::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        });
        headers.collect()
    }

    fn check(access: &Access, from: &str, headers: &[(&str, &str)]) -> u16 {
        let outcome = access.check(from.parse().unwrap(), &headers_of(headers));
        outcome.map_or_else(|refusal| refusal.status().as_u16(), |_| 101)
    }

    #[test]
    fn without_a_key_only_this_machine_gets_in() {
        let access = access(None, &["https://app.example"]);
        let host = ("host", "localhost:7379");
        for from in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert_eq!(check(&access, from, &[host]), 101, "{from}");
        }
        assert_eq!(check(&access, "192.168.0.2:5", &[host]), 403);
        assert_eq!(check(&access, "127.0.0.1:5", &[("host", "rebound.example:7379")]), 403);
        assert_eq!(check(&access, "127.0.0.1:5", &[("host", "app.example")]), 101);
        assert_eq!(check(&access, "127.0.0.1:5", &[("host", "192.168.0.1:7379")]), 101);
        // A proxy on this machine brings strangers.
        for proxied in [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "\u{e4}"), ("forwarded", "for=1.2.3.4")] {
            assert_eq!(check(&access, "127.0.0.1:5", &[host, proxied]), 403, "{proxied:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let local = access(None, &["https://app.example", "https://slash.example/"]);
        let status = |origin| check(&local, "127.0.0.1:5", &[("host", "127.0.0.1:7379"), ("origin", origin)]);
        for allowed in [
            "http://127.0.0.1:7379",
            "http://localhost:5173",
            "http://[::1]:1",
            "https://app.example",
            "https://slash.example",
        ] {
            assert_eq!(status(allowed), 101, "{allowed}");
        }
        for refused in
            ["https://evil.example", "http://localhost.evil.example", "null", "https://app.example.evil", "\u{e4}", ""]
        {
            assert_eq!(status(refused), 403, "{refused}");
        }
        let public = access(Some("secret"), &[]);
        let status = |origin| {
            let headers = [("host", "db.example"), ("origin", origin), ("authorization", "Bearer secret")];
            check(&public, "127.0.0.1:5", &headers)
        };
        assert_eq!(status("https://db.example"), 101);
        assert_eq!(status("http://localhost:5173"), 403, "a page of this machine, but not a server of it");
    }

    #[test]
    fn a_password_opens_from_anywhere() {
        let one = access(Some("pä&s(s)"), &[]);
        let status = |headers: &[_]| check(&one, "192.168.0.2:5", headers);
        assert_eq!(status(&[]), 401);
        let entry = |text: &str| check(&one, "192.168.0.2:5", &[("sec-websocket-protocol", text)]);
        assert_eq!(entry("sanderling.v1, sanderling.token.p%C3%A4%26s%28s%29"), 101);
        assert_eq!(entry("sanderling.v1, sanderling.token.p%C3%A4%26s"), 401);
        assert_eq!(entry("sanderling.v1, sanderling.token."), 401);
        let other = access(Some("secret"), &[]);
        let status = |value| check(&other, "192.168.0.2:5", &[("authorization", value)]);
        assert_eq!(status("Bearer secret"), 101);
        assert_eq!(status("bearer secret"), 101);
        assert_eq!(status("Bearer secrets"), 401);
        assert_eq!(status("Basic secret"), 401);
        assert_eq!(status("Bearer"), 401);
    }

    #[test]
    fn an_address_is_that_of_the_socket_or_what_a_trusted_proxy_says() {
        let mut access = access(Some("secret"), &[]);
        access.address_limits.connections = Some(1);
        let from = |access: &Access, forwarded: &str| {
            let headers = headers_of(&[("authorization", "Bearer secret"), ("x-forwarded-for", forwarded)]);
            access.check("127.0.0.1:5".parse().unwrap(), &headers)
        };
        let held = from(&access, "1.2.3.4").unwrap();
        assert_eq!(from(&access, "1.2.3.5").unwrap_err().reason, Refused::Connections);
        drop(held);
        access.trust_forwarded = true;
        let _held = from(&access, "9.9.9.9, 1.2.3.4").unwrap();
        assert!(from(&access, "9.9.9.9, 1.2.3.5").is_ok());
        assert_eq!(from(&access, "8.8.8.8, 1.2.3.4").unwrap_err().reason, Refused::Connections);
    }
}
