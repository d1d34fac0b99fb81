//! From a value to bytes, as Redis 7.0 writes a value of the same layout.

use alloc::vec::Vec;

use super::{
    Type,
    listpack::ListpackWriter,
    load::PACKED,
    stream,
    write::{put_length, put_string},
};
use crate::{
    env::UnixMillis,
    keyspace::Value,
    num::f64_text,
    types::{hash::HashRef, list::List, set::Set, zset::ZSet},
};

/// Appends a value, and returns the type that is to stand in front of it. Cost: O(size of the value).
pub fn save(value: Value<'_>, out: &mut Vec<u8>) -> Type {
    match value {
        Value::String(value) => {
            value.with_bytes(|bytes| put_string(bytes, out));
            Type::String
        }
        Value::List(list) => save_list(list, out),
        Value::Set(set) => save_set(set, out),
        Value::Hash(hash) => save_hash(hash, out),
        Value::ZSet(zset) => save_zset(zset, out),
        Value::Stream(value) => {
            stream::save(value, out);
            Type::Stream2
        }
    }
}

fn save_list(list: &List, out: &mut Vec<u8>) -> Type {
    let (mut nodes, mut node) = (Vec::new(), ListpackWriter::new());
    for element in list.iter() {
        if !node.is_empty() && node.len() + element.len() > NODE_BYTES {
            nodes.push(core::mem::replace(&mut node, ListpackWriter::new()).finish());
        }
        node.push(element);
    }
    nodes.push(node.finish());
    put_length(nodes.len() as u64, out);
    for node in nodes {
        put_length(PACKED, out);
        put_string(&node, out);
    }
    Type::ListQuicklist2
}

fn save_set(set: &Set, out: &mut Vec<u8>) -> Type {
    if set.encoding() == "intset" {
        let integers: Vec<i64> = set.iter().filter_map(|member| crate::num::parse_i64(member.as_bytes())).collect();
        put_string(&intset(&integers), out);
        return Type::SetIntset;
    }
    put_length(set.len() as u64, out);
    set.iter().for_each(|member| put_string(member.as_bytes(), out));
    Type::Set
}

/// The integers in as few bytes each as hold all of them.
fn intset(integers: &[i64]) -> Vec<u8> {
    let fits = |width: u32| integers.iter().all(|value| value << (64 - 8 * width) >> (64 - 8 * width) == *value);
    let width = [2, 4].into_iter().find(|width| fits(*width)).unwrap_or(8);
    let mut bytes = Vec::from(width.to_le_bytes());
    bytes.extend((integers.len() as u32).to_le_bytes());
    integers.iter().for_each(|value| bytes.extend(value.to_le_bytes().iter().take(width as usize)));
    bytes
}

fn save_hash(hash: HashRef<'_>, out: &mut Vec<u8>) -> Type {
    if let Some(first) = hash.next_expiry() {
        save_timed(hash, first, out);
        return Type::HashTimed;
    }
    if hash.encoding() == "listpack" {
        let mut pack = ListpackWriter::new();
        for (field, value) in hash.iter() {
            pack.push(field);
            pack.push(value);
        }
        put_string(&pack.finish(), out);
        return Type::HashListpack;
    }
    put_length(hash.len() as u64, out);
    for (field, value) in hash.iter() {
        put_string(field, out);
        put_string(value, out);
    }
    Type::Hash
}

/// The earliest deadline, and each field with its own counted from it: 1 is the earliest, 0 is none.
fn save_timed(hash: HashRef<'_>, first: UnixMillis, out: &mut Vec<u8>) {
    out.extend(first.0.to_le_bytes());
    put_length(hash.len() as u64, out);
    for (field, value) in hash.iter() {
        put_length(hash.expires_at(field).map_or(0, |at| at.ms_since(first) + 1), out);
        put_string(field, out);
        put_string(value, out);
    }
}

fn save_zset(zset: &ZSet, out: &mut Vec<u8>) -> Type {
    if zset.encoding() == "listpack" {
        let mut pack = ListpackWriter::new();
        for (member, score) in zset.iter() {
            pack.push(member);
            pack.push(&f64_text(score));
        }
        put_string(&pack.finish(), out);
        return Type::ZSetListpack;
    }
    put_length(zset.len() as u64, out);
    for (member, score) in zset.iter() {
        put_string(member, out);
        out.extend(score.to_bits().to_le_bytes());
    }
    Type::ZSet2
}

/// About how large a node of a list is written, as Redis keeps them by default.
const NODE_BYTES: usize = 8 * 1024;
