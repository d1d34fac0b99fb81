//! Values carried by DUMP and RESTORE between our server and a real redis-server, both ways.

use sanderling_core::format::rdb;
use sanderling_core::hash::Rng;
use sanderling_tests::client::Client;
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, Target};

/// Our server and a Redis that looks through all that it is to restore.
fn both() -> [Server; 2] {
    let redis = Launch::new(Target::Redis).args(["--sanitize-dump-payload", "yes"]).start();
    [Launch::new(Target::Sanderling).start(), redis]
}

type Call = Vec<Vec<u8>>;

fn words(line: &str) -> Call {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// A word of any kind that an encoding treats in its own way: integers of all widths, short, long, repetitive, binary.
fn word(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => format!("{}", rng.next_u64() as i64 >> rng.below(64)).into_bytes(),
        1 => format!("0{}", rng.below(100)).into_bytes(),
        2 => vec![b'x'; rng.index(300)],
        3 => (0..rng.index(200)).map(|_| rng.next_u64() as u8).collect(),
        4 if rng.below(20) == 0 => vec![b'y'; [4095, 4096, 16_380, 16_381, 16_382, 70_000][rng.index(6)]],
        _ => format!("word-{}", rng.below(500)).into_bytes(),
    }
}

/// The calls that make a value at `key`.
fn building(rng: &mut Rng, key: &str) -> Vec<Call> {
    let size_max = [1, 6, 60, 700][rng.index(4)];
    let size = 1 + rng.index(size_max);
    let many = |rng: &mut Rng, command: &str, each: fn(&mut Rng) -> Vec<Vec<u8>>| {
        let mut call = words(&format!("{command} {key}"));
        (0..size).for_each(|_| call.extend(each(rng)));
        vec![call]
    };
    let integer = |rng: &mut Rng| vec![format!("{}", rng.next_u64() as i64 >> rng.below(64)).into_bytes()];
    match rng.below(8) {
        0 => vec![[words(&format!("SET {key}")), vec![word(rng)]].concat()],
        1 => many(rng, "RPUSH", |rng| vec![word(rng)]),
        2 => many(rng, "SADD", integer),
        3 => many(rng, "SADD", |rng| vec![word(rng)]),
        4 => many(rng, "HSET", |rng| vec![word(rng), word(rng)]),
        5 => many(rng, "ZADD", |rng| {
            let score = match rng.below(4) {
                0 => format!("{}", rng.below(20) as i64 - 10),
                1 => (["inf", "-inf", "0", "1e300", "9007199254740993"][rng.index(5)]).to_owned(),
                _ => format!("{}", (rng.next_u64() >> 11) as f64 / 1e9 - 1e6),
            };
            vec![score.into_bytes(), word(rng)]
        }),
        _ => stream(rng, key, size),
    }
}

fn stream(rng: &mut Rng, key: &str, size: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut id = (5, 0);
    for _ in 0..size.min(250) {
        id =
            if rng.below(3) == 0 { (id.0 + 1 + rng.below(300), rng.below(5)) } else { (id.0, id.1 + 1 + rng.below(3)) };
        let mut call = words(&format!("XADD {key} {}-{}", id.0, id.1));
        for field in 0..1 + rng.below(3) {
            call.extend([format!("f{}", field + rng.below(2)).into_bytes(), word(rng)]);
        }
        calls.push(call);
        if rng.below(10) == 0 {
            calls.push(words(&format!("XDEL {key} {}-{}", id.0, id.1)));
        }
    }
    for group in ["g", "h"].into_iter().take(rng.index(3)) {
        calls.push(words(&format!("XGROUP CREATE {key} {group} {}", ["0", "$"][rng.index(2)])));
        for consumer in ["a", "b", "c"] {
            let count = 1 + rng.below(20);
            calls.push(words(&format!("XREADGROUP GROUP {group} {consumer} COUNT {count} STREAMS {key} >")));
        }
        calls.push(words(&format!("XACK {key} {group} {}-{}", id.0, id.1)));
    }
    if rng.below(3) == 0 {
        calls.push(words(&format!("XTRIM {key} MAXLEN {}", size / 2)));
    }
    calls
}

/// All that a key holds, in an order that doesn't depend on who tells.
fn content(client: &mut Client, key: &str) -> String {
    let kind = client.run(&format!("TYPE {key}")).text();
    let sorted = |mut items: Vec<String>| {
        items.sort();
        items
    };
    let pairs = |reply: &Reply| reply.items().chunks(2).map(|pair| format!("{pair:?}")).collect::<Vec<_>>();
    let told = match kind.as_str() {
        "none" => return kind,
        "string" => vec![format!("{:?}", client.run(&format!("GET {key}")))],
        "list" => vec![format!("{:?}", client.run(&format!("LRANGE {key} 0 -1")))],
        "set" => {
            sorted(client.run(&format!("SMEMBERS {key}")).items().iter().map(|item| format!("{item:?}")).collect())
        }
        "hash" => sorted(pairs(&client.run(&format!("HGETALL {key}")))),
        // Scores as numbers: of one that takes seventeen digits Redis shows all, we the fewest that tell it apart.
        "zset" => {
            let members = client.run(&format!("ZRANGE {key} 0 -1 WITHSCORES"));
            let number = |score: &Reply| score.text().parse::<f64>().unwrap();
            members.items().chunks(2).map(|pair| format!("{:?} {}", pair[0], number(&pair[1]))).collect()
        }
        "stream" => {
            let full = client.run(&format!("XINFO STREAM {key} FULL COUNT 0"));
            // How the entries lie in memory is each server's own business.
            pairs(&full).into_iter().filter(|pair| !pair.contains("radix-tree")).collect()
        }
        other => panic!("{key} is of type {other}"),
    };
    format!("{kind} {told:?}")
}

fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    match client.run(&format!("DUMP {key}")) {
        Reply::Bulk(payload) => payload,
        other => panic!("DUMP {key} answers {other:?}"),
    }
}

fn restore(client: &mut Client, key: &str, payload: &[u8]) -> Reply {
    client.call(&[b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"])
}

#[test]
fn every_value_goes_to_redis_and_comes_from_it() {
    let servers = both();
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let [from, to] = [seed % 2, 1 - seed % 2].map(|index| &servers[index as usize]);
        let (mut from, mut to) = (from.client(), to.client());
        for call in building(&mut rng, "k") {
            let reply = from.call(&call);
            assert!(reply.error().is_none(), "seed {seed}: {reply:?}");
        }
        let payload = dump(&mut from, "k");
        let before = content(&mut from, "k");
        let shown: String = before.chars().take(2000).collect();
        assert_eq!(restore(&mut to, "k", &payload), Reply::ok(), "seed {seed}: {shown}");
        assert!(content(&mut to, "k") == before, "seed {seed}: {shown}");
        // And back again.
        let payload = dump(&mut to, "k");
        assert_eq!(restore(&mut from, "copy", &payload), Reply::ok(), "seed {seed}: {shown}");
        assert!(content(&mut from, "copy") == before, "seed {seed}: {shown}");
        [from, to].iter_mut().for_each(|client| _ = client.run("DEL k copy"));
    }
}

/// Values in the encodings of releases before 7.0, which a 7.0 still reads.
fn old_values(rng: &mut Rng) -> Vec<(u8, Vec<u8>)> {
    let mut distinct: Vec<Vec<u8>> = (0..2 + 2 * rng.index(20)).map(|_| word(rng)).collect();
    distinct.sort();
    distinct.dedup();
    distinct.truncate(distinct.len() / 2 * 2);
    let mut scored = distinct.clone();
    scored.iter_mut().skip(1).step_by(2).for_each(|score| *score = rng.below(50).to_string().into_bytes());
    scored.truncate(2);
    let string = |bytes: &[u8]| {
        let mut out = Vec::new();
        rdb::put_string(bytes, &mut out);
        out
    };
    let mut values = Vec::new();
    if !distinct.is_empty() {
        values.push((10, string(&ziplist(&distinct))));
        values.push((13, string(&ziplist(&distinct))));
        values.push((12, string(&ziplist(&scored))));
        values.push((14, [&[2][..], &string(&ziplist(&distinct)), &string(&ziplist(&scored))].concat()));
    }
    let short: Vec<Vec<u8>> = distinct.iter().filter(|word| word.len() < 250).cloned().collect();
    if short.len() >= 2 {
        values.push((9, string(&zipmap(&short))));
    }
    values
}

fn ziplist(entries: &[Vec<u8>]) -> Vec<u8> {
    let (mut body, mut before, mut tail) = (Vec::new(), 0, 10);
    for entry in entries {
        tail = 10 + body.len();
        let start = body.len();
        match before {
            0..254 => body.push(before as u8),
            _ => {
                body.push(0xfe);
                body.extend((before as u32).to_le_bytes());
            }
        }
        let number: Option<i64> = std::str::from_utf8(entry).ok().and_then(|text| text.parse().ok());
        match number.filter(|number| number.to_string().as_bytes() == entry.as_slice()) {
            Some(number @ 0..=12) => body.push(0xf1 + number as u8),
            Some(number) if i8::try_from(number).is_ok() => body.extend([0xfe, number as u8]),
            Some(number) if i16::try_from(number).is_ok() => {
                body.extend([&[0xc0][..], &(number as i16).to_le_bytes()].concat())
            }
            Some(number) if (-0x80_0000..0x80_0000).contains(&number) => {
                body.extend([&[0xf0][..], &number.to_le_bytes()[..3]].concat());
            }
            Some(number) if i32::try_from(number).is_ok() => {
                body.extend([&[0xd0][..], &(number as i32).to_le_bytes()].concat())
            }
            Some(number) => body.extend([&[0xe0][..], &number.to_le_bytes()].concat()),
            None => {
                match entry.len() {
                    length @ 0..64 => body.push(length as u8),
                    length @ 64..16_384 => body.extend((0x4000 | length as u16).to_be_bytes()),
                    length => body.extend([&[0x80][..], &(length as u32).to_be_bytes()].concat()),
                }
                body.extend_from_slice(entry);
            }
        }
        before = body.len() - start;
    }
    let size = (10 + body.len() + 1) as u32;
    let head = [&size.to_le_bytes()[..], &(tail as u32).to_le_bytes(), &(entries.len() as u16).to_le_bytes()].concat();
    [head, body, vec![0xff]].concat()
}

fn zipmap(words: &[Vec<u8>]) -> Vec<u8> {
    let pairs = words.as_chunks::<2>().0;
    let mut out = vec![pairs.len() as u8];
    for [field, value] in pairs {
        out.push(field.len() as u8);
        out.extend_from_slice(field);
        out.extend([value.len() as u8, 0]);
        out.extend_from_slice(value);
    }
    out.push(0xff);
    out
}

#[test]
fn what_old_releases_wrote_is_read_as_redis_reads_it() {
    let [ours, redis] = both();
    let (mut ours, mut redis) = (ours.client(), redis.client());
    for seed in 0..60 {
        for (kind, body) in old_values(&mut Rng::new(seed)) {
            let mut payload = [&[kind][..], &body].concat();
            rdb::seal(6, &mut payload);
            assert_eq!(restore(&mut redis, "k", &payload), Reply::ok(), "seed {seed}, type {kind}: Redis");
            assert_eq!(restore(&mut ours, "k", &payload), Reply::ok(), "seed {seed}, type {kind}: ours");
            assert!(content(&mut ours, "k") == content(&mut redis, "k"), "seed {seed}, type {kind}");
        }
    }
}
