//! A connection that is fed whole batches and returns the bytes of each reply.
//!
//! Replies are told apart, not decoded: most of them are equal on both servers, byte for byte, and need no more. Each
//! connection has a thread, so that both servers work on a batch at once while the next one is made up.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a batch may go without a byte of a reply. What takes longer counts as a hang.
const STALL: Duration = Duration::from_secs(60);
/// Bytes up to which a batch is written before its replies are read: they fit into the buffers of the sockets.
const UNREAD_MAX: usize = 128 * 1024;
const CHUNK: usize = 256 * 1024;

/// The replies to one batch.
#[derive(Debug, Default)]
pub(super) struct Replies {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Replies {
    /// The reply to the call at `index` of the batch.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        self.places.get(index).and_then(|place| self.bytes.get(place.clone())).unwrap_or_default()
    }
}

/// A batch that wasn't answered to its end.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// How many of its calls were.
    pub(super) answered: usize,
    error: io::Error,
}

impl Error for Unanswered {}

impl fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

/// One connection and the thread that serves it.
#[derive(Debug)]
pub(super) struct Line {
    batches: Option<Sender<(Arc<Vec<u8>>, usize)>>,
    replies: Receiver<io::Result<Replies>>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// What the socket reports.
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STALL))?;
        stream.set_write_timeout(Some(STALL))?;
        let (batches, todo) = channel::<(Arc<Vec<u8>>, usize)>();
        let (done, replies) = channel();
        let thread = std::thread::spawn(move || {
            while let Ok((bytes, count)) = todo.recv() {
                if done.send(exchange(&stream, &bytes, count)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { batches: Some(batches), replies, thread: Some(thread) })
    }

    /// Begins to send a batch of `count` calls.
    pub(super) fn send(&self, bytes: &Arc<Vec<u8>>, count: usize) {
        if let Some(batches) = &self.batches {
            // A thread that has ended is noticed by who receives.
            let _ = batches.send((Arc::clone(bytes), count));
        }
    }

    /// Returns the replies to the batch that was sent first of those under way.
    ///
    /// # Errors
    /// When the server closed, stalled or sent what is no reply.
    pub(super) fn receive(&self) -> io::Result<Replies> {
        self.replies.recv().unwrap_or_else(|_| Err(ErrorKind::BrokenPipe.into()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn exchange(mut stream: &TcpStream, bytes: &[u8], count: usize) -> io::Result<Replies> {
    if bytes.len() <= UNREAD_MAX {
        stream.write_all(bytes)?;
        return read(stream, count);
    }
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut stream = stream;
            stream.write_all(bytes)
        });
        let replies = read(stream, count);
        writing.join().unwrap_or_else(|_| Err(ErrorKind::BrokenPipe.into()))?;
        replies
    })
}

fn read(mut stream: &TcpStream, count: usize) -> io::Result<Replies> {
    let mut replies = Replies::default();
    let mut start = 0;
    let mut chunk = vec![0; CHUNK];
    // What isn't answered is named by its place in the batch.
    let unanswered = |error: io::Error, answered: usize| io::Error::new(error.kind(), Unanswered { answered, error });
    while replies.places.len() < count {
        match reply_end(&replies.bytes, start) {
            Ok(Some(end)) => {
                replies.places.push(start..end);
                start = end;
            }
            Ok(None) => match stream.read(&mut chunk).map_err(|error| unanswered(error, replies.places.len()))? {
                0 => return Err(unanswered(ErrorKind::UnexpectedEof.into(), replies.places.len())),
                length => replies.bytes.extend_from_slice(&chunk[..length]),
            },
            Err(line) => return Err(io::Error::new(ErrorKind::InvalidData, line)),
        }
    }
    if start < replies.bytes.len() {
        let rest = String::from_utf8_lossy(&replies.bytes[start..]).into_owned();
        return Err(io::Error::new(ErrorKind::InvalidData, format!("more than was asked for: {rest:?}")));
    }
    Ok(replies)
}

/// Where the reply that starts at `start` ends; `None` while it is incomplete.
///
/// # Errors
/// The line that no reply starts with.
pub(super) fn reply_end(bytes: &[u8], start: usize) -> Result<Option<usize>, String> {
    let mut at = start;
    // Replies that are still to come, the elements of aggregates among them.
    let mut left = 1_usize;
    while left > 0 {
        let Some((line, end)) = line_at(bytes, at) else { return Ok(None) };
        at = end;
        left -= 1;
        let (Some(&kind), number) = (line.first(), line.get(1..).and_then(length)) else {
            return Err("an empty line".into());
        };
        match (kind, number) {
            (b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_', _) | (b'$' | b'*', Some(-1)) => {}
            (b'$' | b'=' | b'!', Some(length)) => {
                at += usize::try_from(length).unwrap_or(0) + 2;
                if at > bytes.len() {
                    return Ok(None);
                }
            }
            (b'*' | b'~' | b'>', Some(count)) => left += usize::try_from(count).unwrap_or(0),
            (b'%', Some(count)) => left += 2 * usize::try_from(count).unwrap_or(0),
            _ => return Err(format!("no reply: {:?}", String::from_utf8_lossy(line))),
        }
    }
    Ok(Some(at))
}

/// The elements of an aggregate reply; nothing of any other.
pub(super) fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let Some((_, mut at)) = line_at(reply, 0).filter(|_| matches!(reply.first(), Some(b'*' | b'~' | b'>' | b'%')))
    else {
        return Vec::new();
    };
    let mut elements = Vec::new();
    while at < reply.len() {
        let Ok(Some(end)) = reply_end(reply, at) else { break };
        elements.push(&reply[at..end]);
        at = end;
    }
    elements
}

fn line_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let mut from = 0;
    loop {
        let end = from + rest.get(from..)?.iter().position(|&byte| byte == b'\r')?;
        match rest.get(end + 1)? {
            b'\n' => return Some((&rest[..end], at + end + 2)),
            _ => from = end + 1,
        }
    }
}

fn length(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart_however_they_nest() {
        let replies =
            ["+OK\r\n", "*2\r\n$1\r\na\r\n*0\r\n", "%1\r\n$2\r\n\r\n\r\n:1\r\n", "*-1\r\n", "$-1\r\n", ",1.5\r\n"];
        let bytes = replies.concat().into_bytes();
        let mut at = 0;
        for reply in replies {
            let end = reply_end(&bytes, at).unwrap().unwrap();
            assert_eq!(&bytes[at..end], reply.as_bytes());
            at = end;
        }
        for cut in 1..replies[2].len() {
            assert_eq!(reply_end(&replies[2].as_bytes()[..cut], 0), Ok(None));
        }
        assert_eq!(elements(replies[1].as_bytes()), [&b"$1\r\na\r\n"[..], b"*0\r\n"]);
        assert!(elements(b"+OK\r\n").is_empty());
        assert!(reply_end(b"?\r\n", 0).is_err());
    }
}
