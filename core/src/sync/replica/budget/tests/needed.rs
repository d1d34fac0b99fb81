//! What pending commands rest on is there while they wait, however little room there is.

use alloc::{format, string::String, vec, vec::Vec};

use super::{super::super::Link, BYTES_MAX, Eviction, World};
use crate::{
    Env, Limits,
    blob::Blob,
    effect::{Change, Effect},
    format::{ClientId, ClientSeq, LogSeq},
    resp::Value,
    sync::{
        Batch, Event, Features, Item, LoadScope, LogId, Replica, ReplicaOptions, ServerLimits, Start, State, ToReplica,
        Welcome, buckets::bucket_of,
    },
    types::string::{Expiry, StringChange},
};

fn text(world: &mut World, key: &str) -> String {
    match world.pair.call(&format!("GET {key}")) {
        Value::Bulk(text) => String::from_utf8(text).unwrap(),
        other => panic!("{key} is {other:?}"),
    }
}

/// One message down, and whatever there is up.
fn step(world: &mut World) {
    let env = world.pair.env();
    while let Some(message) = world.pair.replica.poll_transmit() {
        world.pair.hub.handle_message(&mut world.pair.engine, env, world.pair.peer, &message);
    }
    world.pair.hub.handle_durable(world.pair.hub.seq());
    world.pair.hub.begin_round();
    if let Some((_, message)) = world.pair.hub.poll_transmit(&world.pair.engine) {
        world.pair.replica.handle_message(env, &message).unwrap();
    }
}

/// Connects, and takes in the first parts of a load that has more of them.
fn connect_until_loading(world: &mut World) {
    world.connect();
    while world.pair.replica.status().state != State::Loading {
        step(world);
    }
    for _ in 0..3 {
        step(world);
    }
    assert_eq!(world.pair.replica.status().state, State::Loading, "it comes in several parts");
}

/// A load of what differs takes for granted what didn't when it began.
#[test]
fn nothing_is_forgotten_while_what_differs_is_coming() {
    let mut world = World::with(Eviction::Lru, 1024 * 1024);
    for number in 0..100 {
        world.pair.call_server(&format!("SET k:{number} {number}"));
    }
    world.pair.exchange();
    world.hang_up();
    for number in 100..2_000 {
        world.pair.call_server(&format!("SET k:{number} {number}"));
    }
    if let Some(token) = &mut world.pair.replica.token {
        token.seq = LogSeq(0);
        token.log.0 ^= 1;
    }
    world.connect();
    while world.pair.replica.status().state != State::Loading {
        step(&mut world);
    }
    world.pair.replica.limit_memory(1, Eviction::Lru);
    assert!(!world.pair.replica.shrink());
    assert!(!world.pair.replica.forget(b"k:7"));
    world.pair.replica.limit_memory(1024 * 1024, Eviction::Lru);
    world.pair.exchange();
    assert_eq!(world.pair.replica.status().state, State::Live);
    for number in [0_u32, 7, 99, 1_999] {
        assert_eq!(text(&mut world, &format!("k:{number}")), format!("{number}"));
    }
}

#[test]
fn a_load_that_does_not_fit_leaves_out_nothing_that_pending_commands_touch() {
    let mut world = World::new(Eviction::Lru);
    world.hang_up();
    for number in 0..20_000 {
        world.pair.call_server(&format!("SET k:{number} {}", "x".repeat(30)));
    }
    assert_eq!(world.pair.call("APPEND k:19999 mine"), Value::Integer(4));
    assert_eq!(world.pair.call("INCR absent"), Value::Integer(1));
    world.pair.replica.token = None;
    connect_until_loading(&mut world);
    // A command that shares a key with an earlier one, and two on keys of which one passed by a while ago.
    for line in ["MULTI", "APPEND k:19999 more", "APPEND k:3 more", "INCR other", "EXEC"] {
        world.pair.call(line);
    }
    let mut steps = 0;
    while world.pair.replica.status().state != State::Live || world.pair.replica.status().pending > 0 {
        step(&mut world);
        steps += 1;
        assert!(steps < 1_000, "it comes to an end");
        assert!(text(&mut world, "k:19999").ends_with("minemore"));
        assert!(text(&mut world, "k:3").ends_with("more"));
        assert_eq!((text(&mut world, "absent"), text(&mut world, "other")), ("1".into(), "1".into()));
    }
    let x = "x".repeat(30);
    assert_eq!(text(&mut world, "k:19999"), format!("{x}minemore"));
    assert_eq!(text(&mut world, "k:3"), format!("{x}more"));
    let held = world.pair.replica.engine().keyspace().db(0).len();
    assert!(held < 1_000, "{held} keys");
}

/// The end of all keys makes everything known, and the load that begins again after it brings what fits.
#[test]
fn a_load_that_begins_again_leaves_out_what_does_not_fit() {
    let mut world = World::new(Eviction::Lru);
    world.hang_up();
    for number in 0..2_000 {
        world.pair.call_server(&format!("SET k:{number} {}", "x".repeat(200)));
    }
    world.pair.replica = super::make(2, Eviction::Lru);
    world.connect();
    while world.pair.replica.status().state != State::Loading {
        step(&mut world);
    }
    step(&mut world);
    world.pair.call_server("FLUSHDB");
    for number in 0..2_000 {
        world.pair.call_server(&format!("SET k:{number} {}", "y".repeat(200)));
    }
    world.pair.exchange();
    assert_eq!(world.pair.replica.status().state, State::Live);
    let known = (0..2_000).filter(|number| world.pair.replica.is_known(format!("k:{number}").as_bytes())).count();
    assert!((10..100).contains(&known), "{known} keys are known");
    world.check_content().unwrap();
}

/// What comes between the digests and the load counts for a key that isn't there, and is known not to be; and for one of
/// which the digests tell that it isn't.
fn check_change_before_a_load(was_known: bool) {
    let mut world = World::new(Eviction::Lru);
    world.hang_up();
    if was_known {
        world.pair.call("PEXPIRE absent 100000");
    } else {
        world.pair.replica.holes.hide(b"absent");
    }
    world.connect();
    while world.pair.replica.poll_transmit().is_some() {}
    let (bits, at) = (4, world.pair.replica.seq().0);
    let incremented = |key: &[u8]| {
        let change = StringChange::Set { value: Blob::from(&b"1"[..]), expiry: Expiry::Keep };
        let mut bytes = Vec::new();
        Effect::new(key, Change::String(change)).encode(0, &mut bytes);
        bytes
    };
    let mut long = Vec::new();
    for number in 0..9 {
        world.pair.call_server(&format!("SET long:{number} {}", "x".repeat(5_000)));
    }
    world.pair.engine.snapshot(|_, _| true, |chunk| long.extend_from_slice(&chunk));
    let buckets = (0..1 << bits).filter(|bucket| *bucket != bucket_of(b"absent", bits)).collect();
    let env = world.pair.env();
    for message in [
        ToReplica::Welcome(Welcome {
            version: 1,
            features: Features::default(),
            log: LogId(1),
            scope: 0,
            seq: LogSeq(at),
            head: LogSeq(at),
            now: env.now,
            start: Start::Digest { bits },
            pushed: vec![ClientSeq(0)],
            limits: ServerLimits::USUAL,
        }),
        ToReplica::Batch(Batch { through: LogSeq(at + 1), items: vec![Item::Foreign(incremented(b"absent").into())] }),
        ToReplica::LoadBegin(LoadScope::Buckets { bits, buckets }),
        ToReplica::Chunk(long.into()),
        ToReplica::LoadEnd { through: LogSeq(at + 1) },
    ] {
        world.pair.replica.handle_message(env, &message.encode()).unwrap();
    }
    let replica = &world.pair.replica;
    assert_eq!((replica.status().state, replica.holes.is_sparse()), (State::Live, true), "not all fits");
    assert_eq!(text(&mut world, "absent"), "1");
}

#[test]
fn a_change_before_a_load_of_what_differs_finds_a_key_absent() {
    check_change_before_a_load(true);
    check_change_before_a_load(false);
}

/// What came behind a load that waits for keys which it left out, in a word each; `None` if none waits.
fn behind(world: &World) -> Option<Vec<&'static str>> {
    let Link::Starting { room, later, .. } = &world.pair.replica.link else { return None };
    let word = |bytes: &Vec<u8>| match ToReplica::decode(bytes).unwrap() {
        ToReplica::LoadBegin(LoadScope::Added { .. }) => "begin",
        ToReplica::Chunk(_) => "chunk",
        ToReplica::LoadEnd { .. } => "end",
        ToReplica::Unsubscribed { .. } => "unsubscribed",
        ToReplica::Batch(_) => "batch",
        ToReplica::Fetched { .. } => "fetched",
        other => panic!("{other:?}"),
    };
    room.is_waiting().then(|| later.iter().map(word).collect())
}

#[test]
fn a_change_of_interest_behind_a_load_that_waits_is_no_part_of_the_load() {
    let mut world = World::new(Eviction::Lru);
    world.hang_up();
    for number in 0..20_000 {
        world.pair.call_server(&format!("SET k:{number} {}", "x".repeat(30)));
    }
    for number in 0..10 {
        world.pair.call_server(&format!("MSET added:{number} theirs gone:{number} theirs"));
    }
    let options = ReplicaOptions {
        client: ClientId([2; 16]),
        interest: vec![b"k:*".to_vec(), b"gone:*".to_vec()],
        db: 0,
        seed: 2,
        limits: Limits::DEFAULT,
    };
    world.pair.replica = Replica::new(options, Env::new(1_000_000, 0));
    world.pair.replica.limit_memory(BYTES_MAX, Eviction::Lru);
    connect_until_loading(&mut world);
    // Of these keys most have passed by, and there was no room.
    for number in 0..200 {
        world.pair.call(&format!("APPEND k:{number} mine"));
    }
    let env = world.pair.env();
    let both = world.pair.replica.subscribe(env, &[b"added:*"], &[b"gone:*"]);
    let back = world.pair.replica.subscribe(env, &[b"gone:*"], &[]);
    while behind(&world).is_none() {
        step(&mut world);
        assert_eq!(world.pair.replica.status().state, State::Loading);
    }
    while world.pair.replica.poll_event().is_some() {}
    // What it asks for doesn't get up yet, and the hub goes on to what comes next.
    for _ in 0..20 {
        world.pair.bring_down();
    }
    world.pair.call_server("APPEND added:0 !");
    world.pair.bring_down();
    let came = behind(&world).unwrap();
    assert_eq!(came, ["begin", "chunk", "end", "unsubscribed", "begin", "chunk", "end", "batch"]);
    assert_eq!(world.pair.replica.poll_event(), None);
    assert!(!world.pair.replica.is_known(b"added:0"));

    world.pair.exchange();
    world.drain();
    assert_eq!((world.pair.replica.status().state, world.pair.replica.status().pending), (State::Live, 0));
    let events = Vec::from_iter(core::iter::from_fn(|| world.pair.replica.poll_event()));
    let told = |wanted: Event| events.iter().position(|event| *event == wanted);
    let order = [Event::State(State::Live), Event::Subscribed { id: both }, Event::Subscribed { id: back }].map(told);
    assert!(order.is_sorted() && order[0].is_some(), "{events:?}");
    assert_eq!(world.pair.replica.globs, [&b"k:*"[..], b"added:*", b"gone:*"]);
    for number in 0..10 {
        world.pair.replica.fetch(&[format!("added:{number}").as_bytes(), format!("gone:{number}").as_bytes()]);
    }
    world.pair.replica.fetch(&[b"k:3"]);
    world.pair.exchange();
    for number in 0..10 {
        let added = if number == 0 { "theirs!" } else { "theirs" };
        assert_eq!(text(&mut world, &format!("added:{number}")), added);
        assert_eq!(text(&mut world, &format!("gone:{number}")), "theirs");
    }
    assert_eq!(text(&mut world, "k:3"), format!("{}mine", "x".repeat(30)));
    world.check_content().unwrap();
}
