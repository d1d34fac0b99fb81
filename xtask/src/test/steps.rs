//! The steps of `cargo xtask test`, one row each, fastest first. To add a suite, add a row.
//!
//! A row says what must be there before the step runs; what that is and how it is had stands in `run`, and the runner
//! makes each of those things only once.

use super::run::{Action, Need};
use crate::suites::REDIS_TOOLS;
use crate::{codegen, tidy, wasm};

/// One row: a check or a suite.
#[derive(Debug)]
pub(crate) struct Step {
    /// What `--only` and `--skip` call it.
    pub(crate) name: &'static str,
    /// What it shows when it passes.
    pub(crate) proves: &'static str,
    /// What must be there first.
    pub(crate) needs: &'static [Need],
    /// What is done.
    pub(crate) action: Action,
}

/// All steps, in the order in which they run.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", proves: "the Rust code is formatted", needs: &[], action: Action::Cargo("fmt --all --check") },
    Step {
        name: "tidy",
        proves: "layers, file sizes, links and wording are in order",
        needs: &[],
        action: Action::Ours(tidy::check),
    },
    Step {
        name: "typos",
        proves: "nothing is misspelt",
        needs: &[Need::Tools],
        action: Action::Program("typos", "--format brief"),
    },
    Step {
        name: "deny",
        proves: "licences, sources and banned crates are in order",
        needs: &[Need::Tools],
        action: Action::Cargo("deny --all-features check bans licenses sources"),
    },
    Step {
        name: "unused",
        proves: "no crate names a dependency that it does not use",
        needs: &[Need::Tools],
        action: Action::Program("cargo-shear", "shear"),
    },
    Step {
        name: "codegen",
        proves: "the generated files match the command table",
        needs: &[],
        action: Action::Ours(codegen::check),
    },
    Step {
        name: "clippy",
        proves: "no lint fires in any crate",
        needs: &[],
        action: Action::Workspace("clippy", "--all-targets --quiet -- -D warnings"),
    },
    Step {
        name: "unit",
        proves: "the unit and property tests of every crate",
        needs: &[Need::Tools],
        action: Action::Tests("!package(sanderling-tests)"),
    },
    Step {
        name: "links",
        proves: "the links in the documentation of the code lead somewhere",
        needs: &[],
        action: Action::Workspace("doc", "--no-deps --document-private-items --quiet"),
    },
    Step {
        name: "doc",
        proves: "the examples in the documentation run",
        needs: &[],
        action: Action::Workspace("test", "--doc --quiet"),
    },
    Step {
        name: "no-std",
        proves: "core builds for wasm32 without std",
        needs: &[],
        action: Action::Ours(wasm::build_core),
    },
    Step {
        name: "wasm",
        proves: "the wasm imports nothing unexpected and is small enough",
        needs: &[Need::Npm("wasm/js"), Need::NpmPackage],
        action: Action::Ours(wasm::module::check),
    },
    Step {
        name: "tsc",
        proves: "the TypeScript of the npm package type-checks",
        needs: &[Need::Npm("wasm/js"), Need::NpmPackage],
        action: Action::NpmScript("wasm/js", "check"),
    },
    Step {
        name: "page",
        proves: "the TypeScript of the page type-checks, and the page can be bundled",
        needs: &[Need::Npm("www"), Need::Page],
        action: Action::NpmScript("www", "check"),
    },
    Step {
        name: "console",
        proves: "the page's console against redis-cli, its list of keys, its Markdown",
        needs: &[Need::Npm("www"), Need::Programs(REDIS_TOOLS)],
        action: Action::NpmScript("www", "test"),
    },
    Step {
        name: "npm",
        proves: "the npm package's own tests",
        needs: &[Need::Npm("wasm/js"), Need::NpmPackage, Need::Server],
        action: Action::NpmScript("wasm/js", "test"),
    },
    Step {
        name: "trace",
        proves: "the same inputs give the same bytes natively and in wasm",
        needs: &[Need::Node, Need::NpmPackage],
        action: Action::Built("trace", ""),
    },
    Step {
        name: "packaging",
        proves: "the package as published, in a page, a Vite build, Node and workerd",
        needs: &[Need::Npm("wasm/js/packaging"), Need::NpmPackage, Need::Server, Need::Chromium],
        action: Action::NpmScript("wasm/js/packaging", "test"),
    },
    Step {
        name: "server",
        proves: "the real binary, over its sockets and across restarts",
        needs: &[Need::Tools, Need::Server, Need::Programs(REDIS_TOOLS)],
        action: Action::Tests("package(sanderling-tests)"),
    },
    Step {
        name: "differential",
        proves: "the same random commands get the same replies from a redis-server",
        needs: &[Need::Server, Need::Programs(REDIS_TOOLS)],
        action: Action::Built("differential", "--commands 200000"),
    },
    Step {
        name: "redis-py",
        proves: "redis-py, unchanged, against the server",
        needs: &[Need::Server],
        action: Action::Built("with-server", "tests/clients/run.sh python"),
    },
    Step {
        name: "ioredis",
        proves: "ioredis, unchanged, against the server",
        needs: &[Need::Node, Need::Server],
        action: Action::Built("with-server", "tests/clients/run.sh node"),
    },
    Step {
        name: "browser",
        proves: "the page in Chromium: two tabs and redis-cli, without a network, after a kill",
        needs: &[Need::Npm("tests/browser"), Need::Chromium, Need::Programs(REDIS_TOOLS), Need::Server, Need::Page],
        action: Action::NpmScript("tests/browser", "test"),
    },
    Step {
        name: "bench",
        proves: "what measures the tab, sync and rebases can be run: a few writes, ours only",
        needs: &[Need::Npm("tests/bench"), Need::NpmPackage, Need::Chromium, Need::Server],
        action: Action::NpmScript("tests/bench", "test"),
    },
    Step {
        name: "redis-in-wasm",
        proves: "Redis's own tests of the data types, on the wasm engine in Node",
        needs: &[Need::Node, Need::NpmPackage, Need::Programs(REDIS_TOOLS)],
        // The rest takes minutes, most of them spent in Tcl: `cargo xtask conformance --target wasm` runs it.
        action: Action::Built(
            "conformance",
            "--target wasm unit/type/string unit/type/incr unit/type/hash unit/type/list unit/type/set unit/type/zset \
             unit/type/stream-cgroups unit/expire unit/keyspace unit/bitops unit/bitfield unit/multi",
        ),
    },
    Step {
        name: "conformance",
        proves: "Redis's own tests for the commands that exist",
        needs: &[Need::Server, Need::Programs(REDIS_TOOLS)],
        action: Action::Built("conformance", ""),
    },
];
