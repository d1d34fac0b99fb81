//! What users of the simulation call.

use sanderling_core::hash::Rng;

/// A random command on a key, as its words.
pub(super) fn random(rng: &mut Rng, key: &str) -> Vec<String> {
    let value = rng.below(20);
    let text = match rng.below(33) {
        0 => format!("SET {key} {value}"),
        1 => format!("SET {key} {value} NX"),
        2 => format!("SET {key} {value} PX {}", 50 + rng.below(3000)),
        3..6 => format!("INCRBY {key} {value}"),
        6 => format!("APPEND {key} {value}"),
        7 => format!("DEL {key}"),
        8 => format!("PEXPIRE {key} {}", 50 + rng.below(3000)),
        9 => format!("PERSIST {key}"),
        10 => format!("LPUSH {key} {value} a"),
        11 => format!("RPUSH {key} {value}"),
        12 => format!("LPOP {key}"),
        13 => format!("LREM {key} 1 a"),
        14 => format!("SETRANGE {key} {} x", rng.below(6)),
        15 => format!("RENAME {key} k:{}", rng.below(4)),
        16 => format!("GETDEL {key}"),
        17 => format!("LTRIM {key} 0 3"),
        18 => format!("LSET {key} 0 {value}"),
        19 => format!("SADD {key} {value}"),
        20 => format!("SPOP {key}"),
        21 => format!("HSET {key} f{} {value}", rng.below(4)),
        22 => format!("ZADD {key} {value} m{}", rng.below(4)),
        23 => format!("XADD {key} * f {value}"),
        24 => format!("XADD {key} MAXLEN ~ 8 {value}-* f {value}"),
        25 => format!("XGROUP CREATE {key} g 0 MKSTREAM"),
        26 => format!("XREADGROUP GROUP g c{} COUNT 2 STREAMS {key} >", rng.below(2)),
        27 => format!("XAUTOCLAIM {key} g c{} 0 0 COUNT 3", rng.below(2)),
        28 => format!("XACK {key} g {value}-0 {value}-1"),
        29 => format!("XTRIM {key} MAXLEN 3"),
        30 => format!("HPEXPIRE {key} {} FIELDS 1 f{}", 50 + rng.below(3000), rng.below(4)),
        31 => format!("HSETEX {key} PX {} FIELDS 1 f{} {value}", 50 + rng.below(3000), rng.below(4)),
        _ => format!("GETEX {key} PX {}", 50 + rng.below(3000)),
    };
    words(&text)
}

/// A random command of an operator's, who may do more than a replica.
pub(super) fn random_of_operator(rng: &mut Rng) -> Vec<String> {
    match rng.below(40) {
        0 => words(if rng.below(2) == 0 { "FLUSHDB" } else { "FLUSHALL" }),
        1..6 => words(&format!("SET secret:{} {}", rng.below(4), rng.below(100))),
        6..8 => words(&format!("DEL secret:{}", rng.below(4))),
        8..16 => words(&format!("SET bulk:{} {}", rng.below(40), rng.below(100))),
        _ => {
            let key = format!("k:{}", rng.below(6));
            random(rng, &key)
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
