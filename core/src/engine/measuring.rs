//! How long things take: the shell lends a clock, and says which calls follow each other at once.

use alloc::boxed::Box;

use super::Engine;
use crate::{env::Env, stats::Stopwatch};

impl Engine {
    /// Hands over what to measure with. Without it everything takes no time.
    pub fn set_stopwatch(&mut self, stopwatch: Box<dyn Stopwatch>) {
        self.stats.meter.set_stopwatch(stopwatch);
    }

    /// Says that calls follow which come one right after the other, so that each begins when the one before it ends.
    pub fn begin_batch(&mut self) {
        self.stats.meter.begin_batch(self.config.measures.wants_times());
    }

    /// Says that what [`Engine::begin_batch`] began is over.
    pub fn end_batch(&mut self) {
        self.stats.meter.end_batch();
    }

    /// Notes what has happened within a second. To be called about once in each, the [facts](Engine::facts_mut) being up
    /// to date.
    pub fn sample(&mut self) {
        let used = self.keyspace.allocated_bytes() + self.facts.held_bytes;
        self.stats.memory_peak = self.stats.memory_peak.max(used);
        self.stats.sample(&self.facts.traffic);
    }

    /// When a look for expired keys begins.
    pub(super) fn begin_cycle(&mut self) -> u64 {
        self.stats.meter.start(true)
    }

    /// Notes how long a look for expired keys took.
    pub(super) fn end_cycle(&mut self, start: u64, env: Env) {
        let nanos = self.stats.meter.finish(start);
        self.stats.expire_nanos += nanos;
        if nanos >= self.config.measures.latency_nanos {
            self.stats.meter.latency.add("expire-cycle", env.now, nanos / 1_000_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        boxed::Box,
        collections::BTreeMap,
        format,
        rc::Rc,
        string::{String, ToString},
        vec::Vec,
    };
    use core::cell::Cell;

    use proptest::prelude::*;

    use crate::{Engine, EngineOptions, Env, session::SessionId, stats::Stopwatch};

    /// A clock that only stands still when it is told to.
    #[derive(Debug, Default)]
    struct Still(Rc<Cell<u64>>);

    impl Stopwatch for Still {
        fn nanos(&self) -> u64 {
            self.0.get()
        }

        fn stand_still(&self, micros: u64) {
            self.0.set(self.0.get() + micros * 1000);
        }
    }

    struct Tested {
        engine: Engine,
        session: SessionId,
        clock: Rc<Cell<u64>>,
    }

    impl Tested {
        fn new() -> Self {
            let mut engine = Engine::new(EngineOptions::default());
            let clock = Rc::new(Cell::new(0));
            engine.set_stopwatch(Box::new(Still(Rc::clone(&clock))));
            engine.config_mut().force("enable-debug-command", "yes");
            let session = engine.open_session("127.0.0.1:9", Env::new(1_000_000, 1));
            Self { engine, session, clock }
        }

        fn call(&mut self, line: &str) -> String {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let mut out = Vec::new();
            self.engine.execute(Env::new(1_000_000, 1), self.session, &words, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }

        /// The counts of each command: calls, microseconds, refused, failed.
        fn counts(&mut self) -> BTreeMap<String, [u64; 4]> {
            let text = self.call("INFO commandstats");
            let lines = text.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
            let numbers = |rest: &str| {
                let number = |name: &str| {
                    let of_it = rest.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
                    of_it.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
                };
                ["calls", "usec", "rejected_calls", "failed_calls"].map(number)
            };
            lines.map(|(name, rest)| (name.to_string(), numbers(rest))).collect()
        }
    }

    /// What a call adds to the counts of which command, at most one.
    const CALLS: [(&str, &str, [u64; 4]); 7] = [
        ("PING", "ping", [1, 0, 0, 0]),
        ("SET k v", "set", [1, 0, 0, 0]),
        ("SET k", "set", [0, 0, 1, 0]),
        ("LPUSH k v", "lpush", [1, 0, 0, 1]),
        ("CONFIG GET hz", "config|get", [1, 0, 0, 0]),
        ("DEBUG SLEEP 0.25", "debug", [1, 250_000, 0, 0]),
        ("NOSUCH", "", [0; 4]),
    ];

    proptest! {
        #[test]
        fn all_calls_are_counted_and_slow_ones_kept(
            batches in prop::collection::vec(prop::collection::vec(0..CALLS.len(), 1..6), 1..8),
            kept in 0..4_usize,
        ) {
            let mut tested = Tested::new();
            tested.call("SET k v");
            tested.call(&format!("CONFIG SET slowlog-log-slower-than 200000 slowlog-max-len {kept}"));
            tested.call("CONFIG RESETSTAT");
            let mut expected = BTreeMap::from([("config|resetstat".to_string(), [1, 0, 0, 0])]);
            let mut slow = 0;
            for batch in batches {
                // What passes between batches is nobody's time.
                tested.clock.set(tested.clock.get() + 1_000_000_000);
                tested.engine.begin_batch();
                for (line, name, adds) in batch.into_iter().map(|index| CALLS[index]) {
                    tested.call(line);
                    if !name.is_empty() {
                        let counts = expected.entry(name.to_string()).or_default();
                        counts.iter_mut().zip(adds).for_each(|(count, add)| *count += add);
                    }
                    slow += usize::from(adds[1] > 0);
                }
                tested.engine.end_batch();
            }
            prop_assert_eq!(tested.counts(), expected);
            prop_assert_eq!(tested.call("SLOWLOG LEN"), format!(":{}\r\n", slow.min(kept)));
            if slow > 0 && kept > 0 {
                let newest = tested.call("SLOWLOG GET 1");
                let id = slow - 1;
                let shown = "*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$4\r\n0.25\r\n$11\r\n127.0.0.1:9\r\n$0\r\n\r\n";
                prop_assert_eq!(newest, format!("*1\r\n*6\r\n:{id}\r\n:1000\r\n:250000\r\n{shown}"));
            }
        }
    }

    #[test]
    fn the_commands_of_a_transaction_are_noted_one_by_one() {
        let mut tested = Tested::new();
        for line in ["MULTI", "DEBUG SLEEP 0.1", "LPUSH a b", "INCR a", "EXEC"] {
            tested.call(line);
        }
        let counts = tested.counts();
        assert_eq!(counts["exec"], [1, 100_000, 0, 0]);
        assert_eq!(counts["debug"], [1, 100_000, 0, 0]);
        assert_eq!((counts["lpush"], counts["incr"]), ([1, 0, 0, 0], [1, 0, 0, 1]));
        assert_eq!(tested.call("SLOWLOG LEN"), ":1\r\n");
    }

    #[test]
    fn what_stood_still_is_told() {
        let mut tested = Tested::new();
        assert!(tested.call("LATENCY DOCTOR").contains("latency-monitor-threshold is 0"));
        tested.call("CONFIG SET latency-monitor-threshold 100");
        for seconds in ["0.09", "0.2", "0.1"] {
            tested.call(&format!("DEBUG SLEEP {seconds}"));
        }
        // Of one second, only the longest is kept.
        assert_eq!(tested.call("LATENCY HISTORY command"), "*1\r\n*2\r\n:1000\r\n:200\r\n");
        assert_eq!(tested.call("LATENCY LATEST"), "*1\r\n*4\r\n$7\r\ncommand\r\n:1000\r\n:200\r\n:200\r\n");
        assert!(tested.call("LATENCY GRAPH command").contains("command - high 200 ms, low 200 ms"));
        assert!(tested.call("LATENCY DOCTOR").contains("command: 1 times, 200 ms on average, 200 ms at most"));
        assert!(tested.call("LATENCY HISTOGRAM debug").contains(":3\r\n"));
        assert_eq!(tested.call("LATENCY RESET command nosuch"), ":1\r\n");
        assert_eq!(tested.call("LATENCY LATEST"), "*0\r\n");
    }

    #[test]
    fn secrets_are_left_out_and_long_calls_cut() {
        let mut tested = Tested::new();
        tested.call("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 1");
        let mut check = |line: &str, expected: &str| {
            tested.call(line);
            let shown = tested.call("SLOWLOG GET");
            let words: Vec<&str> = expected.split('|').collect();
            let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            assert!(shown.contains(&words), "{line}: {shown}");
        };
        check("AUTH name secret", "AUTH|(redacted)|(redacted)");
        check(
            "CONFIG SET hz 10 requirepass x masterauth y",
            "CONFIG|SET|hz|10|requirepass|(redacted)|masterauth|(redacted)",
        );
        check("CONFIG SET requirepass ", "CONFIG|SET|requirepass|(redacted)");
        check("HELLO 3 AUTH default x SETNAME n", "HELLO|3|AUTH|(redacted)|(redacted)|SETNAME|n");
        check("ACL SETUSER ann on >secret", "ACL|SETUSER|(redacted)|(redacted)|(redacted)");
        let long = "x".repeat(130);
        check(&format!("ECHO {long}"), &format!("ECHO|{}... (2 more bytes)", "x".repeat(128)));
        let many = (0..40).map(|number| number.to_string()).collect::<Vec<_>>();
        check(&format!("DEL {}", many.join(" ")), &format!("DEL|{}|... (10 more arguments)", many[..30].join("|")));
    }

    #[test]
    fn codes_that_clients_make_up_are_counted_together_in_the_end() {
        let mut tested = Tested::new();
        (0..200).for_each(|number| _ = tested.call(&format!("DEBUG ERROR CODE{number}")));
        let text = tested.call("INFO errorstats");
        let counts = text.lines().filter_map(|line| line.strip_prefix("errorstat_")?.split_once(":count="));
        let counts: Vec<u64> = counts.filter_map(|(_, count)| count.parse().ok()).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (129, 200));
        assert!(text.contains("errorstat_OTHER:count=72"));
    }

    #[test]
    fn populating_makes_what_is_asked_for_and_no_more_than_may_be() {
        let mut tested = Tested::new();
        tested.call("SET key:1 mine");
        assert_eq!(tested.call("DEBUG POPULATE 3"), "+OK\r\n");
        assert_eq!(
            tested.call("MGET key:0 key:1 key:2 key:3"),
            "*4\r\n$7\r\nvalue:0\r\n$4\r\nmine\r\n$7\r\nvalue:2\r\n$-1\r\n"
        );
        assert_eq!(tested.call("DEBUG POPULATE 1 p 9"), "+OK\r\n");
        assert_eq!(tested.call("GET p:0"), "$9\r\nvalue:0\0\0\r\n");
        assert!(tested.call("DEBUG POPULATE 100000000").starts_with("-ERR DEBUG POPULATE makes"));
        assert_eq!(tested.call("DBSIZE"), ":4\r\n");
    }

    #[test]
    fn only_whom_the_configuration_lets_may_debug() {
        let mut tested = Tested::new();
        let mut check = |value: &str, address: &str, may: bool| {
            tested.engine.config_mut().force("enable-debug-command", value);
            tested.session = tested.engine.open_session(address, Env::new(0, 0));
            let reply = tested.call("DEBUG SLEEP 0");
            assert_eq!(reply == "+OK\r\n", may, "{value} from {address}: {reply}");
            assert!(may || reply.starts_with("-ERR DEBUG command not allowed."));
        };
        check("no", "127.0.0.1:1", false);
        check("yes", "192.0.2.1:1", true);
        check("local", "127.0.0.1:1", true);
        check("local", "[::1]:1", true);
        check("local", "192.0.2.1:1", false);
        check("local", "[2001:db8::1]:1", false);
    }
}
