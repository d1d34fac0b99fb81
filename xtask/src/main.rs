//! `cargo xtask`: sets up, builds, serves, tests, measures and packages Sanderling.
//!
//! Each task first checks what it needs and says in one line what it installs or what is missing (`need`), then does
//! its work. The program itself depends on next to nothing, so that it starts within seconds of a clone; it must never
//! link the parts that it builds. What needs them is a binary of its own, started from here.

mod bench;
mod build;
mod codegen;
mod fuzz;
mod need;
mod package;
mod paths;
mod serve;
mod shell;
mod stamp;
mod suites;
mod test;
mod tidy;
mod wasm;

use std::env;
use std::process::ExitCode;

use anyhow::Result;

/// Something that `cargo xtask` can be asked to do.
struct Task {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> Result<()>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return ExitCode::FAILURE;
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("xtask: there is no task {name:?}\n\n{}", help());
        return ExitCode::FAILURE;
    };
    // These have options of their own, or stand for programs that have, and answer --help themselves.
    let passes_on = matches!(task.name, "serve" | "conformance" | "differential" | "redis-py-suite" | "sim" | "bench");
    if !passes_on && rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("cargo xtask {name} {}\n  {}", task.arguments, task.summary);
        return ExitCode::SUCCESS;
    }
    match (task.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", shell::red("xtask:"));
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text = "usage: cargo xtask TASK [ARGUMENTS]\n\n".to_owned();
    for task in TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        text += &format!("  {call:<36} {}\n", task.summary);
    }
    text + "\nA first run installs what it needs, after saying so; see CONTRIBUTING.md.\n"
}

const TASKS: &[Task] = &[
    Task {
        name: "serve",
        arguments: "[SERVER FLAGS]",
        summary: "build everything and run the server with the web page",
        run: serve::run,
    },
    Task {
        name: "test",
        arguments: "[--list|--only A,B|--skip A,B]",
        summary: "run every check and every suite, fastest first",
        run: test::run,
    },
    Task {
        name: "build",
        arguments: "[server|wasm|npm|page]…",
        summary: "build those parts, or all of them",
        run: build::run,
    },
    Task {
        name: "package",
        arguments: "",
        summary: "make the release files: the npm package and the server's archive",
        run: package::run,
    },
    Task {
        name: "codegen",
        arguments: "[--check]",
        summary: "write the files that are generated from the command table",
        run: codegen::run,
    },
    Task { name: "tidy", arguments: "", summary: "check layers, file sizes, links and wording", run: tidy::run },
    Task {
        name: "bench",
        arguments: "server|engine|memory|sync|… [ARGUMENTS]",
        summary: "measure ours beside others' (--help lists the benches)",
        run: bench::run,
    },
    Task {
        name: "conformance",
        arguments: "[--all] [FILE…]",
        summary: "run Redis's own tests against the server (--help for more)",
        run: suites::conformance,
    },
    Task {
        name: "differential",
        arguments: "[--seed N] [--commands N]",
        summary: "send random commands to redis-server and to ours (--help for more)",
        run: suites::differential,
    },
    Task {
        name: "redis-py-suite",
        arguments: "[--protocol 2|3] [TEST…]",
        summary: "run redis-py's own tests against the server (--help for more)",
        run: suites::redis_py,
    },
    Task {
        name: "fuzz",
        arguments: "TARGET [--seconds N] [--keep]",
        summary: "let libFuzzer look for inputs that break something",
        run: fuzz::run,
    },
    Task {
        name: "sim",
        arguments: "[--seeds COUNT|--seed N]",
        summary: "run the replication simulator on many seeds, or on one",
        run: suites::simulation,
    },
];
