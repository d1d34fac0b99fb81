//! Bounded memory: what is counted, what goes when it is too much, and what is refused when nothing can go.
//!
//! It is looked at before each call, as in Redis, so a call may leave more than the bound behind, and the next one puts it
//! right. What is evicted is an effect like any other: it stands in the log, and replicas and listeners are told.

use alloc::{boxed::Box, vec::Vec};

use super::{Command, Context, Flags, Happening, notify};
use crate::{
    effect::{Change, Effect, Removal},
    error::{Error, Result},
    keyspace::Entry,
    limits::DATABASES,
    role::Role,
};

impl Context<'_> {
    /// Bytes in use: the data, and what the shell says that it holds beside it. Cost: O(1).
    pub fn used_memory(&self) -> usize {
        self.data.keyspace.allocated_bytes() + self.facts.held_bytes
    }

    /// Evicts what has to go before a call, and refuses the call if it may take memory and there is none.
    ///
    /// # Errors
    /// [`Error::OUT_OF_MEMORY`]; of an `EXEC` too, whose transaction is gone then.
    pub(super) fn admit_memory(&mut self, row: &'static Command) -> Result<()> {
        if self.config.memory_max() == 0 || self.data.role == Role::Replica || self.data.is_paused {
            return Ok(());
        }
        self.is_over_memory = !self.make_room();
        self.tell_before_reply();
        if !self.is_over_memory {
            return Ok(());
        }
        let Some(transaction) = &self.session().transaction else { return self.check_memory(row) };
        if row.name != "exec" || !row.container.is_empty() {
            // Queueing takes memory itself.
            return if row.flags.has(Flags::NO_QUEUE) { Ok(()) } else { Err(Error::OUT_OF_MEMORY) };
        }
        let takes_memory = transaction
            .commands
            .iter()
            .any(|command| super::find_row(&command.words()).is_ok_and(|(row, _)| row.flags.has(Flags::DENYOOM)));
        if takes_memory && !transaction.aborted {
            return Err(Error::OUT_OF_MEMORY);
        }
        Ok(())
    }

    /// Lets the caller know of what has gone before its call.
    fn tell_before_reply(&mut self) {
        let told = self.sessions.take_told_caller();
        self.told_bytes += told.len();
        self.reply.raw(&told);
    }

    /// Refuses what may take memory when there was none as the call began.
    ///
    /// # Errors
    /// [`Error::OUT_OF_MEMORY`].
    pub(super) fn check_memory(&self, row: &Command) -> Result<()> {
        if self.is_over_memory && row.flags.has(Flags::DENYOOM) { Err(Error::OUT_OF_MEMORY) } else { Ok(()) }
    }

    /// Confirms that a script may begin that doesn't say that it gets by without memory.
    ///
    /// # Errors
    /// If there was no memory as the call began.
    pub fn check_script_memory(&self) -> Result<()> {
        if self.is_over_memory { Err(Error::SCRIPT_OUT_OF_MEMORY) } else { Ok(()) }
    }

    /// Evicts keys while too much memory is used. Returns whether that is in order now, or will be: so many go at once
    /// at most.
    pub(crate) fn make_room(&mut self) -> bool {
        let max = self.config.memory_max();
        for _ in 0..EVICTED_MAX {
            if max == 0 || self.used_memory() <= max {
                return true;
            }
            let Some((db, key)) = self.victim() else { return false };
            let effect = Effect::new(&key, Change::Delete(Removal::Evicted));
            let happenings = self.data.happenings.take();
            if happenings.is_some() {
                let happening = Happening::before(self.data.keyspace, db, &effect);
                notify(self.sessions, self.config.events(), happening);
            }
            self.data.apply_in(db, &effect);
            self.data.happenings = happenings;
            self.stats.evicted_keys += 1;
        }
        true
    }

    /// Ends clients while all of them together keep too much, after a change of what may be.
    pub(crate) fn evict_clients(&mut self) {
        let bytes_max = self.config.clients_bytes_max();
        if bytes_max == 0 {
            return;
        }
        self.sessions.count_all_kept();
        self.stats.evicted_clients += self.sessions.evict(bytes_max, self.session, self.errands);
    }

    /// The key that is to go next; `None` if none may.
    fn victim(&mut self) -> Option<(u8, Box<[u8]>)> {
        let mut rng = self.data.rng();
        if self.config.value("maxmemory-policy") == Some("volatile-ttl") {
            (0..DATABASES).for_each(|db| self.data.keyspace.db_mut(db).settle_first_due());
        }
        let (keyspace, now) = (&*self.data.keyspace, self.data.env.now);
        let (aging, samples) = (keyspace.aging, self.config.memory_samples());
        let policy = self.config.value("maxmemory-policy")?;
        let (scope, order) = policy.split_once('-')?;
        let is_volatile = scope == "volatile";
        // The higher the number, the sooner a key goes.
        let fitness = |entry: Entry<'_>| match order {
            "ttl" => entry.expires_at.map_or(0, |at| u64::MAX - at.0),
            "random" => 0,
            _ => aging.fitness(entry.stamp, now),
        };
        let first = if order == "random" { rng.index(usize::from(DATABASES)) as u8 } else { 0 };
        let mut best: Option<(u64, u8, &[u8])> = None;
        for db in (0..DATABASES).map(|index| (first + index) % DATABASES) {
            let database = keyspace.db(db);
            let mut drawn: Vec<Entry<'_>> = Vec::new();
            if !is_volatile {
                drawn.extend((0..samples).filter_map(|_| database.sample(&mut rng)));
            } else if order == "ttl" {
                drawn.extend(database.first_due());
            } else if database.volatile_len() > 0 {
                database.sample_volatile(&mut rng, samples, |entry| drawn.push(entry));
            }
            for entry in drawn {
                let fitness = fitness(entry);
                if best.is_none_or(|(other, ..)| fitness > other) {
                    best = Some((fitness, db, entry.key));
                }
            }
            if order == "random" && best.is_some() {
                break;
            }
        }
        best.map(|(_, db, key)| (db, key.into()))
    }
}

/// Keys that are evicted before one call at most: some hundred microseconds' work.
const EVICTED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use crate::{Engine, EngineOptions, Env, UnixMillis, session::SessionId};

    struct Tested {
        engine: Engine,
        session: SessionId,
        now_ms: u64,
        calls: u64,
    }

    impl Tested {
        /// An engine with so many keys, those of even number with a deadline, the highest number first.
        fn filled(policy: &str, keys: u64) -> Self {
            let mut engine = Engine::new(EngineOptions::default());
            let env = Env { now: UnixMillis(0), entropy: 1 };
            let session = engine.open_session("", env);
            let mut tested = Self { engine, session, now_ms: 1_000_000_000, calls: 0 };
            tested.call(&format!("CONFIG SET maxmemory-policy {policy}"));
            for number in 0..keys {
                let deadline = if number % 2 == 0 { format!(" PX {}", 10_000_000 - number) } else { String::new() };
                tested.call(&format!("SET key:{number} value-of-some-length{deadline}"));
            }
            tested
        }

        fn call(&mut self, line: &str) -> String {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            self.calls += 1;
            let env = Env { now: UnixMillis(self.now_ms), entropy: self.calls };
            let mut out = Vec::new();
            self.engine.execute(env, self.session, &words, &mut out);
            String::from_utf8(out).unwrap()
        }

        fn used(&self) -> usize {
            self.engine.keyspace().allocated_bytes()
        }

        /// Lets three quarters of the memory go, and returns the numbers of the keys that stayed.
        fn squeezed(&mut self, keys: u64) -> Vec<u64> {
            let max = self.used() * 3 / 4;
            self.call(&format!("CONFIG SET maxmemory {max}"));
            // So many go at a time at most.
            (0..keys).for_each(|_| _ = self.call("PING"));
            assert!(self.used() <= max, "{} of {max} bytes", self.used());
            let is_there =
                |number: &u64| self.engine.keyspace().db(0).find(format!("key:{number}").as_bytes()).is_some();
            (0..keys).filter(is_there).collect()
        }
    }

    #[test]
    fn each_policy_evicts_what_it_may() {
        for policy in
            ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random"]
        {
            let mut tested = Tested::filled(policy, 2_000);
            let stayed = tested.squeezed(2_000);
            let odd = stayed.iter().filter(|number| *number % 2 == 1).count();
            assert!(stayed.len() > 1_000 && stayed.len() < 2_000, "{policy}: {}", stayed.len());
            assert_eq!(odd == 1_000, policy.starts_with("volatile"), "{policy}: {odd} without a deadline stayed");
        }
    }

    #[test]
    fn what_was_used_stays() {
        for policy in ["allkeys-lru", "allkeys-lfu"] {
            let mut tested = Tested::filled(policy, 2_000);
            tested.now_ms += 50_000;
            (0..1_000).for_each(|number| (0..20).for_each(|_| _ = tested.call(&format!("GET key:{number}"))));
            let stayed = tested.squeezed(2_000);
            let used = stayed.iter().filter(|number| **number < 1_000).count();
            assert!(used > 900, "{policy}: {used} of 1000 that were used stayed");
        }
    }

    #[test]
    fn what_is_due_first_goes_first() {
        let mut tested = Tested::filled("volatile-ttl", 2_000);
        let stayed = tested.squeezed(2_000);
        let even: Vec<u64> = stayed.into_iter().filter(|number| number % 2 == 0).collect();
        let last = even.last().copied().unwrap();
        assert!(even.len() < 900 && last as usize == 2 * (even.len() - 1), "{} stayed, the last is {last}", even.len());
    }

    #[test]
    fn without_anything_to_evict_what_takes_memory_is_refused() {
        let mut tested = Tested::filled("noeviction", 10);
        tested.call("CONFIG SET maxmemory 1");
        assert!(tested.call("SET a b").starts_with("-OOM command not allowed"));
        assert!(tested.call("GET key:1").starts_with("$"));
        assert_eq!(tested.call("DEL key:1"), ":1\r\n");
    }
}
