//! The WebSocket handshake (RFC 6455, section 4.2), with a clear answer to what isn't one.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use sanderling_core::sync::SUBPROTOCOL;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::access::Refusal;
use crate::metrics::Refused;

/// Checks that a request opens a WebSocket of our subprotocol. Returns the accept key.
///
/// # Errors
/// The answer to give instead.
pub(super) fn check(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    if !names(headers, header::CONNECTION, "upgrade") || !names(headers, header::UPGRADE, "websocket") {
        return Err(refusal("this is where replicas sync: open it as a WebSocket".into()));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(refusal("Sec-WebSocket-Version has to be 13".into()));
    }
    if !names(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        let offered = values(headers, header::SEC_WEBSOCKET_PROTOCOL);
        let offered: Vec<_> = offered.filter(|value| !value.starts_with(TOKEN_PREFIX)).collect();
        let offered = if offered.is_empty() { "none".into() } else { offered.join(", ") };
        let why = format!("Sec-WebSocket-Protocol has to name {SUBPROTOCOL}, the one spoken here; offered: {offered}");
        return Err(refusal(why));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(|| refusal("Sec-WebSocket-Key is missing".into()))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| refusal("a bad Sec-WebSocket-Key".into()))
}

/// The token that is offered as if it were a subprotocol, percent-encoded; empty where one who has none says so.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    values(headers, header::SEC_WEBSOCKET_PROTOCOL).find_map(|value| value.strip_prefix(TOKEN_PREFIX))
}

/// Makes the answer that opens the WebSocket.
pub(super) fn accepted(accept: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.clone());
    response
}

fn refusal(why: String) -> Refusal {
    Refusal::new(Refused::Handshake, why)
}

fn names(headers: &HeaderMap, header: header::HeaderName, wanted: &str) -> bool {
    values(headers, header).any(|value| value.eq_ignore_ascii_case(wanted))
}

/// The parts of a header that holds a list.
fn values(headers: &HeaderMap, header: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
}

/// What a token begins with among the subprotocols.
const TOKEN_PREFIX: &str = "sanderling.token.";
