//! Decoding of requests: arrays of bulk strings, and inline commands as typed into a terminal.
//!
//! ```text
//! *2 CRLF $3 CRLF GET CRLF $1 CRLF k CRLF        PING CRLF        SET k "a b" CRLF
//! ```
//!
//! The decoder remembers how far it came in an incomplete request, so that a large one that arrives in many
//! pieces is read once.

use alloc::{vec, vec::Vec};
use core::{fmt, ops::Range};

use crate::{limits::Limits, num};

/// Finds the requests in a growing buffer.
///
/// The caller appends what it reads to its buffer, calls [`RequestDecoder::decode`] until it returns `None`,
/// and after each `Some(bytes)` drops that many bytes from the front of the buffer.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    /// Where each argument lies, relative to the start of the request.
    args: Vec<Range<usize>>,
    /// Arguments of inline requests after unquoting; empty for arrays.
    inline: Vec<Vec<u8>>,
    /// Where the next header line starts.
    position: usize,
    /// Arguments still to come; `None` before the array's header was read.
    missing: Option<usize>,
    /// The last decode was complete: the next one starts afresh.
    finished: bool,
}

impl RequestDecoder {
    /// Makes a decoder that stands before a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one request from the front of `buffer`. Returns its length in bytes, or `None` if it isn't whole yet.
    ///
    /// The arguments are then at [`RequestDecoder::args`]; an empty line or an empty array is a request without
    /// arguments, to be passed over.
    ///
    /// # Errors
    /// [`ProtocolError`] if the bytes can't be a request; the stream can't be trusted any more.
    pub fn decode(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        if core::mem::take(&mut self.finished) {
            self.args.clear();
            self.inline.clear();
            self.position = 0;
            self.missing = None;
        }
        let bytes = match self.missing {
            Some(missing) => self.decode_args(buffer, missing, limits)?,
            None => match buffer.first() {
                None => None,
                Some(b'*') => match line(buffer, 1, limits, ProtocolError::TooBigCountString)? {
                    None => None,
                    Some((digits, next)) => {
                        let count = num::parse_i64(digits).filter(|count| *count <= limits.args_max as i64);
                        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
                        self.position = next;
                        let count = usize::try_from(count).unwrap_or(0);
                        self.args.reserve(count.min(1024));
                        self.decode_args(buffer, count, limits)?
                    }
                },
                Some(_) => self.decode_inline(buffer, limits)?,
            },
        };
        self.finished = bytes.is_some();
        Ok(bytes)
    }

    /// Forgets how far it came in a request that isn't whole: the caller goes back to one before it.
    pub fn restart(&mut self) {
        self.finished = true;
    }

    /// Where the arguments of the request just decoded lie in it; `None` for an inline one, whose arguments lie in
    /// the decoder.
    pub fn ranges(&self) -> Option<&[Range<usize>]> {
        self.inline.is_empty().then_some(&self.args)
    }

    /// The arguments of the request just decoded, as slices of the same `buffer`, the command's name first.
    pub fn args<'a>(&'a self, buffer: &'a [u8]) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let inline = !self.inline.is_empty();
        let count = if inline { self.inline.len() } else { self.args.len() };
        (0..count).map(move |index| {
            if inline {
                self.inline.get(index).map_or(&[][..], Vec::as_slice)
            } else {
                self.args.get(index).and_then(|range| buffer.get(range.clone())).unwrap_or(&[])
            }
        })
    }

    fn decode_args(
        &mut self,
        buffer: &[u8],
        mut missing: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        while missing > 0 {
            self.missing = Some(missing);
            let Some(first) = buffer.get(self.position) else { return Ok(None) };
            if *first != b'$' {
                return Err(ProtocolError::ExpectedBulk(*first));
            }
            let Some((digits, start)) = line(buffer, self.position + 1, limits, ProtocolError::TooBigBulkCountString)?
            else {
                return Ok(None);
            };
            let bytes = num::parse_i64(digits).and_then(|bytes| usize::try_from(bytes).ok());
            let bytes =
                bytes.filter(|bytes| *bytes <= limits.bulk_bytes_max).ok_or(ProtocolError::InvalidBulkLength)?;
            let end = start + bytes;
            if buffer.len() < end + 2 {
                return Ok(None);
            }
            self.args.push(start..end);
            self.position = end + 2;
            missing -= 1;
        }
        Ok(Some(self.position))
    }

    fn decode_inline(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
            return match buffer.len() > limits.inline_bytes_max {
                true => Err(ProtocolError::TooBigInlineRequest),
                false => Ok(None),
            };
        };
        let text = buffer.get(..end).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        self.inline = split_words(text).ok_or(ProtocolError::UnbalancedQuotes)?;
        Ok(Some(end + 1))
    }
}

/// Appends the RESP form of a request, an array of bulk strings, to `out`.
pub fn encode_request<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.push(b'*');
    num::write_i64(out, args.len() as i64);
    out.extend_from_slice(b"\r\n");
    for arg in args {
        out.push(b'$');
        num::write_i64(out, arg.len() as i64);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// Why the bytes on a connection can't be a request. The text is what Redis answers before it hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An array's length that isn't a number or lies past the limit.
    InvalidMultibulkLength,
    /// A bulk string's length that isn't a number or lies past the limit.
    InvalidBulkLength,
    /// An array longer than what is taken from whom hasn't logged in.
    UnauthenticatedMultibulkLength,
    /// A bulk string longer than what is taken from whom hasn't logged in.
    UnauthenticatedBulkLength,
    /// Another byte stands where `$` was expected.
    ExpectedBulk(u8),
    /// The line that gives the array's length doesn't end.
    TooBigCountString,
    /// The line that gives a bulk string's length doesn't end.
    TooBigBulkCountString,
    /// A line without an end, longer than the limit.
    TooBigInlineRequest,
    /// An inline request with a quote that isn't closed.
    UnbalancedQuotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR Protocol error: ")?;
        match self {
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            Self::UnauthenticatedMultibulkLength => f.write_str("unauthenticated multibulk length"),
            Self::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            Self::ExpectedBulk(byte) => {
                let shown = if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
                write!(f, "expected '$', got '{shown}'")
            }
            Self::TooBigCountString => f.write_str("too big mbulk count string"),
            Self::TooBigBulkCountString => f.write_str("too big bulk count string"),
            Self::TooBigInlineRequest => f.write_str("too big inline request"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

impl core::error::Error for ProtocolError {}

/// Returns the line that starts at `from` without its CRLF, and where the next one starts.
fn line<'a>(
    buffer: &'a [u8],
    from: usize,
    limits: &Limits,
    too_long: ProtocolError,
) -> Result<Option<(&'a [u8], usize)>, ProtocolError> {
    let rest = buffer.get(from..).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'\r') {
        Some(end) if rest.len() > end + 1 => Ok(Some((rest.get(..end).unwrap_or_default(), from + end + 2))),
        None if rest.len() > limits.inline_bytes_max => Err(too_long),
        _ => Ok(None),
    }
}

/// Splits a line as a shell would: by blanks, with `"…"` (and its escapes) and `'…'`. `None` if a quote stays
/// open or a closing quote is followed by something else than a blank.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = vec![];
    let mut rest = line.iter().copied().peekable();
    loop {
        while rest.next_if(u8::is_ascii_whitespace).is_some() {}
        let mut word = vec![];
        match rest.peek() {
            None => return Some(words),
            Some(_) => loop {
                match rest.next() {
                    None => break,
                    Some(byte) if byte.is_ascii_whitespace() => break,
                    Some(b'"') => {
                        loop {
                            match rest.next()? {
                                b'"' => break,
                                b'\\' => word.push(match rest.next()? {
                                    b'n' => b'\n',
                                    b'r' => b'\r',
                                    b't' => b'\t',
                                    b'b' => 8,
                                    b'a' => 7,
                                    b'x' => {
                                        let digits = rest.clone();
                                        match hex_pair(digits) {
                                            Some(byte) => {
                                                rest.nth(1);
                                                byte
                                            }
                                            None => b'x',
                                        }
                                    }
                                    other => other,
                                }),
                                byte => word.push(byte),
                            }
                        }
                        if rest.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                            return None;
                        }
                    }
                    Some(b'\'') => {
                        loop {
                            match rest.next()? {
                                b'\'' => break,
                                b'\\' if rest.peek() == Some(&b'\'') => {
                                    rest.next();
                                    word.push(b'\'');
                                }
                                byte => word.push(byte),
                            }
                        }
                        if rest.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                            return None;
                        }
                    }
                    Some(byte) => word.push(byte),
                }
            },
        }
        words.push(word);
    }
}

fn hex_pair(mut bytes: impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_all(bytes: &[u8], piece: usize) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let (mut decoder, mut buffer, mut requests) = (RequestDecoder::new(), vec![], vec![]);
        for piece in bytes.chunks(piece.max(1)) {
            buffer.extend_from_slice(piece);
            while let Some(bytes) = decoder.decode(&buffer, &Limits::DEFAULT)? {
                requests.push(decoder.args(&buffer).map(<[u8]>::to_vec).collect());
                buffer.drain(..bytes);
            }
        }
        Ok(requests)
    }

    proptest! {
        #[test]
        fn requests_survive_any_cutting(
            requests in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6), 0..6),
            piece in 1usize..40,
        ) {
            let mut bytes = vec![];
            for request in &requests {
                encode_request(request.iter().map(Vec::as_slice), &mut bytes);
            }
            prop_assert_eq!(decode_all(&bytes, piece).unwrap(), requests);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..40) {
            let _ = decode_all(&bytes, piece);
        }
    }

    #[test]
    fn inline_requests_are_split_like_a_shell_does() {
        let check = |line: &[u8], words: &[&[u8]]| {
            assert_eq!(decode_all(line, 1000).unwrap(), [words.iter().map(|word| word.to_vec()).collect::<Vec<_>>()]);
        };
        check(b"PING\r\n", &[b"PING"]);
        check(b"  SET k   \"a \\x41\\n\\\"\" \n", &[b"SET", b"k", b"a A\n\""]);
        check(b"SET k 'it\\'s'\r\n", &[b"SET", b"k", b"it's"]);
        check(b"SET k \"\"\r\n", &[b"SET", b"k", b""]);
        check(b"\r\n", &[]);
        assert_eq!(decode_all(b"SET \"k\r\n", 1000), Err(ProtocolError::UnbalancedQuotes));
    }

    #[test]
    fn protocol_errors_read_as_in_redis() {
        let check = |bytes: &[u8], text: &str| {
            assert_eq!(alloc::string::ToString::to_string(&decode_all(bytes, 1000).unwrap_err()), text);
        };
        check(b"*3\r\n+SET\r\n", "ERR Protocol error: expected '$', got '+'");
        check(b"*x\r\n", "ERR Protocol error: invalid multibulk length");
        check(b"*1\r\n$-5\r\n", "ERR Protocol error: invalid bulk length");
        check(b"*1\r\n$999999999999\r\n", "ERR Protocol error: invalid bulk length");
        check(&[b'a'; 70_000], "ERR Protocol error: too big inline request");
    }
}
