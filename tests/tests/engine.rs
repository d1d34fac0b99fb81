//! The executable specification on the engine itself, without a server around it.

// A test fails by panicking, in its helpers as well.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use sanderling_core::{Engine, EngineOptions, Env, Flow, SessionId};
use sanderling_tests::reply::{Reply, decode};
use sanderling_tests::spec::{Session, run_folder};

/// Blocks about what only a server has: an address to show, a configuration of its own.
const SERVER_ONLY: &str = "server";

#[test]
fn the_engine_answers_as_the_specification_says() {
    let engine = Rc::new(RefCell::new(Engine::new(EngineOptions::default())));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    let failures = run_folder(&folder, |block| !block.has(SERVER_ONLY), || EngineSession::open(&engine));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

struct EngineSession {
    engine: Rc<RefCell<Engine>>,
    id: SessionId,
    calls: u64,
}

impl EngineSession {
    fn open(engine: &Rc<RefCell<Engine>>) -> Self {
        let id = engine.borrow_mut().open_session("127.0.0.1:50000", env(0));
        Self { engine: Rc::clone(engine), id, calls: 0 }
    }
}

impl Session for EngineSession {
    fn call(&mut self, arguments: &[Vec<u8>]) -> Reply {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        self.calls += 1;
        let mut out = Vec::new();
        let mut engine = self.engine.borrow_mut();
        if engine.execute(env(self.calls), self.id, &arguments, &mut out) == Flow::Wait {
            // Nobody else calls meanwhile, so only its timeout ends the waiting.
            let deadline = engine.next_wait_deadline().expect("a call that waits for ever ends the transcript");
            engine.expire_waits(Env { now: deadline, entropy: 0 });
            out = engine.poll_woken().expect("the deadline has passed").reply;
        }
        let (reply, length) = decode(&out).unwrap().expect("a whole reply");
        assert_eq!(length, out.len(), "one call has one reply");
        reply
    }
}

impl Drop for EngineSession {
    fn drop(&mut self) {
        self.engine.borrow_mut().close_session(self.id);
    }
}

fn env(entropy: u64) -> Env {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Env::new(now.as_millis() as u64, entropy)
}
