//! Bad input: calls with words too few or too many, of the wrong kind, out of range.
//!
//! What is spoilt stays answerable at once: [`tame`] takes out what would wait for ever, fall due while the run lasts, or
//! make even Redis fill the memory of the machine.

use sanderling_core::hash::Rng;

use super::words::{Flavour, key, once_in, pick};
use sanderling_core::command::Group;

/// Words that hardly any argument may be.
const BAD: &[&[u8]] = &[
    b"",
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"infinity",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"0x10",
    b"0",
    b"-1",
    b"1",
    b"-0",
    b"+1",
    b"01",
    b" 1",
    b"1 ",
    b"1.0",
    b".5",
    b"5.",
    b"1e2",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"4294967295",
    b"2147483648",
    b"-2147483649",
    b"340282366920938463463374607431768211456",
    b"*",
    b"(",
    b"[",
    b"(1",
    b"[a",
    b"$",
    b">",
    b"+",
    b"-",
    b"=",
    b"~",
    b"#",
    b"#-1",
    b"->",
    b"a->",
    b"\x00",
    b"\xff\xfe",
    b"\r\n",
    b"a\r\nb",
    b"'",
    b"\"",
    b"1-",
    b"-1-1",
    b"0-0",
    b"1-1-1",
    b"18446744073709551615-18446744073709551615",
    b"u64",
    b"i65",
    b"u0",
    b"COUNT",
    b"LIMIT",
    b"STREAMS",
    b"WITHSCORES",
    b"NX",
    b"XX",
    b"GET",
    b"EX",
    b"BYLEX",
    b"STORE",
    b"ASC",
    b"abc",
    b"%s%n",
    b"99999999999999999999999",
    b"-9999999999999999999",
    b"1.7976931348623159e308",
    b"0.1e",
    b"e5",
    b"--1",
    b"1_000",
    b"\xef\xbc\x91",
];

/// Makes something wrong with a call.
pub(super) fn spoil(rng: &mut Rng, flavour: &Flavour, words: &mut Vec<Vec<u8>>) {
    let at = if words.len() > 1 { 1 + rng.index(words.len() - 1) } else { 0 };
    match rng.below(12) {
        0 | 1 if words.len() > 1 => drop(words.remove(at)),
        2 => words.insert(at.max(1).min(words.len()), pick(rng, BAD).to_vec()),
        3 if words.len() > 2 => {
            let other = 1 + rng.index(words.len() - 1);
            words.swap(at, other);
        }
        4 => words.push(words[at].clone()),
        5 => words[at].make_ascii_lowercase(),
        6 if words.len() > 1 => words[at] = key(rng, flavour, Group::Generic),
        7 if words.len() > 1 && once_in(rng, 4) => words[at] = vec![b'q'; 1 + rng.index(20_000)],
        8 if once_in(rng, 4) => words[0].push(b'x'),
        9 => words.truncate(at.max(1)),
        _ if words.len() > 1 => words[at] = pick(rng, BAD).to_vec(),
        _ => words.push(pick(rng, BAD).to_vec()),
    }
}

/// Whether `word` is `name`, in whatever case.
pub(super) fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Takes the teeth out of a call whose outcome would depend on time or that would eat the machine.
pub(super) fn tame(words: &mut [Vec<u8>], huge: bool) {
    let name = String::from_utf8_lossy(&words[0]).to_ascii_lowercase();
    match name.as_str() {
        "blpop" | "brpop" | "bzpopmin" | "bzpopmax" | "blmove" | "brpoplpush" => {
            if let Some(last) = words.last_mut() {
                wait_shortly(last, b"0.001");
            }
        }
        "blmpop" | "bzmpop" => {
            if let Some(first) = words.get_mut(1) {
                wait_shortly(first, b"0.001");
            }
        }
        "wait" => {
            if let Some(last) = words.get_mut(2) {
                wait_shortly(last, b"1");
            }
        }
        "xread" | "xreadgroup" => after(words, "block", |word| wait_shortly(word, b"1")),
        "srandmember" | "hrandfield" | "zrandmember" => numbers(words, |n| {
            // Redis draws as many as it is told to, and there the bound of ours is meant.
            if (-4_611_686_018_427_387_904..-5_000).contains(&n) { -(n.rem_euclid(1000)) } else { n }
        }),
        "setrange" | "setbit" | "bitfield" | "bitfield_ro" if !huge => numbers(words, |n| match n {
            // The last bit that there may be makes half a gigabyte of zeros.
            20_000..=5_000_000_000 => n % 20_000,
            n => n,
        }),
        "expire" | "setex" => at(words, 2, |n| if (1..1_000_000).contains(&n) { n + 1_000_000 } else { n }),
        "pexpire" | "psetex" => at(words, 2, |n| if (1..1_000_000_000).contains(&n) { n + 1_000_000_000 } else { n }),
        "set" | "getex" => {
            let far =
                |unit: i64| move |n: i64| if (1..1_000_000 * unit).contains(&n) { n + 1_000_000 * unit } else { n };
            after(words, "ex", |word| change(word, far(1)));
            after(words, "px", |word| change(word, far(1000)));
            // What SET makes in the past is there until somebody looks, or the clock passes by.
            let future = |unit: i64| {
                move |n: i64| if (1..4_000_000_000 * unit).contains(&n) { n + 4_000_000_000 * unit } else { n }
            };
            after(words, "exat", |word| change(word, future(1)));
            after(words, "pxat", |word| change(word, future(1000)));
        }
        _ => {}
    }
}

/// Replaces a time to wait that is not refused.
fn wait_shortly(word: &mut Vec<u8>, shortly: &[u8]) {
    const REFUSED: &[&[u8]] =
        &[b"-1", b"nan", b"inf", b"-inf", b"", b"1e400", b"abc", b" 1", b"1 ", b"*", b"(", b"e5", b"--1"];
    if !REFUSED.contains(&word.as_slice()) {
        *word = shortly.to_vec();
    }
}

/// Changes what follows each word `option`.
fn after(words: &mut [Vec<u8>], option: &str, mut act: impl FnMut(&mut Vec<u8>)) {
    for index in 1..words.len() {
        if is(&words[index - 1], option) {
            act(&mut words[index]);
        }
    }
}

fn at(words: &mut [Vec<u8>], index: usize, new: impl Fn(i64) -> i64) {
    if let Some(word) = words.get_mut(index) {
        change(word, new);
    }
}

fn numbers(words: &mut [Vec<u8>], new: impl Fn(i64) -> i64) {
    for word in words.iter_mut().skip(1) {
        if let Some(rest) = word.strip_prefix(b"#") {
            let mut rest = rest.to_vec();
            change(&mut rest, |n| n % 300);
            *word = [b"#".as_slice(), &rest].concat();
        } else {
            change(word, &new);
        }
    }
}

fn change(word: &mut Vec<u8>, new: impl Fn(i64) -> i64) {
    if let Some(n) = std::str::from_utf8(word).ok().and_then(|text| text.parse::<i64>().ok())
        && new(n) != n
    {
        *word = new(n).to_string().into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tamed(line: &str) -> String {
        let mut words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        tame(&mut words, false);
        String::from_utf8(words.join(&b' ')).unwrap()
    }

    #[test]
    fn nothing_waits_for_ever_or_falls_due() {
        assert_eq!(tamed("BLPOP k 0"), "BLPOP k 0.001");
        assert_eq!(tamed("BLPOP k -1"), "BLPOP k -1");
        assert_eq!(tamed("WAIT 3 0"), "WAIT 3 1");
        assert_eq!(tamed("XREAD BLOCK 0 STREAMS k $"), "XREAD BLOCK 1 STREAMS k $");
        assert_eq!(tamed("EXPIRE k 1"), "EXPIRE k 1000001");
        assert_eq!(tamed("EXPIRE k -1"), "EXPIRE k -1");
        assert_eq!(tamed("SET k v px 5"), "SET k v px 1000000005");
        assert_eq!(tamed("SETBIT k 4294967295 1"), "SETBIT k 7295 1");
        assert_eq!(tamed("SRANDMEMBER k -2147483649"), "SRANDMEMBER k -351");
    }
}
