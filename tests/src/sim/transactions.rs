//! Transactions of users: of one call, of calls that do nothing, and on keys under `WATCH` that expire.

use sanderling_core::{Env, UnixMillis, resp::Value};

use super::world::World;

impl World {
    /// Runs a ledger entry as a transaction, alone or with other calls.
    pub(super) fn run_transaction(&mut self, index: usize, env: Env, words: &[&[u8]], entry: &[&[u8]]) {
        let harmless: [&[&[u8]]; 4] = [&[b"PING"], &[b"PING", b"there"], &[b"ECHO", b"hello"], &[b"UNWATCH"]];
        let one = harmless[self.rng.index(harmless.len())];
        let calls: &[&[&[u8]]] = match self.rng.below(4) {
            0 => &[entry],
            1 => &[one, entry],
            2 => &[entry, one, words],
            _ => &[words, entry],
        };
        let node = &mut self.nodes[index];
        node.call(env, &[b"MULTI"]);
        for call in calls {
            let (queued, _) = node.call(env, call);
            assert_eq!(queued, Value::Simple("QUEUED".into()), "{call:?} may be part of a transaction");
        }
        let (reply, seq) = node.call(env, &[b"EXEC"]);
        assert!(seq.is_some(), "the ledger entry with {words:?} isn't pushed: {reply:?}");
        node.pushed_last().calls = Some(calls.len());
        let is_harmless = calls.len() == 2 && calls.contains(&one);
        self.report.note_many("transactions of harmless calls", u64::from(is_harmless));
    }

    /// A lock that nobody else wants, with a short deadline: taken again once it is free by every clock.
    pub(super) fn lock(&mut self, index: usize) {
        if self.is_flushing {
            return;
        }
        let env = self.env(self.nodes[index].skew_ms);
        let key = format!("ledger:{}", char::from(b'A' + index as u8));
        if self.misses(index, &key) {
            return;
        }
        let key = key.as_bytes();
        let (now, may_go_back) = (UnixMillis(self.now_ms), self.nodes[index].may_go_back);
        let is_free_there = is_free(&self.server.engine, key, now);
        let node = &mut self.nodes[index];
        node.replica.settle();
        let here = node.replica.server_time(env.now);
        let was_there = node.replica.engine().keyspace().db(0).find(key).is_some();
        let is_free_here = is_free(node.replica.engine(), key, here);
        if !is_free_here {
            return;
        }
        // Nothing that is under way touches it: of this run nothing, and of earlier runs nothing is left.
        let is_still = node.waiting.iter().all(|waiting| !waiting.is_lock);
        let is_known = node.replica.status().pending == node.waiting.len();
        let is_sure = is_free_there && is_still && is_known && !may_go_back;
        let deadline = (20 + self.rng.below(300)).to_string();
        node.call(env, &[b"WATCH", key]);
        node.call(env, &[b"MULTI"]);
        node.call(env, &[b"SET", key, b"held", b"PX", deadline.as_bytes()]);
        let (reply, _) = node.call(env, &[b"EXEC"]);
        assert_eq!(reply, Value::Array(vec![Value::Simple("OK".into())]), "a free lock is taken");
        let waiting = node.pushed_last();
        (waiting.calls, waiting.is_sure, waiting.is_lock) = (Some(1), is_sure, true);
        self.report.note_many("locks taken that had expired", u64::from(is_sure && was_there));
    }
}

fn is_free(engine: &sanderling_core::Engine, key: &[u8], now: UnixMillis) -> bool {
    engine.keyspace().db(0).find(key).is_none_or(|entry| entry.is_expired(now))
}
