//! Values in Redis's serialisation from anywhere: refused, or values that are the same when they are written again.

use sanderling_core::{
    Engine, EngineOptions,
    blob::Blob,
    effect::{Change, Effect, Put, StoredValue},
    format::rdb,
    hash::Rng,
};

use super::{
    INPUT_BYTES_MAX,
    server::{LINES, env},
};

/// Takes the bytes for a value with its type in front.
pub(super) fn run(data: &[u8]) {
    let data = data.get(..INPUT_BYTES_MAX).unwrap_or(data);
    let Ok(value) = rdb::restore(data, UNPACKED_BYTES_MAX) else { return };
    let held = holding(value, 1);
    let Some(entry) = held.keyspace().db(0).find(b"key") else { panic!("a value was read that no key holds") };
    let payload = rdb::dump(entry.value);
    let content = rdb::unseal(&payload).expect("what was just sealed");
    let again = rdb::restore(content, usize::MAX).expect("what was just written");
    assert_eq!(holding(again, 2).keyspace().digest(), held.keyspace().digest(), "it isn't the same any more");
}

fn holding(value: StoredValue<'_>, seed: u64) -> Engine {
    let mut engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
    let put = Put { value, expires_at: None };
    engine.apply(0, &Effect { key: Blob::from(&b"key"[..]), change: Change::Put(put) });
    engine
}

/// What commands leave, as it is dumped.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut engine = Engine::new(EngineOptions::default());
    let session = engine.open_session("local", env(0));
    for _ in 0..200 {
        let words: Vec<&[u8]> = LINES[rng.index(LINES.len())].split(' ').map(str::as_bytes).collect();
        engine.execute(env(0), session, &words, &mut Vec::new());
    }
    let dumps = engine.keyspace().db(0).iter().map(|entry| rdb::dump(entry.value));
    dumps.filter_map(|payload| rdb::unseal(&payload).map(<[u8]>::to_vec)).collect()
}

/// What compressed strings may become: many times the longest input.
const UNPACKED_BYTES_MAX: usize = 256 << 10;
