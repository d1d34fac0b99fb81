//! One file of the suite, run by `drive.tcl` in a Tcl process that is never waited for without a deadline.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long one reply may take. The longest that a test waits for on purpose is some seconds.
const READ_TIMEOUT_MS: u64 = 8_000;
/// How long a file may go without any event before the test in progress counts as hung.
const STALL: Duration = Duration::from_secs(60);
/// How long one file may take in all.
const FILE_LIMIT: Duration = Duration::from_secs(400);
/// How often a file is begun again, without the tests that hung.
const ATTEMPTS_MAX: usize = 4;

/// What came of one test name; some names stand for several tests.
#[derive(Debug, Default, Clone)]
pub(super) struct Outcome {
    /// How often it passed.
    pub(super) passed: usize,
    /// Why it failed, the last time that it did.
    pub(super) why: String,
}

/// What came of one file.
#[derive(Debug, Default)]
pub(super) struct FileRun {
    /// By test name.
    pub(super) outcomes: BTreeMap<String, Outcome>,
    /// What went wrong between the tests.
    pub(super) setup: Vec<String>,
    /// Anything unusual, for the table.
    pub(super) note: String,
}

impl FileRun {
    /// Adds a second run of the same file: a test passes if it passed in one of them.
    pub(super) fn add(&mut self, second: Self) {
        for (name, outcome) in second.outcomes {
            let first = self.outcomes.entry(name).or_default();
            first.passed = first.passed.max(outcome.passed);
        }
        self.setup.extend(second.setup);
        self.note = format!("run twice {} {}", self.note, second.note).trim_end().to_owned();
    }

    /// Says in one line why a test failed.
    pub(super) fn why(&self, name: &str) -> String {
        self.outcomes.get(name).map_or("it did not run", Outcome::line).chars().take(300).collect()
    }
}

impl Outcome {
    /// Returns the line of the complaint that tells most.
    pub(super) fn line(&self) -> &str {
        // First the test and its file, then the assertion; of any other error the suite cuts the start off, but
        // shows it whole in the trace that follows.
        let lines: Vec<&str> = self.why.lines().collect();
        lines.get(2).or(lines.get(1)).or(lines.first()).copied().unwrap_or("it did not run")
    }
}

/// Who the tests of a file talk to.
#[derive(Debug)]
pub(super) enum Host {
    /// A server that runs.
    Running(SocketAddr),
    /// Servers that the file starts itself, on ports from this one on.
    Internal(u16),
}

impl Host {
    fn words(&self) -> [String; 2] {
        match self {
            Self::Running(address) => [address.ip().to_string(), address.port().to_string()],
            Self::Internal(port) => ["internal".into(), port.to_string()],
        }
    }
}

/// Runs a file against the server that `server` provides, anew for each attempt.
///
/// A test that hangs ends its attempt; the next one leaves it out, so that one gap costs one test.
///
/// # Errors
/// When Tcl cannot be started.
pub(super) fn run(folder: &Path, file: &str, mut server: impl FnMut() -> Host) -> Result<FileRun, String> {
    let mut hung: Vec<String> = Vec::new();
    loop {
        let mut run = FileRun::default();
        let end = attempt(folder, file, &server(), &hung, &mut run)?;
        for name in &hung {
            run.outcomes.entry(name.clone()).or_default().why = "it hangs".into();
        }
        match end {
            End::Done => {
                if !hung.is_empty() {
                    run.note = format!("{} hung", hung.len());
                }
            }
            End::Hung(name) if hung.len() + 1 < ATTEMPTS_MAX && !hung.contains(&name) => {
                hung.push(name);
                continue;
            }
            End::Hung(name) => run.note = format!("given up in {name:?}"),
            End::Broken(why) => run.note = why,
        }
        return Ok(run);
    }
}

/// How an attempt ended.
enum End {
    Done,
    /// In the test of this name.
    Hung(String),
    Broken(String),
}

fn attempt(folder: &Path, file: &str, server: &Host, skipped: &[String], run: &mut FileRun) -> Result<End, String> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/drive.tcl");
    let mut tcl = Command::new("tclsh")
        .arg(driver)
        .args(server.words())
        .args([file, &READ_TIMEOUT_MS.to_string()])
        .args(skipped)
        .current_dir(folder)
        .env("TERM", "dumb")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("tclsh: {error}"))?;
    let (sender, lines) = channel();
    let stdout = tcl.stdout.take().expect("a pipe was asked for");
    let mut stderr = tcl.stderr.take().expect("a pipe was asked for");
    std::thread::spawn(move || {
        // Test names are bytes to Tcl, and some are not UTF-8.
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let deadline = Instant::now() + FILE_LIMIT;
    let mut current = String::from("(no test)");
    let end = loop {
        let patience = STALL.min(deadline.saturating_duration_since(Instant::now()));
        match lines.recv_timeout(patience) {
            Ok(line) => match run.take(&line) {
                Event::Began(name) => current = name,
                Event::Done => break End::Done,
                Event::Other => {}
            },
            Err(RecvTimeoutError::Timeout) if patience < STALL => {
                break End::Broken(format!("took more than {FILE_LIMIT:?}, stopped in {current:?}"));
            }
            Err(RecvTimeoutError::Timeout) => break End::Hung(current),
            Err(RecvTimeoutError::Disconnected) => {
                break End::Broken(format!("tclsh ended in {current:?}"));
            }
        }
    };
    // It is either done or not to be trusted any more, and with it the servers that it started. An error means that
    // all of them have ended.
    let _ = kill_process_group(Pid::from_child(&tcl), Signal::KILL);
    let _ = tcl.wait();
    Ok(match end {
        End::Broken(why) => {
            let complaint = complaints.join().unwrap_or_default();
            End::Broken(format!("{why}: {}", complaint.lines().next().unwrap_or_default()))
        }
        end => end,
    })
}

enum Event {
    Began(String),
    Done,
    Other,
}

impl FileRun {
    fn take(&mut self, line: &str) -> Event {
        let mut fields = line.split('\t').map(unescape);
        let (event, name, why) = (fields.next(), fields.next(), fields.next());
        let (name, why) = (name.unwrap_or_default(), why.unwrap_or_default());
        match event.as_deref() {
            Some("testing") => return Event::Began(name),
            Some("ok") => self.outcomes.entry(name).or_default().passed += 1,
            Some("err") => self.outcomes.entry(name).or_default().why = why,
            Some("setup") => self.setup.push(format!("{name}: {why}")),
            Some("done") => return Event::Done,
            // Some tests print a figure of their own.
            _ => {}
        }
        Event::Other
    }
}

fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            _ => out.push(character),
        }
    }
    out
}
