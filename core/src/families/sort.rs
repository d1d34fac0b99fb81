//! SORT: the elements of a list, set or sorted set in an order of one's own, with what other keys say about them.

use alloc::{borrow::Cow, vec::Vec};
use core::cmp::Ordering;

use crate::{
    blob::Blob,
    command::{Access, Args, Command, Context, Data, Flags, Group, Keys},
    effect::{Change, Effect, Put, StoredValue},
    error::{Error, Result},
    keyspace::Value,
    num, order,
};

// BY and GET read keys that no word names.
const READ: Flags = Flags::READ.and(Flags::ALL_KEYS).and(Flags::DANGEROUS);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::ALL_KEYS).and(Flags::DANGEROUS);

/// The rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command::new(Group::Generic, "sort", -2, WRITE, Keys::FIRST, |ctx, args| sort(ctx, args, false))
        .doc("1.0.0", "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements", "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]", "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.").accessing(Access::Storing),
    Command::new(Group::Generic, "sort_ro", -2, READ, Keys::FIRST, |ctx, args| sort(ctx, args, true))
        .doc("7.0.0", "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements", "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]", "Returns the sorted elements of a list, a set, or a sorted set."),
];

/// What the call asks for.
#[derive(Default)]
struct Options<'a> {
    by: Option<&'a [u8]>,
    limit: Option<(i64, i64)>,
    get: Vec<&'a [u8]>,
    descending: bool,
    alphabetic: bool,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn read(args: &mut Args<'a>, read_only: bool) -> Result<Self> {
        let mut options = Self::default();
        while !args.is_empty() {
            if args.take_if("ASC") {
                options.descending = false;
            } else if args.take_if("DESC") {
                options.descending = true;
            } else if args.take_if("ALPHA") {
                options.alphabetic = true;
            } else if args.len() > 2 && args.take_if("LIMIT") {
                options.limit = Some((args.integer()?, args.integer()?));
            } else if args.len() > 1 && args.take_if("BY") {
                options.by = Some(args.word()?);
            } else if args.len() > 1 && args.take_if("GET") {
                options.get.push(args.word()?);
            } else if !read_only && args.len() > 1 && args.take_if("STORE") {
                options.store = Some(args.word()?);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

/// What an element is placed by.
enum Weight {
    Number(f64),
    Text(Option<Vec<u8>>),
}

/// Refuses patterns to whom may not read the keys that they lead to, which are any.
#[cfg(feature = "server")]
fn check_patterns(ctx: &mut Context<'_>, options: &Options<'_>, words: &[&[u8]]) -> Result<()> {
    let by = options.by.is_some_and(|pattern| pattern.contains(&b'*'));
    if !by && options.get.is_empty() || ctx.may_read_all_keys(words) {
        return Ok(());
    }
    Err(Error::new(match by {
        true => "ERR BY option of SORT denied due to insufficient ACL permissions.",
        false => "ERR GET option of SORT denied due to insufficient ACL permissions.",
    }))
}

fn sort(ctx: &mut Context<'_>, args: &mut Args<'_>, read_only: bool) -> Result<()> {
    #[cfg(feature = "server")]
    let words = args.rest();
    let key = args.word()?;
    let mut options = Options::read(args, read_only)?;
    #[cfg(feature = "server")]
    check_patterns(ctx, &options, words)?;
    let in_script = ctx.in_script;
    let data = &mut ctx.data;
    let mut is_set = false;
    let mut elements: Vec<Vec<u8>> = match data.value(key) {
        None => Vec::new(),
        Some(Value::List(list)) => list.iter().map(<[u8]>::to_vec).collect(),
        Some(Value::Set(set)) => {
            is_set = true;
            set.iter().map(|member| member.as_bytes().to_vec()).collect()
        }
        Some(Value::ZSet(zset)) => zset.iter().map(|(member, _)| member.to_vec()).collect(),
        Some(_) => return Err(Error::WRONG_TYPE),
    };
    // BY a pattern that names one key for all says: leave the order as it is. A set has none, and what is stored
    // or a script goes on with shall not depend on how it lies in memory.
    let mut in_place = options.by.is_some_and(|pattern| !pattern.contains(&b'*'));
    if in_place && is_set && (options.store.is_some() || in_script) {
        in_place = false;
        options.alphabetic = true;
        options.by = None;
    }
    if in_place {
        // A set has no order that could be turned round.
        if options.descending && !is_set {
            elements.reverse();
        }
    } else {
        elements = order(data, elements, &options)?;
    }
    let elements = limited(elements, options.limit);
    let mut result: Vec<Option<Vec<u8>>> = Vec::with_capacity(elements.len() * options.get.len().max(1));
    for element in elements {
        if options.get.is_empty() {
            result.push(Some(element));
        } else {
            result.extend(options.get.iter().map(|pattern| look_up(data, pattern, &element)));
        }
    }
    match options.store {
        Some(destination) => store(ctx, destination, result),
        None => {
            ctx.reply.array(result.len());
            result.iter().for_each(|element| ctx.reply.bulk_or_null(element.as_deref()));
        }
    }
    Ok(())
}

/// Cost: O(n log n), and a look-up an element where BY is given.
fn order(data: &mut Data<'_>, elements: Vec<Vec<u8>>, options: &Options<'_>) -> Result<Vec<Vec<u8>>> {
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let text = match options.by {
            Some(pattern) => look_up(data, pattern, &element),
            None => Some(element.clone()),
        };
        let weight = match (options.alphabetic, text) {
            (true, text) => Weight::Text(text),
            // An element of which the other key says nothing weighs nothing.
            (false, None) => Weight::Number(0.0),
            (false, Some(text)) => match num::parse_f64_leniently(&text) {
                Some((number, true)) => Weight::Number(number),
                _ => return Err(Error::new("ERR One or more scores can't be converted into double")),
            },
        };
        weighed.push((weight, element));
    }
    let compare = |(left, one): &(Weight, Vec<u8>), (right, other): &(Weight, Vec<u8>)| match (left, right) {
        (Weight::Number(left), Weight::Number(right)) => {
            left.partial_cmp(right).unwrap_or(Ordering::Equal).then_with(|| one.cmp(other))
        }
        (Weight::Text(left), Weight::Text(right)) => left.cmp(right),
        _ => Ordering::Equal,
    };
    order::sort_by(
        &mut weighed,
        |one, other| if options.descending { compare(other, one) } else { compare(one, other) },
    );
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn limited(elements: Vec<Vec<u8>>, limit: Option<(i64, i64)>) -> Vec<Vec<u8>> {
    let Some((offset, count)) = limit else { return elements };
    let offset = usize::try_from(offset).unwrap_or(0);
    // A negative count means all.
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    elements.into_iter().skip(offset).take(count).collect()
}

/// What a pattern says of an element: `#` the element itself, `weight_*` a string, `object_*->field` a hash's field.
fn look_up(data: &mut Data<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (head, tail) = (pattern.get(..star)?, pattern.get(star + 1..)?);
    let arrow = tail.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < tail.len());
    let (tail, field) = match arrow {
        Some(at) => (tail.get(..at)?, tail.get(at + 2..)),
        None => (tail, None),
    };
    let key = [head, element, tail].concat();
    match field {
        Some(field) => data.hash(&key).ok()??.get(field).map(<[u8]>::to_vec),
        None => data.string(&key).ok()?.map(|value| value.to_blob().to_vec()),
    }
}

fn store(ctx: &mut Context<'_>, destination: &[u8], result: Vec<Option<Vec<u8>>>) {
    ctx.data.settle(destination);
    ctx.reply.count(result.len());
    if result.is_empty() {
        ctx.data.apply(&Effect::delete(destination));
        return;
    }
    let elements = result.into_iter().map(|element| Blob(Cow::Owned(element.unwrap_or_default()))).collect();
    let put = Put { value: StoredValue::List(elements), expires_at: None };
    ctx.data.apply(&Effect::new(destination, Change::Put(put)));
}
