//! Running other programs so that a person can follow: what starts, how long it takes, and, when it fails, why.
//!
//! It knows nothing of what the programs do.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// Returns a command that runs in the root of the repository.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::root());
    command
}

/// Returns the cargo that runs us.
pub(crate) fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Prints that `label` starts, does it, and prints how long it took.
///
/// # Errors
/// Whatever `work` returns.
pub(crate) fn timed<T>(label: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    println!("{} {label}", bold("==>"));
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    println!("    {label}: {outcome}, {seconds:.1} s");
    result
}

/// Runs a command on the terminal that we have.
///
/// # Errors
/// When it cannot be started, or exits with anything but 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", program(command)))?;
    check(command, status)
}

/// Runs a command with its output going to a log file, of which the last lines are shown when it fails, and one line
/// every so often while it runs.
///
/// # Errors
/// When it cannot be started, or exits with anything but 0.
pub(crate) fn run_logged(label: &str, command: &mut Command) -> Result<()> {
    let path = log_path(label)?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program(command)))?;
    let started = Instant::now();
    let mut reported = started;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(POLL);
        if reported.elapsed() >= HEARTBEAT {
            reported = Instant::now();
            let line = last_line(label)?.unwrap_or_default();
            println!("    {label}: {} s … {line}", started.elapsed().as_secs());
        }
    };
    if !status.success() {
        println!("    ---- the last lines of {}", path.display());
        println!("{}", tail(&path, TAIL_LINES).unwrap_or_default());
        println!("    ----");
    }
    check(command, status)
}

/// Returns the last line that a step logged, if it is not blank, cut to what fits on a line.
///
/// # Errors
/// When there is no log.
pub(crate) fn last_line(label: &str) -> Result<Option<String>> {
    let line: String = tail(&log_path(label)?, 1)?.trim().chars().take(100).collect();
    Ok(Some(line).filter(|line| !line.is_empty()))
}

/// Runs a command and returns what it printed on stdout, without the white space around it.
///
/// # Errors
/// When it cannot be started, or exits with anything but 0.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", program(command)))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    check(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Tells whether a command starts and exits with 0, in silence.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns where a program lies on the search path.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Returns `text` in bold if a person is watching.
pub(crate) fn bold(text: &str) -> String {
    styled("1", text)
}

/// Returns `text` in red if a person is watching.
pub(crate) fn red(text: &str) -> String {
    styled("31", text)
}

/// Returns the file that a step named `label` logs to.
pub(crate) fn log_path(label: &str) -> Result<PathBuf> {
    let folder = paths::state().join("logs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(folder.join(format!("{name}.log")))
}

fn styled(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    bail!("`{} {}` failed: {status}", program(command), args.join(" "))
}

fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

/// Returns the last `count` lines of a file, reading no more than its last 64 KiB.
fn tail(path: &Path, count: usize) -> Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n"))
}

const POLL: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(20);
const TAIL_LINES: usize = 80;
