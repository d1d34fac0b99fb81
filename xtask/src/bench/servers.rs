//! The servers under measurement: started on free ports of the loopback interface, with no persistence that the others
//! have not, and ended when they are dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::connection::Connection;
use super::report::Json;
use crate::paths;
use crate::shell::{self, command};

/// A running server.
#[derive(Debug)]
pub(super) struct Running {
    /// What the table calls it.
    pub(super) name: &'static str,
    /// Where it listens.
    pub(super) port: u16,
    pid: u32,
    /// What is ended with it; nothing of a server that somebody else started.
    own: Option<(Child, PathBuf)>,
    ticks_per_second: f64,
}

/// What becomes of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// Kept in memory alone: nor for ours.
    Off,
    /// A log that reaches the disk once a second.
    Everysec,
}

impl Persistence {
    /// What the flag calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Off => "no",
            Self::Everysec => "everysec",
        }
    }
}

/// What the servers of a run call their versions.
#[derive(Debug, Default)]
pub(super) struct Versions(Vec<String>);

impl Versions {
    /// Asks a server, once.
    pub(super) fn note(&mut self, server: &Running) -> Result<()> {
        if !self.0.iter().any(|known| known.split(' ').next() == Some(server.name)) {
            self.0.push(format!("{} {}", server.name, server.version()?));
        }
        Ok(())
    }

    /// Writes them as the files of figures have them.
    pub(super) fn json(self) -> (&'static str, Json) {
        ("versions", self.0.join(", ").into())
    }
}

impl Running {
    /// Starts the redis-server on the search path, without persistence.
    pub(super) fn redis() -> Result<Self> {
        Self::redis_like("redis-server", Path::new("redis-server"), Persistence::Off)
    }

    /// Starts Valkey's server, which takes Redis's settings, without persistence.
    pub(super) fn valkey(binary: &Path) -> Result<Self> {
        Self::redis_like("valkey", binary, Persistence::Off)
    }

    /// Starts a server that takes Redis's settings.
    pub(super) fn redis_like(name: &'static str, binary: &Path, persistence: Persistence) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = data_folder(name)?;
        let child = command(binary)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(&folder)
            .args(["--appendonly", if persistence == Persistence::Off { "no" } else { "yes" }])
            .args(["--appendfsync", "everysec", "--maxclients", CLIENTS_MAX])
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Self::new(name, port, child, folder)
    }

    /// Starts our server, with `--fsync no`.
    pub(super) fn sanderling(binary: &Path) -> Result<Self> {
        Self::ours(binary, Persistence::Off)
    }

    /// Starts our server.
    pub(super) fn ours(binary: &Path, persistence: Persistence) -> Result<Self> {
        let folder = data_folder("sanderling")?;
        let mut child = command(binary)
            .env("SANDERLING_LOG", "error")
            .args(["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--fsync", "everysec"])
            .args(["--maxclients", CLIENTS_MAX])
            .args(["--appendonly", if persistence == Persistence::Off { "no" } else { "yes" }, "--dir"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("resp listening on ")?.rsplit(':').next()?.trim().parse().ok());
        // What else it prints is read and dropped, or it would block on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        let Some(port) = port else {
            let _ = child.kill();
            bail!("the server ended without saying where it listens");
        };
        Self::new("sanderling", port, child, folder)
    }

    /// Takes a server that somebody else started, if it is empty and on this machine.
    pub(super) fn foreign(name: &str, port: u16) -> Result<Self> {
        let mut connection = Connection::open(port).with_context(|| format!("{name} does not answer"))?;
        if connection.call(&["DBSIZE"])? != "0" {
            bail!("{name} on port {port} holds keys: it would be emptied and filled, so give an empty one");
        }
        let info = connection.call(&["INFO", "server"])?;
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok());
        let pid = pid.with_context(|| format!("INFO of {name} has no process_id"))?;
        // Named once a run, for as long as the run.
        let name = name.to_owned().leak();
        Ok(Self { name, port, pid, own: None, ticks_per_second: ticks_per_second()? })
    }

    fn new(name: &'static str, port: u16, child: Child, folder: PathBuf) -> Result<Self> {
        let pid = child.id();
        let own = Some((child, folder));
        let running = Self { name, port, pid, own, ticks_per_second: ticks_per_second()? };
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                bail!("{name} does not accept connections");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Returns what the server calls its version.
    pub(super) fn version(&self) -> Result<String> {
        let info = Connection::open(self.port)?.call(&["INFO", "server"])?;
        let find =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
        let version = ["sanderling_version:", "valkey_version:", "redis_version:"].into_iter().find_map(find);
        version.with_context(|| format!("INFO of {} has no version", self.name))
    }

    /// Returns the processor time that the server has used so far, user and system, in microseconds; that of threads and
    /// of forked processes that have ended is part of it, or a snapshot would cost nothing. It is as fine as a tick.
    pub(super) fn cpu_us(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .context("the server's processor time is read from /proc, which only Linux has")?;
        let ticks = ticks(&stat).context("/proc shows no processor time")?;
        Ok(ticks as f64 / self.ticks_per_second * 1e6)
    }

    /// Returns the memory that the server's process holds, in bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))
            .context("the server's memory is read from /proc, which only Linux has")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc shows no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match &mut self.own {
            Some((child, folder)) => {
                let _ = child.kill();
                let _ = child.wait();
                let _ = fs::remove_dir_all(folder);
            }
            None => drop(Connection::open(self.port).and_then(|mut connection| connection.call(&["FLUSHALL"]))),
        }
    }
}

fn ticks_per_second() -> Result<f64> {
    Ok(shell::read(command("getconf").arg("CLK_TCK"))?.parse()?)
}

/// Sums the ticks of fields 14 to 17: user and system, its own and those of its ended children, counted after the name
/// in parentheses, which may hold spaces.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<u64> =
        stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    (fields.len() == 4).then(|| fields.iter().sum())
}

fn data_folder(name: &str) -> Result<PathBuf> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    // Two of one name may run side by side.
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let folder = paths::state().join("bench").join(format!("{name}-{number}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Ten thousand that do nothing, and those that do something.
const CLIENTS_MAX: &str = "11000";
const START_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_read_past_a_name_with_spaces() {
        assert_eq!(ticks("7 (a (b) c) S 1 7 7 0 -1 0 10 20 30 40 50 60 70 80 20"), Some(260));
        assert_eq!(ticks("7 (a"), None);
    }
}
