//! Single talks with a hub, message by message.

use alloc::{format, string::String, vec, vec::Vec};

use crate::{
    Engine, EngineOptions, Env, UnixMillis,
    acl::CommandSet,
    blob::Blob,
    command::table,
    format::{ClientId, ClientSeq, LogSeq},
    sync::{
        CloseReason, Condition, Features, Grant, GrantLimits, Guess, Hello, Hub, HubOptions, Interest, Item, LogId,
        PeerId, Push, PushedCommand, ToHub, ToReplica, entropy_of,
    },
};

const CLIENT: ClientId = ClientId([7; 16]);

pub(super) struct Talk {
    pub(super) engine: Engine,
    pub(super) hub: Hub,
    pub(super) now: u64,
}

impl Talk {
    pub(super) fn new() -> Self {
        let mut engine = Engine::new(EngineOptions::default());
        engine.journal_mut().enable(true);
        let mut hub = Hub::new(HubOptions::default());
        hub.begin_epoch(LogId(1));
        Self { engine, hub, now: 1_000_000 }
    }

    pub(super) fn env(&self) -> Env {
        Env::new(self.now, 3)
    }

    pub(super) fn connect(&mut self, grant: Grant, client: ClientId, credit: u32) -> PeerId {
        let peer = self.hub.open_peer(grant);
        let hello = Hello {
            version: 1,
            oldest: 1,
            features: Features::default(),
            db: 0,
            clients: vec![(client, ClientSeq(0))],
            interest: vec![b"*".as_slice().into()],
            resume: None,
            credit,
        };
        self.say(peer, &ToHub::Hello(hello));
        peer
    }

    /// A connected replica of everything that has heard all there was to hear.
    fn connected(&mut self, grant: Grant) -> PeerId {
        let peer = self.connect(grant, CLIENT, 0);
        self.hear();
        peer
    }

    pub(super) fn say(&mut self, peer: PeerId, message: &ToHub<'_>) {
        let env = self.env();
        self.hub.handle_message(&mut self.engine, env, peer, &message.encode());
    }

    pub(super) fn call(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let (env, mut reply) = (self.env(), Vec::new());
        let session = self.engine.open_session("127.0.0.1:1", env);
        self.engine.execute(env, session, words, &mut reply);
        self.engine.close_session(session);
        self.hub.commit(&mut self.engine, env.now);
        reply
    }

    /// Makes everything durable, and returns what the hub says then.
    pub(super) fn hear(&mut self) -> Vec<(PeerId, Vec<u8>)> {
        self.hub.handle_durable(self.hub.seq());
        self.hub.begin_round();
        core::iter::from_fn(|| self.hub.poll_transmit(&self.engine))
            .map(|(peer, bytes)| (peer, bytes.to_vec()))
            .collect()
    }

    pub(super) fn closed(&mut self) -> Option<CloseReason> {
        self.hub.poll_close().map(|(_, reason)| reason)
    }
}

fn blobs<'a>(words: &[&'a str]) -> Vec<Blob<'a>> {
    words.iter().map(|word| word.as_bytes().into()).collect()
}

pub(super) fn push<'a>(first: u64, guess: u64, calls: &[&[&'a str]]) -> ToHub<'a> {
    let command =
        |call: &&[&'a str]| PushedCommand { calls: vec![blobs(call)], conditions: vec![], transaction: false };
    ToHub::Push(Push { client: 0, first: ClientSeq(first), guess, commands: calls.iter().map(command).collect() })
}

/// What calls do and reply on an empty engine, as a guess.
fn guess_of(calls: &[&[&str]]) -> u64 {
    let mut engine = Engine::new(EngineOptions::default());
    engine.journal_mut().enable(true);
    let session = engine.open_session("local", Env::new(0, 0));
    engine.session_mut(session).protocol = crate::resp::Protocol::Resp3;
    let mut guess = Guess::new();
    for (seq, call) in (1..).map(ClientSeq).zip(calls) {
        let words: Vec<&[u8]> = call.iter().map(|word| word.as_bytes()).collect();
        let mut reply = Vec::new();
        engine.execute(Env::new(1_000_000, entropy_of(CLIENT, seq)), session, &words, &mut reply);
        guess.add(engine.journal_mut().bytes(), &reply);
        engine.journal_mut().clear();
    }
    guess.number()
}

/// The items of all batches among messages.
pub(super) fn items(messages: &[(PeerId, Vec<u8>)]) -> Vec<Item<'_>> {
    let batches = messages.iter().filter_map(|(_, bytes)| match ToReplica::decode(bytes).unwrap() {
        ToReplica::Batch(batch) => Some(batch.items),
        _ => None,
    });
    batches.flatten().collect()
}

#[test]
fn what_was_guessed_right_is_acknowledged_in_one_word() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    let calls: [&[&str]; 4] = [&["SET", "a", "1"], &["INCR", "a"], &["SADD", "s", "x", "y", "z"], &["SPOP", "s"]];
    talk.say(peer, &push(1, guess_of(&calls), &calls));
    assert_eq!(items(&talk.hear()), [Item::AsGuessed { client: 0, through: ClientSeq(4) }]);
    talk.say(peer, &push(5, 12345, &[&["INCR", "a"]]));
    let heard = talk.hear();
    let [Item::Own { client: 0, seq: ClientSeq(5), reply: Some(reply), effects }] = &items(&heard)[..] else {
        panic!("{heard:?}")
    };
    assert_eq!((&**reply, effects.is_empty()), (b":3\r\n".as_slice(), false));
}

#[test]
fn a_push_counts_once_and_leaves_no_gap() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.say(peer, &push(1, 0, &[&["INCR", "n"], &["INCR", "n"]]));
    talk.say(peer, &push(2, 0, &[&["INCR", "n"], &["INCR", "n"]]));
    assert_eq!(talk.call(&[b"GET", b"n"]), b"$1\r\n3\r\n");
    talk.say(peer, &push(5, 0, &[&["INCR", "n"]]));
    assert_eq!(talk.closed(), Some(CloseReason::Gap(ClientSeq(4))));
}

#[test]
fn what_is_pushed_never_waits() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    let wait: &[&str] = &["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"];
    talk.say(peer, &push(1, 0, &[&["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"], wait, &["INCR", "n"]]));
    let heard = talk.hear();
    let replies = items(&heard).into_iter().map(|item| match item {
        Item::Own { reply, .. } => reply.map(|reply| reply.to_vec()).unwrap_or_default(),
        other => panic!("{other:?}"),
    });
    assert_eq!(replies.collect::<Vec<_>>(), [&b"+OK\r\n"[..], b"_\r\n", b":1\r\n"]);
    talk.call(&[b"XADD", b"s", b"1", b"f", b"v"]);
    assert_eq!(talk.engine.poll_woken(), None);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.say(peer, &push(1, 0, &[&["INCR", "n"]]));
    talk.hub.begin_round();
    assert_eq!(talk.hub.poll_transmit(&talk.engine), None);
    assert_eq!(items(&talk.hear()).len(), 1);
}

#[test]
fn a_condition_that_does_not_hold_keeps_all_of_a_command_back() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.call(&[b"SET", b"a", b"1"]);
    let digest = talk.engine.keyspace().db(0).find(b"a").unwrap().digest();
    talk.hear();
    let guarded = |seq, key: &'static str, digest| {
        let conditions = vec![Condition { key: key.as_bytes().into(), digest }];
        let calls = vec![blobs(&["INCR", "a"]), blobs(&["SET", "b", "x"])];
        let commands = vec![PushedCommand { calls, conditions, transaction: true }];
        ToHub::Push(Push { client: 0, first: ClientSeq(seq), guess: 0, commands })
    };
    talk.say(peer, &guarded(1, "a", digest));
    assert_eq!(talk.call(&[b"GET", b"a"]), b"$1\r\n2\r\n");
    talk.say(peer, &guarded(2, "a", digest));
    talk.say(peer, &guarded(3, "absent", 1));
    assert_eq!(talk.call(&[b"GET", b"a"]), b"$1\r\n2\r\n");
    let heard = talk.hear();
    let replies: Vec<String> = items(&heard)
        .iter()
        .filter_map(|item| match item {
            Item::Own { reply: Some(reply), .. } => Some(String::from_utf8_lossy(reply).into_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(replies, ["*2\r\n:2\r\n+OK\r\n", "_\r\n", "_\r\n"]);
    talk.say(peer, &guarded(4, "absent", 0));
    assert_eq!(talk.call(&[b"GET", b"a"]), b"$1\r\n3\r\n");
}

#[test]
fn what_a_token_does_not_allow_is_refused_and_not_sent() {
    let only = |glob: &str| Interest::new([glob.as_bytes()]);
    let grant = Grant {
        read: only("a*"),
        write: only("ab*"),
        commands: CommandSet::parse(["@all", "-incr"], table::find).unwrap(),
        channels: only("news"),
        ..Grant::everything()
    };
    let mut talk = Talk::new();
    let peer = talk.connected(grant);
    talk.say(
        peer,
        &push(1, 0, &[&["SET", "ab", "1"], &["SET", "a", "1"], &["SET", "b", "1"], &["INCR", "ab"], &["FLUSHALL"]]),
    );
    let heard = talk.hear();
    let replies: Vec<bool> = items(&heard)
        .iter()
        .map(|item| matches!(item, Item::Own { reply: Some(reply), .. } if reply.starts_with(b"-NOPERM")))
        .collect();
    assert_eq!(replies, [false, true, true, true, true]);
    talk.call(&[b"MSET", b"a1", b"x", b"b1", b"x"]);
    let heard = talk.hear();
    assert!(!format_has(&heard, b"b1") && format_has(&heard, b"a1"), "{heard:?}");
    // What has no answer of its own is declined, and the rest of it done.
    talk.say(peer, &ToHub::Listen { join: blobs(&["gossip", "news"]), leave: vec![] });
    talk.say(peer, &ToHub::Publish { channel: b"gossip".as_slice().into(), payload: b"x".as_slice().into() });
    talk.say(peer, &ToHub::Presence { key: b"b".as_slice().into(), value: Some(b"x".as_slice().into()) });
    let heard = talk.hear();
    let declined = |(_, bytes): &(PeerId, Vec<u8>)| match ToReplica::decode(bytes).unwrap() {
        ToReplica::Declined { error } => Some(String::from_utf8(error.to_vec()).unwrap()),
        _ => None,
    };
    let declined: Vec<String> = heard.iter().filter_map(declined).collect();
    let expected = |what: &str| format!("-NOPERM the token doesn't allow the {what}\r\n");
    assert_eq!(declined, [expected("channel 'gossip'"), expected("channel 'gossip'"), expected("presence 'b'")]);
    assert_eq!((talk.closed(), talk.hub.publish(b"news", b"x"), talk.hub.publish(b"gossip", b"x")), (None, 1, 0));
}

#[test]
fn a_condition_tells_nothing_about_a_key_that_may_not_be_read() {
    let only = |glob: &str| Interest::new([glob.as_bytes()]);
    let grant = Grant { read: only("a*"), write: only("a*"), ..Grant::everything() };
    let mut talk = Talk::new();
    let peer = talk.connected(grant);
    let mut replies = Vec::new();
    for (seq, exists) in [(1, false), (2, true)] {
        if exists {
            talk.call(&[b"SET", b"secret", b"1"]);
        }
        let conditions = vec![Condition { key: b"secret".as_slice().into(), digest: 0 }];
        let commands = vec![PushedCommand { calls: vec![blobs(&["SET", "a", "1"])], conditions, transaction: false }];
        talk.say(peer, &ToHub::Push(Push { client: 0, first: ClientSeq(seq), guess: Guess::NONE, commands }));
        let heard = talk.hear();
        replies.extend(items(&heard).into_iter().filter_map(|item| match item {
            Item::Own { reply: Some(reply), .. } => Some(reply.to_vec()),
            _ => None,
        }));
    }
    assert!(replies.len() == 2 && replies[0] == replies[1] && replies[0].starts_with(b"-NOPERM"), "{replies:?}");
    assert_eq!(talk.call(&[b"EXISTS", b"a"]), b":0\r\n");
}

#[test]
fn a_narrower_token_takes_effect_on_the_open_connection() {
    let only = |glob: &str| Interest::new([glob.as_bytes()]);
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.say(peer, &ToHub::Listen { join: blobs(&["news", "gossip"]), leave: vec![] });
    for key in ["here:a", "gone:a"] {
        talk.say(peer, &ToHub::Presence { key: key.as_bytes().into(), value: Some(b"1".as_slice().into()) });
    }
    let narrow = Grant { write: only("here:*"), channels: only("news"), ..Grant::everything() };
    talk.hub.handle_grant(peer, Ok(narrow));
    talk.hear();
    assert_eq!((talk.hub.publish(b"news", b"1"), talk.hub.publish(b"gossip", b"1")), (1, 0));
    talk.say(peer, &push(1, 0, &[&["SET", "here:b", "1"], &["SET", "b", "1"]]));
    assert_eq!(talk.call(&[b"EXISTS", b"here:b", b"b"]), b":1\r\n");
    // Presence that may not be written any more is renewed no more.
    for _ in 0..4 {
        talk.now += 20_000;
        let env = talk.env();
        talk.hub.handle_timeout(&mut talk.engine, env);
    }
    assert_eq!(talk.call(&[b"EXISTS", b"here:a"]), b":1\r\n");
    assert_eq!(talk.call(&[b"EXISTS", b"gone:a"]), b":0\r\n");
    assert_eq!(talk.closed(), None);
}

#[test]
fn other_rights_to_read_and_calls_that_wait_send_the_replica_back_to_the_door() {
    let narrow = || Interest::new([b"a*".as_slice()]);
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.hub.handle_grant(peer, Ok(Grant { read: narrow(), ..Grant::everything() }));
    assert_eq!(talk.closed(), Some(CloseReason::RightsChanged));
    for waits in [false, true] {
        let mut talk = Talk::new();
        let peer = talk.connected(Grant::everything());
        if waits {
            talk.say(peer, &ToHub::Call { id: 1, call: blobs(&["BLPOP", "queue", "0"]) });
        }
        talk.hub.handle_grant(peer, Ok(Grant { write: narrow(), ..Grant::everything() }));
        assert_eq!(talk.closed(), waits.then_some(CloseReason::RightsChanged));
    }
    assert!(CloseReason::may_retry(CloseReason::RightsChanged.code()));
}

#[test]
fn answers_that_wait_for_a_reader_are_bounded_by_the_token() {
    let limits = GrantLimits { pending_bytes_max: 1_000, interest_patterns_max: 2 };
    let mut talk = Talk::new();
    let peer = talk.connected(Grant { limits, ..Grant::everything() });
    talk.say(peer, &ToHub::Listen { join: blobs(&["a", "b"]), leave: vec![] });
    assert_eq!(talk.closed(), None);
    talk.hub.publish(b"a", &[b'x'; 2_000]);
    assert_eq!(talk.closed(), Some(CloseReason::FellBehind));
    let mut talk = Talk::new();
    let peer = talk.connected(Grant { limits, ..Grant::everything() });
    talk.say(peer, &ToHub::Listen { join: blobs(&["a", "b", "c"]), leave: vec![] });
    assert!(matches!(talk.closed(), Some(CloseReason::LimitPassed(_))));
}

fn format_has(messages: &[(PeerId, Vec<u8>)], text: &[u8]) -> bool {
    messages.iter().any(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text))
}

#[test]
fn a_token_expires_unless_it_is_renewed() {
    let until = |ms| Grant { expires_at: Some(UnixMillis(ms)), ..Grant::everything() };
    let mut talk = Talk::new();
    let peer = talk.connected(until(2_000_000));
    assert_eq!(talk.hub.next_timeout(), Some(UnixMillis(2_000_000)));
    talk.say(peer, &ToHub::Renew { token: b"fresh".as_slice().into() });
    let (id, token) = talk.hub.poll_renewal().unwrap();
    assert_eq!((id, &*token), (peer, b"fresh".as_slice()));
    talk.hub.handle_grant(id, Ok(until(3_000_000)));
    talk.now = 2_500_000;
    let env = talk.env();
    talk.hub.handle_timeout(&mut talk.engine, env);
    assert_eq!(talk.closed(), None);
    talk.now = 3_000_000;
    let env = talk.env();
    talk.hub.handle_timeout(&mut talk.engine, env);
    assert!(matches!(talk.closed(), Some(CloseReason::Unauthorized(_))));
}

#[test]
fn a_call_runs_on_the_server_and_may_wait() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    talk.say(peer, &ToHub::Call { id: 1, call: blobs(&["BLPOP", "queue", "0"]) });
    talk.say(peer, &ToHub::Call { id: 2, call: blobs(&["CONFIG", "GET", "*"]) });
    talk.say(peer, &ToHub::Call { id: 3, call: blobs(&["STRLEN", "queue"]) });
    let replies = |heard: Vec<(PeerId, Vec<u8>)>| -> Vec<(u32, Vec<u8>)> {
        let of = |(_, bytes): (PeerId, Vec<u8>)| match ToReplica::decode(&bytes).unwrap() {
            ToReplica::Reply { id, reply } => Some((id, reply.get(..4).unwrap_or(&reply).to_vec())),
            _ => None,
        };
        heard.into_iter().filter_map(of).collect()
    };
    assert_eq!(replies(talk.hear()), [(2, b"-ERR".to_vec()), (3, b":0\r\n".to_vec())]);
    talk.call(&[b"RPUSH", b"queue", b"job"]);
    while let Some(woken) = talk.engine.poll_woken() {
        assert!(talk.hub.handle_woken(&mut talk.engine, &woken));
    }
    assert_eq!(replies(talk.hear()), [(1, b"*2\r\n".to_vec())]);
    talk.say(peer, &ToHub::Call { id: 4, call: blobs(&["BLPOP", "queue", "0"]) });
    let (env, sessions) = (talk.env(), talk.engine.sessions().len());
    talk.hub.close_peer(&mut talk.engine, env, peer);
    assert_eq!(talk.engine.sessions().len(), sessions - 2, "the connection's session and its call's");
}

#[test]
fn presence_lasts_as_long_as_the_connection_and_not_much_longer() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    let present = |talk: &mut Talk, value: Option<&'static str>| {
        let value = value.map(|value| value.as_bytes().into());
        talk.say(peer, &ToHub::Presence { key: b"here:7".as_slice().into(), value });
    };
    present(&mut talk, Some("Ada"));
    assert_eq!(talk.call(&[b"GET", b"here:7"]), b"$3\r\nAda\r\n");
    for _ in 0..10 {
        talk.now = talk.hub.next_timeout().unwrap().0;
        let env = talk.env();
        talk.hub.handle_timeout(&mut talk.engine, env);
    }
    assert_eq!(talk.call(&[b"GET", b"here:7"]), b"$3\r\nAda\r\n");
    present(&mut talk, None);
    assert_eq!(talk.call(&[b"EXISTS", b"here:7"]), b":0\r\n");
    present(&mut talk, Some("Ada"));
    let env = talk.env();
    talk.hub.close_peer(&mut talk.engine, env, peer);
    assert_eq!(talk.call(&[b"EXISTS", b"here:7"]), b":0\r\n");
    // A server that goes down takes nobody's leave: the key has a deadline.
    let peer = talk.connected(Grant::everything());
    talk.say(peer, &ToHub::Presence { key: b"here:8".as_slice().into(), value: Some(b"Bob".as_slice().into()) });
    talk.now += 60_001;
    assert_eq!(talk.call(&[b"EXISTS", b"here:8"]), b":0\r\n");
}

#[test]
fn messages_reach_those_who_listen() {
    let mut talk = Talk::new();
    let one = talk.connected(Grant::everything());
    let other = talk.connect(Grant::everything(), ClientId([8; 16]), 0);
    talk.hear();
    talk.say(one, &ToHub::Listen { join: blobs(&["news", "sport"]), leave: vec![] });
    talk.say(other, &ToHub::Listen { join: blobs(&["news"]), leave: vec![] });
    assert_eq!(talk.hub.publish(b"news", b"hello"), 2);
    talk.say(other, &ToHub::Publish { channel: b"sport".as_slice().into(), payload: b"1:0".as_slice().into() });
    talk.say(one, &ToHub::Listen { join: vec![], leave: blobs(&["news"]) });
    assert_eq!(talk.hub.publish(b"news", b"again"), 1);
    let of = |peer| move |(to, bytes): &(PeerId, Vec<u8>)| *to == peer && ToReplica::decode(bytes).is_ok();
    let heard = talk.hear();
    assert_eq!((heard.iter().filter(|m| of(one)(m)).count(), heard.iter().filter(|m| of(other)(m)).count()), (2, 2));
    let env = talk.env();
    talk.hub.close_peer(&mut talk.engine, env, other);
    assert_eq!(talk.hub.publish(b"news", b"to nobody"), 0);
}

#[test]
fn no_more_is_sent_than_there_is_credit_for() {
    let mut talk = Talk::new();
    let peer = talk.connect(Grant::everything(), CLIENT, 1);
    talk.call(&[b"SET", b"k", b"1"]);
    let kinds = |heard: Vec<(PeerId, Vec<u8>)>| heard.len();
    assert_eq!(kinds(talk.hear()), 1, "a welcome goes always, and uses it up");
    talk.say(peer, &ToHub::Credit { bytes: 10_000 });
    assert!(kinds(talk.hear()) >= 2);
}

#[test]
fn members_of_a_class_share_a_batch() {
    let mut talk = Talk::new();
    for number in 0..50 {
        talk.connect(Grant::everything(), ClientId([number; 16]), 0);
    }
    talk.hear();
    talk.call(&[b"SET", b"hot", b"1"]);
    talk.hub.handle_durable(talk.hub.seq());
    talk.hub.begin_round();
    let messages: Vec<_> = core::iter::from_fn(|| talk.hub.poll_transmit(&talk.engine)).map(|(_, m)| m).collect();
    assert_eq!(messages.len(), 50);
    assert!(messages.iter().all(|message| alloc::sync::Arc::ptr_eq(message, &messages[0])));
    assert_eq!(items(&[(PeerId(0), messages[0].to_vec())]).len(), 1);
}

#[test]
fn a_replica_that_heard_of_nothing_for_long_learns_the_position() {
    let mut talk = Talk::new();
    let grant = Grant { read: Interest::new([b"mine".as_slice()]), ..Grant::everything() };
    let peer = talk.connected(grant);
    for _ in 0..10 {
        talk.call(&[b"SET", b"theirs", b"1"]);
    }
    assert_eq!(talk.hear(), []);
    talk.say(peer, &ToHub::Ping { sent: UnixMillis(5) });
    let through = talk.hear().iter().find_map(|(_, bytes)| match ToReplica::decode(bytes).unwrap() {
        ToReplica::Batch(batch) => Some(batch.through),
        _ => None,
    });
    assert_eq!(through, Some(LogSeq(10)));
}

#[test]
fn what_comes_before_a_hello_or_makes_no_sense_ends_the_connection() {
    let cases: [(ToHub<'_>, bool); 4] = [
        (push(1, 0, &[&["SET", "a", "1"]]), false),
        (ToHub::Packed(b"\xff\xff\xff\xff".as_slice().into()), true),
        (ToHub::Digests { bits: 4, sums: vec![0; 3] }, true),
        (ToHub::Push(Push { client: 9, first: ClientSeq(1), guess: 0, commands: vec![] }), true),
    ];
    for (message, after_hello) in cases {
        let mut talk = Talk::new();
        let peer =
            if after_hello { talk.connected(Grant::everything()) } else { talk.hub.open_peer(Grant::everything()) };
        talk.say(peer, &message);
        match (&message, talk.closed()) {
            // Digests that nobody waits for any more are no mistake.
            (ToHub::Digests { .. }, None) | (_, Some(CloseReason::Malformed(_))) => {}
            (message, reason) => panic!("{message:?}: {reason:?}"),
        }
    }
}

fn push_by(client: u32, first: u64, keys: &[&str]) -> ToHub<'static> {
    let command = |key: &&str| PushedCommand {
        calls: vec![vec![b"INCR".as_slice().into(), key.as_bytes().to_vec().into()]],
        conditions: vec![],
        transaction: false,
    };
    let commands = keys.iter().map(command).collect();
    ToHub::Push(Push { client, first: ClientSeq(first), guess: Guess::NONE, commands })
}

#[test]
fn an_identity_that_joins_is_told_how_far_it_has_come_and_goes_on_from_there() {
    let mut talk = Talk::new();
    let former = ClientId([9; 16]);
    let dead = talk.connect(Grant::everything(), former, 0);
    talk.say(dead, &push_by(0, 1, &["a", "b"]));
    let peer = talk.connect(Grant::everything(), CLIENT, 0);
    talk.say(peer, &ToHub::Join { client: former, acknowledged: ClientSeq(0) });
    talk.say(peer, &push_by(1, 1, &["a", "b", "c"]));
    let heard = talk.hear();
    let heard: Vec<ToReplica<'_>> =
        heard.iter().filter(|(to, _)| *to == peer).map(|(_, bytes)| ToReplica::decode(bytes).unwrap()).collect();
    let joined = |message: &ToReplica<'_>| matches!(message, ToReplica::Joined { client: 1, pushed: ClientSeq(2), .. });
    assert!(heard.iter().any(joined), "{heard:?}");
    let through = heard.iter().filter_map(|message| match message {
        ToReplica::Batch(batch) => Some(batch.through),
        _ => None,
    });
    assert_eq!(through.max(), Some(talk.hub.seq()), "it is told when all that counts has been told");
    assert_eq!(talk.call(&[b"MGET", b"a", b"b", b"c"]), b"*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n");
    assert_eq!(talk.hub.poll_close(), Some((dead, CloseReason::Replaced)), "only one connection brings an identity");
}

#[test]
fn no_more_identities_join_than_were_announced() {
    let mut talk = Talk::new();
    let peer = talk.connected(Grant::everything());
    for client in 0..63 {
        talk.say(peer, &ToHub::Join { client: ClientId([100 + client; 16]), acknowledged: ClientSeq(0) });
    }
    assert_eq!(talk.hub.poll_close(), None);
    talk.say(peer, &ToHub::Join { client: ClientId([99; 16]), acknowledged: ClientSeq(0) });
    assert_eq!(talk.hub.poll_close(), Some((peer, CloseReason::LimitPassed("more identities than clients_max"))));
}
