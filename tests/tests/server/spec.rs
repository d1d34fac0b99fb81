//! The executable specification, on the server that `SANDERLING_TARGET` names.
//!
//! With `SANDERLING_SPEC=complete` the replies that the files leave out are written into them, as the server under
//! test gives them: write the commands, complete them on `redis-server`, then read what it says.

use std::path::{Path, PathBuf};

use sanderling_tests::server::{Launch, Target};
use sanderling_tests::spec::{Block, complete, run_folder};

#[test]
fn the_server_answers_as_the_specification_says() {
    let target = Target::from_env();
    let server = Launch::new(target).start();
    if std::env::var("SANDERLING_SPEC").as_deref() == Ok("complete") {
        for path in std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, complete(&text, || server.client()).unwrap()).unwrap();
        }
    }
    // What Redis answers differently is left out when the specification is checked on Redis.
    let wanted = |block: &Block| target == Target::Sanderling || !block.has("ours");
    let failures = run_folder(&folder(), wanted, || server.client());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec")
}
