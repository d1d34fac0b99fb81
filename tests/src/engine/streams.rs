//! The streams: what is there before, what is called, and how the last reply looks.

/// The words of a call.
pub(super) type Call = Vec<Vec<u8>>;

/// A stream of calls of one kind.
#[derive(Debug)]
pub struct Stream {
    /// What it measures: the command.
    pub name: &'static str,
    /// How many calls fill the engine before.
    pub(super) fills: u64,
    /// The call with this number that fills.
    pub(super) fill: fn(u64) -> Call,
    /// The call with this number that is measured.
    pub(super) call: fn(u64) -> Call,
    /// Whether this may be the last reply: a stream that only meets errors or nothing would measure those.
    pub(super) is_right: fn(&[u8]) -> bool,
}

/// All streams, in the order in which they run.
pub const STREAMS: &[Stream] = &[
    Stream { name: "SET", fills: KEYS, fill: set, call: |n| set(spread(n)), is_right: |reply| reply == b"+OK\r\n" },
    Stream { name: "GET", fills: KEYS, fill: set, call: |n| call("GET", [key(spread(n))]), is_right: is_value },
    Stream { name: "INCR", fills: KEYS, fill: incr, call: |n| incr(spread(n)), is_right: is_positive },
    Stream { name: "LPUSH", fills: KEYS, fill: lpush, call: lpush, is_right: is_positive },
    Stream { name: "LPOP", fills: MANY, fill: lpush, call: |_| call("LPOP", [fixed()]), is_right: is_value },
    Stream {
        name: "LRANGE_100",
        fills: KEYS,
        fill: lpush,
        call: lrange,
        is_right: |reply| reply.starts_with(b"*100\r\n"),
    },
    Stream {
        name: "SADD",
        fills: KEYS,
        fill: sadd,
        call: |n| sadd(KEYS - 1000 + n),
        is_right: |reply| reply == b":1\r\n",
    },
    Stream {
        name: "SPOP",
        fills: MANY,
        fill: sadd,
        call: |_| call("SPOP", [fixed()]),
        is_right: |reply| reply[0] == b'$',
    },
    Stream {
        name: "HSET",
        fills: KEYS,
        fill: hset,
        call: |n| hset(KEYS - 1000 + n),
        is_right: |reply| reply == b":1\r\n",
    },
    Stream {
        name: "ZADD",
        fills: KEYS,
        fill: zadd,
        call: |n| zadd(KEYS - 1000 + n),
        is_right: |reply| reply == b":1\r\n",
    },
    Stream { name: "ZADD_move", fills: KEYS, fill: zadd, call: moved, is_right: |reply| reply == b":0\r\n" },
    Stream {
        name: "ZPOPMIN",
        fills: MANY,
        fill: zadd,
        call: |_| call("ZPOPMIN", [fixed()]),
        is_right: |reply| reply.starts_with(b"*2\r\n"),
    },
    Stream { name: "MSET_10", fills: KEYS, fill: set, call: mset, is_right: |reply| reply == b"+OK\r\n" },
    Stream { name: "XADD", fills: KEYS, fill: xadd, call: xadd, is_right: |reply| reply[0] == b'$' },
    Stream { name: "PFADD", fills: KEYS, fill: pfadd, call: |n| pfadd(KEYS + n), is_right: |reply| reply[0] == b':' },
    Stream {
        name: "GEOADD",
        fills: KEYS,
        fill: geoadd,
        call: |n| geoadd(KEYS - 1000 + n),
        is_right: |reply| reply == b":1\r\n",
    },
];

fn call<const N: usize>(name: &str, words: [Vec<u8>; N]) -> Call {
    std::iter::once(name.as_bytes().to_vec()).chain(words).collect()
}

/// Sixteen bytes.
fn key(number: u64) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// The key of the streams that work on one.
fn fixed() -> Vec<u8> {
    b"a-key-of-16-byte".to_vec()
}

/// A key's number in an order that no cache or table was made for.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(7919) % KEYS
}

fn value(number: u64) -> Vec<u8> {
    format!("value-{number:026}").into_bytes()
}

/// A number below a million.
fn score(number: u64) -> u64 {
    number.wrapping_mul(7919 * 104_729) % 1_000_000
}

fn set(number: u64) -> Call {
    call("SET", [key(number), value(number)])
}

fn incr(number: u64) -> Call {
    call("INCR", [key(number)])
}

fn lpush(number: u64) -> Call {
    call("LPUSH", [fixed(), value(number)])
}

fn lrange(_: u64) -> Call {
    call("LRANGE", [fixed(), b"0".to_vec(), b"99".to_vec()])
}

fn sadd(number: u64) -> Call {
    call("SADD", [fixed(), key(number)])
}

fn hset(number: u64) -> Call {
    call("HSET", [fixed(), key(number), value(number)])
}

fn zadd(number: u64) -> Call {
    call("ZADD", [fixed(), score(number).to_string().into_bytes(), key(number)])
}

fn moved(number: u64) -> Call {
    call("ZADD", [fixed(), score(number + 1).to_string().into_bytes(), key(spread(number))])
}

fn mset(number: u64) -> Call {
    let pairs = (0..10).flat_map(|index| [key(spread(10 * number + index)), value(number)]);
    std::iter::once(b"MSET".to_vec()).chain(pairs).collect()
}

fn xadd(number: u64) -> Call {
    call("XADD", [fixed(), b"*".to_vec(), b"field".to_vec(), value(number)])
}

fn pfadd(number: u64) -> Call {
    call("PFADD", [fixed(), key(number)])
}

fn geoadd(number: u64) -> Call {
    let degrees = |part: u64, whole: f64| format!("{:.6}", (part % 100_000) as f64 / 100_000.0 * whole - whole / 2.0);
    let (longitude, latitude) = (degrees(score(number), 360.0), degrees(score(number + 7), 170.0));
    call("GEOADD", [fixed(), longitude.into_bytes(), latitude.into_bytes(), key(number)])
}

fn is_value(reply: &[u8]) -> bool {
    reply.starts_with(b"$32\r\nvalue-")
}

fn is_positive(reply: &[u8]) -> bool {
    reply[0] == b':' && reply[1] != b'-'
}

const KEYS: u64 = 10_000;
/// More than the measured calls remove.
const MANY: u64 = 12_000;
