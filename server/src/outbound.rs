//! The way from the shard to a socket: what is to be sent, bounded in bytes.
//!
//! ```text
//!  shard: send, send, … ──▶ [ messages ] ──▶ socket: takes all that there is, in one go
//!                     └── "enough" ◀──┘ └──▶ "go on", once little is left
//! ```
//! There is a bound for each socket and one for all together: past the second a socket gets a message at a time. So
//! thousands of readers that have stopped cost the server no more than a hundred. A queue without messages is a few words.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The shard's end of the way to a socket. Dropping it lets the socket end.
#[derive(Debug)]
pub(crate) struct Outbound(Arc<Queue>);

/// The socket's end of it.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Queue>);

/// What the shard tells a socket.
#[derive(Debug)]
pub(crate) enum ToSocket {
    /// Messages for the replica.
    Messages(Vec<Bytes>),
    /// A new token, to be checked.
    Renew(Box<[u8]>),
    /// The end: the close code, and why in words.
    Close(u16, String),
}

/// Bytes that are queued for all sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queued(Arc<AtomicUsize>);

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    all: Queued,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: Vec<Bytes>,
    /// Bytes of messages that were queued and haven't gone out.
    bytes: usize,
    /// The shard was told to wait.
    is_full: bool,
    renewal: Option<Box<[u8]>>,
    close: Option<(u16, String)>,
    /// The shard has let go.
    has_ended: bool,
    /// The socket has ended: nothing is queued any more.
    is_gone: bool,
    /// Who waits for what is next.
    waker: Option<Waker>,
}

/// Makes the way from the shard to a socket.
pub(crate) fn outbound(all: &Queued) -> (Outbound, Inbox) {
    let queue = Arc::new(Queue { waiting: Mutex::default(), all: all.clone() });
    (Outbound(Arc::clone(&queue)), Inbox(queue))
}

impl Queued {
    /// Bytes that are queued for all sockets.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Outbound {
    /// Queues a message. Returns whether another one may follow.
    pub(crate) fn send(&self, message: Bytes) -> bool {
        let mut waiting = self.0.lock();
        if waiting.is_gone {
            // Its own word of that is on the way.
            return true;
        }
        let weight = weight(&message);
        let all = self.0.all.0.fetch_add(weight, Ordering::Relaxed) + weight;
        waiting.bytes += weight;
        waiting.messages.push(message);
        let is_first = waiting.messages.len() == 1;
        waiting.is_full = waiting.bytes >= QUEUED_BYTES_MAX || all >= ALL_QUEUED_BYTES_MAX;
        let may_follow = !waiting.is_full;
        if is_first {
            wake(waiting);
        }
        may_follow
    }

    /// Hands on a new token, which takes the place of one that wasn't looked at yet.
    pub(crate) fn renew(&self, token: Box<[u8]>) {
        let mut waiting = self.0.lock();
        waiting.renewal = Some(token);
        wake(waiting);
    }

    /// Ends the connection after what is queued.
    pub(crate) fn close(self, code: u16, reason: String) {
        self.0.lock().close = Some((code, reason));
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.has_ended = true;
        wake(waiting);
    }
}

impl Inbox {
    /// Waits for what is next; `None` once the shard has let go of the connection.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<ToSocket>> {
        let mut waiting = self.0.lock();
        if let Some(next) = waiting.take() {
            return Poll::Ready(next);
        }
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Notes that messages have gone out. Returns whether the shard has to be told that it may go on.
    pub(crate) fn note_sent(&self, messages: &[Bytes]) -> bool {
        let bytes = messages.iter().map(weight).sum();
        self.0.all.0.fetch_sub(bytes, Ordering::Relaxed);
        let mut waiting = self.0.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        waiting.bytes < QUEUED_BYTES_MAX / 2 && mem::take(&mut waiting.is_full)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        self.0.all.0.fetch_sub(mem::take(&mut waiting.bytes), Ordering::Relaxed);
        (waiting.messages, waiting.is_gone, waiting.waker) = (Vec::new(), true, None);
    }
}

/// Wakes who waits, after letting go of what it will lock.
fn wake(mut waiting: MutexGuard<'_, Waiting>) {
    let waker = waiting.waker.take();
    drop(waiting);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What a queued message costs.
fn weight(message: &Bytes) -> usize {
    message.len() + size_of::<Bytes>()
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whoever panicked with it, its parts are consistent at every moment; and a panic ends the server.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Option<ToSocket>> {
        if !self.messages.is_empty() {
            return Some(Some(ToSocket::Messages(mem::take(&mut self.messages))));
        }
        if let Some(token) = self.renewal.take() {
            return Some(Some(ToSocket::Renew(token)));
        }
        match self.close.take() {
            Some((code, reason)) => Some(Some(ToSocket::Close(code, reason))),
            None => self.has_ended.then_some(None),
        }
    }
}

/// Bytes queued for a socket at which the hub is told to wait: some slices of a load.
const QUEUED_BYTES_MAX: usize = 512 * 1024;

/// Bytes queued for all sockets at which each of them gets a message at a time.
const ALL_QUEUED_BYTES_MAX: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn next(inbox: &Inbox) -> Option<Option<ToSocket>> {
        match inbox.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_was_queued_is_taken_in_one_go_and_the_end_comes_last() {
        let (outbound, inbox) = outbound(&Queued::default());
        assert!(next(&inbox).is_none());
        assert!(outbound.send(Bytes::from_static(b"one")) && outbound.send(Bytes::from_static(b"two")));
        outbound.close(4101, "why".into());
        assert!(matches!(next(&inbox), Some(Some(ToSocket::Messages(messages))) if messages == ["one", "two"]));
        assert!(matches!(next(&inbox), Some(Some(ToSocket::Close(4101, why))) if why == "why"));
        assert!(matches!(next(&inbox), Some(None)));
    }

    #[test]
    fn the_shard_waits_while_a_socket_has_enough_and_is_told_once_when_to_go_on() {
        let all = Queued::default();
        let (outbound, inbox) = outbound(&all);
        let message = Bytes::from(vec![0; 100_000]);
        let sent = (1..).take_while(|_| outbound.send(message.clone())).count() + 1;
        assert_eq!(sent, QUEUED_BYTES_MAX.div_ceil(weight(&message)));
        assert_eq!(all.bytes(), sent * weight(&message));
        let told: Vec<bool> = (0..sent).map(|_| inbox.note_sent(std::slice::from_ref(&message))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "{told:?}");
        assert!(!told[0]);
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn many_readers_that_stopped_share_one_bound() {
        let all = Queued::default();
        let message = Bytes::from(vec![0; 100_000]);
        let ends: Vec<_> = (0..2_000).map(|_| outbound(&all)).collect();
        for (outbound, _) in &ends {
            while outbound.send(message.clone()) {}
        }
        assert!(all.bytes() <= ALL_QUEUED_BYTES_MAX + ends.len() * weight(&message), "{}", all.bytes());
        // Each of them goes on by itself once its own messages have gone out.
        assert!(ends.iter().all(|(_, inbox)| {
            let messages = mem::take(&mut inbox.0.lock().messages);
            inbox.note_sent(&messages)
        }));
        drop(ends);
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn who_waits_is_woken_by_whatever_comes_and_held_by_nothing_once_it_has_ended() {
        #[derive(Default)]
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (outbound, inbox) = outbound(&Queued::default());
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let wait = || assert!(inbox.poll_next(&mut Context::from_waker(&waker)).is_pending());
        wait();
        wait();
        assert!(outbound.send(Bytes::from_static(b"one")) && outbound.send(Bytes::from_static(b"two")));
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "once for all that has gathered");
        assert!(matches!(next(&inbox), Some(Some(ToSocket::Messages(_)))));
        wait();
        outbound.renew(Box::default());
        assert!(matches!(next(&inbox), Some(Some(ToSocket::Renew(_)))));
        wait();
        drop(outbound);
        assert!(matches!(next(&inbox), Some(None)));
        assert_eq!(count.0.load(Ordering::Relaxed), 3);

        let (outbound, inbox) = super::outbound(&Queued::default());
        assert!(inbox.poll_next(&mut Context::from_waker(&waker)).is_pending());
        drop((inbox, waker));
        assert_eq!(Arc::strong_count(&count), 1);
        drop(outbound);
    }

    #[test]
    fn a_socket_that_has_ended_leaves_nothing() {
        let all = Queued::default();
        let (outbound, inbox) = outbound(&all);
        outbound.send(Bytes::from_static(b"before"));
        drop(inbox);
        assert!(outbound.send(Bytes::from_static(b"after")));
        assert_eq!(all.bytes(), 0);
    }
}
