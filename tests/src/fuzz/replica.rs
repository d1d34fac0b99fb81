//! A hostile hub, or a buggy one: a replica survives it, and no command is lost that wasn't answered.

use std::collections::BTreeMap;

use sanderling_core::{
    Env,
    format::ClientId,
    hash::{Rng, hash},
    resp::{Value, decode_value},
    sync::{Event, Grant, Replica, State, ToHub},
};

use super::{
    script::{Script, ScriptWriter},
    server::{LINES, Server, call, env, replica},
    shapes,
};

/// A tab, and what is known of the commands that its user ran.
struct Tab {
    replica: Replica,
    secret: u64,
    runs: u8,
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    commands: Vec<Command>,
    /// Who it said it is on this connection.
    clients: Vec<ClientId>,
    now_ms: u64,
}

/// A command with an entry in the ledger, of which there is no second.
struct Command {
    run: u8,
    seq: u64,
    /// A hub was told of it, so a hostile one may say what it likes about it.
    pushed: bool,
    /// A hub said that it took effect.
    answered: bool,
    stored: bool,
    /// The tab was killed before it had stored it.
    lost: bool,
}

/// Runs a script of what a hostile hub sends, and what the tab does meanwhile; then an honest hub takes over.
pub(super) fn run(data: &[u8]) {
    let secret = hash(0, data);
    let mut script = Script::new(data);
    let mut tab = Tab {
        replica: replica(secret, 0),
        secret,
        runs: 0,
        store: BTreeMap::new(),
        commands: Vec::new(),
        clients: Vec::new(),
        now_ms: 0,
    };
    for _ in 0..STEPS_MAX {
        let Some(op) = script.next() else { break };
        match op % 20 {
            0..=3 => tab.receive(script.block()),
            4..=9 => tab.receive(&shapes::to_replica(&mut script)),
            10 | 11 => tab.write(),
            12 => {
                // All but the last, which would empty the ledger.
                let (env, line) = (tab.env(), script.pick(&LINES[..LINES.len() - 1]));
                call(&mut tab.replica, env, line);
            }
            13 | 14 => tab.connect(),
            15 => tab.transmit(),
            16 => tab.save(),
            17 => tab.crash(),
            18 => drop(tab.replica.subscribe(tab.env(), &[b"b*"], &[b"a*"])),
            _ => tab.pass(script.number() % 60_000),
        }
        tab.listen();
    }
    tab.meet_an_honest_hub();
}

impl Tab {
    fn env(&self) -> Env {
        env(self.now_ms)
    }

    fn receive(&mut self, message: &[u8]) {
        if !shapes::blows_up(message) && self.replica.handle_message(self.env(), message).is_err() {
            self.replica.handle_disconnected();
        }
    }

    fn write(&mut self) {
        let (env, line) = (self.env(), format!("RPUSH ledger {}", self.commands.len()));
        if let Some(seq) = call(&mut self.replica, env, &line) {
            let (run, pushed, answered, stored, lost) = (self.runs, false, false, false, false);
            self.commands.push(Command { run, seq, pushed, answered, stored, lost });
        } else {
            // Its key holds something else by the hub's word, or too much is pending: the user was told. The number
            // is taken all the same.
            self.commands.push(Command { run: 0, seq: 0, pushed: false, answered: false, stored: false, lost: true });
        }
    }

    fn connect(&mut self) {
        match self.replica.status().state {
            State::Offline => self.replica.handle_connected(self.env()),
            _ => self.replica.handle_disconnected(),
        }
    }

    /// Sends everything, and notes what of the ledger is among it.
    fn transmit(&mut self) {
        while let Some(bytes) = self.replica.poll_transmit() {
            let message = ToHub::decode(&bytes).expect("a replica sends messages");
            let unpacked = message.unpacked(1 << 20).expect("a packed message unpacks");
            let message = unpacked.as_deref().map_or(Ok(message), ToHub::decode).expect("a packed message is one");
            match message {
                ToHub::Hello(hello) => self.clients = hello.clients.iter().map(|(client, _)| *client).collect(),
                ToHub::Push(push) => {
                    let through = push.first.0 + push.commands.len() as u64;
                    let run = self.clients[push.client as usize].0[15];
                    for command in self.commands.iter_mut().filter(|command| command.run == run) {
                        command.pushed |= (push.first.0..through).contains(&command.seq);
                    }
                }
                _ => {}
            }
        }
    }

    fn save(&mut self) {
        while let Some(batch) = self.replica.poll_store() {
            batch.apply(&mut self.store);
        }
        self.commands.iter_mut().for_each(|command| command.stored = true);
    }

    /// The tab is killed, and opened again on what it had stored.
    fn crash(&mut self) {
        if self.runs >= RUNS_MAX {
            return;
        }
        self.runs += 1;
        self.commands.iter_mut().for_each(|command| command.lost |= !command.stored);
        self.replica = replica(self.secret, self.runs);
        let pairs: Vec<_> = self.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.replica.load(&pairs).expect("what a replica stored loads, whoever it had talked to");
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        if self.replica.handle_timeout(self.env()).is_err() {
            self.replica.handle_disconnected();
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.replica.poll_event() {
            let (Event::Acknowledged(seq) | Event::Corrected { seq, .. } | Event::Refused { seq, .. }) = event else {
                continue;
            };
            let runs = self.runs;
            for command in self.commands.iter_mut().filter(|own| own.run == runs && own.seq == seq.0) {
                assert!(command.pushed, "command {} was answered, and nobody had been told of it", seq.0);
                assert!(!command.answered, "command {} was answered twice", seq.0);
                command.answered = true;
            }
        }
        self.replica.drain_touched();
    }

    /// Connects to a hub that keeps its word, which must get all that no other has answered for.
    fn meet_an_honest_hub(&mut self) {
        let env = self.env();
        self.replica.handle_disconnected();
        self.listen();
        let mut server = Server::new(self.secret);
        for line in ["SET s theirs", "RPUSH l 1 2", "SADD set m", "HSET h f v", "ZADD z 1 m"] {
            server.call(env, line);
        }
        // A connection has room for so many identities, and another one for others.
        for _ in 0..=RUNS_MAX {
            let peer = server.open(Grant::everything());
            self.replica.handle_connected(env);
            if server.converge(env, peer, &mut self.replica).is_ok() {
                break;
            }
            self.replica.handle_disconnected();
            server.close(env, peer);
        }
        self.replica.settle();
        let status = self.replica.status();
        assert_eq!((status.state, status.pending), (State::Live, 0), "everything is pushed and answered");
        let known = self.replica.known().clone();
        let digests = [self.replica.engine(), &server.engine]
            .map(|engine| engine.keyspace().digest_of(|db, key| db == 0 && known.contains(key)));
        assert_eq!(digests[0], digests[1], "the replica agrees with the honest server");
        let ledger = ledger(&mut server, env);
        for (token, command) in self.commands.iter().enumerate() {
            let times = ledger.iter().filter(|entry| **entry == token).count();
            assert!(times <= 1, "entry {token} stands {times} times in the ledger");
            // Of an earlier run's commands nobody is told what became of them.
            let may_be_answered = command.answered || command.pushed && command.run != self.runs;
            let must = !command.lost && !may_be_answered;
            assert!(!must || times == 1, "entry {token} is lost: nobody has answered for it");
        }
    }
}

fn ledger(server: &mut Server, env: Env) -> Vec<usize> {
    let session = server.engine.open_session("ledger", env);
    let mut reply = Vec::new();
    server.engine.execute(env, session, &[b"LRANGE", b"ledger", b"0", b"-1"], &mut reply);
    match decode_value(&reply) {
        Ok(Some((Value::Array(entries), _))) => entries
            .into_iter()
            .filter_map(|entry| match entry {
                Value::Bulk(text) => String::from_utf8(text).ok()?.parse().ok(),
                _ => None,
            })
            .collect(),
        // Another of the tab's commands removed it or made it something else; those are pushed as well.
        _ => Vec::new(),
    }
}

/// What an honest hub says.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..12).map(|_| seed(rng)).collect()
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut script = ScriptWriter::default();
    let mut server = Server::new(rng.next_u64());
    let mut own = replica(rng.next_u64(), 0);
    for _ in 0..rng.below(20) {
        server.call(env(0), LINES[rng.index(LINES.len())]);
    }
    for _ in 0..1 + rng.below(3) {
        let peer = server.open(Grant::everything());
        own.handle_connected(env(0));
        script.byte(13);
        for _ in 0..2 + rng.below(6) {
            if rng.below(2) == 0 {
                script.byte(10);
                call(&mut own, env(0), "RPUSH ledger 0");
            }
            if rng.below(2) == 0 {
                server.call(env(0), LINES[rng.index(LINES.len())]);
            }
            script.byte(15);
            while let Some(message) = own.poll_transmit() {
                server.take(env(0), peer, &message);
            }
            for (_, message) in server.poll() {
                script.byte(0).block(&message);
                own.handle_message(env(0), &message).expect("an honest hub is believed");
            }
            match rng.below(8) {
                0 => drop(script.byte(16)),
                1 => drop(script.byte(17)),
                _ => {}
            }
            for _ in 0..rng.below(8) {
                script.byte(rng.below(256) as u8);
            }
        }
        script.byte(14);
        own.handle_disconnected();
        server.close(env(0), peer);
    }
    script.0
}

/// Steps of one script.
const STEPS_MAX: usize = 200;

/// How often a tab is killed.
const RUNS_MAX: u8 = 8;
