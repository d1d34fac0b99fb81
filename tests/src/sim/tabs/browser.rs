//! A browser: its tabs, what they say to each other, the store that the leader writes, and its connection.

use std::collections::{BTreeMap, VecDeque};

use sanderling_core::{
    Env, Limits,
    format::ClientId,
    hash::Rng,
    resp::{Value, decode_value},
    sync::{Event, Replica, ReplicaOptions, StoreBatch},
};

use super::super::{
    node::Connection,
    oracle::{Content, content},
    report::Report,
};

/// What one tab says to another.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// The leader tells something.
    Told(Vec<u8>),
    /// A tab has commands for the leader.
    Commands(Vec<u8>),
    /// A tab asks for the leader's state.
    Join,
}

/// A tab and what is on its way to it.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) id: usize,
    pub(super) replica: Replica,
    /// By the sender: what one tab says arrives in order.
    inbox: BTreeMap<usize, VecDeque<Letter>>,
    /// What it pushed and wasn't answered yet: number and token.
    pub(super) waiting: VecDeque<(u64, u64)>,
}

/// The tabs of one origin.
#[derive(Debug, Default)]
pub(super) struct Browser {
    pub(super) tabs: Vec<Tab>,
    /// The tab that holds the lock.
    pub(super) leader: Option<usize>,
    /// Those that wait for it, in order.
    pub(super) waiting_for_lock: VecDeque<usize>,
    pub(super) store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Transactions that the leader has begun.
    unwritten: VecDeque<StoreBatch>,
    pub(super) connection: Option<Connection>,
    tabs_made: usize,
}

impl Tab {
    /// What it shows.
    pub(super) fn content(&mut self) -> Content {
        self.replica.settle();
        content(self.replica.engine(), |_| true)
    }

    /// Runs a command here; returns its reply and whether it was queued.
    pub(super) fn call(&mut self, env: Env, words: &[&[u8]]) -> (Value, Option<u64>) {
        let mut reply = Vec::new();
        let seq = self.replica.execute(env, words, &mut reply);
        let (value, length) = decode_value(&reply).expect("a reply").expect("a whole reply");
        assert_eq!(length, reply.len(), "one reply to one call");
        if let Some(seq) = seq {
            self.waiting.push_back((seq.0, 0));
        }
        (value, seq.map(|seq| seq.0))
    }

    /// Returns the tokens of the commands that were answered.
    fn drain_events(&mut self, report: &mut Report) -> Vec<u64> {
        let mut answered = Vec::new();
        while let Some(event) = self.replica.poll_event() {
            let seq = match event {
                Event::Acknowledged(seq) => seq,
                Event::Corrected { seq, .. } => {
                    report.note("corrections in tabs");
                    seq
                }
                Event::Refused { seq, .. } => seq,
                _ => continue,
            };
            let (waiting, token) = self.waiting.pop_front().expect("what is answered was pushed");
            assert_eq!(waiting, seq.0, "tab {}: commands are answered once, in their order", self.id);
            answered.extend((token != 0).then_some(token));
        }
        answered
    }
}

impl Browser {
    pub(super) fn index_of(&self, id: usize) -> Option<usize> {
        self.tabs.iter().position(|tab| tab.id == id)
    }

    /// The tab that leads.
    pub(super) fn leading(&mut self) -> Option<&mut Tab> {
        let index = self.index_of(self.leader?)?;
        self.tabs.get_mut(index)
    }

    /// Opens a tab: the first leads at once, others follow.
    pub(super) fn open(&mut self, env: Env, rng: &mut Rng) {
        let id = self.tabs_made;
        self.tabs_made += 1;
        let mut client = [0xee; 16];
        client[..8].copy_from_slice(&(id as u64).to_le_bytes());
        let options = ReplicaOptions {
            client: ClientId(client),
            interest: vec![b"*".to_vec()],
            db: 0,
            seed: rng.next_u64(),
            limits: Limits::DEFAULT,
        };
        let replica = Replica::new(options, env);
        self.tabs.push(Tab { id, replica, inbox: BTreeMap::new(), waiting: VecDeque::new() });
        let index = self.tabs.len() - 1;
        if self.leader.is_none() && self.waiting_for_lock.is_empty() {
            self.leader = Some(id);
            let (pairs, others) = (self.pairs(), self.others(id));
            let replica = &mut self.tabs[index].replica;
            replica.load(&pairs).expect("an undamaged store loads");
            let (told, loaded) = replica.lead(env, &[], &others);
            loaded.expect("nothing to load");
            self.post(id, &Letter::Told(told));
        } else {
            self.waiting_for_lock.push_back(id);
            self.tabs[index].replica.follow();
            self.post(id, &Letter::Join);
        }
    }

    /// Gives the lock to the next that waits for it.
    pub(super) fn elect(&mut self, env: Env) -> bool {
        if self.leader.is_some() {
            return false;
        }
        let Some(id) = self.waiting_for_lock.pop_front() else { return false };
        self.leader = Some(id);
        let (pairs, others) = (self.pairs(), self.others(id));
        let tab = self.leading().expect("a dead tab waits for no lock");
        let (told, loaded) = tab.replica.lead(env, &pairs, &others);
        loaded.expect("an undamaged store loads");
        self.post(id, &Letter::Told(told));
        true
    }

    /// The leader lets others lead.
    pub(super) fn cede(&mut self) -> bool {
        let Some(id) = self.leader else { return false };
        self.pump(id);
        self.write(usize::MAX);
        self.leader = None;
        self.connection = None;
        let index = self.index_of(id).expect("the leader lives");
        self.tabs[index].replica.follow();
        self.waiting_for_lock.push_back(id);
        true
    }

    /// Kills a tab. What it had said arrives, but for the last `lost` letters to each; of what it was storing the first
    /// `written` transactions are.
    pub(super) fn kill(&mut self, index: usize, lost: usize, written: usize) -> Tab {
        let tab = self.tabs.remove(index);
        self.waiting_for_lock.retain(|id| *id != tab.id);
        for other in &mut self.tabs {
            if let Some(letters) = other.inbox.get_mut(&tab.id) {
                letters.truncate(letters.len().saturating_sub(lost));
            }
        }
        if self.leader == Some(tab.id) {
            self.leader = None;
            self.connection = None;
            self.write(written);
            self.unwritten.clear();
        }
        tab
    }

    /// Lets transactions of the leader be done.
    pub(super) fn write(&mut self, count: usize) {
        for batch in self.unwritten.drain(..count.min(self.unwritten.len())) {
            batch.apply(&mut self.store);
        }
    }

    /// Begins a transaction with what is to be stored.
    pub(super) fn store(&mut self) {
        let Some(tab) = self.leading() else { return };
        let batches: Vec<StoreBatch> = core::iter::from_fn(|| tab.replica.poll_store()).collect();
        self.unwritten.extend(batches);
    }

    /// The identities of all other tabs.
    fn others(&self, id: usize) -> Vec<ClientId> {
        self.tabs.iter().filter(|tab| tab.id != id).map(|tab| tab.replica.client()).collect()
    }

    /// What is stored, as a new tab finds it.
    pub(super) fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.store.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Hands on what a tab has to say.
    pub(super) fn pump(&mut self, id: usize) {
        let Some(index) = self.index_of(id) else { return };
        let replica = &mut self.tabs[index].replica;
        let mut letters: Vec<Letter> = core::iter::from_fn(|| replica.poll_commands()).map(Letter::Commands).collect();
        letters.extend(core::iter::from_fn(|| replica.poll_news()).map(Letter::Told));
        let messages: Vec<Vec<u8>> = core::iter::from_fn(|| replica.poll_transmit()).collect();
        if let Some(connection) = self.connection.as_mut().filter(|_| self.leader == Some(id)) {
            connection.up.extend(messages);
        }
        letters.iter().for_each(|letter| self.post(id, letter));
    }

    /// Hands on what all have to say; returns the tokens that were answered.
    pub(super) fn pump_all(&mut self, report: &mut Report) -> Vec<u64> {
        let ids: Vec<usize> = self.tabs.iter().map(|tab| tab.id).collect();
        ids.into_iter().for_each(|id| self.pump(id));
        self.tabs.iter_mut().flat_map(|tab| tab.drain_events(report)).collect()
    }

    /// Whether anything is on its way between tabs.
    pub(super) fn is_quiet(&self) -> bool {
        self.tabs.iter().all(|tab| tab.inbox.values().all(VecDeque::is_empty))
    }

    /// Delivers one letter to a tab, from somebody.
    pub(super) fn deliver(&mut self, index: usize, rng: &mut Rng, report: &mut Report) {
        let tab = &mut self.tabs[index];
        tab.inbox.retain(|_, letters| !letters.is_empty());
        if tab.inbox.is_empty() {
            return;
        }
        let (id, chosen) = (tab.id, rng.index(tab.inbox.len()));
        let (sender, letters) = tab.inbox.iter_mut().nth(chosen).expect("one of them");
        let (sender, letter) = (*sender, letters.pop_front().expect("one at least"));
        match letter {
            Letter::Told(told) => {
                report.note("things told");
                if tab.replica.handle_told(&told).expect("an honest tab tells what can be read") {
                    report.note("states asked for");
                    self.post(id, &Letter::Join);
                }
            }
            Letter::Commands(commands) => {
                tab.replica.handle_commands(&commands).expect("an honest tab's commands can be read");
            }
            Letter::Join if self.leader == Some(id) => {
                report.note("states given");
                let state = tab.replica.state();
                self.pump(id);
                if let Some(other) = self.index_of(sender) {
                    self.tabs[other].inbox.entry(id).or_default().push_back(Letter::Told(state));
                }
            }
            Letter::Join => {}
        }
    }

    fn post(&mut self, from: usize, letter: &Letter) {
        for other in self.tabs.iter_mut().filter(|other| other.id != from) {
            other.inbox.entry(from).or_default().push_back(letter.clone());
        }
    }
}
