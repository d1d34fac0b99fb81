//! Sockets and files that the process may have open: the system's limit, raised where it may be.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Makes room for `connections_max` connections besides the files that the server needs. Returns how many there is
/// room for.
pub(crate) fn make_room(connections_max: usize) -> usize {
    let wanted = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(OWN_FILES);
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return connections_max;
    }
    limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    let raised = limit.current.unwrap_or(current);
    let allowed = if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current };
    let room = usize::try_from(allowed.saturating_sub(OWN_FILES)).unwrap_or(usize::MAX).min(connections_max).max(1);
    if room < connections_max {
        warn!("the system allows {allowed} open files, so maxclients is {room} instead of {connections_max}");
    }
    room
}

/// Files that the server needs besides its clients' sockets: logs, snapshots, the page, replicas.
const OWN_FILES: u64 = 512;
