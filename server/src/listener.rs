//! Accepting RESP connections.

use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::warn;

use crate::conn;
use crate::worker::Worker;

/// Accepts connections to the end, up to `connections_max` at a time.
pub(crate) async fn accept(worker: Rc<Worker>, listener: TcpListener, connections_max: usize) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if worker.connections.get() < connections_max => {
                conn::spawn(&worker, stream, |address, local| worker.shard.borrow_mut().open_session(address, local));
            }
            Ok((stream, _)) => {
                worker.count(|traffic| traffic.rejected += 1);
                // A fresh socket takes this much at once; if it doesn't, its client sees the end alone.
                let _ = stream.writable().await;
                let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
            }
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// How long to wait when the system has no more sockets to give.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
