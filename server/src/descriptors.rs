//! Sockets and files that the process may have open: the system's limit, raised where it may be.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Config;

/// Makes room for the configured connections and replicas besides the files that the server needs. Lowers both
/// bounds where the system allows fewer.
pub(crate) fn make_room(config: &mut Config) {
    let wanted = (config.maxclients as u64).saturating_add(config.max_replicas as u64).saturating_add(OWN_FILES);
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return;
    }
    limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    let raised = limit.current.unwrap_or(current);
    let allowed = if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current };
    if allowed < wanted {
        (config.maxclients, config.max_replicas) = share(allowed, config.maxclients, config.max_replicas);
        warn!(
            "the system allows {allowed} open files, so maxclients is {} and max-replicas is {}",
            config.maxclients, config.max_replicas
        );
    }
}

/// Shares what is allowed as it was asked for.
fn share(allowed: u64, clients: usize, replicas: usize) -> (usize, usize) {
    let room = usize::try_from(allowed.saturating_sub(OWN_FILES)).unwrap_or(usize::MAX);
    let part = room as f64 / clients.saturating_add(replicas).max(1) as f64;
    let clients = ((clients as f64 * part) as usize).max(1);
    (clients, room.saturating_sub(clients).min(replicas).max(1))
}

/// Files that the server needs besides these sockets: logs, snapshots, the page, requests over HTTP.
const OWN_FILES: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_allows_is_shared_as_it_was_asked_for() {
        assert_eq!(share(20_000, 10_000, 10_000), (9_744, 9_744));
        assert_eq!(share(4_096, 10_000, 20_000), (1_194, 2_390));
        assert_eq!(share(100, 10_000, 10_000), (1, 1));
        assert_eq!(share(4_096, 10_000, 0), (3_584, 1));
    }
}
