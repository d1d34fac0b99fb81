//! The plainest replica there can be: it pushes nothing of its own accord and applies what the hub says, word for word
//! as the specification has it. What it holds is compared with what the server held at the same position.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec,
    vec::Vec,
};

use crate::{
    Engine, EngineOptions, Role,
    effect::{Change, Effect, Removal},
    format::{ClientId, ClientSeq, LogSeq, effects},
    sync::{
        Buckets, Features, Hello, Interest, Item, LoadScope, Message, PeerId, ResumeToken, Start, ToHub, ToReplica,
        Welcome, bucket_of,
    },
};

/// What a database holds, in a form that can be compared.
pub(super) type Content = BTreeMap<Vec<u8>, u64>;

/// The id of a subscription, and the globs that it adds and removes.
type Asked = (u32, Vec<Vec<u8>>, Vec<Vec<u8>>);

pub(super) struct Mirror {
    engine: Engine,
    pub(super) peer: Option<PeerId>,
    /// Globs whose keys it knows.
    known: Vec<Vec<u8>>,
    /// Globs that it waits for, by the id of the subscription.
    asked: VecDeque<Asked>,
    token: Option<ResumeToken>,
    scope: u64,
    /// A start by load or digest: everything is held back until its end.
    starting: Option<(ResumeToken, Vec<Message>)>,
    /// What an added load has brought so far.
    loading: Vec<Vec<u8>>,
    load: Option<LoadScope>,
    client: ClientId,
    pub(super) acknowledged: ClientSeq,
    subscriptions: u32,
    pub(super) up: VecDeque<Vec<u8>>,
    pub(super) down: VecDeque<Message>,
    pub(super) starts: Vec<Start>,
}

impl Mirror {
    pub(super) fn new(number: u8, globs: &[&str]) -> Self {
        Self {
            engine: Engine::new(EngineOptions {
                seed: u64::from(number),
                role: Role::Replica,
                ..EngineOptions::default()
            }),
            peer: None,
            known: globs.iter().map(|glob| glob.as_bytes().to_vec()).collect(),
            asked: VecDeque::new(),
            token: None,
            scope: 0,
            starting: None,
            loading: Vec::new(),
            load: None,
            client: ClientId([number; 16]),
            acknowledged: ClientSeq(0),
            subscriptions: 0,
            up: VecDeque::new(),
            down: VecDeque::new(),
            starts: Vec::new(),
        }
    }

    pub(super) fn connect(&mut self, peer: PeerId, credit: u32) {
        self.peer = Some(peer);
        let hello = Hello {
            version: 1,
            oldest: 1,
            features: if peer.0.is_multiple_of(2) { Features::ALL } else { Features::default() },
            db: 0,
            clients: vec![(self.client, self.acknowledged)],
            interest: self.known.iter().map(|glob| glob.as_slice().into()).collect(),
            resume: self.token,
            credit,
        };
        self.up.push_back(ToHub::Hello(hello).encode());
    }

    pub(super) fn disconnect(&mut self) {
        self.peer = None;
        self.up.clear();
        self.down.clear();
        self.starting = None;
        self.loading.clear();
        self.load = None;
        self.asked.clear();
    }

    /// Whether it is connected and nothing is on its way.
    pub(super) fn is_settled(&self) -> bool {
        self.up.is_empty() && self.down.is_empty() && self.starting.is_none() && self.asked.is_empty()
    }

    pub(super) fn subscribe(&mut self, add: &[&str], remove: usize) {
        self.subscriptions += 1;
        let add: Vec<Vec<u8>> = add.iter().map(|glob| glob.as_bytes().to_vec()).collect();
        let remove: Vec<Vec<u8>> = self.known.iter().take(remove).cloned().collect();
        let message = ToHub::Subscribe {
            id: self.subscriptions,
            add: add.iter().map(|glob| glob.as_slice().into()).collect(),
            remove: remove.iter().map(|glob| glob.as_slice().into()).collect(),
        };
        self.up.push_back(message.encode());
        self.asked.push_back((self.subscriptions, add, remove));
    }

    /// Where it is, if that is one position: not while it takes a load in.
    pub(super) fn position(&self) -> Option<LogSeq> {
        self.token.map(|token| token.seq).filter(|_| self.starting.is_none())
    }

    pub(super) fn interest(&self) -> Interest {
        Interest::new(self.known.iter().map(Vec::as_slice))
    }

    pub(super) fn content(&self) -> Content {
        content(&self.engine)
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let message = ToReplica::decode(bytes).expect("a hub sends messages");
        let unpacked = message.unpacked(1 << 24).expect("a packed message unpacks");
        if let Some(bytes) = unpacked {
            return self.take(&bytes);
        }
        match (&mut self.starting, &message) {
            (Some(_), ToReplica::LoadEnd { through }) => {
                let (token, held) = self.starting.take().unwrap();
                self.token = Some(token);
                held.iter().for_each(|bytes| self.apply(ToReplica::decode(bytes).unwrap()));
                self.arrive(*through);
                self.load = None;
            }
            (Some((_, held)), _) => held.push(bytes.into()),
            (None, _) => self.apply(message),
        }
    }

    fn arrive(&mut self, through: LogSeq) {
        let token = self.token.as_mut().expect("a welcome came before");
        assert!(through >= token.seq, "the order goes back from {:?} to {through:?}", token.seq);
        token.seq = through;
    }

    fn apply(&mut self, message: ToReplica<'_>) {
        match message {
            ToReplica::Welcome(welcome) => self.welcome(&welcome),
            ToReplica::Batch(batch) => {
                for item in &batch.items {
                    match item {
                        Item::Foreign(effects) => self.run(effects, false),
                        Item::Own { seq, effects, .. } => {
                            assert_eq!(*seq, self.acknowledged.next());
                            self.acknowledged = *seq;
                            self.run(effects, false);
                        }
                        Item::AsGuessed { .. } => panic!("nothing was guessed"),
                        Item::Loading(effects) => match &self.load {
                            Some(LoadScope::Added { .. }) => self.loading.push(effects.to_vec()),
                            Some(_) => self.run(effects, false),
                            None => panic!("an effect on a load that isn't there"),
                        },
                    }
                }
                self.arrive(batch.through);
            }
            ToReplica::LoadBegin(scope) => {
                match &scope {
                    LoadScope::Everything => self.delete(|_| true),
                    LoadScope::Buckets { bits, buckets } => self.delete(|key| buckets.contains(&bucket_of(key, *bits))),
                    LoadScope::Added { .. } => self.loading.clear(),
                }
                self.load = Some(scope);
            }
            ToReplica::Chunk(effects) => match &self.load {
                Some(LoadScope::Added { .. }) => self.loading.push(effects.to_vec()),
                Some(_) => self.run(&effects, true),
                None => panic!("a chunk of no load"),
            },
            ToReplica::LoadEnd { through } => {
                let Some(LoadScope::Added { id }) = self.load.take() else { panic!("the end of no load") };
                let (asked, add, remove) = self.asked.front_mut().expect("a subscription was asked for");
                assert_eq!(id, *asked);
                self.known.append(add);
                if remove.is_empty() {
                    self.asked.pop_front();
                }
                for effects in core::mem::take(&mut self.loading) {
                    self.run(&effects, false);
                }
                self.arrive(through);
            }
            ToReplica::Unsubscribed { id } => {
                let (asked, add, remove) = self.asked.pop_front().expect("a subscription was asked for");
                assert!(id == asked && add.is_empty());
                for glob in remove {
                    let at = self.known.iter().position(|other| *other == glob);
                    at.map(|at| self.known.remove(at));
                }
                let interest = self.interest();
                self.delete(|key| !interest.contains(key));
            }
            ToReplica::Pong { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn welcome(&mut self, welcome: &Welcome) {
        self.starts.push(welcome.start);
        self.scope = welcome.scope;
        self.acknowledged = welcome.pushed[0].max(self.acknowledged);
        let token = ResumeToken { log: welcome.log, seq: welcome.seq, scope: welcome.scope };
        match welcome.start {
            Start::Resume => {
                assert_eq!(self.token.map(|token| token.seq), Some(welcome.seq));
                self.token = Some(token);
            }
            Start::Digest { bits } => {
                let mut buckets = Buckets::new(bits);
                self.engine.keyspace().db(0).iter().for_each(|entry| buckets.add(entry));
                self.up.push_back(ToHub::Digests { bits, sums: buckets.sums().to_vec() }.encode());
                self.starting = Some((token, Vec::new()));
            }
            Start::Load => self.starting = Some((token, Vec::new())),
        }
    }

    fn run(&mut self, bytes: &[u8], only_puts: bool) {
        let interest = self.interest();
        for effect in effects(bytes) {
            let (db, effect) = effect.expect("a run of effects");
            assert_eq!(db, 0);
            assert!(interest.concerns(&effect) || self.load.is_some(), "{:?} wasn't asked for", effect.key);
            assert!(!only_puts || matches!(effect.change, Change::Put(_)));
            self.engine.apply(db, &effect);
        }
    }

    fn delete(&mut self, which: impl Fn(&[u8]) -> bool) {
        let keys: Vec<Vec<u8>> =
            self.engine.keyspace().db(0).iter().map(|entry| entry.key.to_vec()).filter(|key| which(key)).collect();
        for key in keys {
            self.engine.apply(0, &Effect::new(&key, Change::Delete(Removal::Deleted)));
        }
    }
}

/// What database 0 of an engine holds.
pub(super) fn content(engine: &Engine) -> Content {
    engine.keyspace().db(0).iter().map(|entry| (entry.key.to_vec(), entry.digest())).collect()
}

/// Shows the difference between two contents.
pub(super) fn difference(found: &Content, expected: &Content) -> String {
    let keys: Vec<_> = found.keys().chain(expected.keys()).collect();
    let differs = keys.into_iter().filter(|key| found.get(*key) != expected.get(*key));
    differs.map(|key| alloc::format!("{} ", key.escape_ascii())).collect()
}
