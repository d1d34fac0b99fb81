//! Requests of one connection that are decoded ahead of their execution.
//!
//! A client that sends many requests at once can be served faster than one after another: while the first would wait for
//! memory to give out its key, the keys of the others can be on their way too. So a few requests are decoded, what they
//! are about is fetched side by side ([`Shard::warm`]), and then they are executed, one by one as before.
//!
//! [`Shard::warm`]: crate::shard::Shard::warm

use sanderling_core::Limits;
use sanderling_core::resp::{ProtocolError, RequestDecoder};
use smallvec::SmallVec;

/// Whole requests from the front of a buffer.
#[derive(Debug, Default)]
pub(crate) struct Ahead<'b> {
    /// The words of all requests.
    words: SmallVec<[&'b [u8]; 4 * REQUESTS_MAX]>,
    /// Of each request where its words end, and where it ends in the buffer.
    ends: SmallVec<[(usize, usize); REQUESTS_MAX]>,
    /// What comes after them.
    pub(crate) next: Next,
}

/// What comes after the requests that were decoded.
#[derive(Debug, Default)]
pub(crate) enum Next {
    /// There may be more.
    #[default]
    More,
    /// What comes next isn't whole yet.
    Partial,
    /// An inline request, whose words lie in the decoder; the number is where it ends in the buffer.
    Inline(usize),
    /// What comes next, from this place of the buffer on, can't be a request.
    Broken(ProtocolError, usize),
}

impl<'b> Ahead<'b> {
    /// Decodes requests from `at` on, `requests_max` of them and some words at most.
    pub(crate) fn decode(
        decoder: &mut RequestDecoder,
        buffer: &'b [u8],
        mut at: usize,
        limits: &Limits,
        requests_max: usize,
    ) -> Self {
        let mut ahead = Self::default();
        while ahead.ends.len() < requests_max && ahead.words.len() < WORDS_MAX {
            let rest = buffer.get(at..).unwrap_or_default();
            if rest.is_empty() {
                ahead.next = Next::Partial;
                break;
            }
            match decoder.decode(rest, limits) {
                Ok(Some(bytes)) => {
                    at += bytes;
                    let Some(ranges) = decoder.ranges() else {
                        ahead.next = Next::Inline(at);
                        break;
                    };
                    ahead.words.extend(ranges.iter().map(|range| rest.get(range.clone()).unwrap_or_default()));
                    ahead.ends.push((ahead.words.len(), at));
                }
                Ok(None) => {
                    ahead.next = Next::Partial;
                    break;
                }
                Err(error) => {
                    ahead.next = Next::Broken(error, at);
                    break;
                }
            }
        }
        ahead
    }

    /// The requests in order: their words, and where each ends in the buffer.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&[&'b [u8]], usize)> + Clone {
        let mut from = 0;
        self.ends.iter().map(move |(to, at)| {
            let words = self.words.get(from..*to).unwrap_or_default();
            from = *to;
            (words, *at)
        })
    }
}

/// Requests that are decoded together at most: few enough that what is fetched for the last isn't gone again when its
/// turn comes.
pub(crate) const REQUESTS_MAX: usize = 16;

/// Words after which no further request is decoded.
const WORDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Ahead, REQUESTS_MAX};
    use sanderling_core::Limits;
    use sanderling_core::resp::RequestDecoder;

    fn decoded(buffer: &[u8]) -> (Vec<(Vec<String>, usize)>, String) {
        let mut decoder = RequestDecoder::new();
        let ahead = Ahead::decode(&mut decoder, buffer, 0, &Limits::DEFAULT, REQUESTS_MAX);
        let shown = |word: &&[u8]| String::from_utf8_lossy(word).into_owned();
        let requests = ahead.requests().map(|(words, at)| (words.iter().map(shown).collect(), at)).collect();
        (requests, format!("{:?}", ahead.next))
    }

    #[test]
    fn whole_requests_are_decoded_up_to_what_must_wait() {
        let get = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        let words = || vec!["GET".to_owned(), "k".to_owned()];
        let cases: [(&[u8], usize, &str); 4] = [
            (b"", 2, "Partial"),
            (b"*1\r\n$4\r\nPI", 2, "Partial"),
            (b"PING\r\n", 2, "Inline(46)"),
            (b"*1\r\n#", 2, "Broken(ExpectedBulk(35), 40)"),
        ];
        for (tail, count, next) in cases {
            let (requests, came) = decoded(&[get, get.as_slice(), tail].concat());
            let expected: Vec<_> = (1..=count).map(|index| (words(), index * get.len())).collect();
            assert_eq!((requests, came.as_str()), (expected, next));
        }
        assert_eq!(decoded(&get.repeat(40)).0.len(), 16);
    }
}
