//! Connected replicas, between the threads: sockets live with HTTP, the hub with the shard.
//!
//! Both directions are bounded in bytes. Inwards a message carries a permit of a common budget, given back once the
//! hub has handled it. Outwards the hub is told when a socket has enough, and keeps nothing but a cursor for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sanderling_core::sync::{Grant, Message, PeerId};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::oneshot;

use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::shard::Shard;

/// Names a WebSocket connection for good. The hub's ids are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketId(pub(crate) u64);

/// What a socket tells the shard.
#[derive(Debug)]
pub(crate) enum FromSocket {
    /// It is there, and may do this.
    Opened(SocketId, Outbound, Arc<Grant>),
    /// By a new token it may do this.
    Granted(SocketId, Arc<Grant>),
    /// A message, with its share of the budget.
    Message(SocketId, Bytes, OwnedSemaphorePermit),
    /// Most of what was queued for it has gone out, after it had enough.
    Writable(SocketId),
    /// It has ended.
    Closed(SocketId),
    /// Somebody wants to read the metrics as they are now.
    Report(oneshot::Sender<()>),
}

/// The replicas of a shard.
#[derive(Debug)]
pub(crate) struct Peers {
    metrics: Arc<Metrics>,
    /// The message that was sent last, for others that get it, too.
    last: Option<(Message, Bytes)>,
    by_socket: BTreeMap<SocketId, PeerId>,
    open: BTreeMap<PeerId, (SocketId, Outbound)>,
}

impl Peers {
    /// No replica yet.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, last: None, by_socket: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Takes in what a socket tells. What comes of it is drained by [`Peers::pump`].
    pub(crate) fn handle(&mut self, shard: &mut Shard, event: FromSocket) {
        match event {
            FromSocket::Opened(socket, outbound, grant) => {
                let peer = shard.open_peer(grant);
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
                    shard.handle_grant(*peer, grant);
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
            let bytes = match &self.last {
                Some((last, bytes)) if Arc::ptr_eq(last, &message) => bytes.clone(),
                _ => Bytes::from_owner(message.clone()),
            };
            self.last = Some((message, bytes.clone()));
            if let Some((_, outbound)) = self.open.get(&peer)
                && !outbound.send(bytes)
            {
                shard.handle_writable(peer, false);
            }
        }
        self.last = None;
        while let Some((peer, token)) = shard.poll_renewal() {
            if let Some((_, outbound)) = self.open.get(&peer) {
                outbound.renew(token);
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
            self.metrics.count_closed(code);
            outbound.close(code, reason);
        }
        shard.close_peer(peer);
    }
}

/// The WebSocket close code "try again later".
const TRY_AGAIN_LATER: u16 = 1013;
