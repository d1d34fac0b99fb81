//! Values there and back; old encodings; and bytes from nowhere, which are refused or are a value, and cost what they
//! weigh.

use alloc::{boxed::Box, format, vec, vec::Vec};

use proptest::{collection::vec, prelude::*};

use super::{Malformed, Type, dump, restore, seal, unseal};
use crate::{
    effect::{Change, Effect, Put, StoredField, StoredValue},
    hash::Rng,
    keyspace::Keyspace,
    types::{
        encoding::Encoding,
        stream::{StoredConsumer, StoredDelivery, StoredGroup, StoredStream, StreamId},
    },
};

/// A keyspace that holds one value at `k`, laid out by low or by usual thresholds.
fn holding(value: StoredValue<'_>, compact: bool) -> Keyspace {
    let encoding = Encoding::new(3);
    let mut keyspace = Keyspace::new(match compact {
        true => encoding,
        false => Encoding {
            hash_max_listpack_entries: 2,
            zset_max_listpack_entries: 2,
            set_max_intset_entries: 2,
            set_max_listpack_entries: 2,
            ..encoding
        },
    });
    keyspace.apply(0, &Effect::new(b"k", Change::Put(Put { value, expires_at: None })), None);
    keyspace
}

fn dump_of(keyspace: &Keyspace) -> Option<Vec<u8>> {
    keyspace.db(0).find(b"k").map(|entry| dump(entry.value))
}

const ROOM: usize = 1 << 20;

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(any::<u8>(), 0..40),
        2 => (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| format!("{}", value >> shift).into_bytes()),
        1 => (any::<u8>(), prop::sample::select(vec![63_usize, 64, 4095, 4096, 9000, 16_384]))
            .prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn words(count_max: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(word(), 1..count_max)
}

fn stream(seed: u64) -> StoredStream<'static> {
    let mut rng = Rng::new(seed);
    let mut stream = StoredStream::default();
    for _ in 0..rng.below(150) {
        let last = stream.last_id;
        let id = if rng.below(2) == 0 {
            last.next().unwrap()
        } else {
            StreamId { ms: last.ms + 1 + rng.below(9), seq: rng.below(3) }
        };
        let fields = 1 + rng.below(3);
        let mut text = |kind: &str, of: u64| format!("{kind}{}", rng.below(of)).into_bytes().into();
        stream.entries.push((id, (0..fields).flat_map(|_| [text("field", 2), text("", 1000)]).collect()));
        stream.last_id = id;
    }
    stream.added = stream.entries.len() as u64 + rng.below(3);
    stream.max_deleted = StreamId { ms: 0, seq: rng.below(2) };
    let mut ids: Vec<StreamId> = stream.entries.iter().map(|(id, _)| *id).collect();
    for name in ["g", "h"].into_iter().take(rng.index(3)) {
        let mut consumers = Vec::new();
        let mut left = ids.clone();
        for consumer in ["a", "b"] {
            let pending = left.split_off(rng.index(left.len() + 1)).into_iter();
            let pending = pending.map(|id| StoredDelivery {
                id,
                at: crate::UnixMillis(rng.next_u64() >> 20),
                count: rng.below(300),
            });
            let pending = pending.collect();
            consumers.push(StoredConsumer { name: consumer.as_bytes().into(), seen_at: crate::UnixMillis(5), pending });
        }
        let entries_read = (rng.below(2) == 0).then_some(rng.below(100));
        stream.groups.push(StoredGroup {
            name: name.as_bytes().into(),
            last_id: stream.last_id,
            entries_read,
            consumers,
        });
        ids.truncate(3);
    }
    stream
}

fn stored() -> impl Strategy<Value = StoredValue<'static>> {
    let blobs = |words: Vec<Vec<u8>>| words.into_iter().map(Into::into).collect();
    prop_oneof![
        1 => word().prop_map(|word| StoredValue::String(word.into())),
        2 => words(200).prop_map(move |words| StoredValue::List(blobs(words))),
        2 => words(200).prop_map(move |words| StoredValue::Set(blobs(words))),
        1 => vec(any::<i64>(), 1..100).prop_flat_map(|values| (Just(values), 0_u32..64)).prop_map(|(values, shift)| {
            StoredValue::Set(values.iter().map(|value| format!("{}", value >> shift).into_bytes().into()).collect())
        }),
        2 => vec((word(), word()), 1..150).prop_map(|pairs| {
            StoredValue::Hash(pairs.into_iter().map(|(field, value)| (field.into(), value.into())).collect())
        }),
        1 => vec((word(), word(), prop::option::of(0_u64..1 << 46)), 1..150).prop_map(|fields| {
            let field = |(field, value, at): (Vec<u8>, Vec<u8>, Option<u64>)| StoredField {
                field: field.into(),
                value: value.into(),
                expires_at: at.map(crate::UnixMillis),
            };
            StoredValue::TimedHash(fields.into_iter().map(field).collect())
        }),
        2 => vec((any::<f64>().prop_filter("a number", |score| !score.is_nan()), word()), 1..150).prop_map(|members| {
            StoredValue::ZSet(members.into_iter().map(|(score, member)| (score, member.into())).collect())
        }),
        2 => any::<u64>().prop_map(|seed| StoredValue::Stream(Box::new(stream(seed)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_value_comes_back(value in stored(), compact: bool) {
        let before = holding(value, compact);
        let payload = dump_of(&before).unwrap();
        let after = holding(restore(unseal(&payload).unwrap(), ROOM).unwrap(), !compact);
        prop_assert_eq!(before.digest(), after.digest());
        prop_assert!(unseal(&payload[..payload.len() - 1]).is_none());
    }

    #[test]
    fn what_is_damaged_is_refused_or_another_value(value in stored(), seed: u64) {
        let payload = dump_of(&holding(value, seed.is_multiple_of(2))).unwrap();
        let mut rng = Rng::new(seed);
        let mut content = unseal(&payload).unwrap().to_vec();
        for _ in 0..=rng.below(3) {
            let at = rng.index(content.len());
            match rng.below(4) {
                0 => content[at] = rng.next_u64() as u8,
                1 => content[at] ^= 1 << rng.below(8),
                2 => content.truncate(at + 1),
                _ => _ = content.splice(at..at, [rng.next_u64() as u8]),
            }
        }
        check_any(&content);
    }

    #[test]
    fn bytes_from_nowhere_are_refused_or_a_value(kind in 0_u8..28, body in vec(any::<u8>(), 0..120)) {
        check_any(&[[kind].as_slice(), &body].concat());
    }
}

/// Whatever the bytes are: if they are taken for a value, it is one that can be written and read again.
fn check_any(content: &[u8]) {
    if let Ok(value) = restore(content, ROOM) {
        let held = holding(value, content.len().is_multiple_of(2));
        let payload = dump_of(&held).expect("what is read is no empty collection");
        let again = holding(restore(unseal(&payload).unwrap(), usize::MAX).unwrap(), true);
        assert_eq!(held.digest(), again.digest(), "{content:?}");
    }
}

fn read(kind: Type, body: &[u8]) -> Result<StoredValue<'static>, Malformed> {
    let content = [&[kind as u8], body].concat();
    restore(&content, ROOM).map(|value| {
        let mut bytes = Vec::new();
        Effect::new(b"", Change::Put(Put { value, expires_at: None })).encode(0, &mut bytes);
        let bytes: &'static [u8] = bytes.leak();
        match Effect::decode(bytes).unwrap().1.change {
            Change::Put(put) => put.value,
            _ => unreachable!("it was a put"),
        }
    })
}

/// A string of less than 64 bytes.
fn short(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8], bytes].concat()
}

#[test]
fn what_old_releases_wrote_is_read() {
    // "a" and 300, 12 and -1: a string, 16 bits, an immediate, 8 bits.
    let ziplist = [24, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 1, b'a', 3, 0xc0, 0x2c, 1, 4, 0xfd, 2, 0xfe, 0xff, 0xff];
    let ziplist = [&[23, 0, 0, 0, 19], &ziplist[5..]].concat();
    let of = |words: [&str; 4]| words.map(|word| word.as_bytes().to_vec().into()).to_vec();
    assert_eq!(read(Type::ListZiplist, &short(&ziplist)), Ok(StoredValue::List(of(["a", "300", "12", "-1"]))));
    let quicklist = [&[2][..], &short(&ziplist), &short(&ziplist)].concat();
    let twice = [of(["a", "300", "12", "-1"]), of(["a", "300", "12", "-1"])].concat();
    assert_eq!(read(Type::ListQuicklist, &quicklist), Ok(StoredValue::List(twice)));
    let pairs = vec![(b"a"[..].into(), b"300"[..].into()), (b"12"[..].into(), b"-1"[..].into())];
    assert_eq!(read(Type::HashZiplist, &short(&ziplist)), Ok(StoredValue::Hash(pairs)));
    let members = vec![(-1.0, b"12"[..].into()), (300.0, b"a"[..].into())];
    assert_eq!(read(Type::ZSetZiplist, &short(&ziplist)), Ok(StoredValue::ZSet(members)));
    let zipmap = [1, 1, b'f', 2, 1, b'v', b'w', 0, 0xff];
    let pairs = vec![(b"f"[..].into(), b"vw"[..].into())];
    assert_eq!(read(Type::HashZipmap, &short(&zipmap)), Ok(StoredValue::Hash(pairs)));
    let scores = [3, 1, b'a', 3, b'1', b'.', b'5', 1, b'b', 254, 1, b'c', 255];
    let members = vec![(f64::NEG_INFINITY, b"c"[..].into()), (1.5, b"a"[..].into()), (f64::INFINITY, b"b"[..].into())];
    assert_eq!(read(Type::ZSet, &scores), Ok(StoredValue::ZSet(members)));
}

#[test]
fn deadlines_of_fields_are_read_as_redis_writes_them() {
    let field = |name: &'static [u8], at: Option<u64>| StoredField {
        field: name.into(),
        value: b"v"[..].into(),
        expires_at: at.map(crate::UnixMillis),
    };
    let wanted = Ok(StoredValue::TimedHash(vec![field(b"a", Some(1000)), field(b"b", Some(1300)), field(b"c", None)]));
    let body = [&1000_u64.to_le_bytes()[..], b"\x03\x01\x01a\x01v\x41\x2d\x01b\x01v\0\x01c\x01v"].concat();
    assert_eq!(read(Type::HashTimed, &body), wanted);
    let mut pack = super::listpack::ListpackWriter::new();
    [b"a".as_slice(), b"v", b"1000", b"b", b"v", b"1300", b"c", b"v", b"0"].iter().for_each(|entry| pack.push(entry));
    let body = [&1000_u64.to_le_bytes()[..], &short(&pack.finish())].concat();
    assert_eq!(read(Type::HashTimedListpack, &body), wanted);
    let body = [&u64::MAX.to_le_bytes()[..], b"\x01\x02\x01a\x01v"].concat();
    assert!(read(Type::HashTimed, &body).is_err());
}

#[test]
fn what_no_key_can_hold_is_refused() {
    let refused = [
        (Type::List, &b"\0"[..]),
        (Type::Set, b"\0"),
        (Type::Hash, b"\0"),
        (Type::ZSet2, b"\0"),
        (Type::Set, b"\x02\x01a\x01a"),
        (Type::Hash, b"\x02\x01a\x01x\x01a\x01y"),
        (Type::ZSet2, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f"),
        (Type::ZSet, b"\x01\x01a\xfd"),
        (Type::ZSet, b"\x02\x01a\xfe\x01a\xff"),
        (Type::SetIntset, b"\x0c\x02\0\0\0\x02\0\0\0\x05\0\x05\0"),
        (Type::SetIntset, b"\x0c\x02\0\0\0\x02\0\0\0\x05\0\x04\0"),
        (Type::SetIntset, b"\x0a\x02\0\0\0\x02\0\0\0\x05\0"),
        (Type::String, b"\x01ab"),
        (Type::String, b"\x02a"),
        (Type::List, b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a"),
    ];
    for (kind, body) in refused {
        assert!(read(kind, body).is_err(), "{kind:?} {body:?}");
    }
    assert!(restore(&[], ROOM).is_err() && restore(&[6, 0], ROOM).is_err() && restore(&[22, 0], ROOM).is_err());
}

#[test]
fn a_short_text_does_not_become_a_long_one() {
    // It says that it is 512 MB, and is three bytes.
    let lie = [0, 0xc3, 5, 0x80, 0x20, 0, 0, 0, 0, b'a', 0xe0, 0xff, 0];
    assert_eq!(restore(&lie, ROOM), Err(Malformed("the value would be too large")));
    assert_eq!(restore(&lie, usize::MAX), Err(Malformed("a compressed string can't be unpacked")));
}

#[test]
fn a_newer_version_and_another_checksum_are_refused() {
    let sealed = |version| {
        let mut payload = vec![0, 1, b'a'];
        seal(version, &mut payload);
        payload
    };
    assert_eq!(unseal(&sealed(10)), Some(&[0, 1, b'a'][..]));
    assert_eq!(unseal(&sealed(12)), Some(&[0, 1, b'a'][..]));
    assert_eq!(unseal(&sealed(13)), None);
    assert_eq!(unseal(&[0; 9]), None);
    let mut flipped = sealed(10);
    flipped[1] ^= 1;
    assert_eq!(unseal(&flipped), None);
}

#[test]
fn the_bytes_are_those_of_redis() {
    let check = |value, payload: &[u8]| assert_eq!(dump_of(&holding(value, true)).unwrap(), payload);
    let blob = |word: &'static str| word.as_bytes().into();
    // As redis-server 7.0.15 answers DUMP.
    check(StoredValue::String(blob("bar")), &hex("00036261720a00e6be4960ee66fd17"));
    check(StoredValue::String(blob("12")), &hex("00c00c0a003c2af8515c04bcd5"));
    check(StoredValue::List(vec![blob("a")]), &hex("1201020a0a0000000100816102ff0a0009b9edf594ded995"));
    let members = vec![(1.0, blob("a")), (2.5, blob("b"))];
    check(StoredValue::ZSet(members), &hex("1114140000000400816102010181620283322e3504ff0a00d44c6ea4f644d9d7"));
    check(StoredValue::Hash(vec![(blob("f"), blob("v"))]), &hex("100d0d0000000200816602817602ff0a0020f13d442354089d"));
    let integers = ["1", "2", "3"].map(blob).to_vec();
    check(StoredValue::Set(integers), &hex("0b0e02000000030000000100020003000a00a5025ce26d6e4d1b"));
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|two| u8::from_str_radix(core::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
