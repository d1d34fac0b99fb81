//! Clients that are answered from within a script that runs for too long.
//!
//! The script holds the shard's thread, so the runtime doesn't look at sockets meanwhile: this does, past the runtime,
//! for calls that end the script and for those that are refused. Everything else of a connection goes on as it was when
//! the script is over: nothing that waits for a flush is sent, and no replica is served.

use std::cell::Cell;
use std::net::TcpListener;
use std::rc::{Rc, Weak};

use sanderling_core::SessionId;
use sanderling_core::command::{BusyCall, Context};
use sanderling_core::error::Error;
use sanderling_core::resp::Reply;
use tokio::net::TcpStream;
use tracing::{info, warn};

use super::library::write_stats;
use super::watch::{Running, WhileBusy};
use crate::conn;
use crate::worker::Worker;

/// The connections of a worker, while a script holds its thread.
#[derive(Debug)]
pub(crate) struct BusyWorker {
    worker: Weak<Worker>,
    /// The socket that new connections come from.
    listener: TcpListener,
    connections_max: usize,
    /// How long the last script had run when it was seen to.
    last_ms: Cell<u64>,
}

impl BusyWorker {
    /// Serves a worker's connections, and those that come by `listener`, up to so many.
    pub(crate) fn new(worker: &Rc<Worker>, listener: TcpListener, connections_max: usize) -> Self {
        Self { worker: Rc::downgrade(worker), listener, connections_max, last_ms: Cell::new(u64::MAX) }
    }

    fn accept(&self, ctx: &mut Context<'_>, worker: &Rc<Worker>) {
        while worker.connections.get() < self.connections_max {
            let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
            // Whatever is wrong with it, the loop that usually accepts will meet it, too.
            let Ok(socket) = rustix::net::accept_with(&self.listener, flags) else { return };
            if let Ok(stream) = TcpStream::from_std(socket.into()) {
                conn::spawn(worker, stream, |address, local| ctx.open_session(address, local));
            }
        }
    }
}

impl WhileBusy for BusyWorker {
    fn serve(&self, ctx: &mut Context<'_>, running: &Running) -> Option<&'static str> {
        let worker = self.worker.upgrade()?;
        if running.since_ms < self.last_ms.replace(running.since_ms) {
            warn!("a script has been running for {} ms: all others are answered with BUSY", running.since_ms);
        }
        self.accept(ctx, &worker);
        let mut buffer = vec![0; READ_BYTES];
        let limits = *ctx.limits;
        let mut caller = Caller { ctx, running, end: None };
        for connection in worker.connections_now() {
            connection
                .serve_while_busy(&limits, &mut buffer, &mut |session, words, out| caller.call(session, words, out));
        }
        caller.end
    }
}

/// Answers calls on behalf of the script that runs.
struct Caller<'a, 'c> {
    ctx: &'a mut Context<'c>,
    running: &'a Running,
    /// Why the script is to be ended.
    end: Option<&'static str>,
}

impl Caller<'_, '_> {
    /// Answers one call. Returns whether its connection goes on.
    fn call(&mut self, session: SessionId, words: &[&[u8]], out: &mut Vec<u8>) -> bool {
        let is_function = self.running.is_function;
        let busy = if is_function { BUSY_FUNCTION } else { BUSY_SCRIPT };
        let called = self.ctx.call_while_busy(session, words, &busy, out);
        let protocol = self.ctx.protocol_of(session);
        let mut reply = Reply::new(out, protocol);
        match called {
            BusyCall::Answered => {}
            BusyCall::Close => return false,
            BusyCall::Stats => write_stats(&mut reply, is_function.then_some(self.running), self.running.counts),
            BusyCall::KillScript if is_function => reply.error(&busy),
            BusyCall::KillFunction if !is_function => reply.error(&busy),
            BusyCall::KillScript | BusyCall::KillFunction if self.running.has_written => reply.error(&UNKILLABLE),
            BusyCall::KillScript => {
                self.end = Some("ERR Script killed by user with SCRIPT KILL.");
                reply.ok();
            }
            BusyCall::KillFunction => {
                self.end = Some("ERR Script killed by user with FUNCTION KILL.");
                reply.ok();
            }
            BusyCall::Shutdown => {
                info!("stopping in the middle of a script, as a client asks: what the script did is not kept");
                // The record of a script is whole or it isn't there, and this one will not be whole.
                std::process::exit(0);
            }
        }
        true
    }
}

/// Says that a script holds the server, and what can be done about it.
const BUSY_SCRIPT: Error =
    Error::new("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
const BUSY_FUNCTION: Error =
    Error::new("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");
const UNKILLABLE: Error = Error::new(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

/// Bytes that are read of a connection at a time.
const READ_BYTES: usize = 16 * 1024;

/// Reads without waiting, past the runtime. `None` where nothing has come, or the connection has ended.
pub(crate) fn receive(stream: &TcpStream, buffer: &mut [u8]) -> Option<usize> {
    let (read, _) = rustix::net::recv(stream, buffer, rustix::net::RecvFlags::DONTWAIT).ok()?;
    (read > 0).then_some(read)
}

/// Writes what the socket takes at once, past the runtime. Returns how much that was.
pub(crate) fn send(stream: &TcpStream, bytes: &[u8]) -> usize {
    let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
    rustix::net::send(stream, bytes, flags).unwrap_or(0)
}
