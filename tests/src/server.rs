//! Starting, stopping and killing a server under test.
//!
//! ```text
//!   Launch ──start──▶ Server ──kill / terminate──▶ Ended { status, stderr }
//!      └────fail──────────────────────────────────────▲
//! ```
//! The data folder outlives the process, so that the next `Launch` on it is a restart.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::wait::{self, PATIENCE};

/// Which server a suite runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Our binary.
    Sanderling,
    /// The `redis-server` on the path, which says whether an expectation is Redis's own.
    Redis,
    /// The engine of the built wasm module in Node.js, with `tests/conformance/bridge/` between it and the socket.
    Wasm,
}

impl Target {
    /// Reads `SANDERLING_TARGET` (`sanderling`, the default, or `redis-server`).
    ///
    /// # Panics
    /// When it names neither.
    pub fn from_env() -> Self {
        match std::env::var("SANDERLING_TARGET").as_deref() {
            Err(_) | Ok("" | "sanderling") => Self::Sanderling,
            Ok("redis-server") => Self::Redis,
            Ok(other) => panic!("SANDERLING_TARGET={other}: expected sanderling or redis-server"),
        }
    }
}

/// A server that is about to be started.
#[derive(Debug)]
pub struct Launch {
    target: Target,
    folder: Arc<TempDir>,
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    bare: bool,
}

impl Launch {
    /// Prepares a start of `target` on a new, empty data folder.
    pub fn new(target: Target) -> Self {
        Self::on(target, folder())
    }

    /// Prepares a start of our binary on a new, empty data folder.
    pub fn sanderling() -> Self {
        Self::new(Target::Sanderling)
    }

    /// Prepares a start on a data folder that another server has left.
    pub fn on(target: Target, folder: Arc<TempDir>) -> Self {
        Self { target, folder, arguments: Vec::new(), variables: Vec::new(), bare: false }
    }

    /// Leaves out the flags for ports and folder, which otherwise come first.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Adds arguments after `serve`.
    pub fn args<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable of the server.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Starts the server and waits until it accepts.
    ///
    /// # Panics
    /// When it ends instead, or does not accept within the deadline; its stderr is in the message.
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|ended| panic!("the server ended with {}:\n{}", ended.status, ended.stderr))
    }

    /// Starts a server that is expected to refuse to start.
    ///
    /// # Panics
    /// When it accepts connections after all.
    pub fn fail(self) -> Ended {
        match self.try_start() {
            Ok(server) => panic!("the server started; its stderr:\n{}", server.stderr()),
            Err(ended) => ended,
        }
    }

    /// Starts the server and waits until it either accepts or has ended.
    ///
    /// # Errors
    /// How it ended, when it did.
    pub fn try_start(self) -> Result<Server, Ended> {
        match self.target {
            Target::Sanderling => self.start_sanderling(),
            Target::Redis => self.start_redis(),
            Target::Wasm => self.start_wasm(),
        }
    }

    fn start_sanderling(self) -> Result<Server, Ended> {
        let mut command = Command::new(binary());
        command.args(["serve", "--enable-debug-command", "yes"]);
        if !self.bare {
            command.args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dir"]).arg(self.folder.path());
        }
        let (running, [resp, http]) = self.spawn_and_listen(command, ["resp", "http"])?;
        Ok(Server { running, resp, http: Some(http), folder: self.folder })
    }

    fn start_wasm(self) -> Result<Server, Ended> {
        let mut command = Command::new("node");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bridge/main.mjs"));
        let (running, [resp]) = self.spawn_and_listen(command, ["resp"])?;
        Ok(Server { running, resp, http: None, folder: self.folder })
    }

    /// Starts a program and waits until it has said where it listens, by these names.
    fn spawn_and_listen<const N: usize>(
        &self,
        command: Command,
        names: [&str; N],
    ) -> Result<(Running, [SocketAddr; N]), Ended> {
        let (mut running, lines) = self.spawn(command);
        let mut addresses = [None; N];
        let deadline = Instant::now() + PATIENCE;
        while addresses.contains(&None) {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    for (slot, name) in addresses.iter_mut().zip(names) {
                        if let Some(text) = line.strip_prefix(&format!("{name} listening on ")) {
                            *slot = Some(text.trim().parse().unwrap_or_else(|_| panic!("no address in {line:?}")));
                        }
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(running.wait()),
                Err(RecvTimeoutError::Timeout) => {
                    running.signal(Signal::KILL);
                    panic!("the server printed no addresses; stderr:\n{}", running.wait().stderr);
                }
            }
        }
        Ok((running, addresses.map(Option::unwrap)))
    }

    fn start_redis(self) -> Result<Server, Ended> {
        let resp = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &resp.port().to_string(), "--save", "", "--dir"]);
        command.arg(self.folder.path());
        command.args(["--enable-debug-command", "yes", "--enable-protected-configs", "yes"]);
        let (mut running, _) = self.spawn(command);
        wait::until("redis-server to accept", || {
            let ended = running.child.try_wait().unwrap().is_some();
            let accepts = std::net::TcpStream::connect(resp).is_ok();
            (ended || accepts).then_some(())
        });
        if running.child.try_wait().unwrap().is_some() {
            return Err(running.wait());
        }
        Ok(Server { running, resp, http: None, folder: self.folder })
    }

    fn spawn(&self, mut command: Command) -> (Running, Receiver<String>) {
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What the caller's shell happens to set must not configure the server under test.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SANDERLING_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            // Read to the end even when nobody listens any more: a full pipe would stop the server.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let mut pipe = child.stderr.take().unwrap();
        let sink = Arc::clone(&stderr);
        let collector = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        (Running { child, stderr, collector: Some(collector) }, lines)
    }
}

/// A server that accepts connections. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    running: Running,
    /// Where it speaks RESP.
    pub resp: SocketAddr,
    http: Option<SocketAddr>,
    /// Its data folder.
    pub folder: Arc<TempDir>,
}

impl Server {
    /// Returns where it speaks HTTP.
    ///
    /// # Panics
    /// When the target has no HTTP port.
    pub fn http(&self) -> SocketAddr {
        self.http.expect("this target speaks HTTP")
    }

    /// Opens a RESP connection.
    pub fn client(&self) -> Client {
        Client::connect(self.resp)
    }

    /// Returns what it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.running.stderr_text()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Says whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.running.child.try_wait().unwrap().is_none()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) -> Ended {
        self.running.signal(Signal::KILL);
        self.running.wait()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When the server has not ended within the deadline.
    pub fn terminate(mut self) -> Ended {
        self.running.signal(Signal::TERM);
        self.running.wait()
    }
}

/// A server that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code or signal.
    pub status: ExitStatus,
    /// All that it wrote to stderr.
    pub stderr: String,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stderr: Arc<Mutex<Vec<u8>>>,
    collector: Option<JoinHandle<()>>,
}

impl Running {
    fn signal(&self, signal: Signal) {
        // An error means that it is gone already, which is what the signal wants.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    fn wait(&mut self) -> Ended {
        let status = wait::until("the server to end", || self.child.try_wait().unwrap());
        if let Some(collector) = self.collector.take() {
            collector.join().unwrap();
        }
        Ended { status, stderr: self.stderr_text() }
    }

    fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Makes an empty folder that is removed with its last handle.
pub fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::Builder::new().prefix("sanderling-").tempdir().expect("a temporary folder"))
}

/// Returns a TCP port of the loopback interface that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Returns the server binary: `SANDERLING_BIN`, else the one of this build's profile, built first.
///
/// # Panics
/// When cargo cannot build it.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("SANDERLING_BIN") {
        Some(path) => path.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    // This executable is <target>/<profile>/[deps/]name, and the binary belongs beside it.
    let exe = std::env::current_exe().expect("the path of this executable");
    let profile = exe
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps" && name != "examples"))
        .expect("a profile's folder");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("no profile in {}", exe.display()),
    };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "sanderling", "--profile", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo build --package sanderling fails");
    profile.join("sanderling")
}
