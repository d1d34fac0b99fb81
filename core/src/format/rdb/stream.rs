//! Streams: entries in listpacks, then what the stream remembers, then its groups with what is pending in them.
//!
//! ```text
//! listpack: | entries | deleted | n | field … | 0 |   master entry, whose id stands before the listpack
//!           | flags | ms | seq | value … | parts |     the fields are those of the master entry
//!           | flags | ms | seq | n | field, value … | parts |
//! ```
//! `ms` and `seq` count from the master entry's id, `parts` are the entries of the listpack that an entry takes.

use alloc::{borrow::Cow, collections::BTreeMap, vec::Vec};

use super::{
    Type,
    listpack::{self, ListpackWriter},
    read::{Malformed, Reader, Result},
    write::{put_length, put_string},
};
use crate::{
    blob::Blob,
    env::UnixMillis,
    num::parse_i64,
    types::stream::{StoredConsumer, StoredDelivery, StoredGroup, StoredStream, Stream, StreamId},
};

/// Appends a stream.
pub(super) fn save(stream: &Stream, out: &mut Vec<u8>) {
    let nodes = nodes(stream);
    put_length(nodes.len() as u64, out);
    for (base, node) in nodes {
        put_string(&raw_id(base), out);
        put_string(&node, out);
    }
    let head = stream.head();
    put_length(stream.len() as u64, out);
    [head.last_id, stream.first_id(), head.max_deleted].into_iter().for_each(|id| put_id(id, out));
    put_length(head.added, out);
    put_length(stream.groups().len() as u64, out);
    for group in stream.groups() {
        put_string(&group.name, out);
        put_id(group.last_id, out);
        put_length(group.entries_read.unwrap_or(UNKNOWN), out);
        put_length(group.pending().len() as u64, out);
        for (id, delivery) in group.pending() {
            out.extend(raw_id(*id));
            out.extend(delivery.at.0.to_le_bytes());
            put_length(delivery.count, out);
        }
        put_length(group.consumer_count() as u64, out);
        for consumer in group.consumers() {
            put_string(&consumer.name, out);
            out.extend(consumer.seen_at.0.to_le_bytes());
            put_length(consumer.pending().len() as u64, out);
            consumer.pending().keys().for_each(|id| out.extend(raw_id(*id)));
        }
    }
}

/// An entry's id, and its fields with their values.
type Fields<'a> = (StreamId, Vec<(&'a [u8], &'a [u8])>);

/// The entries in listpacks, each with the id of its master entry.
fn nodes(stream: &Stream) -> Vec<(StreamId, Vec<u8>)> {
    let mut nodes = Vec::new();
    let mut node: Vec<Fields<'_>> = Vec::new();
    let mut bytes = 0;
    for entry in stream.range(StreamId::MIN, StreamId::MAX) {
        let fields: Vec<(&[u8], &[u8])> = entry.fields.collect();
        let size: usize = fields.iter().map(|(field, value)| field.len() + value.len()).sum();
        if !node.is_empty() && (node.len() >= NODE_ENTRIES || bytes + size > NODE_BYTES) {
            nodes.extend(listpack_of(&node));
            node.clear();
            bytes = 0;
        }
        bytes += size;
        node.push((entry.id, fields));
    }
    nodes.extend(listpack_of(&node));
    nodes
}

/// The listpack of some entries with the id of its master entry; `None` for none.
fn listpack_of(entries: &[Fields<'_>]) -> Option<(StreamId, Vec<u8>)> {
    let (base, master) = entries.first()?;
    let mut pack = ListpackWriter::new();
    let count = |count: usize| count as i64;
    [count(entries.len()), 0, count(master.len())].into_iter().for_each(|number| pack.push_int(number));
    master.iter().for_each(|(field, _)| pack.push(field));
    pack.push_int(0);
    for (id, fields) in entries {
        let same = fields.iter().map(|(field, _)| field).eq(master.iter().map(|(field, _)| field));
        pack.push_int(if same { SAME_FIELDS } else { 0 });
        pack.push_int(id.ms.wrapping_sub(base.ms).cast_signed());
        pack.push_int(id.seq.wrapping_sub(base.seq).cast_signed());
        if !same {
            pack.push_int(count(fields.len()));
        }
        for (field, value) in fields {
            if !same {
                pack.push(field);
            }
            pack.push(value);
        }
        pack.push_int(count(if same { 3 + fields.len() } else { 4 + 2 * fields.len() }));
    }
    Some((*base, pack.finish()))
}

/// Reads a stream.
pub(super) fn load<'a>(kind: Type, reader: &mut Reader<'a>) -> Result<StoredStream<'a>> {
    let mut entries: Vec<(StreamId, Vec<Blob<'a>>)> = Vec::new();
    for _ in 0..reader.count(2)? {
        let base = reader.string()?;
        let base = id_of(*base.first_chunk().filter(|_| base.len() == 16).ok_or(Malformed("no id before a listpack"))?);
        let (pack, before) = (reader.string()?, entries.len());
        match pack.0 {
            Cow::Borrowed(bytes) => node_entries(base, bytes, reader, &mut |id, words| entries.push((id, words)))?,
            Cow::Owned(bytes) => node_entries(base, &bytes, reader, &mut |id, words| {
                entries.push((id, words.into_iter().map(Blob::into_owned).collect()));
            })?,
        }
        if entries.len() == before {
            return Err(Malformed("a listpack without entries in a stream"));
        }
    }
    let length = reader.length()?;
    let last_id = id(reader)?;
    let is_ascending = entries.is_sorted_by(|(one, _), (other, _)| one < other);
    let ends = entries.first().is_none_or(|(first, _)| *first > StreamId::MIN)
        && entries.last().is_none_or(|(last, _)| *last <= last_id);
    if length != entries.len() as u64 || !is_ascending || !ends {
        return Err(Malformed("the entries of a stream aren't what it says"));
    }
    let (mut max_deleted, mut added) = (StreamId::MIN, length);
    if kind != Type::Stream {
        // The first id is that of the first entry, whatever stands here.
        id(reader)?;
        max_deleted = id(reader)?;
        added = reader.length()?;
    }
    let mut stream = StoredStream { last_id, max_deleted, added, entries, groups: Vec::new() };
    for _ in 0..reader.count(4)? {
        let group = group(kind, reader, &stream)?;
        if stream.groups.iter().any(|other| other.name == group.name) {
            return Err(Malformed("two groups of a stream have one name"));
        }
        stream.groups.push(group);
    }
    stream.groups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(stream)
}

/// Reads the entries of one listpack.
fn node_entries<'b>(
    base: StreamId,
    pack: &'b [u8],
    reader: &mut Reader<'_>,
    found: &mut dyn FnMut(StreamId, Vec<Blob<'b>>),
) -> Result<()> {
    let parts = listpack::entries(pack)?;
    let mut parts = Parts(parts.into_iter());
    let (live, deleted, fields) = (parts.count()?, parts.count()?, parts.count()?);
    let master = parts.words(fields)?;
    if parts.int()? != 0 {
        return Err(Malformed("the master entry of a listpack doesn't end"));
    }
    // An entry of its own says its fields; what the master entry says for all of them counts for each.
    let master_bytes: usize = master.iter().map(|field| field.len() + size_of::<Blob<'_>>()).sum();
    let mut seen = (0, 0);
    while !parts.0.as_slice().is_empty() {
        let start = parts.0.len();
        let flags = parts.int()?;
        let (ms, seq) = (parts.int()?, parts.int()?);
        let id = StreamId { ms: base.ms.wrapping_add_signed(ms), seq: base.seq.wrapping_add_signed(seq) };
        let words = if flags & SAME_FIELDS == 0 {
            let count = parts.count()?;
            parts.words(count.checked_mul(2).ok_or(SHORT)?)?
        } else {
            reader.spend(master_bytes)?;
            let values = parts.words(master.len())?;
            master.iter().cloned().zip(values).flat_map(|(field, value)| [field, value]).collect()
        };
        let taken = start - parts.0.len();
        if parts.count()? != taken {
            return Err(Malformed("an entry of a stream of other parts than it says"));
        }
        if flags & DELETED == 0 {
            seen.0 += 1;
            found(id, words);
        } else {
            seen.1 += 1;
        }
    }
    if seen == (live, deleted) { Ok(()) } else { Err(Malformed("a listpack with other entries than it says")) }
}

fn group<'a>(kind: Type, reader: &mut Reader<'a>, stream: &StoredStream<'_>) -> Result<StoredGroup<'a>> {
    let (name, last_id) = (reader.string()?, id(reader)?);
    let entries_read = match kind {
        Type::Stream => added_by(stream, last_id),
        _ => Some(reader.length()?).filter(|read| *read != UNKNOWN),
    };
    let mut pending = BTreeMap::new();
    for _ in 0..reader.count(25)? {
        let id = id_of(reader.array()?);
        let at = UnixMillis(u64::from_le_bytes(reader.array()?));
        let count = reader.length()?;
        if pending.insert(id, StoredDelivery { id, at, count }).is_some() {
            return Err(Malformed("an entry is pending twice"));
        }
    }
    let mut consumers: Vec<StoredConsumer<'a>> = Vec::new();
    for _ in 0..reader.count(10)? {
        let (name, seen_at) = (reader.string()?, UnixMillis(u64::from_le_bytes(reader.array()?)));
        if kind == Type::Stream3 {
            // When it was active last, as opposed to heard of. That isn't kept.
            reader.array::<8>()?;
        }
        let mut own = Vec::new();
        for _ in 0..reader.count(16)? {
            // Each is pending for one consumer: it is taken out.
            let delivery = pending.remove(&id_of(reader.array()?));
            own.push(delivery.ok_or(Malformed("a consumer has what isn't pending, or what another has"))?);
        }
        own.sort_by_key(|delivery| delivery.id);
        consumers.push(StoredConsumer { name, seen_at, pending: own });
    }
    if !pending.is_empty() {
        return Err(Malformed("something is pending for nobody"));
    }
    consumers.sort_by(|one, other| one.name.cmp(&other.name));
    if !consumers.is_sorted_by(|one, other| one.name < other.name) {
        return Err(Malformed("two consumers of a group have one name"));
    }
    Ok(StoredGroup { name, last_id, entries_read, consumers })
}

/// How many entries had been added by the time of an id, in a stream of which nothing was ever removed, as far as it
/// says: what Redis takes for what a group of an older release has read.
fn added_by(stream: &StoredStream<'_>, id: StreamId) -> Option<u64> {
    let (first, added) = (stream.entries.first().map_or(StreamId::MIN, |(first, _)| *first), stream.added);
    match id {
        _ if added == 0 => Some(0),
        id if id == stream.last_id => Some(added),
        id if id > stream.last_id => None,
        id if id < first => Some(0),
        id if id == first => Some(1),
        _ => None,
    }
}

/// The entries of a listpack, read as what an entry of a stream is made of.
struct Parts<'b>(alloc::vec::IntoIter<Blob<'b>>);

impl<'b> Parts<'b> {
    fn int(&mut self) -> Result<i64> {
        self.0.next().as_deref().and_then(parse_i64).ok_or(SHORT)
    }

    fn count(&mut self) -> Result<usize> {
        usize::try_from(self.int()?).map_err(|_| SHORT)
    }

    fn words(&mut self, count: usize) -> Result<Vec<Blob<'b>>> {
        if count > self.0.len() { Err(SHORT) } else { Ok(self.0.by_ref().take(count).collect()) }
    }
}

fn raw_id(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn id_of(bytes: [u8; 16]) -> StreamId {
    let both = u128::from_be_bytes(bytes);
    StreamId { ms: (both >> 64) as u64, seq: both as u64 }
}

fn put_id(id: StreamId, out: &mut Vec<u8>) {
    put_length(id.ms, out);
    put_length(id.seq, out);
}

fn id(reader: &mut Reader<'_>) -> Result<StreamId> {
    Ok(StreamId { ms: reader.length()?, seq: reader.length()? })
}

const SHORT: Malformed = Malformed("a listpack of a stream is cut short");
/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry's fields are those of the master entry.
const SAME_FIELDS: i64 = 2;
/// What a group has read isn't known.
const UNKNOWN: u64 = u64::MAX;
/// The most entries in a listpack, and about how many bytes: Redis's defaults.
const NODE_ENTRIES: usize = 100;
const NODE_BYTES: usize = 4096;
