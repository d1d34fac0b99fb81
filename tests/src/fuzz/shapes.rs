//! Messages that are whole, whatever is in them: what mutation of bytes alone seldom hits.

use sanderling_core::{
    Engine, EngineOptions, UnixMillis,
    blob::Blob,
    effect::{Change, Effect},
    format::{ClientId, ClientSeq, LogSeq, effects},
    sync::{
        Batch, Condition, Features, Hello, Item, LoadScope, LogId, Push, PushedCommand, ResumeToken, ServerLimits,
        Start, ToHub, ToReplica, Welcome,
    },
    types::string::StringChange,
};

use super::{
    script::Script,
    server::{LINES, env},
};

/// A message to the hub.
pub(super) fn to_hub(script: &mut Script<'_>) -> Vec<u8> {
    let kind = script.byte();
    let message = match kind % 14 {
        0 | 1 => ToHub::Hello(Hello {
            version: script.number() as u16,
            oldest: script.number() as u16 % 2,
            features: Features(script.byte().into()),
            db: script.byte() % 20,
            clients: some(script, |script| (ClientId([script.byte() % 4; 16]), ClientSeq(script.number()))),
            interest: words(script),
            resume: resume(script),
            credit: script.number() as u32,
        }),
        2..=5 => ToHub::Push(Push {
            client: script.number() as u32,
            first: ClientSeq(script.number()),
            guess: script.number(),
            commands: some(script, |script| PushedCommand {
                calls: some(script, words),
                conditions: some(script, |script| Condition { key: word(script), digest: script.number() }),
                transaction: script.byte().is_multiple_of(2),
            }),
        }),
        6 => ToHub::Ping { sent: UnixMillis(script.number()) },
        7 => ToHub::Digests { bits: script.byte() % 24, sums: some(script, Script::number) },
        8 => ToHub::Subscribe { id: script.number() as u32, add: words(script), remove: words(script) },
        9 => ToHub::Fetch { keys: words(script) },
        10 => ToHub::Credit { bytes: script.number() as u32 },
        11 => ToHub::Call { id: script.number() as u32, call: words(script) },
        12 => match script.byte() % 3 {
            0 => ToHub::Renew { token: word(script) },
            1 => ToHub::Listen { join: words(script), leave: words(script) },
            _ => ToHub::Publish { channel: word(script), payload: word(script) },
        },
        _ => ToHub::Presence { key: word(script), value: Some(word(script)).filter(|value| !value.is_empty()) },
    };
    if kind >= 128 { message.encode_for(Features::ALL) } else { message.encode() }
}

/// A message to a replica.
pub(super) fn to_replica(script: &mut Script<'_>) -> Vec<u8> {
    let kind = script.byte();
    let message = match kind % 16 {
        0..=2 => ToReplica::Welcome(Welcome {
            version: if script.byte() < 250 { 1 } else { 2 },
            features: Features(script.byte().into()),
            log: LogId(script.number()),
            scope: script.number(),
            seq: LogSeq(script.number()),
            head: LogSeq(script.number()),
            now: UnixMillis(script.number()),
            start: match script.byte() % 3 {
                0 => Start::Resume,
                1 => Start::Digest { bits: script.byte() % 20 },
                _ => Start::Load,
            },
            pushed: some(script, |script| ClientSeq(script.number())),
            limits: ServerLimits {
                message_bytes_max: script.number() as u32,
                patterns_max: script.number() as u32,
                calls_max: script.number() as u32,
                steps_max: script.number() as u32,
                presence_max: script.number() as u32,
                channels_max: script.number() as u32,
                fetches_max: script.number() as u32,
                clients_max: script.number() as u32,
            },
        }),
        3..=7 => ToReplica::Batch(Batch {
            through: LogSeq(script.number()),
            items: some(script, |script| match script.byte() % 4 {
                0 => Item::Foreign(run_of_effects(script)),
                1 => Item::Own {
                    client: script.number() as u32,
                    seq: ClientSeq(script.number()),
                    reply: Some(word(script)).filter(|reply| !reply.is_empty()),
                    effects: run_of_effects(script),
                },
                2 => Item::AsGuessed { client: script.number() as u32, through: ClientSeq(script.number()) },
                _ => Item::Loading(run_of_effects(script)),
            }),
        }),
        8 => ToReplica::Pong { sent: UnixMillis(script.number()), now: UnixMillis(script.number()) },
        9 => ToReplica::LoadBegin(match script.byte() % 3 {
            0 => LoadScope::Everything,
            1 => LoadScope::Buckets { bits: script.byte(), buckets: some(script, |script| script.number() as u32) },
            _ => LoadScope::Added { id: script.number() as u32 },
        }),
        10 => ToReplica::Chunk(run_of_effects(script)),
        11 => ToReplica::LoadEnd { through: LogSeq(script.number()) },
        12 => ToReplica::Fetched { through: LogSeq(script.number()), effects: run_of_effects(script) },
        13 => ToReplica::Unsubscribed { id: script.number() as u32 },
        14 => ToReplica::NotSubscribed { id: script.number() as u32, error: word(script) },
        _ => match script.byte() % 3 {
            0 => ToReplica::Reply { id: script.number() as u32, reply: word(script) },
            1 => ToReplica::Declined { error: word(script) },
            _ => ToReplica::Message { channel: word(script), payload: word(script) },
        },
    };
    if kind >= 128 { message.encode_for(Features::ALL) } else { message.encode() }
}

/// A run of effects: bytes as they come, or what some commands do.
pub(super) fn run_of_effects(script: &mut Script<'_>) -> Blob<'static> {
    let count = script.byte();
    if count >= 160 {
        return script.block().to_vec().into();
    }
    let mut engine = Engine::new(EngineOptions::default());
    engine.journal_mut().enable(true);
    let session = engine.open_session("local", env(0));
    for _ in 0..count % 5 {
        let line = script.pick(&LINES);
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        engine.execute(env(0), session, &words, &mut Vec::new());
    }
    engine.journal_mut().bytes().to_vec().into()
}

/// Whether a message to a replica asks for a string of more than a megabyte in a few bytes. Such strings are allowed,
/// up to a limit that is too high for a fuzzer to go near.
pub(super) fn blows_up(bytes: &[u8]) -> bool {
    let in_effects = |bytes: &[u8]| effects(bytes).flatten().any(|(_, effect)| is_far_splice(&effect));
    match ToReplica::decode(bytes) {
        Ok(ToReplica::Packed(packed)) => {
            ToReplica::Packed(packed).unpacked(1 << 20).is_ok_and(|bytes| bytes.is_some_and(|bytes| blows_up(&bytes)))
        }
        Ok(ToReplica::Batch(batch)) => batch.items.iter().any(|item| match item {
            Item::Foreign(bytes) | Item::Loading(bytes) | Item::Own { effects: bytes, .. } => in_effects(bytes),
            Item::AsGuessed { .. } => false,
        }),
        Ok(ToReplica::Chunk(bytes) | ToReplica::Fetched { effects: bytes, .. }) => in_effects(&bytes),
        _ => false,
    }
}

/// Whether an effect makes a string of more than a megabyte out of a few bytes.
pub(super) fn is_far_splice(effect: &Effect<'_>) -> bool {
    matches!(effect.change, Change::String(StringChange::Splice { offset, .. }) if offset > 1 << 20)
}

fn resume(script: &mut Script<'_>) -> Option<ResumeToken> {
    let token = ResumeToken { log: LogId(script.number()), seq: LogSeq(script.number()), scope: script.number() };
    (script.byte().is_multiple_of(2)).then_some(token)
}

fn some<'a, T>(script: &mut Script<'a>, mut make: impl FnMut(&mut Script<'a>) -> T) -> Vec<T> {
    (0..script.below(5)).map(|_| make(script)).collect()
}

fn words(script: &mut Script<'_>) -> Vec<Blob<'static>> {
    // Whole commands are rarely put together by chance.
    if script.byte() < 100 {
        let line = script.pick(&HOSTILE_LINES);
        return line.split(' ').map(|word| word.as_bytes().to_vec().into()).collect();
    }
    some(script, word)
}

fn word(script: &mut Script<'_>) -> Blob<'static> {
    match script.byte() {
        byte @ 0..200 => WORDS[usize::from(byte) % WORDS.len()].as_bytes().to_vec().into(),
        _ => script.block().to_vec().into(),
    }
}

const WORDS: [&str; 22] = [
    "",
    "*",
    "a*",
    "[",
    "evil:a",
    "evil:b",
    "evil:*",
    "s",
    "l",
    "SET",
    "GET",
    "INCR",
    "MULTI",
    "EXEC",
    "BLPOP",
    "FLUSHALL",
    "SUBSCRIBE",
    "WATCH",
    "0",
    "-1",
    "9223372036854775807",
    "1e308",
];

const HOSTILE_LINES: [&str; 28] = [
    "SET evil:s value",
    "SET evil:s value PX 1",
    "INCR evil:n",
    "APPEND evil:s 0123456789012345678901234567890123456789",
    "SETRANGE evil:s 4000 x",
    "SETBIT evil:s 30000 1",
    "RPUSH evil:l a b c",
    "LPOP evil:l 2",
    "SADD evil:set a b c",
    "SRANDMEMBER evil:set -100000",
    "SRANDMEMBER evil:set -16777216",
    "HSET evil:h f v",
    "HRANDFIELD evil:h -16777216 WITHVALUES",
    "ZADD evil:z 1 a",
    "ZRANDMEMBER evil:z -16777216 WITHSCORES",
    "ZADD evil:z nan a",
    "RENAME evil:l evil:z",
    "COPY evil:l evil:c",
    "DEL s l h z set",
    "FLUSHALL",
    "BLPOP evil:q 0",
    "BLMOVE evil:q evil:l LEFT RIGHT 0",
    "MULTI",
    "EXEC",
    "CLIENT KILL TYPE normal",
    "CONFIG SET proto-max-bulk-len 1",
    "DEBUG SLEEP 0",
    "SORT evil:l BY nosort GET # STORE evil:t",
];
