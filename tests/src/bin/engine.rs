//! `cargo xtask bench engine`: fixed streams of commands on the engine, timed, or one once for a tool that counts.
//!
//! `engine` prints `NAME<TAB>NANOSECONDS` a line; `engine NAME` runs that stream once and prints how many calls it made.

use std::env;

use sanderling_tests::engine::{STREAMS, nanoseconds, once};

fn main() {
    match env::args().nth(1) {
        Some(name) => {
            for stream in STREAMS.iter().filter(|stream| stream.name == name) {
                println!("{}", once(stream));
            }
        }
        None => {
            for stream in STREAMS {
                println!("{}\t{:.1}", stream.name, nanoseconds(stream, ROUNDS));
            }
        }
    }
}

const ROUNDS: usize = 7;
