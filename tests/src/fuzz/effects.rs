//! Any effects on any data: applied whole, taken back whole, and the same after a snapshot.

use sanderling_core::{
    Engine, EngineOptions,
    format::{ChunkReader, effects},
    hash::Rng,
};

use super::{
    script::{Script, ScriptWriter},
    server::{LINES, env},
    shapes,
};

/// Applies runs of effects, from the bytes or from commands, and takes some of them back.
pub(super) fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut engine = Engine::new(EngineOptions::default());
    while let Some(op) = script.next() {
        let run = shapes::run_of_effects(&mut script);
        let before = engine.keyspace().digest();
        engine.keep_undos(true);
        for (db, effect) in effects(&run).map_while(Result::ok) {
            if !shapes::is_far_splice(&effect) {
                let seen = engine.keyspace().digest();
                let applied = engine.apply(db, &effect);
                assert!(applied.changed || engine.keyspace().digest() == seen, "{effect:?} changes nothing, it says");
                check_wire_form(db, &effect);
            }
        }
        let undos = engine.take_undos();
        engine.keep_undos(false);
        if op % 3 == 0 {
            engine.undo_all(undos);
            assert_eq!(engine.keyspace().digest(), before, "what is taken back is as if it had never been");
        }
    }
    let mut copy = Engine::new(EngineOptions { seed: 1, ..EngineOptions::default() });
    engine.snapshot(
        |_, _| true,
        |chunk| {
            for effect in ChunkReader::new(&chunk).effects() {
                let (db, effect) = effect.expect("a chunk that was just written");
                copy.apply(db, &effect);
            }
        },
    );
    assert_eq!(copy.keyspace().digest(), engine.keyspace().digest(), "a snapshot holds what was there");
}

fn check_wire_form(db: u8, effect: &sanderling_core::effect::Effect<'_>) {
    let mut bytes = Vec::new();
    effect.encode(db, &mut bytes);
    let mut again = Vec::new();
    for (db, effect) in effects(&bytes).flatten() {
        effect.encode(db, &mut again);
    }
    // Compared as bytes: a score that is no number isn't even equal to itself.
    assert_eq!(bytes, again, "{effect:?}");
}

/// What commands do.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..24).map(|_| seed(rng)).collect()
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut script = ScriptWriter::default();
    let mut engine = Engine::new(EngineOptions::default());
    engine.journal_mut().enable(true);
    let session = engine.open_session("local", env(0));
    for _ in 0..2 + rng.below(12) {
        let words: Vec<&[u8]> = LINES[rng.index(LINES.len())].split(' ').map(str::as_bytes).collect();
        engine.execute(env(0), session, &words, &mut Vec::new());
        script.byte(1 + rng.below(3) as u8).byte(200).block(engine.journal_mut().bytes());
        engine.journal_mut().clear();
    }
    script.0
}
