//! HTTP: the page, `/healthz`, `/metrics`, and the handshake of the sync WebSocket.
//!
//! It runs on a thread of its own and never touches the shard.

mod access;
mod handshake;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::error;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::ws::{self, Link};
use access::Access;

/// HTTP on its thread. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Http {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What requests are answered from.
#[derive(Clone, Debug)]
struct Site {
    access: Arc<Access>,
    metrics: Arc<Metrics>,
    link: Link,
    /// Made strong by everything that serves a socket, so that the end can wait for them, and for nothing else.
    alive: mpsc::WeakSender<()>,
}

impl Http {
    /// Starts to serve `listener`.
    ///
    /// # Errors
    /// If the system has no thread or no poll to give.
    pub(crate) fn start(
        listener: std::net::TcpListener,
        config: &Config,
        metrics: Arc<Metrics>,
        link: Link,
    ) -> Result<Self> {
        let access = Access { password: config.requirepass.clone(), origins: config.allow_origin.clone() };
        let site = |alive| Site { access: Arc::new(access), metrics, link, alive };
        let www = config.www.clone();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime of HTTP")?;
        let run = move || {
            let (alive, ended) = mpsc::channel(1);
            let router = router(site(alive.downgrade()), www);
            if let Err(error) = runtime.block_on(serve(listener, router, stopped, alive, ended)) {
                error!("HTTP has ended: {error}");
            }
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(run);
        Ok(Self { stop: Some(stop), thread: Some(thread.context("cannot start the thread of HTTP")?) })
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    stopped: oneshot::Receiver<()>,
    alive: mpsc::Sender<()>,
    mut ended: mpsc::Receiver<()>,
) -> std::io::Result<()> {
    // A message to a replica must not wait for the acknowledgement of the one before.
    let listener = TcpListener::from_std(listener)?.tap_io(|stream| drop(stream.set_nodelay(true)));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        // Requests are short, and browsers hold connections open that would be waited for.
        outcome = async { axum::serve(listener, service).await } => outcome?,
        _ = stopped => {}
    }
    drop(alive);
    let _ = timeout(END_PATIENCE, ended.recv()).await;
    Ok(())
}

fn router(site: Site, www: Option<PathBuf>) -> Router {
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/sync", get(sync))
        .with_state(site);
    let router = match www {
        Some(folder) => router.fallback_service(ServeDir::new(folder)),
        None => router.route("/", get(|| async { Html(NO_PAGE) })),
    };
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router.layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")).layer(header(header::CACHE_CONTROL, "no-cache"))
}

async fn health(State(site): State<Site>) -> Response {
    match site.metrics.is_writable() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the log can't be written, so writes are refused\n").into_response(),
    }
}

async fn metrics(State(site): State<Site>) -> Response {
    site.link.report().await;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], site.metrics.render()).into_response()
}

async fn sync(State(site): State<Site>, ConnectInfo(from): ConnectInfo<SocketAddr>, mut request: Request) -> Response {
    let checked = handshake::check(request.headers())
        .and_then(|accept| site.access.check(from, request.uri(), request.headers()).map(|()| accept));
    let accept = match checked {
        Ok(accept) => accept,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(alive) = site.alive.upgrade() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _alive = alive;
        match upgrade.await {
            Ok(upgraded) => ws::serve(hyper_util::rt::TokioIo::new(upgraded), site.link).await,
            Err(error) => tracing::debug!("a WebSocket's handshake was not completed: {error}"),
        }
    });
    handshake::accepted(&accept)
}

/// How long sockets have to end when the server does.
const END_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// What `/` shows where no page was given.
const NO_PAGE: &str = include_str!("no_page.html");
