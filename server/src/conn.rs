//! A RESP connection: bytes in, requests to the shard, replies out.
//!
//! ```text
//!            read                all whole requests               nothing to log
//!  ┌▶ idle ─────────▶ executing ─────────────────────▶ replies ─────────────────▶ writing ─┐
//!  │                                                      │ records wait                ▲  │
//!  │                                                      └──────────▶ held ─ flushed ──┘  │
//!  └───────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! While it is held, or its client doesn't read, nothing more is read from it: what a slow client costs is bounded
//! by one read, one reply and [`OUT_BYTES_PAUSE`]. It doesn't know what a command does.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use sanderling_core::config::OutputLimit;
use sanderling_core::resp::{ProtocolError, RequestDecoder};
use sanderling_core::session::Buffers;
use sanderling_core::{Flow, Limits, SessionId, UnixMillis};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use crate::ahead::{Ahead, Next, REQUESTS_MAX};
use crate::clock;
use crate::script::busy;
use crate::shard::Shard;
use crate::worker::Worker;

/// A connection of a RESP client.
#[derive(Debug)]
pub(crate) struct Connection {
    worker: Rc<Worker>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    stream: TcpStream,
    session: SessionId,
    decoder: RequestDecoder,
    /// What was read and isn't executed: the beginning of a request, or whole ones after a pause.
    inbox: Vec<u8>,
    /// The inbox may begin with a whole request.
    paused: bool,
    /// Replies, of which `sent` bytes have gone out.
    out: Vec<u8>,
    sent: usize,
    /// Bytes that were written, and how often, since the worker was told.
    written_bytes: u64,
    writes: u64,
    /// It is counted among the connections whose client hasn't read all replies.
    counted: bool,
    /// The replies wait for the flush.
    held: bool,
    /// A call waits for its key: what comes after it is read and kept.
    waiting: bool,
    /// What the worker was told last of what is kept here.
    noted: Buffers,
    /// Since when more waits for the client than may wait for long.
    over_since: Option<UnixMillis>,
    /// Nothing more is read, and the connection ends once the replies are out.
    closing: bool,
    /// The task was woken while the replies were held: it has something to see to after.
    woken_while_held: bool,
    waker: Option<Waker>,
}

/// Serves a connection to its end, in a task of its own. `open` opens its session.
pub(crate) fn spawn(worker: &Rc<Worker>, stream: TcpStream, open: impl FnOnce(&str, String) -> SessionId) {
    let address = stream.peer_addr().map_or_else(|_| "?:0".into(), |address| address.to_string());
    let _ = stream.set_nodelay(true);
    if let Some(seconds) = worker.limits.get().keepalive_seconds {
        keep_alive(&stream, seconds);
    }
    let local = stream.local_addr().map_or_else(|_| String::new(), |address| address.to_string());
    let session = open(&address, local);
    let connection =
        Rc::new(Connection { worker: Rc::clone(worker), state: RefCell::new(State::new(stream, session)) });
    worker.insert(session, Rc::clone(&connection));
    tokio::task::spawn_local(serve(connection, session, address));
}

/// Has the system ask a client that is silent for so long whether it is still there. It is no matter if it can't.
fn keep_alive(stream: &TcpStream, seconds: u32) {
    let idle = Duration::from_secs(seconds.into());
    let _ = rustix::net::sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| rustix::net::sockopt::set_tcp_keepidle(stream, idle))
        .and_then(|()| rustix::net::sockopt::set_tcp_keepintvl(stream, (idle / 3).max(Duration::from_secs(1))))
        .and_then(|()| rustix::net::sockopt::set_tcp_keepcnt(stream, 3));
}

async fn serve(connection: Rc<Connection>, session: SessionId, address: String) {
    let outcome = std::future::poll_fn(|context| connection.poll(context)).await;
    if let Err(error) = outcome {
        debug!("{address}: {error}");
    }
    let worker = &connection.worker;
    let state = &mut *connection.state.borrow_mut();
    state.out.clear();
    state.count_unsent(worker);
    worker.remove(session);
}

impl Connection {
    /// Lets the replies go: the records before them are durable.
    pub(crate) fn release(&self) {
        let state = &mut *self.state.borrow_mut();
        state.held = false;
        // Mostly the socket takes all at once, and the task needn't be woken.
        let written = state.stream.try_write(state.unsent());
        if let Ok(bytes) = written {
            state.note_sent(bytes);
        }
        state.count_unsent(&self.worker);
        if state.woken_while_held || state.closing || !state.unsent().is_empty() {
            state.wake();
        }
    }

    /// Takes the reply of the call that waited, to be let go by the next flush. Returns whether it is to be held; if not,
    /// it is held already.
    pub(crate) fn answer(&self, reply: &[u8]) -> bool {
        let state = &mut *self.state.borrow_mut();
        state.out.extend_from_slice(reply);
        state.waiting = false;
        // What came meanwhile is executed once the reply is out.
        state.paused = true;
        state.woken_while_held = true;
        !std::mem::replace(&mut state.held, true)
    }

    /// Takes a message that nobody asked for, to be let go by the next flush. Returns whether it is to be held; if not, it
    /// is held already. A client that doesn't read what it listens to is cut off.
    pub(crate) fn push(&self, message: &[u8]) -> bool {
        let state = &mut *self.state.borrow_mut();
        if state.closing {
            return false;
        }
        state.out.extend_from_slice(message);
        if state.is_over(self.worker.limits.get().pubsub) {
            warn!("a client that listens to channels doesn't read: its connection is closed");
            state.drop_output();
            state.wake();
            return false;
        }
        !std::mem::replace(&mut state.held, true)
    }

    /// Ends the connection without its replies.
    pub(crate) fn abandon(&self) {
        let state = &mut *self.state.borrow_mut();
        state.held = false;
        state.drop_output();
        state.wake();
    }

    /// Ends the connection if more waits for its client than may.
    pub(crate) fn check_output(&self, limit: OutputLimit) {
        if let Ok(mut state) = self.state.try_borrow_mut()
            && !state.closing
            && state.is_over(limit)
        {
            warn!("a client doesn't read what it asked for: its connection is closed");
            state.held = false;
            state.drop_output();
            state.wake();
        }
    }

    /// Hands what has come to `call` while a script holds the thread, and sends what that answers. Nothing is done where
    /// replies are under way, or for the connection whose script it is.
    pub(crate) fn serve_while_busy(&self, limits: &Limits, buffer: &mut [u8], call: &mut BusyCaller<'_>) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.serve_while_busy(limits, buffer, call);
            state.count_unsent(&self.worker);
        }
    }

    /// Goes as far as the socket allows; ready at the end of the connection.
    fn poll(self: &Rc<Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.state.borrow_mut();
        loop {
            if state.held {
                state.woken_while_held = true;
                state.remember(context);
                return Poll::Pending;
            }
            if !state.unsent().is_empty() {
                state.remember(context);
                ready!(state.poll_write(context))?;
                state.count_unsent(&self.worker);
                continue;
            }
            if state.closing {
                return Poll::Ready(Ok(()));
            }
            if state.waiting {
                state.remember(context);
                // Nothing is executed, but the end of the connection must be seen.
                if state.inbox.len() < INBOX_BYTES_WAITING && ready!(state.poll_keep(context, &self.worker))? > 0 {
                    continue;
                }
                return if state.inbox.len() < INBOX_BYTES_WAITING { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            // A message may come while it reads.
            if state.waker.is_none() {
                state.remember(context);
            }
            if state.paused {
                state.execute_inbox(&self.worker);
            } else if ready!(state.poll_read(context, &self.worker))? == 0 {
                return Poll::Ready(Ok(()));
            }
            if state.unsent().is_empty() {
                continue;
            }
            if self.worker.shard.borrow().is_dirty() {
                state.held = true;
                state.remember(context);
                // Asks to be woken by the next request now: after the flush it would take another poll.
                state.woken_while_held = state.stream.poll_read_ready(context).is_ready() || state.paused;
                self.worker.hold(Rc::clone(self));
                return Poll::Pending;
            }
            if let Ok(bytes) = state.stream.try_write(state.unsent()) {
                state.note_sent(bytes);
            }
            state.count_unsent(&self.worker);
        }
    }
}

impl State {
    fn new(stream: TcpStream, session: SessionId) -> Self {
        Self {
            stream,
            session,
            decoder: RequestDecoder::new(),
            inbox: Vec::new(),
            paused: false,
            out: Vec::new(),
            sent: 0,
            written_bytes: 0,
            writes: 0,
            counted: false,
            held: false,
            waiting: false,
            noted: Buffers::default(),
            over_since: None,
            closing: false,
            woken_while_held: false,
            waker: None,
        }
    }

    fn unsent(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// Ends the connection without what waits for it.
    fn drop_output(&mut self) {
        self.closing = true;
        self.out.clear();
        self.sent = 0;
    }

    /// Whether more waits for the client than may, now or by now.
    fn is_over(&mut self, limit: OutputLimit) -> bool {
        let unsent = self.unsent().len();
        if limit.hard_bytes.is_some_and(|hard| unsent > hard) {
            return true;
        }
        if limit.soft_bytes.is_none_or(|soft| unsent <= soft) {
            self.over_since = None;
            return false;
        }
        let now = clock::now();
        now.ms_since(*self.over_since.get_or_insert(now)) > limit.soft_ms
    }

    fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        self.written_bytes += bytes as u64;
        self.writes += 1;
        if self.sent >= self.out.len() {
            self.sent = 0;
            self.out.clear();
            if self.out.capacity() > BUFFER_BYTES_KEPT {
                self.out = Vec::new();
            }
        }
    }

    fn count_unsent(&mut self, worker: &Worker) {
        let (bytes, writes) = (std::mem::take(&mut self.written_bytes), std::mem::take(&mut self.writes));
        worker.count(|traffic| {
            traffic.output_bytes += bytes;
            traffic.writes += writes;
        });
        self.note_buffers(worker);
        let unsent = !self.unsent().is_empty();
        if unsent != self.counted {
            self.counted = unsent;
            let count = worker.unsent.get();
            worker.unsent.set(if unsent { count + 1 } else { count - 1 });
        }
    }

    /// Tells the worker what is kept here, if that has changed. If all clients together keep too much, this one may be at its
    /// end.
    fn note_buffers(&mut self, worker: &Worker) {
        let buffers = Buffers { query_bytes: self.inbox.len(), output_bytes: self.unsent().len() };
        if buffers != self.noted
            && !self.closing
            && let Some(is_ended) = worker.note_buffers(self.session, buffers)
        {
            self.noted = buffers;
            if is_ended {
                self.evict();
                self.wake();
            }
        }
    }

    /// Ends the connection, because all clients together keep too much.
    fn evict(&mut self) {
        warn!("clients keep more than maxmemory-clients: the one that keeps most is closed");
        self.drop_output();
    }

    fn remember(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
    }

    fn wake(&mut self) {
        self.woken_while_held = false;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let unsent = self.out.get(self.sent..).unwrap_or_default();
        match ready!(Pin::new(&mut self.stream).poll_write(context, unsent))? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            bytes => {
                self.note_sent(bytes);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads once and keeps what came. Returns how many bytes that is; 0 is the end.
    fn poll_keep(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        let scratch = &mut *worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        count_read(worker, buffer.filled().len());
        self.note_buffers(worker);
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Reads once and executes what is whole. Returns how many bytes came; 0 is the end.
    fn poll_read(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        let scratch = &mut *worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let read = buffer.filled();
        count_read(worker, read.len());
        if self.inbox.is_empty() {
            let consumed = self.execute(read, worker);
            self.inbox.extend_from_slice(read.get(consumed..).unwrap_or_default());
        } else {
            self.inbox.extend_from_slice(read);
            // Before it may become a whole request, which counts no more.
            self.note_buffers(worker);
            if !self.closing {
                self.execute_inbox(worker);
            }
        }
        Poll::Ready(Ok(read.len()))
    }

    fn serve_while_busy(&mut self, limits: &Limits, buffer: &mut [u8], call: &mut BusyCaller<'_>) {
        if self.held || self.waiting || self.closing || !self.unsent().is_empty() {
            return;
        }
        let Some(read) = busy::receive(&self.stream, buffer) else { return };
        self.inbox.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let mut inbox = std::mem::take(&mut self.inbox);
        let mut at = 0;
        while let Some(rest) = inbox.get(at..)
            && !rest.is_empty()
            && !self.closing
        {
            match self.decoder.decode(rest, limits) {
                Ok(None) => break,
                Ok(Some(bytes)) => {
                    at += bytes;
                    let args: SmallVec<[&[u8]; 16]> = self.decoder.args(rest).collect();
                    let Some(name) = args.first() else { continue };
                    self.closing = is_http(name) || !call(self.session, &args, &mut self.out);
                }
                Err(error) => {
                    self.out.extend_from_slice(format!("-{error}\r\n").as_bytes());
                    self.closing = true;
                }
            }
        }
        inbox.drain(..at.min(inbox.len()));
        self.inbox = inbox;
        let sent = busy::send(&self.stream, self.unsent());
        self.note_sent(sent);
        if self.closing || !self.unsent().is_empty() {
            self.wake();
        }
    }

    fn execute_inbox(&mut self, worker: &Worker) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let consumed = self.execute(&inbox, worker);
        if consumed >= inbox.len() && inbox.capacity() > BUFFER_BYTES_KEPT {
            return;
        }
        inbox.drain(..consumed.min(inbox.len()));
        self.inbox = inbox;
    }

    /// Executes the whole requests at the front of `buffer`. Returns how many bytes are done with.
    fn execute(&mut self, buffer: &[u8], worker: &Worker) -> usize {
        let shard = &mut *worker.shard.borrow_mut();
        shard.begin_batch();
        let done = self.execute_on(shard, buffer, worker);
        shard.end_batch();
        if self.closing {
            return done;
        }
        // Not only buffers count, but also what calls made the engine keep. These calls' replies don't, before it was tried to
        // send them.
        let buffers = Buffers { query_bytes: buffer.len().saturating_sub(done), ..self.noted };
        // Mostly replies are sent at once: only what isn't is told of, when they were.
        if buffers.query_bytes != self.noted.query_bytes || worker.limits.get().kept_is_bounded {
            self.noted = buffers;
            let is_ended = shard.note_buffers(self.session, buffers);
            worker.collect_errands(shard);
            if is_ended {
                self.evict();
                return buffer.len();
            }
        }
        done
    }

    fn execute_on(&mut self, shard: &mut Shard, buffer: &[u8], worker: &Worker) -> usize {
        let now = clock::now();
        shard.note_traffic(worker.traffic());
        self.paused = false;
        // Who hasn't logged in may only ask for little, so that memory is for those who have.
        let mut strict = shard.limits_before_login(self.session);
        let limits = worker.limits.get();
        let pause = limits.normal.hard_bytes.map_or(OUT_BYTES_PAUSE, |hard| hard.min(OUT_BYTES_PAUSE));
        let mut done = 0;
        while !self.paused {
            // A login changes what the next request may ask for.
            let requests_max = if strict.is_some() { 1 } else { REQUESTS_MAX };
            let bounds = strict.as_ref().unwrap_or(shard.limits());
            let ahead = Ahead::decode(&mut self.decoder, buffer, done, bounds, requests_max);
            shard.warm(self.session, ahead.requests().map(|(words, _)| words));
            for (words, end) in ahead.requests() {
                if self.out.len() > pause {
                    self.paused = true;
                    // What was decoded beyond is decoded again.
                    self.decoder.restart();
                    break;
                }
                done = end;
                if self.call(shard, worker, now, words) == Flow::Wait {
                    self.decoder.restart();
                    return done;
                }
                if self.closing {
                    return buffer.len();
                }
            }
            if self.paused {
                break;
            }
            match ahead.next {
                Next::More => {}
                Next::Partial => break,
                Next::Inline(end) => {
                    let decoder = std::mem::take(&mut self.decoder);
                    let words: SmallVec<[&[u8]; 16]> = decoder.args(buffer).collect();
                    done = end;
                    if self.call(shard, worker, now, &words) == Flow::Wait {
                        return done;
                    }
                    if self.closing {
                        return buffer.len();
                    }
                }
                Next::Broken(error, at) => {
                    let request = buffer.get(at..).unwrap_or_default();
                    let error = if strict.is_some() { before_login(error, request, shard.limits()) } else { error };
                    self.out.extend_from_slice(format!("-{error}\r\n").as_bytes());
                    self.closing = true;
                    return buffer.len();
                }
            }
            if strict.is_some() {
                strict = shard.limits_before_login(self.session);
            }
        }
        if self.is_over(limits.normal) && !shard.listens(self.session) {
            warn!("a client asks for more than it may leave unread: its connection is closed");
            self.drop_output();
            return buffer.len();
        }
        if buffer.len().saturating_sub(done) > limits.query_bytes_max && !self.paused {
            warn!("a client's request is longer than it may be: its connection is closed");
            self.drop_output();
            return buffer.len();
        }
        done
    }

    /// Executes one request, and notes what becomes of the connection.
    fn call(&mut self, shard: &mut Shard, worker: &Worker, now: UnixMillis, words: &[&[u8]]) -> Flow {
        let Some(name) = words.first() else { return Flow::Continue };
        if is_http(name) {
            warn!("a RESP connection was sent an HTTP request, perhaps by a web page: closed");
            self.closing = true;
            return Flow::Close;
        }
        let flow = shard.execute(now, self.session, words, &mut self.out);
        worker.collect_errands(shard);
        match flow {
            Flow::Continue => {}
            Flow::Wait => self.waiting = true,
            Flow::Close => self.closing = true,
        }
        flow
    }
}

fn count_read(worker: &Worker, bytes: usize) {
    worker.count(|traffic| {
        traffic.input_bytes += bytes as u64;
        traffic.reads += 1;
    });
}

/// What to say about a request that is refused before a login, and might not be after it.
fn before_login(error: ProtocolError, request: &[u8], limits: &Limits) -> ProtocolError {
    match (RequestDecoder::new().decode(request, limits), error) {
        (Ok(_), ProtocolError::InvalidMultibulkLength) => ProtocolError::UnauthenticatedMultibulkLength,
        (Ok(_), ProtocolError::InvalidBulkLength) => ProtocolError::UnauthenticatedBulkLength,
        _ => error,
    }
}

/// What answers a call while a script runs. Says whether the connection goes on.
pub(crate) type BusyCaller<'a> = dyn FnMut(SessionId, &[&[u8]], &mut Vec<u8>) -> bool + 'a;

/// Whether a request is a line of HTTP: a browser that was led here must not have its body executed.
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// Replies in bytes after which no more requests are executed until they are written.
const OUT_BYTES_PAUSE: usize = 1024 * 1024;

/// Bytes of further requests that are read while a call waits.
const INBOX_BYTES_WAITING: usize = 1024 * 1024;

/// Capacity that an empty buffer keeps.
const BUFFER_BYTES_KEPT: usize = 16 * 1024;
