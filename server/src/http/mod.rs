//! HTTP: the page, `/healthz`, `/metrics`, and the handshake of the sync WebSocket.
//!
//! It runs on a thread of its own and never touches the shard.

mod access;
mod handshake;
mod unhurried;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::error;

use crate::auth::Auth;
use crate::config::Config;
use crate::metrics::{Metrics, Refused};
use crate::quota::Quotas;
use crate::ws::{self, Link};
use access::{Access, Refusal};
use unhurried::Unhurried;

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
    link: Arc<Link>,
    /// Places for replicas.
    places: Arc<Semaphore>,
    max_replicas: usize,
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
        auth: Arc<Auth>,
        metrics: Arc<Metrics>,
        link: Link,
    ) -> Result<Self> {
        let access = Access {
            auth,
            quotas: Quotas::default(),
            origins: config.origin.clone(),
            address_limits: config.address_limits,
            trust_forwarded: config.trust_forwarded,
            proxy_noted: Once::new(),
        };
        let max_replicas = config.max_replicas.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(max_replicas));
        let (access, link) = (Arc::new(access), Arc::new(link));
        let site = move |alive| Site { access, metrics, link, places, max_replicas, alive };
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
    let listener = Unhurried(TcpListener::from_std(listener)?).tap_io(|stream| drop(stream.set_nodelay(true)));
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
    let accept = match handshake::check(request.headers()) {
        Ok(accept) => accept,
        Err(refusal) => return site.refuse(refusal),
    };
    let checked = site.access.check(from, request.headers());
    let refused_with = match &checked {
        Err(refusal) => refusal.close_code().filter(|_| access::wants_close_frame(request.headers())),
        Ok(_) => None,
    };
    let granted = match (checked, refused_with) {
        (Ok(granted), _) => Ok(granted),
        (Err(refusal), Some(code)) => {
            site.metrics.count_refused(refusal.reason);
            Err((code, refusal.text))
        }
        (Err(refusal), None) => return site.refuse(refusal),
    };
    let Some(alive) = site.alive.upgrade() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let Ok(place) = site.places.try_acquire_owned() else {
        site.metrics.count_refused(Refused::Full);
        let most = site.max_replicas;
        let why = format!("this server has as many replicas as --max-replicas allows ({most}): come back later\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER)], why).into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!("a WebSocket's handshake was not completed: {error}"),
        };
        // What HTTP wrapped the socket in isn't needed any more.
        let Ok(Parts { io, read_buf, .. }) = downcast::<TokioIo<TcpStream>>(upgraded) else {
            return error!("a WebSocket is not the socket that was accepted");
        };
        let io = io.into_inner();
        match granted {
            Ok((granted, lease)) => {
                let Some(socket) = ws::open(io, &read_buf, site.link, granted, lease).await else { return };
                // A task of its own, which for as long as it lives has no room for the handshake.
                tokio::spawn(async move {
                    let (_alive, _place) = (alive, place);
                    socket.serve().await;
                });
            }
            Err((code, why)) => {
                ws::refuse(io, code, &why).await;
                drop((alive, place));
            }
        }
    });
    handshake::accepted(&accept)
}

impl Site {
    fn refuse(&self, refusal: Refusal) -> Response {
        self.metrics.count_refused(refusal.reason);
        refusal.into_response()
    }
}

/// When a replica that found no place may try again, in seconds.
const RETRY_AFTER: &str = "5";

/// How long sockets have to end when the server does.
const END_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// What `/` shows where no page was given.
const NO_PAGE: &str = include_str!("no_page.html");
