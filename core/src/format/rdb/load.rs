//! From bytes to a value: every encoding that Redis has had, looked through before it is believed.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Type, listpack,
    read::{Malformed, Reader, Result},
    stream, ziplist,
};
use crate::{
    blob::Blob,
    effect::{StoredField, StoredValue},
    env::UnixMillis,
    limits::EXPIRES_AT_MS_MAX,
    num::{IntText, parse_f64, parse_i64},
};

/// Reads a value of a type, for which a byte stood in front.
///
/// # Errors
/// If the bytes aren't such a value, or not a whole one, or one that no key can hold: an empty collection, a member
/// twice, a score that is no number.
pub fn load<'a>(kind: Type, reader: &mut Reader<'a>) -> Result<StoredValue<'a>> {
    Ok(match kind {
        Type::String => StoredValue::String(reader.string()?),
        Type::List => StoredValue::List(filled(strings(reader, 1)?)?),
        Type::ListZiplist => StoredValue::List(filled(packed(reader, ziplist::ziplist)?)?),
        Type::ListQuicklist | Type::ListQuicklist2 => StoredValue::List(filled(quicklist(kind, reader)?)?),
        Type::Set => StoredValue::Set(members(strings(reader, 1)?)?),
        Type::SetListpack => StoredValue::Set(members(packed(reader, listpack::entries)?)?),
        Type::SetIntset => StoredValue::Set(filled(integers(reader)?)?),
        Type::Hash => StoredValue::Hash(fields(strings(reader, 2)?)?),
        Type::HashZipmap => StoredValue::Hash(fields(packed(reader, ziplist::zipmap)?)?),
        Type::HashZiplist => StoredValue::Hash(fields(packed(reader, ziplist::ziplist)?)?),
        Type::HashListpack => StoredValue::Hash(fields(packed(reader, listpack::entries)?)?),
        Type::HashTimed => timed(timed_fields(reader)?)?,
        Type::HashTimedListpack => timed(timed_triples(reader)?)?,
        Type::ZSet | Type::ZSet2 => StoredValue::ZSet(scored(scores_and_members(kind, reader)?)?),
        Type::ZSetZiplist => StoredValue::ZSet(scored(members_and_scores(packed(reader, ziplist::ziplist)?)?)?),
        Type::ZSetListpack => StoredValue::ZSet(scored(members_and_scores(packed(reader, listpack::entries)?)?)?),
        Type::Stream | Type::Stream2 | Type::Stream3 => StoredValue::Stream(Box::new(stream::load(kind, reader)?)),
    })
}

/// Reads a string that is a packed sequence, and the entries of the sequence.
///
/// They lie where the string lies; if that was compressed, they have to be moved out of it.
pub(super) fn packed<'a>(
    reader: &mut Reader<'a>,
    entries: for<'b> fn(&'b [u8]) -> Result<Vec<Blob<'b>>>,
) -> Result<Vec<Blob<'a>>> {
    match reader.string()?.0 {
        alloc::borrow::Cow::Borrowed(bytes) => entries(bytes),
        alloc::borrow::Cow::Owned(bytes) => Ok(entries(&bytes)?.into_iter().map(Blob::into_owned).collect()),
    }
}

/// Reads a count, and `each` times as many strings.
fn strings<'a>(reader: &mut Reader<'a>, each: usize) -> Result<Vec<Blob<'a>>> {
    let count = reader.count(each)? * each;
    (0..count).map(|_| reader.string()).collect()
}

fn quicklist<'a>(kind: Type, reader: &mut Reader<'a>) -> Result<Vec<Blob<'a>>> {
    let mut elements = Vec::new();
    for _ in 0..reader.count(1)? {
        let of_node = match (kind, kind == Type::ListQuicklist2 && reader.length()? == PLAIN) {
            (_, true) => Vec::from([reader.string()?]),
            (Type::ListQuicklist2, _) => packed(reader, listpack::entries)?,
            _ => packed(reader, ziplist::ziplist)?,
        };
        elements.extend(of_node);
    }
    Ok(elements)
}

fn integers<'a>(reader: &mut Reader<'_>) -> Result<Vec<Blob<'a>>> {
    let integers = ziplist::intset(&reader.string()?)?;
    Ok(integers.into_iter().map(|value| IntText::new(value).as_bytes().to_vec().into()).collect())
}

fn scores_and_members<'a>(kind: Type, reader: &mut Reader<'a>) -> Result<Vec<(f64, Blob<'a>)>> {
    let count = reader.count(2)?;
    let mut members = Vec::new();
    for _ in 0..count {
        let member = reader.string()?;
        let score = match kind {
            Type::ZSet2 => f64::from_bits(u64::from_le_bytes(reader.array()?)),
            _ => match reader.byte()? {
                253 => f64::NAN,
                254 => f64::INFINITY,
                255 => f64::NEG_INFINITY,
                length => score(reader.take(usize::from(length))?)?,
            },
        };
        members.push((score, member));
    }
    Ok(members)
}

fn members_and_scores(entries: Vec<Blob<'_>>) -> Result<Vec<(f64, Blob<'_>)>> {
    pairs(entries)?.into_iter().map(|(member, text)| Ok((score(&text)?, member))).collect()
}

fn score(text: &[u8]) -> Result<f64> {
    parse_f64(text).ok_or(Malformed("a score that is no number"))
}

fn pairs<'a>(entries: Vec<Blob<'a>>) -> Result<Vec<(Blob<'a>, Blob<'a>)>> {
    if !entries.len().is_multiple_of(2) {
        return Err(Malformed("one of two is missing"));
    }
    let mut entries = entries.into_iter();
    Ok(core::iter::from_fn(|| Some((entries.next()?, entries.next()?))).collect())
}

fn fields<'a>(entries: Vec<Blob<'a>>) -> Result<Vec<(Blob<'a>, Blob<'a>)>> {
    let pairs = filled(pairs(entries)?)?;
    distinct(pairs.iter().map(|(field, _)| &**field))?;
    Ok(pairs)
}

/// Reads fields with their deadlines, counted from the earliest.
fn timed_fields<'a>(reader: &mut Reader<'a>) -> Result<Vec<StoredField<'a>>> {
    let first = u64::from_le_bytes(reader.array()?);
    let count = reader.count(3)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let after = reader.length()?;
        let at = match after.checked_sub(1) {
            Some(after) => Some(first.checked_add(after).ok_or(TOO_LATE)?),
            None => None,
        };
        fields.push(StoredField { field: reader.string()?, value: reader.string()?, expires_at: at.map(UnixMillis) });
    }
    Ok(fields)
}

/// Reads a listpack of fields, values and deadlines by turns; the earliest deadline stands before it.
fn timed_triples<'a>(reader: &mut Reader<'a>) -> Result<Vec<StoredField<'a>>> {
    reader.array::<8>()?;
    let entries = packed(reader, listpack::entries)?;
    if !entries.len().is_multiple_of(3) {
        return Err(Malformed("one of three is missing"));
    }
    let mut entries = entries.into_iter();
    let mut fields = Vec::new();
    while let (Some(field), Some(value), Some(at)) = (entries.next(), entries.next(), entries.next()) {
        let at = parse_i64(&at).and_then(|at| u64::try_from(at).ok()).ok_or(TOO_LATE)?;
        fields.push(StoredField { field, value, expires_at: Some(UnixMillis(at)).filter(|_| at > 0) });
    }
    Ok(fields)
}

/// A hash of fields some of which may have deadlines.
fn timed<'a>(fields: Vec<StoredField<'a>>) -> Result<StoredValue<'a>> {
    let fields = filled(fields)?;
    distinct(fields.iter().map(|field| &*field.field))?;
    if fields.iter().any(|field| field.expires_at.is_some_and(|at| at.0 > EXPIRES_AT_MS_MAX)) {
        return Err(TOO_LATE);
    }
    Ok(StoredValue::TimedHash(fields))
}

fn members(members: Vec<Blob<'_>>) -> Result<Vec<Blob<'_>>> {
    distinct(members.iter().map(|member| &**member))?;
    filled(members)
}

/// Members with their scores, which become ordered.
fn scored(members: Vec<(f64, Blob<'_>)>) -> Result<Vec<(f64, Blob<'_>)>> {
    let mut members = filled(members)?;
    distinct(members.iter().map(|(_, member)| &**member))?;
    if members.iter().any(|(score, _)| score.is_nan()) {
        return Err(Malformed("a score that is no number"));
    }
    // Zeros of both signs are equal here, as they are among the scores of a set.
    members.sort_by(|(one, a), (other, b)| (one + 0.0).total_cmp(&(other + 0.0)).then_with(|| a.cmp(b)));
    Ok(members)
}

/// Refuses what no key can hold.
fn filled<T>(elements: Vec<T>) -> Result<Vec<T>> {
    if elements.is_empty() { Err(Malformed("a collection without elements")) } else { Ok(elements) }
}

fn distinct<'a>(members: impl Iterator<Item = &'a [u8]>) -> Result<()> {
    let mut members: Vec<&[u8]> = members.collect();
    members.sort_unstable();
    match members.is_sorted_by(|one, other| one < other) {
        true => Ok(()),
        false => Err(Malformed("a member or field stands twice")),
    }
}

const TOO_LATE: Malformed = Malformed("a deadline that no field can have");
/// What stands before a node of a list that is one long element.
pub(super) const PLAIN: u64 = 1;
/// What stands before a node that is a listpack.
pub(super) const PACKED: u64 = 2;
