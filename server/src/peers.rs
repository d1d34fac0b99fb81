//! Connected replicas, between the threads: sockets live with HTTP, the hub with the shard.
//!
//! Both directions are bounded in bytes. Inwards a message carries a permit of a common budget, given back once the
//! hub has handled it. Outwards the hub is told when a socket has enough, and keeps nothing but a cursor for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use sanderling_core::sync::{Grant, PeerId};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::shard::Shard;

/// Names a WebSocket connection for good. The hub's ids are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketId(pub(crate) u64);

/// What a socket tells the shard.
#[derive(Debug)]
pub(crate) enum FromSocket {
    /// It is there, and may do this.
    Opened(SocketId, Outbound, Box<Grant>),
    /// By a new token it may do this.
    Granted(SocketId, Box<Grant>),
    /// A message, with its share of the budget.
    Message(SocketId, Bytes, OwnedSemaphorePermit),
    /// Most of what was queued for it has gone out.
    Writable(SocketId),
    /// It has ended.
    Closed(SocketId),
    /// Somebody wants to read the metrics as they are now.
    Report(oneshot::Sender<()>),
}

/// What the shard tells a socket.
#[derive(Debug)]
pub(crate) enum ToSocket {
    /// A message for the replica.
    Message(Bytes),
    /// A new token, to be checked.
    Renew(Box<[u8]>),
    /// The end: the close code, and why in words.
    Close(u16, String),
}

/// The shard's end of the way to a socket.
#[derive(Debug)]
pub(crate) struct Outbound {
    sender: UnboundedSender<ToSocket>,
    queued_bytes: Arc<AtomicUsize>,
}

/// The socket's end of it.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: UnboundedReceiver<ToSocket>,
    queued_bytes: Arc<AtomicUsize>,
}

/// Makes the way from the shard to a socket.
pub(crate) fn outbound() -> (Outbound, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    (Outbound { sender, queued_bytes: Arc::clone(&queued_bytes) }, Inbox { receiver, queued_bytes })
}

impl Outbound {
    /// Queues a message. Returns whether another one may follow.
    fn send(&self, message: Bytes) -> bool {
        let bytes = message.len();
        let queued = self.queued_bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        // An error means that the socket has ended, of which its own word is on the way.
        let _ = self.sender.send(ToSocket::Message(message));
        queued < QUEUED_BYTES_MAX
    }
}

impl Inbox {
    /// Waits for what is next; `None` once the shard has let go of the connection.
    pub(crate) async fn next(&mut self) -> Option<ToSocket> {
        self.receiver.recv().await
    }

    /// Takes what is there already.
    pub(crate) fn try_next(&mut self) -> Option<ToSocket> {
        self.receiver.try_recv().ok()
    }

    /// Notes that a message has gone out. Returns whether the shard has to be told that it may go on.
    pub(crate) fn note_sent(&self, bytes: usize) -> bool {
        let queued = self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        queued >= QUEUED_BYTES_MAX && queued - bytes < QUEUED_BYTES_MAX
    }
}

/// The replicas of a shard.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_socket: BTreeMap<SocketId, PeerId>,
    open: BTreeMap<PeerId, (SocketId, Outbound)>,
}

impl Peers {
    /// Takes in what a socket tells. What comes of it is drained by [`Peers::pump`].
    pub(crate) fn handle(&mut self, shard: &mut Shard, event: FromSocket) {
        match event {
            FromSocket::Opened(socket, outbound, grant) => {
                let peer = shard.open_peer(*grant);
                self.by_socket.insert(socket, peer);
                self.open.insert(peer, (socket, outbound));
            }
            // What is pushed now would be refused for good. The replica keeps it, and pushes it when it comes back.
            FromSocket::Message(socket, ..) if !shard.is_writable() => {
                if let Some(peer) = self.by_socket.get(&socket) {
                    self.close(shard, *peer, TRY_AGAIN_LATER, "the log can't be written: come back later".into());
                }
            }
            FromSocket::Message(socket, bytes, _budget) => {
                if let Some(peer) = self.by_socket.get(&socket) {
                    shard.handle_message(*peer, &bytes);
                }
            }
            FromSocket::Granted(socket, grant) => {
                if let Some(peer) = self.by_socket.get(&socket) {
                    shard.handle_grant(*peer, *grant);
                }
            }
            FromSocket::Report(done) => drop(done.send(())),
            FromSocket::Writable(socket) => {
                if let Some(peer) = self.by_socket.get(&socket) {
                    shard.handle_writable(*peer, true);
                }
            }
            FromSocket::Closed(socket) => {
                if let Some(peer) = self.by_socket.remove(&socket) {
                    self.open.remove(&peer);
                    shard.close_peer(peer);
                }
            }
        }
    }

    /// Hands sockets what the hub has for them. Returns whether there is more than one round sends.
    pub(crate) fn pump(&mut self, shard: &mut Shard) -> bool {
        shard.begin_round();
        while let Some((peer, message)) = shard.poll_transmit() {
            if let Some((_, outbound)) = self.open.get(&peer)
                && !outbound.send(Bytes::from_owner(message))
            {
                shard.handle_writable(peer, false);
            }
        }
        while let Some((peer, token)) = shard.poll_renewal() {
            if let Some((_, outbound)) = self.open.get(&peer) {
                // An error means that the socket has ended, of which its own word is on the way.
                let _ = outbound.sender.send(ToSocket::Renew(token));
            }
        }
        while let Some((peer, reason)) = shard.poll_close() {
            self.close(shard, peer, reason.code(), reason.text());
        }
        shard.wants_round()
    }

    fn close(&mut self, shard: &mut Shard, peer: PeerId, code: u16, reason: String) {
        if let Some((socket, outbound)) = self.open.remove(&peer) {
            self.by_socket.remove(&socket);
            // An error means that the socket has ended by itself.
            let _ = outbound.sender.send(ToSocket::Close(code, reason));
        }
        shard.close_peer(peer);
    }
}

/// The WebSocket close code "try again later".
const TRY_AGAIN_LATER: u16 = 1013;

/// Bytes queued for a socket at which the hub is told to wait.
const QUEUED_BYTES_MAX: usize = 1024 * 1024;
