//! RESP2 and RESP3, the protocol that Redis clients speak: requests in, replies out.
//!
//! Nothing here knows a command or a key. Requests are decoded in place: a decoded command is a list of
//! slices of the caller's buffer. The protocol is described at <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

mod reply;
mod request;
mod value;

pub use reply::{Protocol, Reply};
pub use request::{ProtocolError, RequestDecoder, encode_request, split_words};
pub use value::{Value, decode_value};
