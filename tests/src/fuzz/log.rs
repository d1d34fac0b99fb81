//! The formats on a server's disk: frames, records, heads.

use sanderling_core::{
    Engine, EngineOptions,
    format::{FrameError, FrameKind, Record, encode_frame, split_frame},
    hash::Rng,
    sync::{Grant, Hub, HubOptions, LogId},
};

use super::{
    LIMITS,
    script::{Script, ScriptWriter},
    server::{LINES, call, env, replica},
    shapes,
};

/// Reads bytes as a log, then a script of sound frames with any content, the way that a server's start does.
pub(super) fn run(data: &[u8]) {
    check_frames(data);
    let mut script = Script::new(data);
    let mut engine = Engine::new(EngineOptions::default());
    let mut hub = Hub::new(HubOptions { limits: LIMITS, ..HubOptions::default() });
    while let Some(op) = script.next() {
        let payload = match op % 4 {
            0 => shapes::run_of_effects(&mut script).to_vec(),
            _ => script.block().to_vec(),
        };
        match op % 8 {
            0..=4 => replay(&payload, &mut engine, &mut hub),
            5 => drop(hub.restore_history(&payload)),
            6 => drop(hub.restore_head(&payload)),
            _ => {
                let (header, seq) = (script.number(), hub.seq().next());
                let mut record = Vec::new();
                Record::encode(seq, env(header % 1000).now, None, &shapes::run_of_effects(&mut script), &mut record);
                replay(&record, &mut engine, &mut hub);
            }
        }
    }
    // What was recovered can be gone on from.
    hub.begin_epoch(LogId(1));
    let head = hub.head();
    let mut again = Hub::new(HubOptions::default());
    again.restore_head(&head).expect("a hub reads its own head");
    assert_eq!(again.head(), head);
}

fn replay(mut bytes: &[u8], engine: &mut Engine, hub: &mut Hub) {
    while let Ok((record, rest)) = Record::decode(bytes) {
        if record.effects().flatten().any(|(_, effect)| shapes::is_far_splice(&effect)) {
            return;
        }
        let before = (engine.keyspace().changes(), hub.seq());
        if hub.recover_record(engine, &record).is_err() {
            let after = (engine.keyspace().changes(), hub.seq());
            assert_eq!(after, before, "a record that can't be applied whole isn't applied at all");
            return;
        }
        bytes = rest;
    }
}

/// Frames are read as they were written, and what isn't one is never taken for one that is cut short.
fn check_frames(data: &[u8]) {
    let mut rest = data;
    while let Ok((frame, after)) = split_frame(rest) {
        let length = rest.len() - after.len();
        let mut written = Vec::new();
        encode_frame(frame.kind, frame.payload, &mut written);
        assert_eq!(&rest[..length], written, "one content has one form");
        rest = after;
    }
    let mut frame = Vec::new();
    encode_frame(FrameKind::Records, data, &mut frame);
    let cut = frame.len() - 1 - data.len() / 2;
    assert_eq!(split_frame(&frame[..cut]), Err(FrameError::Truncated));
    assert_eq!(split_frame(&frame).map(|(frame, rest)| (frame.payload, rest.len())), Ok((data, 0)));
}

/// What servers log.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..12).map(|_| seed(rng)).collect()
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut script = ScriptWriter::default();
    let mut engine = Engine::new(EngineOptions::default());
    engine.journal_mut().enable(true);
    let mut hub = Hub::new(HubOptions::default());
    hub.begin_epoch(LogId(rng.next_u64()));
    script.byte(6).block(&hub.head());
    let operator = engine.open_session("127.0.0.1:1", env(0));
    let mut own = replica(rng.next_u64(), 1);
    let peer = hub.open_peer(Grant::everything());
    own.handle_connected(env(0));
    for _ in 0..3 + rng.below(12) {
        match rng.below(3) {
            0 => drop(call(&mut own, env(0), LINES[rng.index(LINES.len())])),
            _ => {
                let words: Vec<&[u8]> = LINES[rng.index(LINES.len())].split(' ').map(str::as_bytes).collect();
                engine.execute(env(0), operator, &words, &mut Vec::new());
                hub.commit(&mut engine, env(0).now);
            }
        }
        while let Some(message) = own.poll_transmit() {
            hub.handle_message(&mut engine, env(0), peer, &message);
        }
        script.byte(1).block(&hub.take_log());
        hub.handle_durable(hub.seq());
        while let Some((_, message)) = hub.poll_transmit(&engine) {
            own.handle_message(env(0), &message).expect("an honest hub is believed");
        }
        hub.begin_round();
    }
    script.0
}
