//! The two servers under measurement: started on free ports of the loopback interface, with no persistence that the
//! other has not, and ended when they are dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::shell::{self, command};

/// A running server.
#[derive(Debug)]
pub(super) struct Running {
    /// What the table calls it.
    pub(super) name: &'static str,
    /// Where it listens.
    pub(super) port: u16,
    child: Child,
    folder: PathBuf,
    ticks_per_second: f64,
}

impl Running {
    /// Starts the redis-server on the search path, without persistence.
    pub(super) fn redis() -> Result<Self> {
        Self::redis_like("redis-server", Path::new("redis-server"))
    }

    /// Starts Valkey's server, which takes Redis's settings, without persistence.
    pub(super) fn valkey(binary: &Path) -> Result<Self> {
        Self::redis_like("valkey", binary)
    }

    fn redis_like(name: &'static str, binary: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let folder = data_folder(name)?;
        let child = command(binary)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Self::new(name, port, child, folder)
    }

    /// Starts our server, with `--fsync no`.
    pub(super) fn sanderling(binary: &Path) -> Result<Self> {
        let folder = data_folder("sanderling")?;
        let mut child = command(binary)
            .args(["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--fsync", "no"])
            // No snapshot is written while others write none.
            .args(["--compact-min", "1000gb", "--dir"])
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

    fn new(name: &'static str, port: u16, child: Child, folder: PathBuf) -> Result<Self> {
        let ticks_per_second = shell::read(command("getconf").arg("CLK_TCK"))?.parse()?;
        let running = Self { name, port, child, folder, ticks_per_second };
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                bail!("{name} does not accept connections");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Returns the processor time that the server has used so far, user and system, in microseconds.
    pub(super) fn cpu_us(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
            .context("the server's processor time is read from /proc, which only Linux has")?;
        let ticks = ticks(&stat).context("/proc shows no processor time")?;
        Ok(ticks as f64 / self.ticks_per_second * 1e6)
    }

    /// Returns the memory that the server's process holds, in bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("the server's memory is read from /proc, which only Linux has")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc shows no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads the user and system ticks: fields 14 and 15, counted after the name in parentheses, which may hold spaces.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn data_folder(name: &str) -> Result<PathBuf> {
    let folder = paths::state().join("bench").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

const START_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_read_past_a_name_with_spaces() {
        assert_eq!(ticks("7 (a (b) c) S 1 7 7 0 -1 0 10 20 30 40 50 60 0 0 20"), Some(110));
        assert_eq!(ticks("7 (a"), None);
    }
}
