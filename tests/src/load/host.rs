//! What the system says of a process: memory and processor time, from `/proc`.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process, and those that it starts, have `sockets` sockets and some files.
///
/// # Panics
/// When the system doesn't allow so many.
pub fn allow_sockets(sockets: usize) {
    let wanted = sockets as u64 + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap_or_else(|error| {
            panic!("{wanted} open files are needed, of which the system allows fewer: {error}")
        });
    }
}

/// The memory that a process holds, in bytes.
///
/// # Panics
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB")
}

/// The processor time that all threads of a process have used, to the nanosecond.
///
/// # Panics
/// When there is no such process.
pub fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The machine in a line: processors, their name, the kernel.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let kernel = read("/proc/sys/kernel/osrelease");
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{processors} × {}, Linux {}", name.trim_start_matches([' ', '\t', ':']), kernel.trim())
}

/// Files besides sockets.
const OWN_FILES: u64 = 64;
