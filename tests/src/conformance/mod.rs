//! Redis's own test suite, run against a server from outside.
//!
//! The suite is Tcl and belongs to Redis: it is fetched from Debian's source package into a cache folder
//! ([`suite`]) and driven by our `tests/conformance/drive.tcl`, one file and one fresh server at a time ([`drive`]).
//! What is ours, and committed, is the list of tests that a real `redis-server` 7.0.15 passes when it is driven in
//! the same way (`baseline.txt`) and the list of those that do not pass here yet, each with its reason
//! (`not-yet.txt`). A file may also start its servers itself, with configurations of its own, as the suite does where
//! it belongs: then `internal/` stands before its name. A run fails when a test fails that is not listed, and when one passes that is ([`lists`]).

mod drive;
mod lists;
mod suite;

use std::net::SocketAddr;
use std::time::Instant;

use crate::server::{Launch, Server, Target, binary};
use drive::{FileRun, Host};
use lists::{Lists, Verdict};

/// The files that every change is checked with: the data types, what they all rest on, scripts, and who may do what.
pub const FAST: &[&str] = &[
    "unit/type/string",
    "unit/type/incr",
    "unit/type/hash",
    "unit/type/list",
    "unit/type/list-2",
    "unit/type/list-3",
    "unit/type/set",
    "unit/type/zset",
    "unit/type/stream",
    "unit/type/stream-cgroups",
    "unit/geo",
    "unit/hyperloglog",
    "unit/pubsub",
    "unit/expire",
    "unit/keyspace",
    "unit/dump",
    "unit/sort",
    "unit/bitops",
    "unit/scan",
    "unit/protocol",
    "unit/lazyfree",
    "unit/slowlog",
    "unit/info-command",
    "unit/multi",
    "unit/scripting",
    "unit/functions",
    "unit/tracking",
    "unit/pause",
    "internal/unit/auth",
    "internal/unit/acl",
    "internal/unit/acl-v2",
    "internal/unit/info",
    "internal/unit/limits",
    "internal/unit/pubsubshard",
];

/// The files that the wasm engine is checked with: the data types and what they rest on.
pub const IN_WASM: &[&str] = &[
    "unit/type/string",
    "unit/type/incr",
    "unit/type/hash",
    "unit/type/list",
    "unit/type/list-3",
    "unit/type/set",
    "unit/type/zset",
    "unit/type/stream",
    "unit/type/stream-cgroups",
    "unit/geo",
    "unit/hyperloglog",
    "unit/expire",
    "unit/keyspace",
    "unit/dump",
    "unit/sort",
    "unit/bitops",
    "unit/bitfield",
    "unit/scan",
    "unit/multi",
];

/// What stands before the name of a file that starts its servers itself.
const INTERNAL: &str = "internal/";

/// How many unexpected failures of a file are shown.
const SHOWN_MAX: usize = 25;

/// What to run and against what.
#[derive(Debug, Default)]
pub struct Options {
    /// The server: one that the run starts for each file, or one that runs already.
    pub against: Against,
    /// The files, such as `unit/type/string`; [`FAST`] or [`IN_WASM`] when empty.
    pub files: Vec<String>,
    /// Lets the files start their servers themselves.
    pub internal: bool,
    /// Prints what passes, as a part of `baseline.txt`.
    pub passed: bool,
    /// Every file that the baseline knows, instead.
    pub all: bool,
    /// Shows why each failing test fails.
    pub verbose: bool,
    /// Rewrites the list of what does not pass, for the files that were run.
    pub update: bool,
}

/// The server that a run talks to.
#[derive(Debug)]
pub enum Against {
    /// A fresh process for every file.
    Fresh(Target),
    /// A server that somebody else runs. It is flushed!
    Running(SocketAddr),
}

impl Against {
    fn is_wasm(&self) -> bool {
        matches!(self, Self::Fresh(Target::Wasm))
    }
}

impl Default for Against {
    fn default() -> Self {
        Self::Fresh(Target::Sanderling)
    }
}

/// Runs the suite, prints a line a file and the count, and says whether all went as listed.
///
/// # Errors
/// When the suite cannot be fetched or the lists cannot be read or written.
pub fn run(options: &Options) -> Result<bool, String> {
    let mut lists = Lists::read(if options.against.is_wasm() { lists::WASM } else { lists::NOT_YET })?;
    let files = chosen(options, &lists);
    let suite = suite::prepare()?;
    let started = Instant::now();
    let mut surprises = 0;
    let mut passed = 0;
    println!("{:<32} {:>6} {:>6} {:>7} {:>6}  note", "file", "passed", "of", "not yet", "secs");
    for file in &files {
        let file_started = Instant::now();
        let mut run = run_file(&suite, file, options)?;
        if !options.update && judged(file, options, &lists) && !lists.judge(file, &run.outcomes).broken.is_empty() {
            // Some of the tests measure time, and the machine may have been busy: what passes now passes.
            run.add(run_file(&suite, file, options)?);
        }
        if options.update {
            lists.update(file, &run.outcomes);
        }
        let verdict = lists.judge(file, &run.outcomes);
        if options.passed {
            println!("[{file}]");
            let passes = run.outcomes.iter().flat_map(|(name, outcome)| std::iter::repeat_n(name, outcome.passed));
            passes.for_each(|name| println!("{name}"));
        }
        println!(
            "{file:<32} {:>6} {:>6} {:>7} {:>6.1}  {}",
            verdict.passed,
            verdict.expected,
            verdict.listed,
            file_started.elapsed().as_secs_f64(),
            run.note
        );
        explain(&run, &verdict, &lists, options.verbose);
        if judged(file, options, &lists) {
            surprises += verdict.broken.len() + verdict.stale.len() + verdict.unknown.len();
        }
        passed += verdict.passed;
    }
    if options.update {
        lists.write()?;
    }
    println!(
        "of the {} tests that redis-server 7.0.15 passes, {passed} pass ({} files run, {} tests in them, {:.0} s)",
        lists.total(),
        files.len(),
        files.iter().map(|file| lists.expected(file)).sum::<usize>(),
        started.elapsed().as_secs_f64()
    );
    if surprises > 0 {
        println!("{surprises} tests are not as tests/conformance/{} says", lists.listed_in());
    }
    Ok(surprises == 0)
}

/// Whether a file's failures count: of those that are checked, and of those of which anything is listed. The rest is only
/// counted.
fn judged(file: &str, options: &Options, lists: &Lists) -> bool {
    checked(options).contains(&file) || lists.mentions(file)
}

fn checked(options: &Options) -> &'static [&'static str] {
    if options.against.is_wasm() { IN_WASM } else { FAST }
}

fn chosen(options: &Options, lists: &Lists) -> Vec<String> {
    if !options.files.is_empty() {
        let plain = |file: &String| file.trim_start_matches("tests/").trim_end_matches(".tcl").to_owned();
        let begun = |file: String| if options.internal { format!("{INTERNAL}{file}") } else { file };
        options.files.iter().map(plain).map(begun).collect()
    } else if options.all {
        lists.files()
    } else {
        checked(options).iter().map(|&file| file.to_owned()).collect()
    }
}

fn run_file(suite: &suite::Suite, file: &str, options: &Options) -> Result<FileRun, String> {
    let target = match &options.against {
        Against::Running(address) => return drive::run(&suite.folder, file, || Host::Running(*address)),
        Against::Fresh(target) => *target,
    };
    if let Some(file) = file.strip_prefix(INTERNAL) {
        let server = match target {
            Target::Sanderling => binary().to_owned(),
            Target::Redis => suite::program("redis-server")?,
            Target::Wasm => return Err(format!("{file} starts servers, and the wasm engine is none")),
        };
        let layout = suite.around(&server)?;
        return drive::run(layout.path(), file, || Host::Internal(port_range()));
    }
    // Kept until the file is through; a second attempt gets another one, because the first may be stuck.
    let mut server: Option<Server> = None;
    drive::run(&suite.folder, file, || Host::Running(server.insert(Launch::new(target).start()).resp))
}

/// Where the ports for servers of a file begin: other runs on this machine are to have others. The suite looks itself
/// which of them are free.
fn port_range() -> u16 {
    20_000 + (std::process::id() % 40) as u16 * 200
}

fn explain(run: &FileRun, verdict: &Verdict, lists: &Lists, verbose: bool) {
    let listed_in = lists.listed_in();
    let shown = if verbose { usize::MAX } else { SHOWN_MAX };
    for name in verdict.broken.iter().take(shown) {
        println!("  FAILS   {name}\n          {}", run.why(name));
    }
    if verdict.broken.len() > shown {
        println!("  … and {} more: --verbose shows all", verdict.broken.len() - shown);
    }
    for name in &verdict.stale {
        println!("  PASSES  {name}\n          it is listed in {listed_in}: take it out");
    }
    for name in &verdict.unknown {
        println!("  UNKNOWN {name}\n          it is listed in {listed_in}, but the baseline has no such test");
    }
    if verbose {
        for (name, outcome) in run.outcomes.iter().filter(|(_, outcome)| !outcome.why.is_empty()) {
            println!("  failed  {name}\n          {}", outcome.why.replace('\n', "\n          "));
        }
        for note in &run.setup {
            println!("  setup   {}", note.replace('\n', "\n          "));
        }
    }
}
