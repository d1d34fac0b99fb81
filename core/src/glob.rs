//! Glob patterns over bytes, as `KEYS`, `SCAN MATCH` and `PSUBSCRIBE` understand them.
//!
//! `*` is any run of bytes, `?` any byte, `[a-z]` and `[^a-z]` a class, `\` takes the next byte as it is. A class that
//! is never closed ends with the pattern. Patterns are bytes, not text: no byte is special but these.
//!
//! Every token except `*` takes exactly one byte, so on a mismatch it is enough to go back to the last star: the cost is
//! at most O(pattern × bytes), with no exponential case.

/// Tells whether the whole of `bytes` matches `pattern`.
///
/// ```
/// use sanderling_core::glob;
/// assert!(glob::matches(b"user:[0-9]*", b"user:42:name"));
/// assert!(!glob::matches(b"user:?", b"user:42"));
/// ```
#[must_use]
pub fn matches(pattern: &[u8], bytes: &[u8]) -> bool {
    run::<false>(pattern, bytes)
}

/// Tells whether the whole of `bytes` matches `pattern`, ASCII letters of either case being equal.
#[must_use]
pub fn matches_ignore_case(pattern: &[u8], bytes: &[u8]) -> bool {
    run::<true>(pattern, bytes)
}

/// Returns the bytes with which everything that matches `pattern` begins: those before the first special one.
#[must_use]
pub fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| is_special(*byte));
    end.and_then(|end| pattern.get(..end)).unwrap_or(pattern)
}

/// Tells whether `pattern` matches itself and nothing else.
#[must_use]
pub fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| is_special(*byte))
}

/// Tells whether `pattern` consists of stars, so that it matches everything.
#[must_use]
pub fn is_everything(pattern: &[u8]) -> bool {
    !pattern.is_empty() && pattern.iter().all(|byte| *byte == b'*')
}

/// The bytes that mean something else than themselves.
pub const SPECIAL: [u8; 4] = *b"*?[\\";

fn is_special(byte: u8) -> bool {
    SPECIAL.contains(&byte)
}

fn run<const IGNORE_CASE: bool>(mut pattern: &[u8], mut bytes: &[u8]) -> bool {
    // What to try again when a later token fails: the pattern after the last star, and the bytes from one further on.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = pattern {
            if after.is_empty() {
                return true;
            }
            retry = Some((after, bytes));
            pattern = after;
            continue;
        }
        match (pattern.is_empty(), bytes.split_first()) {
            (true, None) => return true,
            (false, Some((byte, rest))) => {
                let (matched, after) = token::<IGNORE_CASE>(pattern, *byte);
                if matched {
                    pattern = after;
                    bytes = rest;
                    continue;
                }
            }
            // Too few bytes are left for this pattern, and a longer run for the star only makes them fewer.
            (false, None) => return false,
            (true, Some(_)) => {}
        }
        match retry {
            Some((after_star, [_, rest @ ..])) => {
                retry = Some((after_star, rest));
                pattern = after_star;
                bytes = rest;
            }
            _ => return false,
        }
    }
}

/// Compares one byte with the token at the start of `pattern`, which is not a star; returns the pattern after it too.
fn token<const IGNORE_CASE: bool>(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    match pattern {
        [b'?', after @ ..] => (true, after),
        [b'[', b'^', class @ ..] => {
            let (matched, after) = class_contains::<IGNORE_CASE>(class, byte);
            (!matched, after)
        }
        [b'[', class @ ..] => class_contains::<IGNORE_CASE>(class, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => {
            (fold::<IGNORE_CASE>(*literal) == fold::<IGNORE_CASE>(byte), after)
        }
        [] => (false, pattern),
    }
}

/// Looks for `byte` in the class whose inside starts at `class`; returns what follows the closing bracket too.
fn class_contains<const IGNORE_CASE: bool>(mut class: &[u8], byte: u8) -> (bool, &[u8]) {
    let folded = fold::<IGNORE_CASE>(byte);
    let mut matched = false;
    loop {
        class = match class {
            // An escaped byte is exact even where case is ignored, as in Redis.
            [b'\\', literal, after @ ..] => {
                matched |= *literal == byte;
                after
            }
            [b']', after @ ..] => return (matched, after),
            [] => return (matched, class),
            [start, b'-', end, after @ ..] => {
                let (start, end) = (fold::<IGNORE_CASE>(*start), fold::<IGNORE_CASE>(*end));
                matched |= (start.min(end)..=start.max(end)).contains(&folded);
                after
            }
            [literal, after @ ..] => {
                matched |= fold::<IGNORE_CASE>(*literal) == folded;
                after
            }
        };
    }
}

#[inline]
const fn fold<const IGNORE_CASE: bool>(byte: u8) -> u8 {
    if IGNORE_CASE { byte.to_ascii_lowercase() } else { byte }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} should match {text}");
        }
        for text in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn every_token() {
        check("", &[""], &["a"]);
        check("*", &["", "a", "abc"], &[]);
        check("**", &["", "abc"], &[]);
        check("h?llo", &["hello", "h?llo"], &["hllo", "heello"]);
        check("h*llo", &["hllo", "heeeello", "hllollo"], &["hello!", "ello"]);
        check("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]);
        check("h[^e]llo", &["hallo", "h^llo"], &["hello"]);
        check("h[a-b]llo", &["hallo", "hbllo"], &["hcllo", "h-llo"]);
        check("h[b-a]llo", &["hallo", "hbllo"], &["hcllo"]);
        check(r"\*\?\[\\", &[r"*?[\"], &[r"\*\?\[\\"]);
        check(r"a\", &[r"a\"], &["a"]);
        check(r"[\]]", &["]"], &[r"\", "a"]);
        check("[]", &[], &["", "]", "a"]);
        check("[^]", &["a", "]"], &["", "ab"]);
        check("[abc", &["a", "c"], &["d", "[abc", "["]);
        check("[a-", &["a", "-"], &["b"]);
        check("*[0-9]*x", &["1x", "a1bx", "xx1xx"], &["x", "1", "ax"]);
    }

    #[test]
    fn case_is_folded_on_request() {
        assert!(matches_ignore_case(b"HeL*[a-c]", b"hEllO wB"));
        assert!(!matches_ignore_case(br"[\A]", b"a"));
        assert!(!matches(b"A", b"a"));
    }

    #[test]
    fn prefixes() {
        let prefixes: [(&str, &str); 5] =
            [("user:*", "user:"), ("user", "user"), ("*", ""), (r"a\*b", "a"), ("[ab]c", "")];
        for (pattern, prefix) in prefixes {
            assert_eq!(literal_prefix(pattern.as_bytes()), prefix.as_bytes());
            assert_eq!(is_literal(pattern.as_bytes()), pattern == prefix);
        }
        assert!(is_everything(b"**") && !is_everything(b"") && !is_everything(b"*a"));
    }

    /// With one try a star this would take longer than the universe has existed.
    #[test]
    fn many_stars_stay_cheap() {
        let pattern: Vec<u8> = b"a*".repeat(1_000).into_iter().chain(*b"b").collect();
        assert!(!matches(&pattern, &vec![b'a'; 10_000]));
    }

    /// The definition, without regard to cost: a star is nothing, or a byte and the star again.
    fn model(pattern: &[u8], bytes: &[u8]) -> bool {
        match pattern {
            [] => bytes.is_empty(),
            [b'*', after @ ..] => model(after, bytes) || (!bytes.is_empty() && model(pattern, &bytes[1..])),
            _ => bytes.split_first().is_some_and(|(byte, rest)| {
                let (matched, after) = token::<false>(pattern, *byte);
                matched && model(after, rest)
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in r"[ab*?\[\]^\\-]{0,8}", bytes in "[ab^]{0,8}") {
            prop_assert_eq!(matches(pattern.as_bytes(), bytes.as_bytes()), model(pattern.as_bytes(), bytes.as_bytes()));
        }

        #[test]
        fn a_literal_matches_itself_and_what_matches_has_the_prefix(pattern: Vec<u8>, bytes: Vec<u8>) {
            if is_literal(&pattern) {
                prop_assert!(matches(&pattern, &pattern));
                prop_assert_eq!(matches(&pattern, &bytes), pattern == bytes);
            }
            if matches(&pattern, &bytes) {
                prop_assert!(bytes.starts_with(literal_prefix(&pattern)));
            }
        }
    }
}
