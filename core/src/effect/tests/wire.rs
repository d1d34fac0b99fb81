//! The bytes of the wire form, one by one. They are on disks and in browsers: a change here is a change of the format's
//! version, never a correction of this file.

use alloc::{format, string::String, vec, vec::Vec};

use crate::{
    UnixMillis,
    blob::Blob,
    effect::{Change, Effect, Put, Removal, StoredField, StoredValue},
    format::{ClientId, ClientSeq, FrameKind, LogSeq, Origin, Record, encode_frame},
    types::{
        hash::HashChange,
        list::{ListChange, Side},
        set::SetChange,
        stream::{StoredConsumer, StoredDelivery, StoredGroup, StoredStream, StreamChange, StreamId},
        string::{Expiry, StringChange},
        zset::ZSetChange,
    },
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn blob(text: &'static str) -> Blob<'static> {
    text.as_bytes().into()
}

/// Checks the bytes of an effect on the key `k` in database 3: `03 01 6b` and the change.
fn check(change: Change<'static>, expected: &str) {
    let (mut bytes, effect) = (Vec::new(), Effect::new(b"k", change));
    effect.encode(3, &mut bytes);
    assert_eq!(hex(&bytes), format!("03016b{}", expected.replace(' ', "")), "{effect:?}");
    assert_eq!(Effect::decode(&bytes), Ok((3, effect, &[][..])));
}

fn put(value: StoredValue<'static>) -> Change<'static> {
    Change::Put(Put { value, expires_at: None })
}

#[test]
fn keys_come_and_go() {
    check(Change::Delete(Removal::Deleted), "00 00");
    check(Change::Delete(Removal::Expired), "00 01");
    check(Change::Delete(Removal::Evicted), "00 02");
    check(Change::ExpireAt(UnixMillis(300)), "02 ac02");
    check(Change::Persist, "03");
    check(Change::Flush, "04");
}

#[test]
fn whole_values() {
    check(put(StoredValue::String(blob("v"))), "01 00 01 76 00");
    check(put(StoredValue::List(vec![blob("a"), blob("")])), "01 01 02 01 61 00 00");
    check(put(StoredValue::Set(vec![blob("a")])), "01 02 01 01 61 00");
    check(put(StoredValue::Hash(vec![(blob("f"), blob("v"))])), "01 03 01 01 66 01 76 00");
    let field =
        |name, at: Option<u64>| StoredField { field: blob(name), value: blob("v"), expires_at: at.map(UnixMillis) };
    let fields = vec![field("f", Some(300)), field("g", None)];
    check(put(StoredValue::TimedHash(fields)), "01 06 02 01 66 01 76 01 ac02 01 67 01 76 00 00");
    check(put(StoredValue::ZSet(vec![(1.0, blob("m"))])), "01 04 01 000000000000f03f 01 6d 00");
    let stream = StoredStream {
        last_id: id(300, 1),
        max_deleted: id(2, 0),
        added: 5,
        entries: vec![(id(300, 1), vec![blob("f"), blob("v")])],
        groups: vec![StoredGroup {
            name: blob("g"),
            last_id: id(300, 1),
            entries_read: Some(4),
            consumers: vec![StoredConsumer {
                name: blob("c"),
                seen_at: UnixMillis(6),
                pending: vec![StoredDelivery { id: id(300, 1), at: UnixMillis(300), count: 2 }],
            }],
        }],
    };
    check(
        put(StoredValue::Stream(stream.into())),
        "01 05 ac0201 0200 05 01 ac0201 02 0166 0176 01 0167 ac0201 0104 01 0163 06 01 ac0201 ac02 02 00",
    );
    let value = StoredValue::String(blob("v"));
    check(Change::Put(Put { value, expires_at: Some(UnixMillis(300)) }), "01 00 01 76 01 ac02");
}

#[test]
fn strings() {
    let set = |expiry| Change::String(StringChange::Set { value: blob("v"), expiry });
    check(set(Expiry::Clear), "05 00 01 76 00");
    check(set(Expiry::Keep), "05 00 01 76 01");
    check(set(Expiry::At(UnixMillis(300))), "05 00 01 76 02 ac02");
    check(Change::String(StringChange::Append(blob("v"))), "05 01 01 76");
    check(Change::String(StringChange::Splice { offset: 300, bytes: blob("v") }), "05 02 ac02 01 76");
}

#[test]
fn lists() {
    let check = |change, expected| check(Change::List(change), expected);
    check(ListChange::Push { side: Side::Left, elements: vec![blob("a")] }, "06 00 00 01 01 61");
    check(ListChange::Push { side: Side::Right, elements: vec![blob("a")] }, "06 00 01 01 01 61");
    check(ListChange::Pop { side: Side::Right, count: 300 }, "06 01 01 ac02");
    check(ListChange::Set { index: 300, element: blob("a") }, "06 02 ac02 01 61");
    check(ListChange::Insert { index: 300, element: blob("a") }, "06 03 ac02 01 61");
    check(ListChange::Remove { indices: vec![1, 300] }, "06 04 02 01 ac02");
    check(ListChange::Trim { start: 1, count: 300 }, "06 05 01 ac02");
}

#[test]
fn sets_hashes_and_sorted_sets() {
    check(Change::Set(SetChange::Add(vec![blob("a"), blob("b")])), "07 00 02 01 61 01 62");
    check(Change::Set(SetChange::Remove(vec![blob("a")])), "07 01 01 01 61");
    check(Change::Hash(HashChange::Set(vec![(blob("f"), blob("v"))])), "08 00 01 01 66 01 76");
    check(Change::Hash(HashChange::Remove(vec![blob("f")])), "08 01 01 01 66");
    check(Change::Hash(HashChange::SetKeeping(vec![(blob("f"), blob("v"))])), "08 02 01 01 66 01 76");
    check(Change::Hash(HashChange::Expire(vec![blob("f")])), "08 03 01 01 66");
    let fields = vec![blob("f")];
    check(Change::Hash(HashChange::ExpireAt { at: UnixMillis(300), fields }), "08 04 ac02 01 01 66");
    check(Change::Hash(HashChange::Persist(vec![blob("f")])), "08 05 01 01 66");
    check(Change::ZSet(ZSetChange::Set(vec![(-1.5, blob("m"))])), "09 00 01 000000000000f8bf 01 6d");
    check(Change::ZSet(ZSetChange::Remove(vec![blob("m")])), "09 01 01 01 6d");
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

#[test]
fn streams() {
    let check = |change, expected| check(Change::Stream(change), expected);
    let (group, consumer) = (blob("g"), blob("c"));
    check(StreamChange::Add { id: id(300, 1), words: vec![blob("f"), blob("v")] }, "0a 00 ac0201 02 0166 0176");
    check(StreamChange::Trim(300), "0a 01 ac02");
    check(StreamChange::Delete(vec![id(300, 1)]), "0a 02 01 ac0201");
    check(StreamChange::SetHead { last_id: id(300, 1), max_deleted: id(2, 0), added: 5 }, "0a 03 ac0201 0200 05");
    check(
        StreamChange::CreateGroup { group: group.clone(), last_id: id(2, 0), entries_read: None },
        "0a 04 0167 0200 00",
    );
    check(
        StreamChange::SetGroup { group: group.clone(), last_id: id(2, 0), entries_read: Some(300) },
        "0a 05 0167 0200 01ac02",
    );
    check(StreamChange::DestroyGroup(group.clone()), "0a 06 0167");
    check(
        StreamChange::Read {
            group: group.clone(),
            consumer: consumer.clone(),
            at: UnixMillis(300),
            last_id: id(3, 1),
            entries_read: Some(2),
            ids: vec![id(3, 0), id(3, 1)],
        },
        "0a 07 0167 0163 ac02 0301 0102 02 0300 0301",
    );
    let deliveries = vec![StoredDelivery { id: id(3, 0), at: UnixMillis(300), count: 2 }];
    check(
        StreamChange::Deliver { group: group.clone(), consumer: consumer.clone(), at: UnixMillis(4), deliveries },
        "0a 08 0167 0163 04 01 0300 ac02 02",
    );
    check(StreamChange::Acknowledge { group: group.clone(), ids: vec![id(3, 0)] }, "0a 09 0167 01 0300");
    check(StreamChange::DeleteConsumer { group, consumer }, "0a 0a 0167 0163");
}

#[test]
fn records_and_frames() {
    let (mut effects, mut record, mut frame) = (Vec::new(), Vec::new(), Vec::new());
    Effect::delete(b"k").encode(3, &mut effects);
    Record::encode(LogSeq(300), UnixMillis(2), None, &effects, &mut record);
    assert_eq!(hex(&record), "ac02020005 03016b0000".replace(' ', ""));
    record.clear();
    let origin = Origin { client: ClientId([7; 16]), seq: ClientSeq(300) };
    Record::encode(LogSeq(1), UnixMillis(2), Some(origin), &effects, &mut record);
    assert_eq!(hex(&record), format!("010201{}ac020503016b0000", "07".repeat(16)));
    for (kind, tag) in [
        (FrameKind::Records, "01"),
        (FrameKind::Chunk, "02"),
        (FrameKind::Head, "03"),
        (FrameKind::End, "04"),
        (FrameKind::Pending, "05"),
    ] {
        frame.clear();
        encode_frame(kind, b"abc", &mut frame);
        assert_eq!(hex(&frame[..8]), format!("534401{tag}03000000"));
        assert_eq!(&frame[12..], b"abc");
    }
    frame.clear();
    encode_frame(FrameKind::Records, b"abc", &mut frame);
    assert_eq!(hex(&frame[8..12]), "833bd63d");
}
