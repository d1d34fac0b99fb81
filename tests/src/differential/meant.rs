//! The differences that are meant, in one list, each with its reason.

use crate::reply::{Reply, decode};

/// A call and both replies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) words: &'a [Vec<u8>],
    pub(super) redis: &'a [u8],
    pub(super) ours: &'a [u8],
}

/// A difference that is meant.
#[derive(Debug)]
pub(super) struct Meant {
    /// What is different, and why.
    pub(super) reason: &'static str,
    covers: fn(&Case<'_>) -> bool,
    /// What is stored is different from there on: the episode ends.
    pub(super) parts: bool,
}

/// All of them.
pub(super) const MEANT: &[Meant] = &[
    Meant {
        parts: false,
        reason: "HELP is in words of our own",
        covers: |case| case.words.last().is_some_and(|word| word.eq_ignore_ascii_case(b"help")),
    },
    Meant {
        parts: false,
        reason: "a double is written as short as it can be, as from Redis 7.2 on, and not with 17 digits",
        covers: |case| match (decode(case.redis), decode(case.ours)) {
            (Ok(Some((redis, _))), Ok(Some((ours, _)))) => same_numbers(&redis, &ours, false),
            _ => false,
        },
    },
    Meant {
        parts: false,
        reason: "a score of -0 is 0, whatever the encoding; Redis keeps the sign in large sorted sets only",
        covers: |case| match (decode(case.redis), decode(case.ours)) {
            (Ok(Some((redis, _))), Ok(Some((ours, _)))) => {
                let name = case.words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
                let is_on_scores = [&b"z"[..], b"bz", b"eval", b"sort"].iter().any(|start| name.starts_with(start));
                is_on_scores && same_numbers(&redis, &ours, true)
            }
            _ => false,
        },
    },
    Meant {
        parts: false,
        reason: "an error is text: bytes in a quoted word that are none become U+FFFD, and NUL doesn't end it",
        covers: |case| {
            let is_odd = |word: &Vec<u8>| word.iter().any(|byte| *byte < b' ' || *byte >= 0x7f);
            let start = |reply: &[u8]| {
                let before_quote = reply.split(|&byte| byte == b'\'').next().unwrap_or_default();
                before_quote.get(..24.min(before_quote.len())).unwrap_or_default().to_vec()
            };
            are_errors(case) && case.words.iter().any(is_odd) && start(case.redis) == start(case.ours)
        },
    },
    Meant {
        parts: false,
        reason: "whether a string is embstr or raw follows from the room that it has, not from what it has been through; and what is written like an integer is kept as one",
        covers: |case| {
            let is_either = |reply: &[u8]| matches!(reply, b"$6\r\nembstr\r\n" | b"$3\r\nraw\r\n");
            is_either(case.redis) && (is_either(case.ours) || case.ours == b"$3\r\nint\r\n")
        },
    },
    Meant {
        parts: false,
        reason: "a small number has the count of references that Redis gives one that it shares, whether Redis shares this one or not",
        covers: |case| case.words.iter().any(|word| word.eq_ignore_ascii_case(b"refcount")),
    },
    Meant {
        parts: true,
        reason: "a HyperLogLog that a command on strings has written into is refused sooner",
        covers: |case| contains(case.ours, b"INVALIDOBJ") || contains(case.redis, b"INVALIDOBJ"),
    },
    Meant {
        parts: true,
        reason: "WATCH notices what has changed, groups of streams among it, and no command that has changed nothing",
        covers: |case| {
            let is_nil = |reply: &[u8]| matches!(reply, b"*-1\r\n" | b"_\r\n");
            is_called(case, "exec") && is_nil(case.ours) != is_nil(case.redis)
        },
    },
    Meant {
        parts: false,
        reason: "PFCOUNT and PUBLISH write nothing here, so a script that only reads may call them",
        covers: |case| {
            let is_refused = contains(case.redis, b"Write commands are not allowed from read-only scripts");
            is_refused && ["pfcount", "publish", "spublish"].iter().any(|name| is_any_word(case, name))
        },
    },
    Meant {
        parts: false,
        reason: "an error about BLOCK in a script has the command in small letters, and comes after those about the rest",
        covers: |case| {
            contains(case.redis, b"is not allowed with BLOCK option from scripts") && case.ours.starts_with(b"-")
        },
    },
    Meant {
        parts: false,
        reason: "a timeout that is too large is out of range, as from Redis 7.2 on; to 7.0 it is negative",
        covers: |case| contains(case.redis, b"ERR timeout is negative") && contains(case.ours, b"out of range"),
    },
    Meant {
        parts: false,
        reason: "SORT ALPHA compares whole strings; Redis up to the first NUL",
        covers: |case| {
            let is_sort = is_any_word(case, "sort") || is_any_word(case, "sort_ro");
            is_sort && is_any_word(case, "alpha") && contains(case.redis, b"\0") && same_elements(case)
        },
    },
    Meant {
        parts: false,
        reason: "LPOS refuses a rank that has no opposite, as from Redis 7.2 on, and takes it for no other",
        covers: |case| is_any_word(case, "lpos") && contains(case.ours, b"value must between -9223372036854775807"),
    },
    Meant {
        parts: false,
        reason: "XREAD takes + for the last entry, as from Redis 7.4 on",
        covers: |case| {
            contains(case.redis, b"Invalid stream ID")
                && case.words.iter().any(|word| word == b"+")
                && is_any_word(case, "xread")
        },
    },
    Meant {
        parts: false,
        reason: "a number of a script past what 64 bits hold becomes the largest there is, and not by overflow the smallest",
        covers: |case| {
            let is_in_script = is_called(case, "eval") || is_called(case, "eval_ro");
            is_in_script
                && contains(case.redis, b":-9223372036854775808")
                && contains(case.ours, b":9223372036854775807")
        },
    },
    Meant {
        // With STORE, one of them has stored nothing.
        parts: true,
        reason: "SORT refuses what is no number; Redis everything, too, once a call before it has read a number as near to 0 as 1e-320",
        covers: |case| {
            let is_sort = is_any_word(case, "sort") || is_any_word(case, "sort_ro");
            is_sort
                && contains(case.redis, b"-ERR One or more scores can't be converted into double")
                && !contains(case.ours, b"-ERR")
        },
    },
    Meant {
        parts: false,
        reason: "a value that has shrunk is in its small encoding again once it was renamed, moved or copied",
        covers: |case| {
            let is_large = |reply: &[u8]| matches!(reply, b"$8\r\nskiplist\r\n" | b"$9\r\nhashtable\r\n");
            let is_small = |reply: &[u8]| matches!(reply, b"$8\r\nlistpack\r\n" | b"$6\r\nintset\r\n");
            is_large(case.redis) && is_small(case.ours)
        },
    },
    Meant {
        parts: false,
        reason: "the last bits of a distance: the sine is computed by one library for server and tab",
        covers: |case| {
            let is_distance = is_called(case, "geodist")
                || case.words.iter().any(|word| word == b"distance" || word.eq_ignore_ascii_case(b"withdist"));
            match (decode(case.redis), decode(case.ours)) {
                (Ok(Some((redis, _))), Ok(Some((ours, _)))) => is_distance && near(&redis, &ours),
                _ => false,
            }
        },
    },
];

/// The place in the list of what covers a difference.
pub(super) fn place(case: &Case<'_>) -> Option<usize> {
    MEANT.iter().position(|meant| (meant.covers)(case))
}

fn is_called(case: &Case<'_>, name: &str) -> bool {
    case.words.first().is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_any_word(case: &Case<'_>, name: &str) -> bool {
    case.words.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

fn are_errors(case: &Case<'_>) -> bool {
    case.redis.starts_with(b"-") && case.ours.starts_with(b"-")
}

fn contains(reply: &[u8], text: &[u8]) -> bool {
    reply.windows(text.len()).any(|window| window == text)
}

/// Whether both replies are arrays of the same elements, in whatever order.
fn same_elements(case: &Case<'_>) -> bool {
    let sorted = |reply: &[u8]| match decode(reply) {
        Ok(Some((Reply::Array(elements), _))) => {
            let mut elements: Vec<String> = elements.iter().map(|element| format!("{element:?}")).collect();
            elements.sort_unstable();
            Some(elements)
        }
        _ => None,
    };
    sorted(case.redis).is_some_and(|redis| Some(redis) == sorted(case.ours))
}

/// Whether replies are equal but for how a number with a fraction is written.
fn same_numbers(redis: &Reply, ours: &Reply, zeros: bool) -> bool {
    let same = |a: &str, b: &str| {
        let is_long = a.bytes().filter(u8::is_ascii_digit).count() >= 16
            || zeros && matches!((a, b), ("-0", "0") | ("0", "-0"))
            || b.contains('e');
        a == b || is_long && matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
    };
    match (redis, ours) {
        (Reply::Double(a), Reply::Double(b)) => same(a, b),
        (Reply::Bulk(a), Reply::Bulk(b)) => match (std::str::from_utf8(a), std::str::from_utf8(b)) {
            (Ok(a), Ok(b)) => same(a, b),
            _ => a == b,
        },
        (Reply::Array(a), Reply::Array(b)) | (Reply::Set(a), Reply::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_numbers(a, b, zeros))
        }
        (Reply::Map(a), Reply::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| same_numbers(&a.0, &b.0, zeros) && same_numbers(&a.1, &b.1, zeros))
        }
        (a, b) => a == b,
    }
}

/// Whether replies are equal but for the last digits of numbers.
fn near(redis: &Reply, ours: &Reply) -> bool {
    let text = |reply: &Reply| match reply {
        Reply::Double(text) => Some(text.clone()),
        Reply::Bulk(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    match (redis, ours) {
        (Reply::Array(a), Reply::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)),
        (a, b) => {
            let numbers =
                text(a).zip(text(b)).and_then(|(a, b)| Some((a.parse::<f64>().ok()?, b.parse::<f64>().ok()?)));
            a == b || numbers.is_some_and(|(a, b)| (a - b).abs() <= 0.00011_f64.max(a.abs() * 1e-9))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(words: &[&[u8]], redis: &str, ours: &str) -> bool {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        place(&Case { words: &words, redis: redis.as_bytes(), ours: ours.as_bytes() }).is_some()
    }

    #[test]
    fn what_is_meant_is_covered_and_nothing_else() {
        assert!(covered(&[b"ZSCORE", b"k", b"m"], ",0.10000000000000001\r\n", ",0.1\r\n"));
        assert!(!covered(&[b"ZSCORE", b"k", b"m"], ",0.10000000000000001\r\n", ",0.11\r\n"));
        assert!(!covered(&[b"GET", b"k"], "$3\r\n1.0\r\n", "$1\r\n1\r\n"));
        assert!(covered(&[b"SORT", b"k", b"ALPHA"], "*2\r\n$1\r\n\0\r\n$0\r\n\r\n", "*2\r\n$0\r\n\r\n$1\r\n\0\r\n"));
        assert!(!covered(&[b"SORT", b"k", b"ALPHA"], "*2\r\n$1\r\n\0\r\n$1\r\na\r\n", "*1\r\n$1\r\n\0\r\n"));
        assert!(covered(&[b"XLEN", b"\xff"], "-ERR no 'x'\r\n", "-ERR no 'y'\r\n"));
        assert!(!covered(&[b"XLEN", b"k"], "-ERR no 'x'\r\n", "-ERR no 'y'\r\n"));
    }
}
