//! The log against crash images: whatever a crash leaves, a prefix of what was appended comes back, and what no crash
//! leaves is refused.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sanderling_core::effect::stored_value;
use sanderling_core::format::{ClientId, ClientSeq, LogSeq};
use sanderling_core::sync::{
    Features, Grant, Hello, Hub, HubOptions, LogId, ResumeToken, Start, ToHub, ToReplica, VERSION,
};
use sanderling_core::{Engine, EngineOptions, Env, SessionId};
use tempfile::TempDir;

use super::files::{self, Listing};
use super::{DiskLog, Extent, compact, recover};
use crate::config::{Fsync, Repair};

/// What a server is made of, without its sockets.
struct Node {
    engine: Engine,
    hub: Hub,
    log: DiskLog,
    session: SessionId,
}

/// A batch: pairs of key and value that are set, one after the other, and then appended together.
type Batch = Vec<(u8, u8)>;

impl Node {
    fn start(folder: &Path, epoch: u64) -> Self {
        let (mut engine, mut hub) = load(folder, None).unwrap();
        hub.begin_epoch(LogId(epoch));
        let log = DiskLog::begin(folder, Fsync::No, &hub).unwrap();
        engine.journal_mut().enable(true);
        let session = engine.open_session("test", Env::new(0, 0));
        Self { engine, hub, log, session }
    }

    fn write(&mut self, batch: &Batch) {
        for (key, value) in batch {
            let env = Env::new(1, 1);
            let args: [&[u8]; 3] = [b"APPEND", &[*key], &[*value]];
            self.engine.execute(env, self.session, &args, &mut Vec::new());
            self.hub.commit(&mut self.engine, env.now);
        }
        self.log.append(&self.hub.take_log()).unwrap();
    }

    fn state(&self) -> State {
        state(&self.engine, &self.hub)
    }
}

/// The position, and all keys as a snapshot shows them.
type State = (LogSeq, Vec<Vec<u8>>);

fn state(engine: &Engine, hub: &Hub) -> State {
    let mut keys = vec![];
    let entries = engine.keyspace().db(0).iter();
    keys.extend(entries.map(|entry| format!("{:?}={:?}", entry.key, stored_value(entry.value)).into_bytes()));
    keys.sort();
    (hub.seq(), keys)
}

fn load(folder: &Path, repair: Option<Repair>) -> anyhow::Result<(Engine, Hub)> {
    let mut engine = Engine::new(EngineOptions { seed: 7, ..EngineOptions::default() });
    let mut hub = Hub::new(HubOptions::default());
    recover(folder, Extent { before: None, repair }, &mut engine, &mut hub)?;
    Ok((engine, hub))
}

fn loaded(folder: &Path) -> State {
    let (engine, hub) = load(folder, None).unwrap();
    state(&engine, &hub)
}

/// Writes batches, each state that they pass through noted; begins a new segment, as a start does, where asked to.
fn write_all(folder: &Path, batches: &[(Batch, bool)]) -> Vec<State> {
    let mut node = Node::start(folder, 1);
    let mut states = vec![node.state()];
    for (index, (batch, restart)) in batches.iter().enumerate() {
        if *restart {
            node = Node::start(folder, index as u64 + 2);
        }
        node.write(batch);
        states.push(node.state());
    }
    states
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    files::list(folder).unwrap().segments.into_iter().map(|(_, path)| path).collect()
}

fn batches() -> impl Strategy<Value = Vec<(Batch, bool)>> {
    let batch = prop::collection::vec((0..4_u8, any::<u8>()), 1..4);
    prop::collection::vec((batch, prop::bool::weighted(0.2)), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_appended_comes_back(batches in batches()) {
        let folder = TempDir::new().unwrap();
        let states = write_all(folder.path(), &batches);
        prop_assert_eq!(&loaded(folder.path()), states.last().unwrap());
    }

    #[test]
    fn any_torn_tail_leaves_a_prefix(batches in batches(), cut in any::<prop::sample::Index>()) {
        let folder = TempDir::new().unwrap();
        let states = write_all(folder.path(), &batches);
        let last = segments(folder.path()).pop().unwrap();
        let bytes = fs::read(&last).unwrap();
        // The head is whole before the segment has its name.
        let head = 12 + usize::from(bytes[4]) + 256 * usize::from(bytes[5]);
        let cut = head + cut.index(bytes.len() - head + 1);
        fs::write(&last, &bytes[..cut]).unwrap();
        let found = loaded(folder.path());
        prop_assert!(states.contains(&found), "{:?} is none of {:?}", found, states);
        // What was cut is gone for good, and the log goes on from there.
        let mut node = Node::start(folder.path(), 99);
        prop_assert_eq!(node.state(), found);
        node.write(&vec![(1, 1)]);
        prop_assert_eq!(loaded(folder.path()), node.state());
    }

    #[test]
    fn a_flipped_bit_is_noticed(batches in batches(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let folder = TempDir::new().unwrap();
        let states = write_all(folder.path(), &batches);
        let mut files = segments(folder.path());
        let sizes: Vec<_> = files.iter().map(|path| fs::metadata(path).unwrap().len() as usize).collect();
        let mut at = at.index(sizes.iter().sum());
        let file = sizes.iter().position(|size| { let here = at < *size; if !here { at -= size; } here }).unwrap();
        let tail = file == files.len() - 1;
        let path = files.remove(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1_u8 << bit;
        fs::write(&path, &bytes).unwrap();
        match load(folder.path(), None) {
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.contains(path.to_str().unwrap()) && text.contains("is damaged at offset "), "{}", text);
                let offset = text.split("at offset ").nth(1).unwrap().split(':').next().unwrap();
                prop_assert!(offset.parse::<usize>().unwrap() <= at, "{} is past {}", offset, at);
                prop_assert_eq!(fs::read(&path).unwrap(), bytes, "a refused file is left as it was");
            }
            // In the last frame of all nobody can tell damage from a torn append, and nothing but it is lost.
            Ok((engine, hub)) => {
                prop_assert!(tail);
                prop_assert_eq!(&state(&engine, &hub), &states[states.len() - 2]);
            }
        }
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_log(batches in batches(), more in batches()) {
        let folder = TempDir::new().unwrap();
        let states = write_all(folder.path(), &batches);
        let mut node = Node::start(folder.path(), 50);
        compact(folder.path(), node.log.first()).unwrap();
        let Listing { snapshots, segments } = files::list(folder.path()).unwrap();
        prop_assert_eq!((snapshots.len(), segments.len()), (1, 1));
        prop_assert_eq!(&loaded(folder.path()), states.last().unwrap());
        for (batch, rotate) in &more {
            node.write(batch);
            if *rotate {
                node.log.rotate(&node.hub).unwrap();
                compact(folder.path(), node.log.first()).unwrap();
            }
            prop_assert_eq!(loaded(folder.path()), node.state());
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused(batches in batches(), at in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let folder = TempDir::new().unwrap();
        write_all(folder.path(), &batches);
        let node = Node::start(folder.path(), 50);
        compact(folder.path(), node.log.first()).unwrap();
        let (_, path) = files::list(folder.path()).unwrap().snapshots.pop().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 }
        fs::write(&path, &bytes).unwrap();
        let text = load(folder.path(), None).err().unwrap().to_string();
        prop_assert!(text.contains(path.to_str().unwrap()) && text.contains("is damaged at offset "), "{}", text);
    }

    #[test]
    fn repair_keeps_what_stands_before_the_damage(batches in batches(), at in any::<prop::sample::Index>()) {
        let folder = TempDir::new().unwrap();
        let states = write_all(folder.path(), &batches);
        let files = segments(folder.path());
        let path = &files[at.index(files.len())];
        let mut bytes = fs::read(path).unwrap();
        let head = 12 + usize::from(bytes[4]) + 256 * usize::from(bytes[5]);
        prop_assume!(bytes.len() > head);
        let at = head + at.index(bytes.len() - head);
        bytes[at] ^= 1;
        fs::write(path, &bytes).unwrap();
        let (engine, hub) = load(folder.path(), Some(Repair::Truncate)).unwrap();
        let found = state(&engine, &hub);
        prop_assert!(states.contains(&found));
        prop_assert_eq!(loaded(folder.path()), found);
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let folder = TempDir::new().unwrap();
    write_all(folder.path(), &[(vec![(1, 1)], false), (vec![(1, 2)], true), (vec![(1, 3)], true)]);
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let text = load(folder.path(), None).err().unwrap().to_string();
    assert!(text.contains("records 2 to 2 are in no file"), "{text}");
}

#[test]
fn a_folder_serves_one_at_a_time() {
    let folder = TempDir::new().unwrap();
    let held = files::Folder::lock(folder.path()).unwrap();
    let text = files::Folder::lock(folder.path()).unwrap_err().to_string();
    assert!(text.contains("is in use by another server"), "{text}");
    drop(held);
    files::Folder::lock(folder.path()).unwrap();
}

#[test]
fn a_replica_resumes_across_a_restart() {
    let folder = TempDir::new().unwrap();
    let hello = |node: &mut Node, resume| {
        let hello = Hello {
            version: VERSION,
            oldest: VERSION,
            features: Features::default(),
            db: 0,
            clients: vec![(ClientId([1; 16]), ClientSeq(0))],
            interest: vec![b"*"[..].into()],
            resume,
            credit: 0,
        };
        let peer = node.hub.open_peer(Grant::everything());
        node.hub.handle_message(&mut node.engine, Env::new(1, 1), peer, &ToHub::Hello(hello).encode());
        let (_, message) = node.hub.poll_transmit(&node.engine).unwrap();
        let Ok(ToReplica::Welcome(welcome)) = ToReplica::decode(&message) else { panic!("no welcome") };
        (welcome.start == Start::Resume, ResumeToken { log: welcome.log, seq: welcome.seq, scope: welcome.scope })
    };
    let mut node = Node::start(folder.path(), 1);
    node.write(&vec![(1, 1)]);
    let (resumed, token) = hello(&mut node, None);
    assert!(!resumed);
    node.write(&vec![(1, 2), (1, 3)]);
    drop(node);
    for epoch in 2..5 {
        let mut node = Node::start(folder.path(), epoch);
        assert!(hello(&mut node, Some(token)).0, "in epoch {epoch}");
        node.write(&vec![(2, 2)]);
    }
    // A crash that takes records back takes their positions back, too.
    let mut node = Node::start(folder.path(), 5);
    node.write(&vec![(3, 3)]);
    let (_, token) = hello(&mut node, None);
    drop(node);
    let last = segments(folder.path()).pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - 1]).unwrap();
    let mut node = Node::start(folder.path(), 6);
    node.write(&vec![(4, 4)]);
    assert!(!hello(&mut node, Some(token)).0);
}
