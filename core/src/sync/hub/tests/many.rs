//! Many replicas: what they share, and for how long each is remembered.

use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String, vec, vec::Vec};

use crate::{
    Engine, EngineOptions, Env, SessionId,
    format::{ClientId, ClientSeq, LogSeq, effects},
    limits::Limits,
    sync::{
        Features, Grant, Guess, Hello, Hub, HubOptions, LogId, PeerId, Push, PushedCommand, ResumeToken, ToHub,
        ToReplica,
    },
};

struct Many {
    engine: Engine,
    hub: Hub,
    client: SessionId,
    now: u64,
}

impl Many {
    fn new() -> Self {
        let mut engine = Engine::new(EngineOptions::default());
        engine.journal_mut().enable(true);
        let mut hub = Hub::new(HubOptions { slice_keys: 256, ..HubOptions::default() });
        hub.begin_epoch(LogId(1));
        let client = engine.open_session("127.0.0.1:1", Env::new(0, 0));
        Self { engine, hub, client, now: 1_000_000 }
    }

    fn call(&mut self, words: &[&str]) -> Vec<u8> {
        let (words, mut reply): (Vec<&[u8]>, _) = (words.iter().map(|word| word.as_bytes()).collect(), Vec::new());
        self.engine.execute(Env::new(self.now, 1), self.client, &words, &mut reply);
        self.hub.commit(&mut self.engine, Env::new(self.now, 1).now);
        reply
    }

    fn connect(&mut self, clients: &[(u8, u64)], interest: &[String], resume: Option<ResumeToken>) -> PeerId {
        let peer = self.hub.open_peer(Grant::everything());
        let hello = Hello {
            version: 1,
            oldest: 1,
            features: Features::default(),
            db: 0,
            clients: clients.iter().map(|(id, seq)| (ClientId([*id; 16]), ClientSeq(*seq))).collect(),
            interest: interest.iter().map(|glob| glob.as_bytes().into()).collect(),
            resume,
            credit: 0,
        };
        self.say(peer, &ToHub::Hello(hello));
        peer
    }

    fn say(&mut self, peer: PeerId, message: &ToHub<'_>) {
        self.hub.handle_message(&mut self.engine, Env::new(self.now, 1), peer, &message.encode());
    }

    fn push(&mut self, peer: PeerId, client: u32, first: u64, call: &[&str]) {
        let calls = vec![call.iter().map(|word| word.as_bytes().into()).collect()];
        let commands = vec![PushedCommand { calls, conditions: vec![], transaction: false }];
        self.say(peer, &ToHub::Push(Push { client, first: ClientSeq(first), guess: Guess::NONE, commands }));
    }

    /// What is said in one round.
    fn hear(&mut self) -> Vec<(PeerId, Vec<u8>)> {
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        let messages = core::iter::from_fn(|| self.hub.poll_transmit(&self.engine));
        messages.map(|(peer, bytes)| (peer, bytes.to_vec())).collect()
    }

    fn close(&mut self, peer: PeerId) {
        self.hub.close_peer(&mut self.engine, Env::new(self.now, 1), peer);
    }
}

#[test]
fn one_pass_brings_all_who_wait_their_keys_while_others_write() {
    const REPLICAS: usize = 40;
    const SHARE: usize = 100;
    let mut many = Many::new();
    for key in 0..REPLICAS * SHARE {
        many.call(&["SET", &format!("p{}:{key}", key % REPLICAS), "value"]);
    }
    let peers: Vec<PeerId> = (0..REPLICAS)
        .map(|number| many.connect(&[(number as u8, 0)], &[format!("p{number}:*"), "hot".into()], None))
        .collect();
    let mut keys = vec![BTreeSet::new(); REPLICAS];
    let (mut rounds, mut live) = (0, 0);
    while live < REPLICAS {
        for (peer, bytes) in many.hear() {
            let at = peers.iter().position(|other| *other == peer).unwrap();
            match ToReplica::decode(&bytes).unwrap() {
                ToReplica::Chunk(chunk) => {
                    keys[at].extend(effects(&chunk).map(|effect| effect.unwrap().1.key.to_vec()))
                }
                ToReplica::LoadEnd { .. } => live += 1,
                _ => {}
            }
        }
        // New keys come up on either side of the pass.
        many.call(&["SET", &format!("p{}:new:{rounds}", rounds % REPLICAS), "value"]);
        rounds += 1;
    }
    // One pass takes a round or two; a pass for each would take ten.
    assert!(rounds <= 4, "{rounds} rounds");
    for (number, keys) in keys.iter().enumerate() {
        let own = keys.iter().filter(|key| key.starts_with(format!("p{number}:").as_bytes()));
        assert_eq!((own.count(), keys.len() >= SHARE), (keys.len(), true), "replica {number}");
    }
}

#[test]
fn who_comes_back_after_a_month_has_what_it_pushed_before_refused_and_then_goes_on() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let mut many = Many::new();
    let everything = ["*".to_owned()];
    let peer = many.connect(&[(7, 0)], &everything, None);
    many.hear();
    let token = ResumeToken { log: LogId(1), seq: many.hub.seq(), scope: 0 };
    many.push(peer, 0, 1, &["INCR", "n"]);
    many.hear();
    many.close(peer);
    many.push(peer, 0, 2, &["INCR", "n"]);
    // Within the month it is known what has run.
    many.now += 29 * DAY;
    many.hub.handle_timeout(&mut many.engine, Env::new(many.now, 1));
    let peer = many.connect(&[(8, 0), (7, 0)], &everything, Some(token));
    many.push(peer, 1, 1, &["INCR", "n"]);
    many.push(peer, 1, 2, &["INCR", "n"]);
    assert_eq!(many.call(&["GET", "n"]), b"$1\r\n2\r\n");
    many.hear();
    many.close(peer);
    many.now += 31 * DAY;
    many.hub.handle_timeout(&mut many.engine, Env::new(many.now, 1));
    assert_eq!(many.hub.counts().clients, 0);
    // It is so after a restart, too.
    let head = many.hub.head();
    many.hub.restore_head(&head).unwrap();
    for connection in 0..2 {
        let peer = many.connect(&[(9, 0), (7, 0)], &everything, Some(token));
        many.push(peer, 1, 1 + connection, &["INCR", "n"]);
        assert_eq!(many.call(&["GET", "n"]), b"$1\r\n2\r\n", "what may have run doesn't run");
        let heard = many.hear();
        let is_refused = |bytes: &[u8]| bytes.windows(22).any(|text| text == b"nobody knows whether t");
        assert!(heard.iter().any(|(_, bytes)| is_refused(bytes)), "{heard:?}");
        // Its identity of now is new, and runs.
        many.push(peer, 0, 1, &["SET", "own", "1"]);
        assert_eq!(many.call(&["GET", "own"]), b"$1\r\n1\r\n");
        if connection == 1 {
            many.say(peer, &ToHub::Ping { sent: Env::new(many.now, 1).now });
            many.push(peer, 1, 3, &["INCR", "n"]);
            assert_eq!(many.call(&["GET", "n"]), b"$1\r\n3\r\n", "what is pushed after a ping is new");
        }
        many.close(peer);
    }
}

#[test]
fn a_client_that_is_connected_is_not_forgotten() {
    let mut many = Many::new();
    let peer = many.connect(&[(7, 0)], &["*".to_owned()], None);
    many.push(peer, 0, 1, &["INCR", "n"]);
    many.now += 10 * Limits::DEFAULT.clients_kept_ms;
    assert!(many.hub.next_timeout().is_some_and(|at| at.0 <= many.now));
    many.hub.handle_timeout(&mut many.engine, Env::new(many.now, 1));
    assert_eq!(many.hub.counts().clients, 1);
    assert_eq!(many.hub.seq(), LogSeq(1));
    many.close(peer);
    many.now += Limits::DEFAULT.clients_kept_ms;
    many.hub.handle_timeout(&mut many.engine, Env::new(many.now, 1));
    assert_eq!(many.hub.counts().clients, 0);
}
