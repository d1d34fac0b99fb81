//! An engine under test, and the one comparable form of what it holds.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::calls::{Call, START_MS, Step};
use crate::{
    Engine, EngineOptions, Env, Flow, Role, SessionId,
    effect::{StoredValue, Undo, stored_value},
    keyspace::Keyspace,
    limits::DATABASES,
    types::encoding::Encoding,
};

/// An engine with a session, a clock, and the undos of each step.
pub(super) struct World {
    pub(super) engine: Engine,
    session: SessionId,
    env: Env,
}

impl World {
    /// Makes one. With `compact` small, collections outgrow their packed form soon.
    pub(super) fn new(role: Role, compact: bool) -> Self {
        let mut engine = Engine::new(EngineOptions { seed: 7, role, ..EngineOptions::default() });
        engine.keep_undos(true);
        engine.journal_mut().enable(true);
        let env = Env::new(START_MS, 1);
        let session = engine.open_session("127.0.0.1:1", env);
        let mut world = Self { engine, session, env };
        if compact {
            for family in ["hash", "set", "zset"] {
                world
                    .call(&words(&format!("CONFIG SET {family}-max-listpack-entries 3 {family}-max-listpack-value 8")));
            }
            world.call(&words("CONFIG SET list-max-listpack-size 3 set-max-intset-entries 2"));
            world.call(&words("CONFIG SET stream-node-max-entries 3 stream-node-max-bytes 60"));
        }
        world
    }

    /// Runs one call and returns its reply.
    pub(super) fn call(&mut self, call: &Call) -> Vec<u8> {
        self.env.entropy += 1;
        let args: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        let mut reply = Vec::new();
        if self.engine.execute(self.env, self.session, &args, &mut reply) == Flow::Wait {
            // A call that waits keeps its session to itself; others come after it.
            self.session = self.engine.open_session("127.0.0.1:1", self.env);
        }
        while let Some(woken) = self.engine.poll_woken() {
            self.engine.close_session(woken.session);
        }
        reply
    }

    /// Takes a step. Returns the effects that it left in the journal, and what takes them back.
    pub(super) fn step(&mut self, step: &Step) -> (Vec<u8>, Vec<Undo>) {
        match step {
            Step::Wait(ms) => self.env.now = self.env.now.plus_ms(*ms),
            Step::Expire => {
                self.engine.expire(self.env, 100);
            }
            Step::Calls(calls) => match calls.as_slice() {
                [call] => {
                    self.call(call);
                }
                calls => {
                    self.call(&words("MULTI"));
                    calls.iter().for_each(|call| {
                        self.call(call);
                    });
                    self.call(&words("EXEC"));
                }
            },
        }
        let effects = self.engine.journal_mut().bytes().to_vec();
        self.engine.journal_mut().clear();
        (effects, self.engine.take_undos())
    }
}

/// Splits a line into a call's words.
pub(super) fn words(line: &str) -> Call {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// An empty keyspace with another seed and other thresholds than the engine under test has: content mustn't depend on them.
pub(super) fn other_keyspace() -> Keyspace {
    Keyspace::new(Encoding {
        list_max_listpack_size: 5,
        zset_max_listpack_entries: 1,
        stream_node_max_entries: 2,
        ..Encoding::new(99)
    })
}

/// Everything that a keyspace holds: by database and key, the value in canonical order and the deadline.
pub(super) fn content(keyspace: &Keyspace) -> BTreeMap<(u8, String), String> {
    let mut content = BTreeMap::new();
    for db in 0..DATABASES {
        for entry in keyspace.db(db).iter() {
            let mut value = stored_value(entry.value);
            match &mut value {
                StoredValue::Set(members) => members.sort(),
                StoredValue::Hash(pairs) => pairs.sort(),
                StoredValue::TimedHash(fields) => fields.sort_by(|one, other| one.field.cmp(&other.field)),
                StoredValue::String(_) | StoredValue::List(_) | StoredValue::ZSet(_) | StoredValue::Stream(_) => {}
            }
            let deadline = entry.expires_at.map_or("never".to_string(), |at| at.0.to_string());
            let before =
                content.insert((db, entry.key.escape_ascii().to_string()), format!("{value:?}, expires {deadline}"));
            assert_eq!(before, None, "a key stands once");
        }
    }
    content
}

/// What a keyspace says of itself agrees with what it holds.
pub(super) fn check_invariants(keyspace: &Keyspace) {
    for db in (0..DATABASES).map(|index| keyspace.db(index)) {
        let deadlines: Vec<_> = db.iter().filter_map(|entry| entry.expires_at).collect();
        assert_eq!(db.len(), db.iter().count(), "keys are counted");
        assert_eq!(db.volatile_len(), deadlines.len(), "deadlines are counted");
        assert!(
            deadlines.iter().all(|at| db.next_expiry().is_some_and(|next| next <= *at)),
            "no deadline is forgotten"
        );
        let mut parts = db.iter().filter_map(|entry| entry.value.next_expiry());
        assert!(
            parts.all(|at| db.next_expiry().is_some_and(|next| next <= at)),
            "no deadline of a part of a value is forgotten"
        );
        assert_eq!(db.allocated_bytes(), db.counted_bytes(), "bytes are counted");
        for entry in db.iter() {
            assert!(db.find(entry.key).is_some(), "what is there is found");
        }
    }
}
