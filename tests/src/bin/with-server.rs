//! Runs a command beside a fresh server: `with-server [--target T] COMMAND [ARGUMENT…]`.
//!
//! The command finds the server in `SANDERLING_TEST_HOST`, `SANDERLING_TEST_PORT` and, where the target has one,
//! `SANDERLING_TEST_HTTP_PORT`. Its exit code is passed on.

use std::process::{Command, ExitCode};

use sanderling_tests::server::{Launch, Target};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let mut target = Target::from_env();
    if arguments.next_if(|argument| argument == "--target").is_some() {
        target = match arguments.next().as_deref() {
            Some("sanderling") => Target::Sanderling,
            Some("redis-server") => Target::Redis,
            other => return usage(&format!("--target {}", other.unwrap_or_default())),
        };
    }
    let Some(program) = arguments.next() else { return usage("no command") };
    let server = Launch::new(target).start();
    let mut command = Command::new(&program);
    command.args(arguments);
    command.env("SANDERLING_TEST_HOST", server.resp.ip().to_string());
    command.env("SANDERLING_TEST_PORT", server.resp.port().to_string());
    if target == Target::Sanderling {
        command.env("SANDERLING_TEST_HTTP_PORT", server.http().port().to_string());
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("with-server: {program}: {status}; the server's stderr:\n{}", server.stderr());
            ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(error) => usage(&format!("{program}: {error}")),
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("with-server: {why}\nusage: with-server [--target sanderling|redis-server] COMMAND [ARGUMENT…]");
    ExitCode::from(2)
}
