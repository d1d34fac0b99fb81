//! The server: RESP over TCP, sync over WebSocket, a log on disk, around `sanderling-core`.
//!
//! ```text
//!  main thread                                      http thread
//!  ┌──────────────────────────────────────┐         ┌───────────────────────┐
//!  │ RESP connections ─▶ Shard            │ bounded │ /sync  /metrics       │
//!  │ timer, flusher      engine, hub, log │◀───────▶│ /healthz  the page    │
//!  └──────────────────────────────────────┘ channels└───────────────────────┘
//!          log-sync thread: one fdatasync a second     snapshot thread: now and then
//! ```
//! Only `shard` and `log` call core's engine and hub. Only `clock` asks for the time, only `entropy` for randomness.

pub mod config;

mod ahead;
mod auth;
mod clock;
mod conn;
mod descriptors;
mod entropy;
mod frames;
mod http;
mod listener;
mod log;
mod metrics;
mod outbound;
mod peers;
mod quota;
mod script;
mod shard;
mod worker;
mod ws;

use std::io::Write;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use sanderling_core::Limits;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

use auth::Auth;
use config::Config;
use http::Http;
use metrics::Metrics;
use outbound::Queued;
use peers::FromSocket;
use script::busy::BusyWorker;
use shard::{Addresses, Shard};
use worker::Worker;

/// Serves until `stop`'s future is ready, then makes everything reach the disk.
///
/// Prints on stdout where it listens, a line for each port, once it does.
///
/// # Errors
/// If a port or the folder is in use or can't be used, files are damaged, or the end couldn't be written.
pub fn run<S: Future<Output = ()>>(config: Config, stop: impl FnOnce() -> S) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.context("cannot start the runtime")?.block_on(async { serve(config, stop()).await })
}

/// Waits for the signals that ask a server to end: SIGTERM and SIGINT.
pub async fn stop_signal() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            warn!("signals can't be received, so only SIGKILL ends the server: {error}");
            std::future::pending().await
        }
    }
}

async fn serve(mut config: Config, stop: impl Future<Output = ()>) -> Result<()> {
    descriptors::make_room(&mut config);
    let auth = Arc::new(Auth::new(&config)?);
    let resp = bind(&config.resp).await?;
    let http = match &config.http {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let addresses =
        Addresses { resp: resp.local_addr()?, http: http.as_ref().map(TcpListener::local_addr).transpose()? };
    let mut shard = Shard::open(&config)?;
    shard.set_addresses(&addresses);
    let queued = Queued::default();
    let metrics = Arc::new(Metrics::new(queued.clone()));
    let bytes_max = Limits::DEFAULT.sync_message_bytes_max;
    let (link, events) = ws::link(bytes_max, queued, Arc::clone(&auth), Arc::clone(&metrics));
    let worker = Rc::new(Worker::new(shard, Arc::clone(&metrics)));
    let own = Rc::clone(&worker);
    tokio::task::spawn_local(async move { own.run_flusher().await });
    let own = Rc::clone(&worker);
    tokio::task::spawn_local(async move { own.run_timer().await });
    tokio::task::spawn_local(handle_sockets(Rc::clone(&worker), events));
    let busy = BusyWorker::new(&worker, resp.as_fd().try_clone_to_owned()?.into(), config.maxclients);
    worker.shard.borrow().serve_while_busy(Rc::new(busy));
    let accept = tokio::task::spawn_local(listener::accept(Rc::clone(&worker), resp, config.maxclients));
    if let Some(open) = addresses.http.filter(|http| auth.asks_nothing() && !http.ip().is_loopback()) {
        warn!("{open} is open to other machines, but without --token-key or --requirepass only this one may sync");
    }
    if auth.has_keys() {
        tokio::task::spawn_local(watch_keys(Arc::clone(&auth)));
    }
    let http = match http {
        Some(listener) => Some(Http::start(listener.into_std()?, &config, auth, metrics, link)?),
        None => None,
    };
    announce(&addresses, config.redis.is_some())?;

    tokio::select! {
        () = stop => info!("stopping: a signal asks for it"),
        () = worker.shutdown() => info!("stopping: a client asks for it"),
    }
    accept.abort();
    worker.end().await;
    let closed = worker.close();
    // The sockets say goodbye meanwhile: nothing that they tell is read any more.
    drop(http);
    closed
}

async fn bind(address: &str) -> Result<TcpListener> {
    let listen = async {
        let mut failure = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host(address).await? {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A server that is started again must not wait for what the one before has left.
            socket.set_reuseaddr(true)?;
            match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    };
    listen.await.with_context(|| format!("cannot listen on {address}"))
}

/// Hands the shard what the replicas' sockets tell.
async fn handle_sockets(worker: Rc<Worker>, mut events: mpsc::Receiver<FromSocket>) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, EVENTS_PER_BATCH).await > 0 {
        let (mut shard, mut peers) = (worker.shard.borrow_mut(), worker.peers.borrow_mut());
        worker.publish(&shard);
        for event in batch.drain(..) {
            peers.handle(&mut shard, event);
        }
        worker.request_flush();
    }
}

/// Reads the keys for tokens again when their files change, and at each SIGHUP.
async fn watch_keys(auth: Arc<Auth>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return warn!("SIGHUP can't be received, so keys are read at the start only: {error}"),
    };
    let mut look = tokio::time::interval(KEYS_PERIOD);
    loop {
        let anyway = tokio::select! {
            _ = hangup.recv() => true,
            _ = look.tick() => false,
        };
        let auth = Arc::clone(&auth);
        // Files may be slow, and the shard must not wait for them. A panic there was reported when it happened.
        let _ = tokio::task::spawn_blocking(move || auth.reload(anyway)).await;
    }
}

fn announce(addresses: &Addresses, as_redis: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut write = || {
        writeln!(out, "resp listening on {}", addresses.resp)?;
        if let Some(http) = addresses.http {
            writeln!(out, "http listening on {http}")?;
        }
        out.flush()
    };
    write().context("cannot say on stdout where the server listens")?;
    drop(out);
    if as_redis {
        // What those wait for who start redis-server.
        info!("Ready to accept connections");
    }
    Ok(())
}

/// Connections that wait to be accepted. After a restart all replicas come at once, and who finds no place tries again a
/// second later. The system may allow fewer.
const BACKLOG: u32 = 4096;

/// Events of sockets that are handled before clients are served again.
const EVENTS_PER_BATCH: usize = 64;

/// How often it is looked whether the keys for tokens have changed.
const KEYS_PERIOD: std::time::Duration = std::time::Duration::from_secs(2);
