//! How two replies to the same call are compared: byte by byte, except where Redis promises less.

use std::collections::BTreeMap;

use super::faults::is;
use crate::reply::{Reply, decode};

/// What the replies to a call must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// All.
    Exact,
    /// All but the order of the elements.
    Unordered,
    /// All but the order of the pairs.
    Pairs,
    /// As many elements: which, Redis leaves open.
    Count,
    /// All, but points in time and spans may differ by what passes between the two servers, and so may the layout of memory.
    Time,
    /// Both drawn from what the call before returned; `distinct` ones, or pairs.
    Drawn {
        /// No element is there twice.
        distinct: bool,
        /// Elements come with their value or score.
        pairs: bool,
    },
    /// A cursor, and elements of what the call before returned: all of them, when the iteration is through at once.
    Scanned {
        /// Elements come with their value or score.
        pairs: bool,
        /// The iteration began with this call.
        begins: bool,
    },
    /// On each server, what the call before the last returned without what the last took.
    Left,
    /// Both by the clock.
    Clock,
}

/// How the replies to a call are compared.
pub(super) fn check_of(words: &[Vec<u8>]) -> Check {
    let name = words.first().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).unwrap_or_default();
    let has = |option: &str| words.iter().skip(1).any(|word| is(word, option));
    match name.as_str() {
        "smembers" | "sinter" | "sunion" | "sdiff" | "keys" | "hkeys" | "hvals" => Check::Unordered,
        "hgetall" => Check::Pairs,
        "object" if has("idletime") => Check::Clock,
        "ttl" | "pttl" | "expiretime" | "pexpiretime" | "object" | "xpending" | "xinfo" | "xclaim" | "xautoclaim" => {
            Check::Time
        }
        "sort" | "sort_ro" if has("by") && !has("store") => {
            let is_vague = has("alpha") || words.windows(2).any(|pair| is(&pair[0], "by") && !pair[1].contains(&b'*'));
            match (is_vague, has("limit")) {
                (true, true) => Check::Count,
                (true, false) => Check::Unordered,
                (false, _) => Check::Exact,
            }
        }
        name if name.starts_with("geo") && has("any") => Check::Count,
        _ => Check::Exact,
    }
}

/// How far apart the clocks of two replies may be, in milliseconds.
const LAG_MS: i64 = 30_000;
/// The same in seconds.
const LAG_S: i64 = 30;

/// Says what is different in two replies, if anything. `before` are the replies to the calls of the unit before.
pub(super) fn differs(check: Check, redis: &[u8], ours: &[u8], before: &[(&[u8], &[u8])]) -> Option<String> {
    if check == Check::Exact {
        return (redis != ours).then(|| "the replies differ".into());
    }
    let is_plain = |reply: &[u8]| {
        matches!(reply.first(), Some(b'-' | b'+' | b'_')) || reply.starts_with(b"$-1") || reply.starts_with(b"*-1")
    };
    if is_plain(redis) || is_plain(ours) {
        return (redis != ours).then(|| "the replies differ".into());
    }
    let (Ok(Some((theirs, _))), Ok(Some((mine, _)))) = (decode(redis), decode(ours)) else {
        return Some("one of the replies can't be read".into());
    };
    let last = before.last().map(|(redis, ours)| (flat(redis), flat(ours)));
    match check {
        Check::Exact => None,
        Check::Unordered => (sorted(&theirs) != sorted(&mine)).then(|| "the elements differ".into()),
        Check::Pairs => (paired(&theirs) != paired(&mine)).then(|| "the pairs differ".into()),
        Check::Count => (size(&theirs) != size(&mine)).then(|| "there are not as many elements".into()),
        Check::Time => (!same_but_time(&theirs, &mine)).then(|| "the replies differ by more than time".into()),
        Check::Clock => (kind(&theirs) != kind(&mine)).then(|| "the replies are of different kinds".into()),
        Check::Drawn { distinct, pairs } => {
            if shape(&theirs) != shape(&mine) {
                return Some("not as many are drawn, or in another form".into());
            }
            let pool = last.map(|(_, ours)| ours).unwrap_or_default();
            drawn_from(&pool, &flatten(&mine), distinct, pairs)
        }
        Check::Scanned { pairs, begins } => {
            let ((their_cursor, their_items), (my_cursor, my_items)) = (scanned(&theirs)?, scanned(&mine)?);
            let is_through = begins && their_cursor == "0" && my_cursor == "0";
            if is_through && pairs_or_items(&their_items, pairs) != pairs_or_items(&my_items, pairs) {
                return Some("the iteration is through at once, and the elements differ".into());
            }
            drawn_from(&last.map(|(_, ours)| ours).unwrap_or_default(), &my_items, false, pairs)
        }
        Check::Left => {
            let [.., first, _] = before else { return None };
            for (whole, taken, left) in [(first.0, before.last()?.0, redis), (first.1, before.last()?.1, ours)] {
                let taken = flat(taken);
                let mut expected: Vec<String> = flat(whole).into_iter().filter(|item| !taken.contains(item)).collect();
                let mut left = flat(left);
                expected.sort();
                left.sort();
                if expected != left {
                    return Some("what is left is not what was there without what was taken".into());
                }
            }
            None
        }
    }
}

fn pairs_or_items(items: &[String], pairs: bool) -> BTreeMap<String, String> {
    let value = |pair: &[String]| canonical(pair.get(1).cloned().unwrap_or_default());
    if pairs {
        items.chunks(2).map(|pair| (pair[0].clone(), value(pair))).collect()
    } else {
        items.iter().map(|item| (item.clone(), String::new())).collect()
    }
}

fn drawn_from(pool: &[String], drawn: &[String], distinct: bool, pairs: bool) -> Option<String> {
    let known = if pairs { pairs_or_items(pool, true) } else { BTreeMap::new() };
    let step = if pairs { 2 } else { 1 };
    let mut seen = std::collections::BTreeSet::new();
    let names: std::collections::BTreeSet<&String> = pool.iter().collect();
    for item in drawn.chunks(step) {
        let is_there = if pairs {
            known.get(&item[0]) == item.get(1).map(|value| canonical(value.clone())).as_ref()
        } else {
            names.contains(&item[0])
        };
        if !is_there {
            return Some(format!("{:?} was never there", item[0]));
        }
        if distinct && !seen.insert(&item[0]) {
            return Some(format!("{:?} is drawn twice", item[0]));
        }
    }
    None
}

fn scanned(reply: &Reply) -> Option<(String, Vec<String>)> {
    match reply {
        Reply::Array(parts) => match parts.as_slice() {
            [cursor, items] => Some((cursor.text(), flatten(items))),
            _ => None,
        },
        _ => None,
    }
}

fn flat(bytes: &[u8]) -> Vec<String> {
    decode(bytes).ok().flatten().map(|(reply, _)| flatten(&reply)).unwrap_or_default()
}

/// All that is no aggregate, in order, as text.
fn flatten(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items.iter().flat_map(flatten).collect(),
        Reply::Map(pairs) => pairs.iter().flat_map(|(key, value)| [flatten(key), flatten(value)].concat()).collect(),
        Reply::Bulk(bytes) => vec![bytes.escape_ascii().to_string()],
        Reply::Double(text) => vec![text.clone()],
        Reply::Nil => Vec::new(),
        other => vec![format!("{other:?}")],
    }
}

/// A number with a fraction or an exponent as it is read: how it is written is looked at elsewhere.
fn canonical(text: String) -> String {
    let is_long = text.bytes().filter(u8::is_ascii_digit).count() >= 15 || text.contains("e+") || text.contains("e-");
    match text.parse::<f64>() {
        Ok(number) if number == 0.0 && text == "-0" => "0".into(),
        Ok(number) if number != 0.0 && number.is_finite() && is_long => number.to_string(),
        _ => text,
    }
}

fn sorted(reply: &Reply) -> (u8, Vec<String>) {
    let mut items: Vec<String> = match reply {
        Reply::Array(items) | Reply::Set(items) => items.iter().map(|item| format!("{item:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    items.sort();
    (kind(reply), items)
}

fn paired(reply: &Reply) -> (u8, Vec<(String, String)>) {
    let items = flatten(reply);
    let mut pairs: Vec<_> =
        items.chunks(2).map(|pair| (pair[0].clone(), pair.get(1).cloned().unwrap_or_default())).collect();
    pairs.sort();
    (kind(reply), pairs)
}

fn kind(reply: &Reply) -> u8 {
    match reply {
        Reply::Simple(_) => 0,
        Reply::Error(_) => 1,
        Reply::Int(_) => 2,
        Reply::Bulk(_) => 3,
        Reply::Nil => 4,
        Reply::Array(_) => 5,
        Reply::Map(_) => 6,
        Reply::Set(_) => 7,
        Reply::Push(_) => 8,
        Reply::Double(_) => 9,
        Reply::Bool(_) => 10,
        Reply::BigNumber(_) => 11,
        Reply::Verbatim(..) => 12,
    }
}

/// The kind of a reply, and how many elements it has.
fn size(reply: &Reply) -> (u8, usize) {
    let count = match reply {
        Reply::Array(items) | Reply::Set(items) => items.len(),
        Reply::Map(pairs) => pairs.len(),
        _ => 0,
    };
    (kind(reply), count)
}

/// The kinds of a reply and of what is in it, level by level.
fn shape(reply: &Reply) -> Vec<u8> {
    let mut kinds = vec![kind(reply)];
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => kinds.extend(items.iter().flat_map(shape)),
        Reply::Map(pairs) => kinds.extend(pairs.iter().flat_map(|(key, value)| [shape(key), shape(value)].concat())),
        _ => {}
    }
    kinds
}

/// Whether replies are equal but for numbers that are points in time or spans since one.
fn same_but_time(redis: &Reply, ours: &Reply) -> bool {
    match (redis, ours) {
        (Reply::Array(a), Reply::Array(b)) if a.len() == b.len() => {
            let is_pending = matches!(a.as_slice(), [Reply::Bulk(_), .., Reply::Int(_), Reply::Int(_)]) && a.len() <= 4;
            a.iter().zip(b).enumerate().all(|(index, (x, y))| {
                let names_time = index > 0 && is_time(&a[index - 1]);
                match (x, y) {
                    (Reply::Int(_), Reply::Int(_)) if index > 0 && is_layout(&a[index - 1]) => true,
                    (Reply::Int(x), Reply::Int(y)) if names_time || is_pending && index + 2 == a.len() => near(*x, *y),
                    _ => same_but_time(x, y),
                }
            })
        }
        (Reply::Map(a), Reply::Map(b)) if a.len() == b.len() => a.iter().zip(b).all(|(x, y)| {
            x.0 == y.0
                && match (&x.1, &y.1) {
                    (Reply::Int(_), Reply::Int(_)) if is_layout(&x.0) => true,
                    (Reply::Int(n), Reply::Int(m)) if is_time(&x.0) => near(*n, *m),
                    (n, m) => same_but_time(n, m),
                }
        }),
        // Seconds and milliseconds until or since then.
        (Reply::Int(a), Reply::Int(b)) if *a > 1_000 && *b > 1_000 => near(*a, *b),
        (a, b) => a == b,
    }
}

/// Says how the memory of a stream is laid out, which is each server's own affair.
fn is_layout(name: &Reply) -> bool {
    matches!(name, Reply::Bulk(name) if name.starts_with(b"radix-tree-"))
}

fn is_time(name: &Reply) -> bool {
    matches!(name, Reply::Bulk(name) if matches!(name.as_slice(), b"idle" | b"inactive" | b"seen-time" | b"active-time"))
}

fn near(a: i64, b: i64) -> bool {
    let is_ms = a.unsigned_abs() > 10_000_000_000 || a < 1_000_000;
    a.abs_diff(b) <= (if is_ms { LAG_MS } else { LAG_S.max(LAG_MS) }).unsigned_abs()
}
