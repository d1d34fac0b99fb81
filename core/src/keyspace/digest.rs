//! Digests of content: one number by which two copies find out that they differ.
//!
//! A digest depends on keys, values and deadlines, and on nothing else: not on the order of keys, members or fields in
//! memory, not on how a value is laid out, not on the seed of the tables, not on the platform. Digests of keys add up,
//! so that of a whole is the sum of those of its parts. It reveals accidents, not attacks: whoever chooses the content
//! can make two digests meet.

use super::{Db, Entry, Keyspace, Value};
use crate::{
    env::UnixMillis,
    hash::hash,
    limits::DATABASES,
    types::stream::{Stream, StreamId},
};

impl Keyspace {
    /// The digest of all databases. Cost: O(size of the data).
    pub fn digest(&self) -> u64 {
        self.digest_of(|_, _| true)
    }

    /// The digest of the keys that `wanted` names, each with its database. Cost: O(keys + size of the wanted data).
    ///
    /// Equal on two sides that hold the same wanted keys, whatever else they hold.
    pub fn digest_of(&self, mut wanted: impl FnMut(u8, &[u8]) -> bool) -> u64 {
        let digest_of_db = |index| {
            let entries = self.db(index).iter().filter(|entry| wanted(index, entry.key));
            sum(entries.map(|entry| entry.digest()).map(|digest| chain(u64::from(index), digest)))
        };
        sum((0..DATABASES).map(digest_of_db))
    }
}

impl Db {
    /// The digest of the database's keys, 0 for none. Cost: O(size of the data).
    pub fn digest(&self) -> u64 {
        sum(self.iter().map(|entry| entry.digest()))
    }
}

impl Entry<'_> {
    /// The digest of the key, its value and its deadline. Cost: O(size of the value).
    pub fn digest(self) -> u64 {
        let deadline = self.expires_at.map_or(0, |UnixMillis(at)| chain(1, at));
        chain(chain(hash(SEED, self.key), self.value.digest()), deadline)
    }
}

impl Value<'_> {
    /// The digest of the value. Cost: O(size of the value).
    pub fn digest(self) -> u64 {
        let pair = |one: &[u8], other: &[u8]| chain(hash(SEED, one), hash(SEED, other));
        // The first number tells values of different types and equal parts apart, a set {a} from a list [a].
        match self {
            Self::String(value) => chain(0, value.with_bytes(|bytes| hash(SEED, bytes))),
            Self::List(list) => list.iter().fold(1, |digest, element| chain(digest, hash(SEED, element))),
            Self::Set(set) => chain(2, sum(set.iter().map(|member| hash(SEED, member.as_bytes())))),
            Self::Hash(hash) => {
                let of_field = |(field, value): (&[u8], &[u8])| match hash.expires_at(field) {
                    None => pair(field, value),
                    Some(UnixMillis(at)) => chain(pair(field, value), at),
                };
                chain(3, sum(hash.iter().map(of_field)))
            }
            Self::ZSet(zset) => {
                chain(4, sum(zset.iter().map(|(member, score)| pair(member, &score.to_bits().to_le_bytes()))))
            }
            Self::Stream(stream) => digest_of_stream(stream),
        }
    }
}

/// The digest of a stream: all that it holds, in its order.
fn digest_of_stream(stream: &Stream) -> u64 {
    let of_id = |digest: u64, id: StreamId| chain(chain(digest, id.ms), id.seq);
    let of_word = |digest: u64, word: &[u8]| chain(digest, hash(SEED, word));
    let head = stream.head();
    let mut digest = chain(of_id(of_id(5, head.last_id), head.max_deleted), head.added);
    for entry in stream.range(StreamId::MIN, StreamId::MAX) {
        digest = chain(of_id(digest, entry.id), entry.fields.len() as u64);
        digest = entry.fields.fold(digest, |digest, (field, value)| of_word(of_word(digest, field), value));
    }
    for group in stream.groups() {
        digest = of_id(of_word(digest, &group.name), group.last_id);
        digest = chain(digest, group.entries_read.map_or(0, |read| chain(1, read)));
        for consumer in group.consumers() {
            digest = chain(of_word(digest, &consumer.name), consumer.seen_at.0);
            for (id, delivery) in consumer.pending() {
                digest = chain(chain(of_id(digest, *id), delivery.at.0), delivery.count);
            }
        }
    }
    digest
}

/// Mixes two numbers into one; their order counts.
fn chain(one: u64, other: u64) -> u64 {
    hash(one, &other.to_le_bytes())
}

/// Adds digests up whose order doesn't count.
fn sum(digests: impl Iterator<Item = u64>) -> u64 {
    digests.fold(0, u64::wrapping_add)
}

/// Fixed, because both sides have to come to the same number.
const SEED: u64 = 0x5a4d_e71c_0000_0001;
