//! Those who look on: what is done around a call while somebody tracks keys, is told of events or calls, or clients are
//! paused. Otherwise that costs a call a few tests.

use alloc::vec::Vec;

use super::Engine;
use crate::{command::Command, env::UnixMillis, session::SessionId};

impl Engine {
    /// Whether what calls do is of interest to anybody, or may have to wait.
    pub(super) fn is_observed(&self, now: UnixMillis) -> bool {
        let is_heard = self.config.events() != 0 || self.sessions.tracking.is_active();
        is_heard || !self.sessions.monitors.is_empty() || self.sessions.pause.is_on(now)
    }

    /// Begins a call that is looked on.
    #[cold]
    pub(super) fn begin_observed(&mut self, session: SessionId, serving: Option<&[u8]>, out: &mut Vec<u8>) {
        self.sessions.begin_tracked_call(Some(session).filter(|_| serving.is_none()));
        self.sessions.limit_tracked(self.config.tracking_keys_max(), FORGOTTEN_PER_CALL);
        out.extend_from_slice(&self.sessions.take_told_caller());
    }

    /// Ends it: what its client is to be told follows the reply, if that is being written.
    #[cold]
    pub(super) fn end_observed(&mut self, session: SessionId, row: &Command, replies_now: bool, out: &mut Vec<u8>) {
        let keeps_caching = row.container == "client" || self.sessions.session_mut(session).transaction.is_some();
        out.extend_from_slice(&self.sessions.end_tracked_call(session, replies_now, keeps_caching));
    }

    /// Lets go of keys that are tracked beyond what `tracking-table-max-keys` allows, or for nobody any more, a portion of
    /// them. To be called regularly.
    pub fn limit_tracking(&mut self) {
        self.sessions.limit_tracked(self.config.tracking_keys_max(), FORGOTTEN_AT_ONCE);
        self.sessions.free_untracked(FORGOTTEN_AT_ONCE);
    }
}

/// Keys that are let go before a call: a call makes one or a few tracked, so it keeps up.
const FORGOTTEN_PER_CALL: usize = 100;

/// Keys that are let go at once by the way: about a millisecond.
const FORGOTTEN_AT_ONCE: usize = 2000;

#[cfg(test)]
mod tests {
    use alloc::{
        collections::{BTreeMap, BTreeSet},
        format,
        string::{String, ToString},
        vec::Vec,
    };

    use proptest::prelude::*;

    use crate::{Engine, EngineOptions, Env, SessionId};

    /// An engine with clients; what each is sent, replies and messages, in the order in which a shell writes them.
    struct World {
        engine: Engine,
        sessions: Vec<SessionId>,
        now_ms: u64,
    }

    impl World {
        fn new(clients: usize) -> Self {
            let mut engine = Engine::new(EngineOptions::default());
            let sessions = (0..clients).map(|_| engine.open_session("127.0.0.1:1", Env::new(0, 0))).collect();
            Self { engine, sessions, now_ms: 1 }
        }

        /// Calls, and returns what that client is sent, its reply among it.
        fn call(&mut self, client: usize, line: &str) -> String {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let mut reply = Vec::new();
            self.engine.execute(Env::new(self.now_ms, 1), self.sessions[client], &words, &mut reply);
            shown(&reply)
        }

        /// What was sent to clients beside replies.
        fn told(&mut self) -> Vec<(usize, String)> {
            let mut told = Vec::new();
            while let Some(woken) = self.engine.poll_woken().or_else(|| self.engine.poll_message()) {
                let client = self.sessions.iter().position(|id| *id == woken.session).unwrap();
                told.push((client, shown(&woken.reply)));
            }
            told
        }

        fn setup(&mut self, client: usize, lines: &[&str]) {
            for line in lines {
                let reply = self.call(client, line);
                assert!(!reply.starts_with('-'), "{line}: {reply}");
            }
        }
    }

    fn shown(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace("\r\n", " ").trim_end().to_string()
    }

    fn invalidated(keys: &[&str]) -> String {
        let keys: String = keys.iter().map(|key| format!(" ${} {key}", key.len())).collect();
        let count = keys.matches('$').count();
        format!(">2 $10 invalidate *{count}{keys}")
    }

    #[test]
    fn a_key_that_was_read_is_told_once_and_after_the_reply() {
        let mut world = World::new(2);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON", "SET k 1", "GET k"]);
        world.setup(1, &["SET k 2", "SET k 3", "SET other 1"]);
        assert_eq!(world.told(), [(0, invalidated(&["k"]))]);
        world.setup(0, &["GET k"]);
        assert_eq!(world.call(0, "SET k 4"), format!("+OK {}", invalidated(&["k"])));
        world.setup(0, &["GET k", "MULTI", "SET k 5", "PING"]);
        assert_eq!(world.call(0, "EXEC"), format!("*2 +OK +PONG {}", invalidated(&["k"])));
        assert_eq!(world.told(), []);
    }

    #[test]
    fn what_goes_of_itself_is_told_even_to_who_wants_nothing_of_its_own() {
        let mut world = World::new(1);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON NOLOOP", "SET k 1 PX 10", "SET l 1 PX 10", "MGET k l"]);
        world.now_ms = 100;
        assert_eq!(world.call(0, "EXISTS k"), format!(":0 {}", invalidated(&["k"])));
        world.engine.expire(Env::new(100, 1), 10);
        assert_eq!(world.told(), [(0, invalidated(&["l"]))]);
        world.setup(0, &["SET k 1", "GET k"]);
        assert_eq!(world.call(0, "SET k 2"), "+OK");
    }

    #[test]
    fn what_is_evicted_is_told_before_the_reply() {
        let mut world = World::new(1);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON", "CONFIG SET maxmemory-policy volatile-ttl"]);
        world.setup(0, &["CONFIG SET maxmemory 100000", "SET k 1 EX 100", "GET k", "SETRANGE large 200000 x"]);
        assert_eq!(world.call(0, "EXISTS k"), format!("{} :0", invalidated(&["k"])));
        world.setup(0, &["DEL large", "SET k 1 EX 100", "GET k", "SETRANGE large 200000 x"]);
        // An unanswered call loses the reply, and nothing else.
        assert_eq!(world.call(0, "CLIENT REPLY OFF"), invalidated(&["k"]));
    }

    #[test]
    fn emptying_a_database_tells_of_everything_even_if_it_was_empty() {
        for line in ["FLUSHDB", "FLUSHALL ASYNC", "SWAPDB 0 1"] {
            let mut world = World::new(2);
            world.setup(0, &["HELLO 3", "CLIENT TRACKING ON", "GET absent"]);
            world.setup(1, &[line]);
            assert_eq!(world.told(), [(0, ">2 $10 invalidate _".to_string())], "{line}");
            let info = world.call(1, "INFO stats");
            assert!(info.contains("tracking_total_keys:0 tracking_total_items:0"), "{info}");
        }
    }

    #[test]
    fn a_waiting_call_is_answered_before_its_client_is_told() {
        let mut world = World::new(2);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON", "LRANGE to 0 -1"]);
        world.call(0, "BLMOVE from to LEFT LEFT 0");
        world.setup(1, &["RPUSH from a"]);
        assert_eq!(world.told(), [(0, "$1 a".to_string()), (0, invalidated(&["to"]))]);
    }

    #[test]
    fn broadcasts_come_together_by_prefix() {
        let mut world = World::new(3);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX a: PREFIX b: NOLOOP"]);
        world.setup(1, &["HELLO 3", "CLIENT TRACKING ON BCAST"]);
        world.setup(2, &["MSET b:1 1 a:2 1 a:1 1 c 1"]);
        world.setup(0, &["SET a:2 2"]);
        assert_eq!(
            world.told(),
            [(1, invalidated(&["a:1", "a:2", "b:1", "c"])), (0, invalidated(&["a:1"])), (0, invalidated(&["b:1"])),]
        );
        assert!(!world.engine.has_woken());
    }

    #[test]
    fn who_has_left_breaks_the_redirection_of_others_even_if_its_place_is_taken() {
        let mut world = World::new(3);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON REDIRECT 2", "GET k"]);
        world.setup(1, &["SUBSCRIBE __redis__:invalidate"]);
        world.setup(2, &["SET k 1"]);
        assert_eq!(world.told(), [(1, "*3 $7 message $20 __redis__:invalidate *1 $1 k".to_string())]);
        assert_eq!(world.call(0, "CLIENT GETREDIR"), ":2");
        let left = world.sessions[1];
        world.engine.close_session(left);
        assert_eq!(world.engine.open_session("127.0.0.1:1", Env::new(0, 0)), left);
        world.setup(0, &["GET k"]);
        world.setup(2, &["SET k 2"]);
        assert_eq!(world.told(), [(0, ">2 $21 tracking-redir-broken :2".to_string())]);
        assert!(world.call(2, "CLIENT LIST").contains(" flags=tR "));
    }

    #[test]
    fn keys_beyond_the_bound_make_room_and_nothing_stays_when_all_have_left() {
        let mut world = World::new(2);
        world.setup(0, &["HELLO 3", "CLIENT TRACKING ON", "MGET a b c d"]);
        world.setup(1, &["CONFIG SET tracking-table-max-keys 2", "PING"]);
        assert_eq!(world.told(), [(0, invalidated(&["a"])), (0, invalidated(&["b"]))]);
        assert_eq!(world.call(0, "MGET c e"), "*2 _ _");
        assert_eq!(world.call(0, "PING"), format!("{} +PONG", invalidated(&["c"])));
        world.setup(0, &["RESET"]);
        assert!(world.call(1, "INFO stats").contains("tracking_total_keys:0 tracking_total_items:0"));
        world.engine.limit_tracking();
        assert!(world.call(1, "INFO clients").contains("tracking_clients:0"));
    }

    #[test]
    fn every_call_is_told_as_it_ran_and_without_secrets() {
        let mut world = World::new(2);
        world.setup(0, &["MONITOR"]);
        for line in
            ["SeT k \"v", "SELECT 3", "MULTI", "GET k", "EXEC", "MULTI", "NONE", "EXEC", "AUTH a b", "CONFIG GET port"]
        {
            world.call(1, line);
        }
        world.call(1, "HELLO 3 AUTH a b");
        let told: Vec<String> = world.told().into_iter().map(|(client, text)| format!("{client} {text}")).collect();
        let lines = [
            (0, r#""SeT" "k" "\"v""#),
            (3, r#""SELECT" "3""#),
            (3, r#""MULTI""#),
            (3, r#""GET" "k""#),
            (3, r#""EXEC""#),
            (3, r#""MULTI""#),
            (3, r#""EXEC""#),
            (3, r#""AUTH" "(redacted)" "(redacted)""#),
            (3, r#""HELLO" "3" "AUTH" "(redacted)" "(redacted)""#),
        ];
        let expected = lines.map(|(db, call)| format!("0 +0.001000 [{db} 127.0.0.1:1] {call}"));
        assert_eq!(told, expected);
        assert!(world.call(1, "CLIENT LIST").contains(" flags=O "));
        world.setup(0, &["RESET"]);
        world.setup(1, &["MULTI", "MONITOR"]);
        assert_eq!(world.call(1, "EXEC"), "*1 -ERR MONITOR isn't allowed for DENY BLOCKING client");
        assert_eq!(world.told(), []);
    }

    #[test]
    fn a_pause_keeps_writes_in_order_and_lets_reads_pass() {
        let mut world = World::new(4);
        world.setup(0, &["RPUSH l a"]);
        world.setup(3, &["MULTI"]);
        assert_eq!(world.call(3, "INCR n"), "+QUEUED");
        world.setup(0, &["CLIENT PAUSE 1000 WRITE"]);
        for (client, line) in [(1, "RPUSH l b"), (2, "RPUSH l c"), (3, "EXEC")] {
            assert_eq!(world.call(client, line), "", "{line}");
        }
        assert_eq!(world.call(0, "LRANGE l 0 -1"), "*1 $1 a");
        assert_eq!(world.call(0, "RPUSH l"), "-ERR wrong number of arguments for 'rpush' command");
        assert!(world.call(0, "INFO clients").contains("blocked_clients:3"));
        assert_eq!(world.call(0, "CLIENT UNBLOCK 2"), ":0");
        let closed = world.sessions[2];
        world.engine.close_session(closed);
        assert_eq!(world.told(), []);
        world.setup(0, &["CLIENT UNPAUSE"]);
        assert_eq!(world.told(), [(1, ":2".to_string()), (3, "*1 :1".to_string())]);
    }

    #[test]
    fn a_pause_ends_by_itself_and_the_longer_and_stricter_holds() {
        let mut world = World::new(2);
        world.setup(0, &["CLIENT PAUSE 100 ALL"]);
        // Nobody gets past a pause of everything, not even to end it.
        assert_eq!(world.call(0, "CLIENT UNPAUSE"), "");
        world.now_ms = 101;
        world.engine.expire_waits(Env::new(world.now_ms, 1));
        assert_eq!(world.told(), [(0, "+OK".to_string())]);
        world.setup(0, &["CLIENT PAUSE 400 WRITE"]);
        world.setup(1, &["CLIENT PAUSE 100 ALL"]);
        assert_eq!(world.call(0, "PING"), "");
        assert_eq!(world.call(1, "QUIT"), "+OK");
        world.now_ms = 500;
        world.engine.expire_waits(Env::new(world.now_ms, 1));
        assert_eq!(world.told(), []);
        world.now_ms = 501;
        world.engine.expire_waits(Env::new(world.now_ms, 1));
        assert_eq!(world.told(), [(0, "+PONG".to_string())]);
        world.setup(0, &["SET k 1"]);
    }

    #[test]
    fn nothing_expires_during_a_pause_though_it_seems_so() {
        let mut world = World::new(1);
        world.setup(0, &["SET k 1 PX 10", "CLIENT PAUSE 1000 WRITE"]);
        world.now_ms = 100;
        assert_eq!(world.call(0, "GET k"), "$-1");
        assert_eq!(world.engine.expire(Env::new(100, 1), 10), 0);
        assert_eq!(world.call(0, "DBSIZE"), ":1");
        world.setup(0, &["CLIENT UNPAUSE"]);
        assert_eq!(world.engine.expire(Env::new(100, 1), 10), 1);
    }

    #[test]
    fn a_waiting_call_that_isn_t_to_be_answered_stays_unanswered() {
        let mut world = World::new(2);
        for (line, woken) in [("CLIENT REPLY SKIP", ""), ("CLIENT REPLY OFF", "")] {
            world.call(0, line);
            world.call(0, "BLPOP l 0.1");
            world.now_ms += 1000;
            world.engine.expire_waits(Env::new(world.now_ms, 1));
            assert_eq!(world.told(), [(0, woken.to_string())], "{line}");
        }
        assert_eq!(world.call(0, "CLIENT REPLY ON"), "+OK");
        world.setup(0, &["SET k v", "CLIENT NO-TOUCH ON"]);
        world.now_ms += 5000;
        world.setup(0, &["GET k"]);
        assert_eq!(world.call(1, "OBJECT IDLETIME k"), ":5");
        world.setup(0, &["TOUCH k"]);
        assert_eq!(world.call(1, "OBJECT IDLETIME k"), ":0");
    }

    /// What a client does with what it is sent: drops the keys that it is told of.
    fn drop_told(cache: &mut BTreeMap<String, String>, sent: &str) {
        let told: BTreeSet<&str> = sent.split(' ').collect();
        if sent.contains("invalidate _") {
            cache.clear();
        } else if told.contains("invalidate") {
            cache.retain(|key, _| !told.contains(key.as_str()));
        }
    }

    proptest! {
        /// Clients that drop what they are told never hold anything else than what is there.
        #[test]
        fn a_cache_is_never_stale(steps in prop::collection::vec((0..9_u8, 0..4_usize, 0..3_usize), 1..80)) {
            let mut world = World::new(3);
            world.setup(0, &["HELLO 3", "CLIENT TRACKING ON"]);
            world.setup(1, &["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX k"]);
            world.setup(2, &["HELLO 3"]);
            let mut caches = [const { BTreeMap::<String, String>::new() }; 3];
            for (number, (step, key, client)) in steps.into_iter().enumerate() {
                let key = format!("k{key}");
                let line = match step {
                    0 => format!("SET {key} {number} PX 3"),
                    1 | 2 => format!("SET {key} {number}"),
                    3 => format!("DEL {key}"),
                    4 => format!("RENAME {key} k0"),
                    5 if number % 7 == 0 => "FLUSHDB".to_string(),
                    6 => "CONFIG SET tracking-table-max-keys 2".to_string(),
                    _ => format!("GET {key}"),
                };
                world.now_ms += 1;
                let sent = world.call(client, &line);
                drop_told(&mut caches[client], &sent);
                if line.starts_with("GET") && !sent.contains("invalidate") {
                    caches[client].insert(key, sent);
                }
                world.engine.expire(Env::new(world.now_ms, 1), 100);
                for (client, text) in world.told() {
                    drop_told(&mut caches[client], &text);
                }
                for (key, value) in caches[0].clone().into_iter().chain(caches[1].clone()) {
                    prop_assert_eq!(world.call(2, &format!("GET {key}")), value, "{}", key);
                }
            }
        }
    }
}
