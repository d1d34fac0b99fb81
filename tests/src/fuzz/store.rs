//! What a replica finds in its store: damaged, cut, or written by somebody else.

use std::collections::BTreeMap;

use sanderling_core::{
    format::{FrameKind, encode_frame},
    hash::Rng,
    sync::{Grant, Replica},
};

use super::{
    script::{Script, ScriptWriter},
    server::{LINES, Server, call, env, replica},
    shapes,
};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Loads pairs as the script has them. What loads works, and what it stores loads again as the same.
pub(super) fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut pairs = Pairs::new();
    while let Some(op) = script.next() {
        let (key, value) = match op % 4 {
            0 => (script.block().to_vec(), script.block().to_vec()),
            _ => {
                let key = key(&mut script);
                let kind = script.pick(&KINDS);
                let payload = match op % 4 {
                    1 => script.block().to_vec(),
                    _ => shapes::run_of_effects(&mut script).to_vec(),
                };
                let mut frame = Vec::new();
                encode_frame(kind, &payload, &mut frame);
                (key, frame)
            }
        };
        pairs.insert(key, value);
    }
    let mut loaded = replica(7, 1);
    if loaded.load(&list(&pairs)).is_err() {
        return;
    }
    for line in LINES.iter().take(20) {
        call(&mut loaded, env(0), line);
    }
    save(&mut loaded, &mut pairs);
    let mut again = replica(8, 2);
    again.load(&list(&pairs)).expect("what a replica stored loads");
    assert_eq!(again.status().pending, loaded.status().pending, "the same commands are pending");
    for one in [&mut again, &mut loaded] {
        one.settle();
    }
    let digests = [&again, &loaded].map(|one| one.engine().keyspace().db(0).digest());
    assert_eq!(digests[0], digests[1], "what is loaded is what was stored");
    // Whatever a hub makes of commands that nobody ran: neither of them may panic.
    let mut server = Server::new(7);
    let peer = server.open(Grant::everything());
    again.handle_connected(env(0));
    for _ in 0..10 {
        while let Some(message) = again.poll_transmit() {
            server.take(env(0), peer, &message);
        }
        for (_, message) in server.poll() {
            // Stored positions and globs may be such that an honest hub's answer can't be right.
            if again.handle_message(env(0), &message).is_err() {
                again.handle_disconnected();
            }
        }
    }
}

fn key(script: &mut Script<'_>) -> Vec<u8> {
    let number = script.number() % 4;
    match script.byte() % 8 {
        0 => b"head".to_vec(),
        1 => script.block().to_vec(),
        2 | 3 => format!("base/{:08x}/{number:08x}", script.byte() % 2).into_bytes(),
        4 | 5 => format!("tail/{:08x}/{number:08x}", script.byte() % 2).into_bytes(),
        _ => format!("pend/{:016x}", script.number()).into_bytes(),
    }
}

const KINDS: [FrameKind; 5] =
    [FrameKind::Records, FrameKind::Chunk, FrameKind::Head, FrameKind::End, FrameKind::Pending];

fn list(pairs: &Pairs) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn save(replica: &mut Replica, pairs: &mut Pairs) {
    while let Some(batch) = replica.poll_store() {
        batch.apply(pairs);
    }
}

/// What replicas store, with and without a server.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..12).map(|_| seed(rng)).collect()
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut own = replica(rng.next_u64(), 0);
    let mut pairs = Pairs::new();
    let mut server = Server::new(rng.next_u64());
    if rng.below(3) > 0 {
        let peer = server.open(Grant::everything());
        own.handle_connected(env(0));
        server.converge(env(0), peer, &mut own).expect("one connection is enough");
        for _ in 0..rng.below(20) {
            server.call(env(0), LINES[rng.index(LINES.len())]);
            server.converge(env(0), peer, &mut own).expect("one connection is enough");
            if rng.below(4) == 0 {
                save(&mut own, &mut pairs);
            }
        }
        own.handle_disconnected();
    }
    for _ in 0..rng.below(10) {
        call(&mut own, env(0), LINES[rng.index(LINES.len())]);
    }
    save(&mut own, &mut pairs);
    let mut script = ScriptWriter::default();
    for (key, value) in &pairs {
        script.byte(0).block(key).block(value);
    }
    script.0
}
