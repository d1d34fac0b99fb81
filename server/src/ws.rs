//! The sync WebSocket: messages between a replica's socket and the shard.
//!
//! It knows frames, not what is in them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sanderling_core::sync::CloseReason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use crate::auth::{Auth, Granted};
use crate::clock;
use crate::frames::{Fault, Frames, Incoming};
use crate::metrics::{Metrics, Refused};
use crate::outbound::{self, Inbox, Queued, ToSocket};
use crate::peers::{FromSocket, SocketId};
use crate::quota::Lease;

/// The way from sockets to the shard.
#[derive(Debug)]
pub(crate) struct Link {
    events: mpsc::Sender<FromSocket>,
    /// Bytes of messages on the way, of all sockets together.
    budget: Arc<Semaphore>,
    sockets: AtomicU64,
    /// Bytes queued for all sockets.
    queued: Queued,
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
    queued: Queued,
    auth: Arc<Auth>,
    metrics: Arc<Metrics>,
) -> (Link, mpsc::Receiver<FromSocket>) {
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let budget = Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX.max(message_bytes_max)));
    (Link { events, budget, sockets: AtomicU64::new(0), queued, message_bytes_max, auth, metrics }, receiver)
}

/// Closes a socket right after its handshake, with a reason.
pub(crate) async fn refuse(io: impl AsyncRead + AsyncWrite + Unpin, code: u16, why: &str) {
    // It is read to its end, and nothing of it is taken in.
    let mut frames = Frames::new(io, &[], 0, Arc::new(Semaphore::new(0)));
    close(&mut frames, End::Ours(frame(code.into(), why))).await;
}

/// Tells the shard of a socket after its handshake, of which `received` was read already. `None` if the shard has ended.
pub(crate) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    received: &[u8],
    link: Arc<Link>,
    granted: Granted,
    lease: Lease,
) -> Option<Socket<S>> {
    let frames = Frames::new(io, received, link.message_bytes_max, Arc::clone(&link.budget));
    let id = SocketId(link.sockets.fetch_add(1, Ordering::Relaxed));
    let (outbound, inbox) = outbound::outbound(&link.queued);
    link.events.send(FromSocket::Opened(id, outbound, granted.grant)).await.ok()?;
    Some(Socket { id, frames, inbox, link, lease, heard_at: Instant::now() })
}

/// A socket that is being served. There are thousands, and most say nothing: what waiting takes is counted in bytes.
pub(crate) struct Socket<S> {
    id: SocketId,
    frames: Frames<S>,
    inbox: Inbox,
    link: Arc<Link>,
    lease: Lease,
    /// When the other side last gave a sign of life.
    heard_at: Instant,
}

/// What a connection waits for.
enum Event {
    Incoming(Result<Incoming, Fault>),
    Next(Option<ToSocket>),
    Tick,
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The other side has closed it.
    Theirs,
    /// It is broken, or as good as that: nothing can be sent.
    Broken,
    /// This side closes it.
    Ours(CloseFrame),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Serves it to its end.
    #[expect(clippy::manual_async_fn, reason = "the parameter of an `async fn` is in its future twice")]
    pub(crate) fn serve(mut self) -> impl Future<Output = ()> {
        async move {
            let end = self.run().await;
            Box::pin(self.end(end)).await;
        }
    }

    async fn end(&mut self, end: End) {
        debug!("sync socket {}: {end:?}", self.id.0);
        close(&mut self.frames, end).await;
        // An error means that the shard has ended before.
        let _ = self.link.events.send(FromSocket::Closed(self.id)).await;
    }

    async fn run(&mut self) -> End {
        let mut keep_alive = pin!(sleep(PING_PERIOD));
        loop {
            let event = tokio::select! {
                incoming = self.frames.next() => Event::Incoming(incoming),
                next = poll_fn(|context| self.inbox.poll_next(context)) => Event::Next(next),
                () = &mut keep_alive => {
                    keep_alive.as_mut().reset(Instant::now() + PING_PERIOD);
                    Event::Tick
                }
            };
            // An idle connection, of which there are thousands, has no room for what is done about an event.
            if let Err(end) = Box::pin(self.handle(event)).await {
                return end;
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Incoming(incoming) => self.receive(incoming).await,
            Event::Next(next) => self.send(next).await,
            Event::Tick => self.ping().await,
        }
    }

    async fn receive(&mut self, incoming: Result<Incoming, Fault>) -> Result<(), End> {
        self.heard_at = Instant::now();
        let length = match &incoming {
            Ok(Incoming::Message(bytes, _) | Incoming::Ping(bytes)) => Some(bytes.len()),
            Ok(Incoming::Pong) => Some(0),
            Ok(Incoming::End) | Err(_) => None,
        };
        if let Some(length) = length
            && let Err(why) = self.lease.take(length, self.heard_at)
        {
            self.link.metrics.count_refused(Refused::Rate);
            return Err(End::Ours(reason_frame(&CloseReason::Throttled(why))));
        }
        match incoming {
            Ok(Incoming::Message(bytes, share)) => self.forward(bytes, share).await,
            Ok(Incoming::Ping(payload)) => self.frames.pong(&payload, SEND_PATIENCE).await.map_err(|_| End::Broken),
            Ok(Incoming::Pong) => Ok(()),
            Ok(Incoming::End) => Err(End::Theirs),
            Err(Fault::Text) => Err(End::Ours(frame(CloseCode::Unsupported, "sanderling.v1 has binary frames only"))),
            Err(Fault::TooLong) => Err(End::Ours(reason_frame(&CloseReason::LimitPassed("the message is too long")))),
            Err(Fault::Protocol(why)) => Err(End::Ours(frame(CloseCode::Protocol, why))),
            Err(Fault::NoBudget) => Err(End::Ours(reason_frame(&CloseReason::ShuttingDown))),
        }
    }

    /// Hands a message to the shard. While the shard has enough to do, nothing more is read from the socket.
    async fn forward(&mut self, bytes: Bytes, share: OwnedSemaphorePermit) -> Result<(), End> {
        let gone = |_| End::Ours(reason_frame(&CloseReason::ShuttingDown));
        self.link.events.send(FromSocket::Message(self.id, bytes, share)).await.map_err(gone)
    }

    /// Sends all that has gathered.
    async fn send(&mut self, next: Option<ToSocket>) -> Result<(), End> {
        match next {
            Some(ToSocket::Messages(messages)) => {
                // In portions, so that the shard goes on while the rest is on its way.
                for portion in messages.chunks(PORTION_MESSAGES) {
                    let sent = self.frames.send(portion, SEND_PATIENCE).await;
                    sent.map_err(|_| End::Broken)?;
                    if self.inbox.note_sent(portion) {
                        // An error means that the shard has ended, of which the inbox tells next.
                        let _ = self.link.events.send(FromSocket::Writable(self.id)).await;
                    }
                }
                Ok(())
            }
            Some(ToSocket::Renew(token)) => self.renew(&token).await,
            Some(ToSocket::Close(code, reason)) => Err(End::Ours(frame(code.into(), &reason))),
            None => Err(End::Ours(reason_frame(&CloseReason::ShuttingDown))),
        }
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
        self.link.events.send(FromSocket::Granted(self.id, granted.grant)).await.map_err(gone)
    }

    /// Asks for a sign of life if there was none lately.
    async fn ping(&mut self) -> Result<(), End> {
        let owes = self.frames.began_at().is_some_and(|began_at| began_at.elapsed() > MESSAGE_PATIENCE);
        match self.heard_at.elapsed() {
            silence if silence > SILENCE_MAX || owes => Err(End::Broken),
            silence if silence < PING_PERIOD => Ok(()),
            _ => self.frames.ping(SEND_PATIENCE).await.map_err(|_| End::Broken),
        }
    }
}

/// Closes a connection, and waits a little for the other side to do so.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(frames: &mut Frames<S>, end: End) {
    let closing = async {
        match end {
            End::Broken => {}
            End::Theirs => drop(frames.close(&frame(CloseCode::Normal, ""), CLOSE_PATIENCE).await),
            End::Ours(frame) => {
                if frames.close(&frame, CLOSE_PATIENCE).await.is_ok() {
                    frames.discard().await;
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

/// How often a sign of life is asked for: below the minute after which proxies cut an idle connection.
const PING_PERIOD: Duration = Duration::from_secs(20);

/// How long the other side may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(65);

/// How long a message may take to come whole: until then it holds a share of what all may have on the way.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(30);

/// Messages of which the shard learns together that they have gone out.
const PORTION_MESSAGES: usize = 64;

/// How long the other side may take nothing before it counts as gone.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// How long the other side has to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what serves a socket: the task of a connection, which is there for as long as that.
    fn bytes_of<S, F: Future<Output = ()>>(_: impl FnOnce(Socket<S>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn waiting_takes_little() {
        // tokio adds some 160 bytes to a task and rounds up to a multiple of 128.
        let bytes = bytes_of(Socket::<tokio::net::TcpStream>::serve);
        assert!(bytes <= 456, "{bytes} bytes");
    }
}
