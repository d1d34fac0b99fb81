//! The sync WebSocket: messages between a replica's socket and the shard.
//!
//! It knows frames, not what is in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sanderling_core::sync::CloseReason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::debug;

use crate::auth::{Auth, Granted};
use crate::clock;
use crate::metrics::{Metrics, Refused};
use crate::peers::{self, FromSocket, Inbox, SocketId, ToSocket};
use crate::quota::Lease;

/// The way from sockets to the shard.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    events: mpsc::Sender<FromSocket>,
    /// Bytes of messages on the way, of all sockets together.
    budget: Arc<Semaphore>,
    sockets: Arc<AtomicU64>,
    message_bytes_max: usize,
    auth: Arc<Auth>,
    metrics: Arc<Metrics>,
}

impl Link {
    /// Waits until the metrics are those of now, unless the shard has no time.
    pub(crate) async fn report(&self) {
        let (done, told) = oneshot::channel();
        let _ = timeout(REPORT_PATIENCE, async {
            let _ = self.events.send(FromSocket::Report(done)).await;
            told.await
        })
        .await;
    }
}

/// Makes the way from sockets to the shard.
pub(crate) fn link(
    message_bytes_max: usize,
    auth: Arc<Auth>,
    metrics: Arc<Metrics>,
) -> (Link, mpsc::Receiver<FromSocket>) {
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let budget = Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX.max(message_bytes_max)));
    (Link { events, budget, sockets: Arc::new(AtomicU64::new(0)), message_bytes_max, auth, metrics }, receiver)
}

/// Closes a socket right after its handshake, with a reason.
pub(crate) async fn refuse(io: impl AsyncRead + AsyncWrite + Unpin, code: u16, why: &str) {
    let config =
        WebSocketConfig::default().max_message_size(Some(HELLO_BYTES_MAX)).max_frame_size(Some(HELLO_BYTES_MAX));
    let mut stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    close(&mut stream, End::Ours(frame(code.into(), why))).await;
}

/// Serves a socket after its handshake, to its end.
pub(crate) async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, link: Link, granted: Granted, lease: Lease) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(link.message_bytes_max))
        .max_frame_size(Some(link.message_bytes_max));
    let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let id = SocketId(link.sockets.fetch_add(1, Ordering::Relaxed));
    let (outbound, inbox) = peers::outbound();
    if link.events.send(FromSocket::Opened(id, outbound, Box::new(granted.grant))).await.is_err() {
        return;
    }
    let mut socket = Socket { id, stream, inbox, link, lease, heard_at: Instant::now() };
    let end = socket.run().await;
    debug!("sync socket {}: {end:?}", id.0);
    close(&mut socket.stream, end).await;
    // An error means that the shard has ended before.
    let _ = socket.link.events.send(FromSocket::Closed(id)).await;
}

struct Socket<S> {
    id: SocketId,
    stream: WebSocketStream<S>,
    inbox: Inbox,
    link: Link,
    lease: Lease,
    /// When the other side last gave a sign of life.
    heard_at: Instant,
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The other side has closed or broken it.
    Theirs,
    /// This side closes it.
    Ours(CloseFrame),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    async fn run(&mut self) -> End {
        let mut keep_alive = tokio::time::interval_at(Instant::now() + PING_PERIOD, PING_PERIOD);
        loop {
            let step = tokio::select! {
                message = self.stream.next() => self.receive(message).await,
                message = self.inbox.next() => match timeout(SEND_PATIENCE, self.send(message)).await {
                    Ok(sent) => sent,
                    Err(_) => Err(End::Theirs),
                },
                _ = keep_alive.tick() => self.ping().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn receive(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.heard_at = Instant::now();
        if let Some(Ok(message)) = &message
            && let Err(why) = self.lease.take(message.len(), self.heard_at)
        {
            self.link.metrics.count_refused(Refused::Rate);
            return Err(End::Ours(reason_frame(&CloseReason::Throttled(why))));
        }
        match message {
            Some(Ok(Message::Binary(bytes))) => self.forward(bytes).await,
            Some(Ok(Message::Text(_))) => {
                Err(End::Ours(frame(CloseCode::Unsupported, "sanderling.v1 has binary frames only")))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(End::Theirs),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                Err(End::Ours(reason_frame(&CloseReason::LimitPassed("the message is too long"))))
            }
            Some(Err(Error::Protocol(error))) => {
                Err(End::Ours(frame(CloseCode::Protocol, &shortened(&error.to_string()))))
            }
            Some(Err(error)) => {
                debug!("sync socket {}: {error}", self.id.0);
                Err(End::Theirs)
            }
        }
    }

    /// Hands a message to the shard. While the shard has enough to do, nothing more is read from the socket.
    async fn forward(&mut self, bytes: Bytes) -> Result<(), End> {
        let share = u32::try_from(bytes.len().max(1)).unwrap_or(u32::MAX);
        let gone = |_| End::Ours(reason_frame(&CloseReason::ShuttingDown));
        let budget = Arc::clone(&self.link.budget).acquire_many_owned(share).await;
        let budget = budget.map_err(|_| End::Ours(reason_frame(&CloseReason::ShuttingDown)))?;
        self.link.events.send(FromSocket::Message(self.id, bytes, budget)).await.map_err(gone)
    }

    /// Sends a message and those that have gathered behind it.
    async fn send(&mut self, first: Option<ToSocket>) -> Result<(), End> {
        let Some(first) = first else { return Err(End::Ours(reason_frame(&CloseReason::ShuttingDown))) };
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                ToSocket::Message(bytes) => {
                    let length = bytes.len();
                    self.stream.feed(Message::Binary(bytes)).await.map_err(|_| End::Theirs)?;
                    if self.inbox.note_sent(length) {
                        // An error means that the shard has ended, of which the inbox tells next.
                        let _ = self.link.events.send(FromSocket::Writable(self.id)).await;
                    }
                }
                ToSocket::Renew(token) => self.renew(&token).await?,
                ToSocket::Close(code, reason) => return Err(End::Ours(frame(code.into(), &reason))),
            }
            next = self.inbox.try_next();
        }
        self.stream.flush().await.map_err(|_| End::Theirs)
    }

    /// Checks a new token here, where it costs the shard no time.
    async fn renew(&mut self, token: &[u8]) -> Result<(), End> {
        let granted = self.link.auth.grant(token, clock::now()).map_err(|why| {
            self.link.metrics.count_refused(Refused::Token);
            End::Ours(frame(CloseReason::Unauthorized("").code().into(), &why))
        })?;
        if !self.lease.renew(granted.share.as_ref()) {
            // Somebody else than before has to come in by the door.
            return Err(End::Ours(reason_frame(&CloseReason::RightsChanged)));
        }
        let gone = |_| End::Ours(reason_frame(&CloseReason::ShuttingDown));
        self.link.events.send(FromSocket::Granted(self.id, Box::new(granted.grant))).await.map_err(gone)
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard_at.elapsed() > SILENCE_MAX {
            return Err(End::Theirs);
        }
        match timeout(SEND_PATIENCE, self.stream.send(Message::Ping(Bytes::new()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Theirs),
        }
    }
}

/// Closes a connection, and waits a little for the other side to do so.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut WebSocketStream<S>, end: End) {
    let closing = async {
        match end {
            End::Theirs => drop(stream.close(None).await),
            End::Ours(frame) => {
                if stream.close(Some(frame)).await.is_ok() {
                    while let Some(Ok(_)) = stream.next().await {}
                }
            }
        }
    };
    let _ = timeout(CLOSE_PATIENCE, closing).await;
}

fn reason_frame(reason: &CloseReason) -> CloseFrame {
    frame(reason.code().into(), &reason.text())
}

fn frame(code: CloseCode, reason: &str) -> CloseFrame {
    CloseFrame { code, reason: shortened(reason).into() }
}

/// Cuts a close reason to what a control frame holds.
fn shortened(reason: &str) -> String {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default().into()
}

/// How long the metrics are waited for before older ones do.
const REPORT_PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of a close frame's reason, as the protocol limits it.
const REASON_BYTES_MAX: usize = 123;

/// Events of sockets that wait for the shard.
const EVENTS_MAX: usize = 1024;

/// Bytes of messages that wait for the shard.
const IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a message that one who is refused may have sent already.
const HELLO_BYTES_MAX: usize = 64 * 1024;

/// How often a sign of life is asked for: below the minute after which proxies cut an idle connection.
const PING_PERIOD: Duration = Duration::from_secs(20);

/// How long the other side may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(65);

/// How long a send may take before the other side counts as gone.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// How long the other side has to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
