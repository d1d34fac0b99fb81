//! Who may open the sync WebSocket.
//!
//! A browser sends its cookies and its network position wherever a page tells it to connect, so a page of another
//! site must not get through to a server on the visitor's machine: neither directly (the `Origin` tells) nor under a
//! name that its owner points to this machine (then the `Host` is not one of ours).

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, Uri, header};

/// The rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The password that a replica must give, if there is one.
    pub(crate) password: Option<String>,
    /// Origins beyond this server's own, such as `https://example.org`.
    pub(crate) origins: Vec<String>,
}

/// A refusal: the status, and what would be right.
pub(crate) type Refusal = (StatusCode, String);

impl Access {
    /// Checks a request for the WebSocket.
    ///
    /// # Errors
    /// The answer to give instead.
    pub(crate) fn check(&self, from: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default();
        if let Some(origin) = text(header::ORIGIN)
            && !self.allows_origin(origin, host)
        {
            let why =
                format!("pages of {origin} may not connect here; start the server with --allow-origin {origin}\n");
            return Err((StatusCode::FORBIDDEN, why));
        }
        match &self.password {
            Some(password) => match same_secret(password, &given_password(uri, headers)) {
                true => Ok(()),
                false => {
                    let why = "this server has a password: give it as ?token=… or as Authorization: Bearer …\n";
                    Err((StatusCode::UNAUTHORIZED, why.into()))
                }
            },
            None if !from.ip().to_canonical().is_loopback() => {
                let why = "without a password only connections from this machine are accepted; start the server with \
                           --requirepass\n";
                Err((StatusCode::FORBIDDEN, why.into()))
            }
            None if !self.knows_host(host) => {
                let why = format!("{host} is not a name of this server; start it with --allow-origin http://{host}\n");
                Err((StatusCode::FORBIDDEN, why))
            }
            None => Ok(()),
        }
    }

    fn allows_origin(&self, origin: &str, host: &str) -> bool {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        authority == host || is_local(name_of(authority)) || self.origins.iter().any(|allowed| allowed == origin)
    }

    fn knows_host(&self, host: &str) -> bool {
        let name = name_of(host);
        let allowed =
            |origin: &String| origin.split_once("://").is_some_and(|(_, authority)| name_of(authority) == name);
        is_local(name) || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || self.origins.iter().any(allowed)
    }
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

fn given_password(uri: &Uri, headers: &HeaderMap) -> Vec<u8> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let parameter = || uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="));
    match bearer {
        Some(password) => password.into(),
        None => percent_decoded(parameter().unwrap_or_default()),
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

/// Compares without giving away by its duration how much of a guess is right.
fn same_secret(expected: &str, given: &[u8]) -> bool {
    let differing = expected.bytes().zip(given).fold(0, |differing, (one, other)| differing | (one ^ other));
    expected.len() == given.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &Access, from: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let outcome = access.check(from.parse().unwrap(), &target.parse().unwrap(), &map);
        outcome.map_or_else(|(status, _)| status.as_u16(), |()| 101)
    }

    #[test]
    fn without_a_password_only_this_machine_gets_in() {
        let access = Access { password: None, origins: vec!["https://app.example".into()] };
        let host = ("host", "localhost:7379");
        for from in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert_eq!(check(&access, from, "/sync", &[host]), 101, "{from}");
        }
        assert_eq!(check(&access, "192.168.0.2:5", "/sync", &[host]), 403);
        assert_eq!(check(&access, "127.0.0.1:5", "/sync", &[("host", "rebound.example:7379")]), 403);
        assert_eq!(check(&access, "127.0.0.1:5", "/sync", &[("host", "app.example")]), 101);
        assert_eq!(check(&access, "127.0.0.1:5", "/sync", &[("host", "192.168.0.1:7379")]), 101);
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let access = Access { password: None, origins: vec!["https://app.example".into()] };
        let status = |origin| check(&access, "127.0.0.1:5", "/sync", &[("host", "127.0.0.1:7379"), ("origin", origin)]);
        for allowed in ["http://127.0.0.1:7379", "http://localhost:5173", "http://[::1]:1", "https://app.example"] {
            assert_eq!(status(allowed), 101, "{allowed}");
        }
        for refused in ["https://evil.example", "http://localhost.evil.example", "null", "https://app.example.evil"] {
            assert_eq!(status(refused), 403, "{refused}");
        }
    }

    #[test]
    fn a_password_opens_from_anywhere() {
        let access = Access { password: Some("pä&ss".into()), origins: vec![] };
        let status = |target, headers: &[_]| check(&access, "192.168.0.2:5", target, headers);
        assert_eq!(status("/sync", &[]), 401);
        assert_eq!(status("/sync?token=p%C3%A4%26ss", &[]), 101);
        assert_eq!(status("/sync?a=b&token=p%C3%A4%26s", &[]), 401);
        let access = Access { password: Some("secret".into()), origins: vec![] };
        let status = |value| check(&access, "192.168.0.2:5", "/sync", &[("authorization", value)]);
        assert_eq!(status("Bearer secret"), 101);
        assert_eq!(status("Bearer secrets"), 401);
    }
}
