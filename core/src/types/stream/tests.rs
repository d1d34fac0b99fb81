//! Streams against a model that keeps everything in plain maps: contents, counts, replies, and the way back.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::{collection::vec as many, prelude::*};

use super::{StoredDelivery, Stream, StreamChange, StreamId, Threshold};
use crate::{
    Engine, EngineOptions, Env, Role, UnixMillis,
    blob::Blob,
    effect::{Collection, StoredValue},
    resp::{Value, decode_value},
    types::encoding::Encoding,
};

/// A stream in plain maps.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: BTreeMap<StreamId, Vec<Vec<u8>>>,
    last_id: StreamId,
    max_deleted: StreamId,
    added: u64,
    groups: BTreeMap<Vec<u8>, ModelGroup>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelGroup {
    last_id: StreamId,
    entries_read: Option<u64>,
    consumers: BTreeMap<Vec<u8>, UnixMillis>,
    pending: BTreeMap<StreamId, (Vec<u8>, UnixMillis, u64)>,
}

impl Model {
    fn apply(&mut self, change: &StreamChange<'_>) {
        match change {
            StreamChange::Add { id, words } if *id > self.last_id => {
                let whole = words.len() / 2 * 2;
                self.entries.insert(*id, words[..whole].iter().map(|word| word.to_vec()).collect());
                self.last_id = *id;
                self.added += 1;
            }
            StreamChange::Add { .. } => {}
            StreamChange::Trim(count) => {
                for _ in 0..*count {
                    self.entries.pop_first();
                }
            }
            StreamChange::Delete(ids) => {
                for id in ids {
                    if self.entries.remove(id).is_some() {
                        self.max_deleted = self.max_deleted.max(*id);
                    }
                }
            }
            StreamChange::SetHead { last_id, max_deleted, added } => {
                if self.entries.keys().all(|id| id <= last_id) {
                    (self.last_id, self.max_deleted, self.added) = (*last_id, *max_deleted, *added);
                }
            }
            StreamChange::CreateGroup { group, last_id, entries_read } => {
                let made = ModelGroup { last_id: *last_id, entries_read: *entries_read, ..Default::default() };
                self.groups.entry(group.to_vec()).or_insert(made);
            }
            StreamChange::DestroyGroup(group) => {
                self.groups.remove(&**group);
            }
            StreamChange::SetGroup { group, .. }
            | StreamChange::Read { group, .. }
            | StreamChange::Deliver { group, .. }
            | StreamChange::Acknowledge { group, .. }
            | StreamChange::DeleteConsumer { group, .. } => {
                if let Some(group) = self.groups.get_mut(&**group) {
                    group.apply(change);
                }
            }
        }
    }
}

impl ModelGroup {
    fn apply(&mut self, change: &StreamChange<'_>) {
        match change {
            StreamChange::SetGroup { last_id, entries_read, .. } => {
                (self.last_id, self.entries_read) = (*last_id, *entries_read);
            }
            StreamChange::Read { consumer, at, last_id, entries_read, ids, .. } => {
                (self.last_id, self.entries_read) = (*last_id, *entries_read);
                self.consumers.insert(consumer.to_vec(), *at);
                self.pending.extend(ids.iter().map(|id| (*id, (consumer.to_vec(), *at, 1))));
            }
            StreamChange::Deliver { consumer, at, deliveries, .. } => {
                self.consumers.insert(consumer.to_vec(), *at);
                let of = |delivery: &StoredDelivery| (delivery.id, (consumer.to_vec(), delivery.at, delivery.count));
                self.pending.extend(deliveries.iter().map(of));
            }
            StreamChange::Acknowledge { ids, .. } => self.pending.retain(|id, _| !ids.contains(id)),
            StreamChange::DeleteConsumer { consumer, .. } => {
                self.consumers.remove(&**consumer);
                self.pending.retain(|_, (owner, ..)| *owner != **consumer);
            }
            _ => {}
        }
    }
}

/// What a stream holds, read by every way there is to it.
fn content(stream: &Stream) -> Model {
    let ids: Vec<StreamId> = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    let mut reversed: Vec<StreamId> = stream.range_rev(StreamId::MAX, StreamId::MIN).map(|entry| entry.id).collect();
    reversed.reverse();
    assert_eq!(ids, reversed);
    assert_eq!(stream.len(), ids.len());
    assert_eq!(stream.first().map(|entry| entry.id), ids.first().copied());
    assert_eq!(stream.last().map(|entry| entry.id), ids.last().copied());
    assert_eq!(stream.allocated_bytes(), stream.counted_bytes(), "bytes are counted");
    let entry = |id: StreamId| stream.find(id).unwrap().words().iter().map(|word| word.to_vec()).collect();
    let groups = stream.groups().iter().map(|group| {
        let owned = |(id, delivery): (&StreamId, &super::Delivery)| {
            (*id, (group.owner(delivery).to_vec(), delivery.at, delivery.count))
        };
        let pending: BTreeMap<_, _> = group.pending().iter().map(owned).collect();
        let of_consumers = group.consumers().flat_map(|consumer| {
            consumer.pending().iter().map(|(id, one)| (*id, (consumer.name.to_vec(), one.at, one.count)))
        });
        assert_eq!(of_consumers.collect::<BTreeMap<_, _>>(), pending, "both indexes agree");
        assert_eq!(group.consumers().count(), group.consumer_count());
        let consumers = group.consumers().map(|consumer| (consumer.name.to_vec(), consumer.seen_at)).collect();
        let held = ModelGroup { last_id: group.last_id, entries_read: group.entries_read, consumers, pending };
        (group.name.to_vec(), held)
    });
    let head = stream.head();
    Model {
        entries: ids.iter().map(|id| (*id, entry(*id))).collect(),
        last_id: head.last_id,
        max_deleted: head.max_deleted,
        added: head.added,
        groups: groups.collect(),
    }
}

fn id() -> impl Strategy<Value = StreamId> {
    (0..6_u64, 0..6_u64).prop_map(|(ms, seq)| StreamId { ms, seq })
}

fn name(letters: &'static str) -> impl Strategy<Value = Blob<'static>> {
    (0..letters.len()).prop_map(|at| Blob::from(&letters.as_bytes()[at..=at]))
}

/// Fields that mostly are the same, with values of all sizes.
fn words() -> impl Strategy<Value = Vec<Blob<'static>>> {
    let value = prop_oneof![6 => many(any::<u8>(), 0..9), 1 => many(any::<u8>(), 100..300)].prop_map(Blob::from);
    let usual = (value.clone(), value.clone())
        .prop_map(|(one, other)| vec![Blob::from(&b"one"[..]), one, Blob::from(&b"other"[..]), other]);
    prop_oneof![3 => usual, 1 => many(value, 0..7)]
}

/// A change whose new ids are to be taken as distances from the last one.
fn change() -> impl Strategy<Value = StreamChange<'static>> {
    let ids = || many(id(), 0..5);
    let at = || (0..9_u64).prop_map(UnixMillis);
    let group = || name("gh");
    let consumer = || name("abc");
    let delivery = (id(), at(), 0..4_u64).prop_map(|(id, at, count)| StoredDelivery { id, at, count });
    let read = || proptest::option::of(0..9_u64);
    prop_oneof![
        12 => (0..2_u64, 0..3_u64, words())
            .prop_map(|(ms, seq, words)| StreamChange::Add { id: StreamId { ms, seq }, words }),
        2 => (0..8_u64).prop_map(StreamChange::Trim),
        3 => ids().prop_map(StreamChange::Delete),
        1 => (id(), id(), 0..99_u64)
            .prop_map(|(last_id, max_deleted, added)| StreamChange::SetHead { last_id, max_deleted, added }),
        2 => (group(), id(), read())
            .prop_map(|(group, last_id, entries_read)| StreamChange::CreateGroup { group, last_id, entries_read }),
        1 => (group(), id(), read())
            .prop_map(|(group, last_id, entries_read)| StreamChange::SetGroup { group, last_id, entries_read }),
        1 => group().prop_map(StreamChange::DestroyGroup),
        3 => (group(), consumer(), at(), id(), read(), ids()).prop_map(
            |(group, consumer, at, last_id, entries_read, ids)| StreamChange::Read {
                group, consumer, at, last_id, entries_read, ids,
            }
        ),
        3 => (group(), consumer(), at(), many(delivery, 0..4))
            .prop_map(|(group, consumer, at, deliveries)| StreamChange::Deliver { group, consumer, at, deliveries }),
        2 => (group(), ids()).prop_map(|(group, ids)| StreamChange::Acknowledge { group, ids }),
        1 => (group(), consumer())
            .prop_map(|(group, consumer)| StreamChange::DeleteConsumer { group, consumer }),
    ]
}

/// Moves the id of a new entry to where it is one, mostly.
fn advanced(change: StreamChange<'static>, last: StreamId) -> StreamChange<'static> {
    match change {
        StreamChange::Add { id, words } => {
            let seq = if id.ms == 0 { last.seq + id.seq } else { id.seq };
            StreamChange::Add { id: StreamId { ms: last.ms + id.ms, seq }, words }
        }
        change => change,
    }
}

proptest! {
    #[test]
    fn changes_do_what_they_do_to_the_model_and_can_be_taken_back(
        changes in many(change(), 1..80), entries in 1..6_usize, bytes in prop_oneof![Just(0_usize), 20..400_usize],
    ) {
        let encoding = Encoding {
            stream_node_max_entries: entries, stream_node_max_bytes: bytes, ..Encoding::default()
        };
        let (mut stream, mut model, mut history) = (Stream::default(), Model::default(), Vec::new());
        for change in changes {
            let change = advanced(change, model.last_id);
            let before = model.clone();
            model.apply(&change);
            let (applied, undo) = Collection::apply(&mut stream, &change, &encoding, true);
            prop_assert_eq!(&content(&stream), &model, "after {:?}", change);
            prop_assert_eq!(applied.changed, model != before, "{:?}", change);
            prop_assert_eq!((undo.is_some(), applied.len), (applied.changed, stream.len()));
            history.push((before, undo));
        }
        let StoredValue::Stream(stored) = stream.stored() else { panic!("not a stream") };
        prop_assert_eq!(&content(&Stream::restored(&stored, &Encoding::default())), &model);
        for (before, undo) in history.into_iter().rev() {
            if let Some(undo) = undo {
                Collection::undo(&mut stream, undo, &encoding);
            }
            prop_assert_eq!(&content(&stream), &before);
        }
    }

    #[test]
    fn ranges_begin_and_end_where_they_should(
        changes in many(change(), 1..60), from in id(), to in id(), entries in 1..6_usize,
    ) {
        let encoding = Encoding { stream_node_max_entries: entries, ..Encoding::default() };
        let (mut stream, mut model) = (Stream::default(), Model::default());
        for change in changes {
            let change = advanced(change, model.last_id);
            model.apply(&change);
            Collection::apply(&mut stream, &change, &encoding, false);
        }
        let expected: Vec<StreamId> = model.entries.keys().copied().filter(|id| (from..=to).contains(id)).collect();
        prop_assert_eq!(stream.range(from, to).map(|entry| entry.id).collect::<Vec<_>>(), expected.clone());
        let reversed: Vec<StreamId> = expected.into_iter().rev().collect();
        prop_assert_eq!(stream.range_rev(to, from).map(|entry| entry.id).collect::<Vec<_>>(), reversed);
        prop_assert_eq!(stream.find(from).is_some(), model.entries.contains_key(&from));
        prop_assert_eq!(stream.reaches_beyond(from), model.entries.keys().any(|id| *id > from));
        prop_assert_eq!(stream.after(from).count(), model.entries.keys().filter(|id| **id > from).count());
    }

    #[test]
    fn exact_trimming_leaves_what_it_should_and_rough_trimming_no_less(
        count in 0..40_u64, limit in 0..40_usize, entries in 1..6_usize, bound in 0..20_usize,
    ) {
        let encoding = Encoding { stream_node_max_entries: entries, ..Encoding::default() };
        let mut stream = Stream::default();
        for ms in 1..=count {
            let change = StreamChange::Add { id: StreamId { ms, seq: 0 }, words: vec![] };
            Collection::apply(&mut stream, &change, &encoding, false);
        }
        let count = count as usize;
        let (by_len, by_id) = (Threshold::Len(limit), Threshold::Id(StreamId { ms: limit as u64, seq: 0 }));
        prop_assert_eq!(stream.count_to_trim(by_len, false, 0), count.saturating_sub(limit));
        prop_assert_eq!(stream.count_to_trim(by_id, false, 0), limit.saturating_sub(1).min(count));
        let rough = stream.count_to_trim(by_len, true, bound);
        prop_assert!(rough <= count.saturating_sub(limit) && (bound == 0 || rough <= bound));
        prop_assert!(rough % entries == 0 || rough == count, "whole nodes");
    }
}

/// A client of an engine, at a moment of its own.
struct Client {
    engine: Engine,
    session: crate::SessionId,
    now_ms: u64,
}

impl Client {
    fn new(role: Role) -> Self {
        let mut engine = Engine::new(EngineOptions { role, ..EngineOptions::default() });
        let session = engine.open_session("127.0.0.1:1", Env::new(1_000, 0));
        Self { engine, session, now_ms: 1_000 }
    }

    fn bytes(&mut self, line: &str) -> Vec<u8> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut reply = Vec::new();
        self.engine.execute(Env::new(self.now_ms, 1), self.session, &words, &mut reply);
        reply
    }

    fn run(&mut self, line: &str) -> String {
        shown(&decode_value(&self.bytes(line)).unwrap().unwrap().0)
    }
}

/// A reply in one line.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Simple(text) | Value::Error(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn check(client: &mut Client, line: &str, expected: &str) {
    assert_eq!(client.run(line), expected, "{line}");
}

#[test]
fn ids_come_from_the_clock_and_never_go_back() {
    let mut client = Client::new(Role::Primary);
    check(&mut client, "XADD s * f v", "1000-0");
    check(&mut client, "XADD s * f v", "1000-1");
    client.now_ms = 10;
    check(&mut client, "XADD s * f v", "1000-2");
    check(&mut client, "XADD s 1000-* f v", "1000-3");
    check(&mut client, "XADD s 1001-* f v", "1001-0");
    client.now_ms = 2_000;
    check(&mut client, "XADD s * f v", "2000-0");
}

#[test]
fn a_plus_means_the_last_entry() {
    let mut client = Client::new(Role::Primary);
    check(&mut client, "XREAD STREAMS s +", "null");
    client.run("XADD s 1-1 f v");
    client.run("XADD s 2-0 f w");
    check(&mut client, "XREAD STREAMS s +", "[[s [[2-0 [f w]]]]]");
    client.run("XDEL s 2-0");
    check(&mut client, "XREAD STREAMS s +", "[[s [[1-1 [f v]]]]]");
}

#[test]
fn a_replica_does_not_wait_and_says_so() {
    let mut client = Client::new(Role::Replica);
    client.run("XADD s 1 f v");
    check(&mut client, "XREAD STREAMS s 0", "[[s [[1-0 [f v]]]]]");
    assert!(client.run("XREAD BLOCK 0 STREAMS s $").starts_with("ERR BLOCK waits on a server only"));
}

#[test]
fn who_waits_in_a_group_is_told_that_its_stream_has_expired() {
    let mut client = Client::new(Role::Primary);
    client.run("XGROUP CREATE s g $ MKSTREAM");
    client.run("PEXPIREAT s 1500");
    assert_eq!(client.bytes("XREADGROUP GROUP g ada BLOCK 0 STREAMS s >"), b"");
    client.engine.expire(Env::new(1_499, 0), 10);
    assert_eq!(client.engine.poll_woken(), None);
    client.engine.expire(Env::new(1_500, 0), 10);
    assert!(client.engine.poll_woken().unwrap().reply.starts_with(b"-UNBLOCKED"));
}

/// Runs calls of several clients, each on a session of its own: `name> call`. Collects what wakes whom.
fn story(lines: &[&str]) -> Vec<String> {
    let mut engine = Engine::new(EngineOptions::default());
    let mut sessions = BTreeMap::new();
    let mut woken = Vec::new();
    for line in lines {
        let (name, call) = line.split_once("> ").unwrap();
        let env = Env::new(1_000, 1);
        let session = *sessions.entry(name).or_insert_with(|| engine.open_session("127.0.0.1:1", env));
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        engine.execute(env, session, &words, &mut Vec::new());
        while let Some(reply) = engine.poll_woken() {
            let name = sessions.iter().find(|(_, session)| **session == reply.session).unwrap().0;
            woken.push(format!("{name}: {}", shown(&decode_value(&reply.reply).unwrap().unwrap().0)));
        }
    }
    woken
}

#[test]
fn what_is_meant_by_a_dollar_is_decided_when_the_waiting_begins() {
    let woken = story(&[
        "w> XADD s 5-0 f old",
        "a> XREAD BLOCK 0 STREAMS s t $ $",
        "b> XREAD BLOCK 0 STREAMS s 3",
        "w> XADD t 1-0 f new",
        "a> XREAD BLOCK 0 STREAMS s t $ $",
        "w> DEL s",
        "w> XADD s 4-0 f lower",
        "w> XADD s 6-0 f higher",
    ]);
    assert_eq!(woken, ["a: [[t [[1-0 [f new]]]]]", "a: [[s [[6-0 [f higher]]]]]"]);
}

#[test]
fn who_waits_longest_in_a_group_reads_first_and_the_others_wait_on() {
    let woken = story(&[
        "w> XGROUP CREATE s g $ MKSTREAM",
        "a> XREADGROUP GROUP g ada COUNT 1 BLOCK 0 STREAMS s >",
        "b> XREADGROUP GROUP g bob BLOCK 0 STREAMS s >",
        "r> XREAD BLOCK 0 STREAMS s $",
        "w> XADD s 1-0 f v",
        "w> XADD s 2-0 f v",
    ]);
    assert_eq!(woken, ["a: [[s [[1-0 [f v]]]]]", "r: [[s [[1-0 [f v]]]]]", "b: [[s [[2-0 [f v]]]]]"]);
}

#[test]
fn who_waits_in_a_group_is_told_that_it_has_gone() {
    let wait = "a> XREADGROUP GROUP g ada BLOCK 0 STREAMS s >";
    let gone = "a: UNBLOCKED the stream key no longer exists";
    let no_group = "a: NOGROUP the consumer group this client was blocked on no longer exists";
    for (call, expected) in [
        ("w> DEL s", gone),
        ("w> FLUSHALL", gone),
        ("w> FLUSHDB", gone),
        ("w> SET s text", gone),
        ("w> RENAME s other", gone),
        ("w> XGROUP DESTROY s g", no_group),
    ] {
        assert_eq!(story(&["w> XGROUP CREATE s g $ MKSTREAM", wait, call]), [expected], "{call}");
    }
    let stays = story(&["w> XGROUP CREATE s g $ MKSTREAM", wait, "w> XGROUP CREATE s h $", "w> XADD t 1 f v"]);
    assert_eq!(stays, [""; 0]);
}

#[test]
fn replies_in_resp3_are_maps() {
    let mut client = Client::new(Role::Primary);
    client.bytes("HELLO 3");
    client.run("XADD s 1 f v");
    client.run("XADD t 1 f v");
    let reply = client.bytes("XREAD STREAMS s t 0 0");
    assert!(reply.starts_with(b"%2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n"), "{}", reply.escape_ascii());
    assert!(client.bytes("XINFO STREAM s").starts_with(b"%10\r\n"));
    assert_eq!(client.bytes("XREAD STREAMS s 9"), b"_\r\n");
}

#[test]
fn the_keys_of_a_read_are_found_where_the_handler_finds_them() {
    let keys = |line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let row = crate::command::table::find(words[0]).unwrap();
        row.key_positions(&words).collect::<Vec<_>>()
    };
    assert_eq!(keys("XREAD STREAMS a b 0 0"), [2, 3]);
    assert_eq!(keys("XREAD COUNT streams BLOCK streams streams a b 0 0"), [6, 7]);
    assert_eq!(keys("XREADGROUP GROUP streams streams NOACK STREAMS streams >"), [6]);
    for line in ["XREAD a b STREAMS c 0", "XREAD STREAMS", "XREAD", "XREAD COUNT", "XREAD COUNT 1"] {
        assert_eq!(keys(line), [0; 0], "{line}");
    }
}
