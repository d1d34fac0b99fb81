//! A listener that lets the connections it has accepted get on before it accepts more.
//!
//! After a restart thousands come at once. While HTTP reads a handshake it holds some kilobytes for it, so to accept all
//! that wait would take memory for all of them at the same time, and leave as much to the allocator in pieces.

use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

/// Accepts one connection a turn of the runtime.
#[derive(Debug)]
pub(super) struct Unhurried(pub(super) TcpListener);

impl Listener for Unhurried {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        yield_now().await;
        // That of the trait, which knows what to do about errors.
        Listener::accept(&mut self.0).await
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
