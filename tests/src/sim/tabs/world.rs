//! A run: the server, a browser with its tabs, somebody with redis-cli, and what befalls them.

use sanderling_core::{
    Env,
    format::{ClientId, ClientSeq},
    hash::Rng,
    keyspace::Value as Stored,
    resp::Value,
    sync::{CloseReason, Grant, Item, Replica, ReplicaOptions, SyncError, ToReplica},
};

use super::{
    super::{
        commands,
        node::Connection,
        oracle::{Oracle, check_same, content},
        report::Report,
        server::Server,
    },
    browser::Browser,
};

/// Runs the simulation of tabs that follows from `seed`.
///
/// # Panics
/// If a promise is broken; the message says which.
pub fn run_tabs(seed: u64, steps: usize) -> Report {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.settle();
    world.report.note_many("acknowledged in tabs", world.oracle.acknowledged() as u64);
    world.report
}

struct World {
    rng: Rng,
    now_ms: u64,
    server: Server,
    browser: Browser,
    oracle: Oracle,
    report: Report,
    /// Every command with a token: who ran it.
    issued: Vec<(u64, ClientId, ClientSeq)>,
    /// What is acknowledged up to this token may have been taken back by a crash of the server.
    uncertain_to: u64,
    tabs: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7ab5);
        let now_ms = 1_700_000_000_000;
        let server = Server::new(&mut rng, now_ms);
        let mut world = Self {
            rng,
            now_ms,
            server,
            browser: Browser::default(),
            oracle: Oracle::default(),
            report: Report::default(),
            issued: Vec::new(),
            uncertain_to: 0,
            tabs: 0,
        };
        (0..3).for_each(|_| world.open());
        world
    }

    fn step(&mut self) {
        self.now_ms += self.rng.below(20);
        if self.browser.tabs.is_empty() {
            return self.open();
        }
        let index = self.rng.index(self.browser.tabs.len());
        match self.rng.below(110) {
            0..25 => self.call_tab(index),
            25..32 => self.call_server(),
            32..62 => self.browser.deliver(index, &mut self.rng, &mut self.report),
            62..72 => self.deliver_up(),
            72..82 => self.deliver_down(),
            82..88 => self.server.sync_disk(&mut self.rng),
            88..92 => self.browser.store(),
            92..95 => self.browser.write(self.rng.index(3)),
            95 | 96 => self.connect(),
            97 => self.cut(),
            98 => self.kill(index),
            99 if self.rng.below(2) == 0 => self.kill_leader(),
            100 if self.browser.tabs.len() < 5 => self.open(),
            101..104 => self.elect(),
            104 if self.rng.below(3) == 0 && self.browser.cede() => self.report.note("leads ceded"),
            105 if self.rng.below(6) == 0 => self.crash_server(),
            106 => self.check_tabs_agree(),
            _ => self.server.expire(Env::new(self.now_ms, self.rng.next_u64())),
        }
        if self.rng.below(3) > 0 {
            self.pump();
        }
    }

    fn env(&mut self) -> Env {
        Env::new(self.now_ms, self.rng.next_u64())
    }

    fn open(&mut self) {
        let env = self.env();
        self.browser.open(env, &mut self.rng);
        self.tabs += 1;
        self.pump();
    }

    fn elect(&mut self) {
        let env = self.env();
        if self.browser.elect(env) {
            self.report.note("failovers");
        }
    }

    /// Hands on what the state machines gave out.
    fn pump(&mut self) {
        self.server.note();
        self.server.hub.begin_round();
        while let Some((peer, message)) = self.server.hub.poll_transmit(&self.server.engine) {
            self.inspect(&message);
            if let Some(connection) = self.browser.connection.as_mut().filter(|own| own.peer == peer) {
                connection.down.push_back(message);
            }
        }
        while let Some((peer, reason)) = self.server.hub.poll_close() {
            assert!(
                matches!(reason, CloseReason::FellBehind | CloseReason::Replaced),
                "the hub closed an honest connection: {reason:?}"
            );
            let env = self.env();
            self.server.hub.close_peer(&mut self.server.engine, env, peer);
            if self.browser.connection.as_ref().is_some_and(|own| own.peer == peer) {
                self.report.note("connections of browsers closed by the hub");
                self.lose_connection();
            }
        }
        for token in self.browser.pump_all(&mut self.report) {
            if token > self.uncertain_to {
                self.oracle.acknowledge(token);
            }
        }
    }

    fn inspect(&mut self, bytes: &[u8]) {
        let message = ToReplica::decode(bytes).expect("a hub sends messages");
        if let Some(bytes) = message.unpacked(1 << 24).expect("a packed message unpacks") {
            return self.inspect(&bytes);
        }
        match message {
            ToReplica::Joined { .. } => self.report.note("identities joined"),
            ToReplica::Batch(batch) if batch.items.iter().any(|item| matches!(item, Item::AsGuessed { .. })) => {
                self.report.note("guesses expanded");
            }
            _ => {}
        }
    }

    /// A user writes in a tab: an entry in the ledger of its own, or something that others write, too.
    fn call_tab(&mut self, index: usize) {
        let env = self.env();
        let key = format!("k:{}", self.rng.below(4));
        let words = commands::random(&mut self.rng, &key);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let in_transaction = self.rng.below(3) == 0;
        let tab = &mut self.browser.tabs[index];
        if self.rng.below(3) == 0 {
            tab.call(env, &words);
            return;
        }
        let token = self.oracle.issue(tab.id);
        let (ledger, text) = (format!("ledger:{}", tab.id), token.to_string());
        let entry: [&[u8]; 3] = [b"RPUSH", ledger.as_bytes(), text.as_bytes()];
        let (_, seq) = if in_transaction {
            tab.call(env, &[b"MULTI"]);
            tab.call(env, &words);
            tab.call(env, &entry);
            tab.call(env, &[b"EXEC"])
        } else {
            tab.call(env, &entry)
        };
        let seq = ClientSeq(seq.expect("a ledger entry is queued"));
        tab.waiting.back_mut().expect("it waits").1 = token;
        self.issued.push((token, tab.replica.client(), seq));
        let (last, _) = tab.call(env, &[b"LINDEX", ledger.as_bytes(), b"-1"]);
        assert_eq!(last, Value::Bulk(text.into_bytes()), "a tab reads its own write");
    }

    /// Somebody writes with redis-cli.
    fn call_server(&mut self) {
        let env = self.env();
        let key = format!("k:{}", self.rng.below(5));
        let words = commands::random(&mut self.rng, &key);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.server.call(env, &words);
    }

    fn connect(&mut self) {
        let env = self.env();
        if self.browser.connection.is_some() || self.browser.leader.is_none() {
            return;
        }
        let peer = self.server.hub.open_peer(Grant::everything());
        self.browser.connection = Some(Connection { peer, up: Default::default(), down: Default::default() });
        if let Some(leader) = self.browser.leading() {
            leader.replica.handle_connected(env);
        }
    }

    fn cut(&mut self) {
        if self.browser.connection.is_some() {
            self.report.note("cuts of browsers");
            match self.rng.below(2) {
                0 => self.hang_up(),
                _ => self.lose_connection(),
            }
        }
    }

    /// The browser ends its connection, and the server hears of it.
    fn hang_up(&mut self) {
        let env = self.env();
        if let Some(connection) = &self.browser.connection {
            self.server.hub.close_peer(&mut self.server.engine, env, connection.peer);
            self.lose_connection();
        }
    }

    fn lose_connection(&mut self) {
        self.browser.connection = None;
        if let Some(leader) = self.browser.leading() {
            leader.replica.handle_disconnected();
        }
    }

    fn deliver_up(&mut self) {
        let env = self.env();
        if let Some(connection) = &mut self.browser.connection
            && let Some(message) = connection.up.pop_front()
        {
            self.server.hub.handle_message(&mut self.server.engine, env, connection.peer, &message);
            self.server.note();
        }
    }

    fn deliver_down(&mut self) {
        let env = self.env();
        if let Some(message) = self.browser.connection.as_mut().and_then(|own| own.down.pop_front())
            && let Some(leader) = self.browser.leading()
        {
            match leader.replica.handle_message(env, &message) {
                Ok(()) => self.check_position(),
                Err(error) => {
                    assert_eq!(error, SyncError::OtherIdentities, "an honest hub's message is taken");
                    self.hang_up();
                }
            }
        }
    }

    /// A leader with nothing pending shows what the server held at its position.
    fn check_position(&mut self) {
        let Some(leader) = self.browser.leading() else { return };
        let status = leader.replica.status();
        let Some(seq) = status.seq.filter(|_| status.pending == 0 && leader.replica.is_live()) else { return };
        self.report.note("positions of leaders compared");
        let expected = self.server.history.get(&seq).unwrap_or_else(|| panic!("the server never stood at {seq:?}"));
        check_same(&leader.content(), expected, || format!("the leader and the server at {seq:?}"));
    }

    fn kill_leader(&mut self) {
        if let Some(index) = self.browser.leader.and_then(|id| self.browser.index_of(id)) {
            self.report.note("leaders killed");
            self.kill(index);
        }
    }

    fn kill(&mut self, index: usize) {
        self.report.note("tabs killed");
        let (lost, written) = (self.rng.index(4).saturating_sub(2), self.rng.index(4));
        let connection = self.browser.connection.as_ref().map(|own| own.peer);
        let tab = self.browser.kill(index, lost, written);
        if self.browser.connection.is_none()
            && let Some(peer) = connection
            && self.rng.below(2) == 0
        {
            let env = self.env();
            self.server.hub.close_peer(&mut self.server.engine, env, peer);
        }
        drop(tab);
        self.note_losses();
    }

    /// What nobody has any more may be lost: its tab is dead, and no other tab and no store knows of it.
    fn note_losses(&mut self) {
        let stored = self.stored();
        for (token, client, seq) in &self.issued {
            let knows = |replica: &Replica| replica.is_pending(*client, *seq);
            if !self.browser.tabs.iter().any(|tab| knows(&tab.replica)) && !knows(&stored) {
                self.oracle.may_be_lost(*token);
            }
        }
    }

    /// A replica with what is stored.
    fn stored(&self) -> Replica {
        let options = ReplicaOptions {
            client: ClientId([0xdd; 16]),
            interest: vec![b"*".to_vec()],
            db: 0,
            seed: 1,
            limits: sanderling_core::Limits::DEFAULT,
        };
        let mut replica = Replica::new(options, Env::new(self.now_ms, 0));
        replica.load(&self.browser.pairs()).expect("an undamaged store loads");
        replica
    }

    fn crash_server(&mut self) {
        self.report.note("server crashes under tabs");
        let loss = self.server.crash(&mut self.rng, self.now_ms);
        if self.server.is_lax && loss.appends > 0 {
            self.oracle.all_may_be_lost();
            // What the leader had been told by then may still be on its way to the tab that waits for it.
            self.uncertain_to = self.issued.last().map_or(0, |(token, ..)| *token);
        }
        self.lose_connection();
    }

    /// Lets the tabs hear each other, whether there is a server or not: all show the same, and everybody's writes.
    fn check_tabs_agree(&mut self) {
        self.elect();
        self.hear_each_other();
        if self.browser.leader.is_none() {
            return;
        }
        self.report.note(match self.browser.connection {
            Some(_) => "agreements of connected tabs",
            None => "agreements of tabs offline",
        });
        let env = self.env();
        let expected = self.browser.leading().expect("it leads").content();
        // Of identities for which a hello had no room nobody knows what took effect before the data was loaded.
        let is_exact = self.tabs <= self.server.options.limits.peer_clients_max;
        let waiting: Vec<(usize, u64)> = self.browser.tabs.iter().flat_map(waiting_of).collect();
        for index in 0..self.browser.tabs.len() {
            let found = self.browser.tabs[index].content();
            check_same(&found, &expected, || format!("tab {} and its leader", self.browser.tabs[index].id));
            for (owner, token) in &waiting {
                let ledger = format!("ledger:{owner}");
                let (shown, _) = self.browser.tabs[index].call(env, &[b"LRANGE", ledger.as_bytes(), b"0", b"-1"]);
                let Value::Array(shown) = shown else { panic!("a ledger is a list, not {shown:?}") };
                let entry = Value::Bulk(token.to_string().into_bytes());
                let count = shown.iter().filter(|other| **other == entry).count();
                let is_right = count == 1 || count > 1 && !is_exact;
                assert!(is_right, "tab {index} shows the write {token} of tab {owner} {count} times");
                self.report.note_many("writes of other tabs that show once", is_exact.into());
                self.report.note("writes of other tabs looked for");
            }
        }
    }

    fn hear_each_other(&mut self) {
        self.pump();
        for _ in 0..10_000 {
            if self.browser.is_quiet() {
                return;
            }
            for index in 0..self.browser.tabs.len() {
                self.browser.deliver(index, &mut self.rng, &mut self.report);
            }
            self.pump();
        }
        panic!("the tabs never stop talking");
    }

    /// Lets everything arrive, and compares.
    fn settle(&mut self) {
        if self.browser.tabs.is_empty() {
            self.open();
        }
        for _ in 0..1000 {
            self.server.sync_disk(&mut self.rng);
            self.elect();
            self.connect();
            self.hear_each_other();
            while self.browser.connection.as_ref().is_some_and(|own| !own.up.is_empty()) {
                self.deliver_up();
            }
            self.pump();
            while self.browser.connection.as_ref().is_some_and(|own| !own.down.is_empty()) {
                self.deliver_down();
            }
            self.hear_each_other();
            let connected = self.browser.connection.as_ref();
            let idle = connected.is_some_and(|own| own.up.is_empty() && own.down.is_empty());
            let done = self.browser.tabs.iter().all(|tab| tab.replica.status().pending == 0);
            let live = self.browser.leading().is_some_and(|leader| leader.replica.is_live());
            if idle && done && live && self.server.synced == self.server.hub.seq() && !self.server.hub.has_log() {
                return self.compare();
            }
        }
        let statuses: Vec<_> = self.browser.tabs.iter().map(|tab| tab.replica.status()).collect();
        panic!("the run doesn't settle: {statuses:?}");
    }

    fn compare(&mut self) {
        let expected = content(&self.server.engine, |_| true);
        for tab in &mut self.browser.tabs {
            assert!(tab.waiting.is_empty(), "tab {} still waits for {:?}", tab.id, tab.waiting);
            check_same(&tab.content(), &expected, || format!("tab {} and the server in the end", tab.id));
        }
        for tab in 0..self.tabs {
            let ledger = self.ledger(tab);
            self.oracle.check_ledger(tab, &ledger, true);
        }
        self.browser.store();
        self.browser.write(usize::MAX);
        let mut stored = self.stored();
        stored.settle();
        let found = content(stored.engine(), |_| true);
        check_same(&found, &expected, || "the store of the browser and the server in the end".to_owned());
    }

    fn ledger(&self, tab: usize) -> Vec<u64> {
        let key = format!("ledger:{tab}");
        match self.server.engine.keyspace().db(0).find(key.as_bytes()).map(|entry| entry.value) {
            Some(Stored::List(list)) => {
                let number = |element: &[u8]| String::from_utf8_lossy(element).parse().expect("a token");
                list.iter().map(number).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn waiting_of(tab: &super::browser::Tab) -> impl Iterator<Item = (usize, u64)> + '_ {
    tab.waiting.iter().filter(|(_, token)| *token != 0).map(|(_, token)| (tab.id, *token))
}
