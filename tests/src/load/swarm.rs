//! Ten thousand replicas on one thread: one poll for all sockets.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use sanderling_core::sync::Start;

use super::peer::{Peer, Phase};

/// Replicas, some of them connected.
pub(super) struct Swarm {
    pub(super) peers: Vec<Peer>,
    poll: OwnedFd,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    opening: usize,
    live: usize,
}

/// How many replicas caught up in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Starts {
    pub(super) resumed: usize,
    pub(super) compared: usize,
    pub(super) loaded: usize,
}

impl Swarm {
    /// No replica.
    pub(super) fn new() -> Self {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has a poll");
        Self {
            peers: Vec::new(),
            poll,
            events: Vec::with_capacity(1024),
            scratch: vec![0; 256 * 1024],
            opening: 0,
            live: 0,
        }
    }

    /// Adds replicas, the interest of each made from its number, and connects them.
    pub(super) fn add(&mut self, address: SocketAddr, count: usize, interest: impl Fn(usize) -> Vec<String>) {
        let first = self.peers.len();
        self.peers.extend((first..first + count).map(|number| Peer::new(number as u64, interest(number))));
        self.connect(address);
    }

    /// Connects all who are away, so many at a time as a server's queue takes, and waits until they are live.
    pub(super) fn connect(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + LIVE_MAX;
        let mut next = 0;
        loop {
            while self.opening < OPENING_MAX {
                let Some(at) = (next..self.peers.len()).find(|at| self.peers[*at].phase == Phase::Away) else {
                    next = self.peers.len();
                    break;
                };
                let stream = self.peers[at].connect(address);
                let data = epoll::EventData::new_u64(at as u64);
                epoll::add(&self.poll, stream, data, epoll::EventFlags::IN).expect("the poll takes a socket");
                self.opening += 1;
                next = at + 1;
            }
            if self.live == self.peers.len() {
                return;
            }
            assert!(Instant::now() < deadline, "{} of {} replicas are live", self.live, self.peers.len());
            self.turn(Duration::from_millis(100), |_, _| {});
        }
    }

    /// Lets go of all connections.
    pub(super) fn disconnect(&mut self) {
        self.peers.iter_mut().for_each(Peer::disconnect);
        (self.opening, self.live) = (0, 0);
    }

    /// Waits for what arrives, at most so long, and reads it. Shows effects to `see`, with the number of who got them.
    pub(super) fn turn(&mut self, patience: Duration, mut see: impl FnMut(usize, &[u8])) {
        let timeout = Timespec::try_from(patience).expect("a short time");
        let waited = epoll::wait(&self.poll, spare_capacity(&mut self.events), Some(&timeout));
        if !matches!(waited, Ok(_) | Err(rustix::io::Errno::INTR)) {
            waited.expect("the poll works");
        }
        for event in self.events.drain(..) {
            let at = event.data.u64() as usize;
            let before = self.peers[at].phase;
            self.peers[at].read(&mut self.scratch, &mut |effects| see(at, effects));
            let after = self.peers[at].phase;
            self.opening -= usize::from(before == Phase::Upgrading && after != before);
            self.live += usize::from(after == Phase::Live && after != before);
        }
    }

    /// How the replicas caught up last.
    pub(super) fn starts(&self) -> Starts {
        let mut starts = Starts::default();
        for start in self.peers.iter().filter_map(|peer| peer.start) {
            match start {
                Start::Resume => starts.resumed += 1,
                Start::Digest { .. } => starts.compared += 1,
                Start::Load => starts.loaded += 1,
            }
        }
        starts
    }
}

/// Connections that are being opened at a time: fewer than wait in a listener's queue.
const OPENING_MAX: usize = 512;

/// How long it may take until all are live.
const LIVE_MAX: Duration = Duration::from_secs(180);
