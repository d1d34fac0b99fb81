//! Commands of every type, floats and draws included: where two builds could differ if they differed anywhere.

use sanderling_core::hash::Rng;

/// A key of a type.
pub(super) fn key(rng: &mut Rng, kind: &str) -> String {
    format!("{kind}:{}", rng.below(4))
}

/// A random command.
pub(super) fn random(rng: &mut Rng) -> String {
    let [s, f, l, h, set, z, other] = ["s", "f", "l", "h", "set", "z", "z"].map(|kind| key(rng, kind));
    let (small, float) = (rng.below(40), float(rng));
    match rng.below(58) {
        0 => format!("SET {s} value-{small}"),
        1 => format!("SET {s} {small} PX {}", 100 + rng.below(5000)),
        2 => format!("SET {s} v NX GET"),
        3 => format!("APPEND {s} {small}"),
        4 => format!("SETRANGE {s} {small} xyz"),
        5 => format!("GETRANGE {s} -5 -1"),
        6 => format!("SETBIT {s} {small} 1"),
        7 => format!("BITCOUNT {s} 0 -1 BIT"),
        8 => format!("BITFIELD {s} INCRBY u7 3 {small} OVERFLOW SAT INCRBY i5 0 9"),
        9 => format!("BITOP XOR {s} {s} s:0"),
        10 => format!("INCRBY f:i {small}"),
        11..14 => format!("INCRBYFLOAT {f} {float}"),
        14 => format!("LCS {s} s:0 IDX"),
        15 => format!("MSETNX {s} 1 s:9 2"),
        16 => format!("GETDEL {s}"),
        17 => format!("RPUSH {l} {small} a b"),
        18 => format!("LPUSH {l} {float}"),
        19 => format!("LPOP {l} 2"),
        20 => format!("LINSERT {l} AFTER a {small}"),
        21 => format!("LREM {l} -1 a"),
        22 => format!("LTRIM {l} 0 20"),
        23 => format!("LMOVE {l} l:0 LEFT RIGHT"),
        24 => format!("LRANGE {l} 0 -1"),
        25 => format!("SORT {l} ALPHA DESC LIMIT 0 5"),
        26 => format!("HSET {h} f{small} {float} g {small}"),
        27..29 => format!("HINCRBYFLOAT {h} f{small} {float}"),
        29 => format!("HDEL {h} g"),
        30 => format!("HGETALL {h}"),
        31 => format!("HRANDFIELD {h} -3 WITHVALUES"),
        32 => format!("SADD {set} {small} {float} m"),
        33 => format!("SPOP {set} 2"),
        34 => format!("SRANDMEMBER {set} -4"),
        35 => format!("SREM {set} m"),
        36 => format!("SUNIONSTORE {set} set:0 set:1"),
        37 => format!("SMEMBERS {set}"),
        38 => format!("ZADD {z} {float} m{small} {float} n"),
        39..42 => format!("ZINCRBY {z} {float} m{small}"),
        42 => format!("ZADD {z} GT CH INCR {float} m{small}"),
        43 => format!("ZRANGE {z} 0 -1 WITHSCORES"),
        44 => format!("ZRANGESTORE {other} {z} -inf ({float} BYSCORE"),
        45 => format!("ZUNIONSTORE z:3 2 {z} {other} WEIGHTS {float} 0.1 AGGREGATE SUM"),
        46 => format!("ZRANDMEMBER {z} 3 WITHSCORES"),
        47 => format!("ZPOPMAX {z} 2"),
        48 => format!("ZDIFF 2 {z} {other} WITHSCORES"),
        49 => format!("PEXPIRE {l} {}", 50 + rng.below(5000)),
        50 => format!("RENAME {l} l:1"),
        51 => format!("COPY {z} z:2 REPLACE"),
        52 => format!("DEL {h} {set}"),
        53 => "SCAN 0 COUNT 8".to_owned(),
        54 => ["MULTI", "EXEC", "DISCARD"][rng.index(3)].to_owned(),
        55 => format!("WATCH {s}"),
        56 if rng.below(20) == 0 => "FLUSHDB".to_owned(),
        _ => format!("PTTL {s}"),
    }
}

/// Numbers on which rounding and printing could differ.
fn float(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => "0.1".to_owned(),
        1 => "-3.0000000000000004".to_owned(),
        2 => "1e300".to_owned(),
        3 => "5e-324".to_owned(),
        4 => "3.14159265358979323846264338".to_owned(),
        5 => format!("{}.{}", rng.below(1000), rng.below(1_000_000)),
        6 => format!("{}e-{}", rng.next_u64(), rng.below(30)),
        _ => format!("-{}", rng.below(1 << 53)),
    }
}
