//! Reading every key out of both servers, at the end of an episode.

use std::io;

use super::calls::Call;
use super::check::Check;
use super::play::Pair;
use super::units::Unit;
use crate::reply::{Reply, decode};

/// Databases of a server.
const DATABASES: u64 = 16;

/// The units that compare all keys, in all databases.
///
/// # Errors
/// When a server doesn't answer.
pub(super) fn units(pair: &Pair) -> io::Result<Vec<Unit>> {
    let mut units = Vec::new();
    for line in 0..2 {
        units.push(Unit { line, calls: vec![Call::of("DISCARD"), Call::of("UNWATCH")] });
    }
    for database in 0..DATABASES {
        let select = Call::of(&format!("SELECT {database}"));
        let [redis, _] = pair.exchange(0, &[Call::of("DISCARD"), select.clone(), Call::of("KEYS *")])?;
        let mut calls = vec![select, Call::of("DBSIZE"), Call::of("KEYS *")];
        for key in bulks(redis.get(2)) {
            calls.extend(["TYPE", "PTTL"].map(|name| Call::on(name, &key, "")));
            calls.push(Call::on("OBJECT ENCODING", &key, ""));
            // Each but one is refused, equally.
            calls.push(Call::on("GET", &key, ""));
            calls.push(Call::on("LRANGE", &key, "0 -1"));
            calls.push(Call::on("SMEMBERS", &key, ""));
            calls.push(Call::on("HGETALL", &key, ""));
            calls.push(Call::on("ZRANGE", &key, "0 -1 WITHSCORES"));
            calls.push(Call::on("XRANGE", &key, "- +"));
            calls.push(Call { check: Check::Time, ..Call::on("XINFO STREAM", &key, "FULL COUNT 0") });
        }
        units.push(Unit { line: 0, calls });
    }
    units.push(Unit { line: 0, calls: vec![Call::of("SELECT 0")] });
    Ok(units)
}

fn bulks(reply: &[u8]) -> Vec<Vec<u8>> {
    match decode(reply) {
        Ok(Some((Reply::Array(items), _))) => items
            .into_iter()
            .filter_map(|item| if let Reply::Bulk(bytes) = item { Some(bytes) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}
