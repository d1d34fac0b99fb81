//! What a RESP client sends: split into requests, executed, and logged in a form that comes to the same.

use sanderling_core::{
    Engine, EngineOptions, Flow,
    format::effects,
    hash::Rng,
    resp::{Protocol, Reply, RequestDecoder, decode_value, encode_request},
};

use super::{INPUT_BYTES_MAX, LIMITS, server::LINES, server::env};

/// Feeds bytes to a connection in two pieces. Whatever runs gives one reply, and its effects make a copy the same.
pub(super) fn run(data: &[u8]) {
    let data = data.get(..INPUT_BYTES_MAX).unwrap_or(data);
    let (mut engine, mut copy) = (new_engine(1), new_engine(2));
    engine.journal_mut().enable(true);
    engine.config_mut().force("enable-debug-command", "yes");
    let session = engine.open_session("127.0.0.1:1", env(0));
    let mut decoder = RequestDecoder::new();
    let cut = data.first().map_or(0, |first| usize::from(*first) * data.len() / 256);
    let (mut start, mut now_ms) = (0, 0);
    'pieces: for end in [cut, data.len()] {
        loop {
            let rest = &data[start..end];
            match decoder.decode(rest, engine.limits()) {
                Err(error) => {
                    Reply::new(&mut Vec::new(), Protocol::Resp2)
                        .error(&sanderling_core::Error::owned(error.to_string()));
                    break 'pieces;
                }
                Ok(None) => break,
                Ok(Some(bytes)) => {
                    let words: Vec<&[u8]> = decoder.args(rest).collect();
                    start += bytes;
                    now_ms += 10;
                    if !words.is_empty() && !step(&mut engine, &mut copy, session, now_ms, &words) {
                        break 'pieces;
                    }
                }
            }
        }
    }
    let digests = [&engine, &copy].map(|engine| engine.keyspace().digest());
    assert_eq!(digests[0], digests[1], "what is logged is what happened");
}

/// Runs one request. Returns whether the connection goes on.
fn step(
    engine: &mut Engine,
    copy: &mut Engine,
    session: sanderling_core::SessionId,
    now_ms: u64,
    words: &[&[u8]],
) -> bool {
    let mut reply = Vec::new();
    let flow = engine.execute(env(now_ms), session, words, &mut reply);
    let mut rest = reply.as_slice();
    let mut replies = 0;
    while !rest.is_empty() {
        let (_, length) = decode_value(rest).expect("a reply is RESP").expect("a reply is whole");
        rest = &rest[length..];
        replies += 1;
    }
    // Each channel of a subscription answers by itself, and a client may have switched replies off.
    assert!(replies <= words.len().max(1), "{replies} replies to {words:?}");
    for effect in effects(engine.journal_mut().bytes()) {
        let (db, effect) = effect.expect("the journal holds effects");
        copy.apply(db, &effect);
    }
    engine.journal_mut().clear();
    while engine.poll_woken().is_some() {}
    while engine.poll_errand().is_some() {}
    flow == Flow::Continue
}

fn new_engine(seed: u64) -> Engine {
    Engine::new(EngineOptions { seed, limits: LIMITS, ..EngineOptions::default() })
}

/// What clients send.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = (0..24).map(|_| seed(rng)).collect();
    for lines in EVERY_TYPE.chunks(12) {
        let mut bytes = vec![0];
        lines.iter().for_each(|line| put(line, &mut bytes));
        seeds.push(bytes);
    }
    seeds
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    // The first byte says where the input is cut; a blank before a request is skipped.
    let mut bytes = vec![b'\n'];
    for _ in 0..1 + rng.below(12) {
        let line =
            if rng.below(3) == 0 { EVERY_TYPE[rng.index(EVERY_TYPE.len())] } else { LINES[rng.index(LINES.len())] };
        match rng.below(4) {
            0 => bytes.extend_from_slice(format!("{line}\r\n").as_bytes()),
            _ => put(line, &mut bytes),
        }
    }
    bytes
}

fn put(line: &str, out: &mut Vec<u8>) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    encode_request(words.into_iter(), out);
}

const EVERY_TYPE: [&str; 66] = [
    "HELLO 3",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH s",
    "CLIENT REPLY SKIP",
    "CLIENT SETNAME me",
    "CLIENT INFO",
    "COMMAND DOCS get",
    "CONFIG GET *",
    "CONFIG SET list-max-listpack-size 2",
    "OBJECT ENCODING z",
    "DEBUG SET-ACTIVE-EXPIRE 0",
    "DEBUG POPULATE 3 many 9",
    "DEBUG ERROR CODE",
    "DEBUG RELOAD NOFLUSH MERGE",
    "INFO everything",
    "SLOWLOG GET",
    "LATENCY HISTOGRAM",
    "SELECT 1",
    "SWAPDB 0 1",
    "MOVE s 1",
    "COPY l l:2 REPLACE",
    "SORT l ALPHA DESC LIMIT 0 2 STORE sorted",
    "SCAN 0 MATCH * COUNT 10 TYPE zset",
    "SSCAN set 0",
    "XADD x MAXLEN ~ 2 LIMIT 1 1-* f v g w",
    "XADD x 18446744073709551615-18446744073709551615 f v",
    "XGROUP CREATE x g 0 MKSTREAM ENTRIESREAD -1",
    "XREADGROUP GROUP g c COUNT 1 BLOCK 1 NOACK STREAMS x x > 0",
    "XREAD BLOCK 0 STREAMS x y $ +",
    "XCLAIM x g d 0 1-0 1-1 FORCE RETRYCOUNT 9223372036854775807 LASTID 9",
    "XAUTOCLAIM x g e 0 (0-0 COUNT 576460752303423487",
    "XPENDING x g IDLE 0 - + 9223372036854775807",
    "XINFO STREAM x FULL COUNT 0",
    "XSETID x 9-9 ENTRIESADDED 9223372036854775807 MAXDELETEDID 9-9",
    "XDEL x 1-0 1-1",
    "XTRIM x MINID = 3",
    "ZADD z NX CH INCR 2 c",
    "ZADD z -inf low +inf high",
    "ZRANGE z 0 -1 REV WITHSCORES",
    "ZRANGESTORE z:2 z (1 +inf BYSCORE LIMIT 0 1",
    "ZUNIONSTORE z:3 2 z set WEIGHTS 2 1 AGGREGATE MAX",
    "ZINTER 2 z set",
    "ZRANGEBYLEX z [a (c",
    "ZRANDMEMBER z -5 WITHSCORES",
    "ZMPOP 1 z MIN COUNT 2",
    "SRANDMEMBER set -16777216",
    "HRANDFIELD h -7 WITHVALUES",
    "SINTERCARD 2 set set LIMIT 1",
    "SDIFFSTORE set:3 set set:2",
    "LMPOP 2 l l:2 RIGHT COUNT 2",
    "LPOS l a RANK -1 COUNT 0",
    "LMOVE l l:2 LEFT RIGHT",
    "BLPOP l 0.1",
    "GETEX s PX 100",
    "SET s v XX GET KEEPTTL",
    "MSETNX a 1 b 2",
    "SETRANGE s 4095 x",
    "BITFIELD s SET u8 0 255 INCRBY i5 100 1 OVERFLOW SAT",
    "BITCOUNT s 0 -1 BIT",
    "BITOP XOR bits s bits",
    "LCS s f IDX WITHMATCHLEN",
    "EXPIREAT s 99999999999 GT",
    "RANDOMKEY",
    "INFO everything",
];
