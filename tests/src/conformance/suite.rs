//! The suite's files, fetched once from Debian's source package and kept in a cache folder, never committed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The version whose behaviour is the yardstick.
const VERSION: &str = "7.0.15";

/// A laid out copy of the suite.
#[derive(Debug)]
pub(super) struct Suite {
    /// The folder with `tests/`, `utils/` and `src/`, where the suite wants to be run.
    pub(super) folder: PathBuf,
}

/// Returns the suite, fetching it first when the cache has none.
///
/// # Errors
/// When a tool is missing or the source package cannot be fetched; the text says what to install.
pub(super) fn prepare() -> Result<Suite, String> {
    for (tool, package) in [("tclsh", "tcl"), ("redis-cli", "redis-tools"), ("redis-benchmark", "redis-tools")] {
        if which(tool).is_none() {
            return Err(format!("{tool} is missing: apt-get install {package}"));
        }
    }
    let folder = cache().join(format!("redis-suite-{VERSION}"));
    if !folder.join("tests/test_helper.tcl").exists() {
        fetch(&folder)?;
    }
    Ok(Suite { folder })
}

impl Suite {
    /// Lays the suite out in a folder of its own, where `src/redis-server` is this program.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn around(&self, server: &Path) -> Result<TempDir, String> {
        let layout = tempfile::Builder::new().prefix("suite-").tempdir().map_err(|error| error.to_string())?;
        let make = || {
            link_all(&self.folder, layout.path(), &["src", "tests"])?;
            for (part, own) in [("src", "redis-server"), ("tests", "tmp")] {
                fs::create_dir(layout.path().join(part))?;
                link_all(&self.folder.join(part), &layout.path().join(part), &[own])?;
            }
            fs::create_dir(layout.path().join("tests/tmp"))?;
            symlink(server, layout.path().join("src/redis-server"))
        };
        make().map_err(|error: std::io::Error| in_folder(layout.path(), &error))?;
        Ok(layout)
    }
}

/// Links to everything in a folder but what is left out.
fn link_all(from: &Path, to: &Path, left_out: &[&str]) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !left_out.iter().any(|name| entry.file_name() == *name) {
            symlink(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The program of this name on the path.
///
/// # Errors
/// When there is none.
pub(super) fn program(name: &str) -> Result<PathBuf, String> {
    which(name).ok_or_else(|| format!("{name} is missing"))
}

fn fetch(folder: &Path) -> Result<(), String> {
    if which("apt-get").is_none() {
        return Err(format!("apt-get is missing: unpack the sources of redis {VERSION} into {}", folder.display()));
    }
    eprintln!("conformance: fetching the source package of redis {VERSION} (once, into {})", folder.display());
    let work = folder.with_extension("tmp");
    let _ = fs::remove_dir_all(&work);
    for part in ["apt/lists/partial", "apt/sources", "package"] {
        fs::create_dir_all(work.join(part)).map_err(|error| in_folder(&work, &error))?;
    }
    fs::write(work.join("apt/sources/src.list"), source_list()?).map_err(|error| in_folder(&work, &error))?;
    let apt = |arguments: &[&str], folder: &Path| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-o", "Dir::Etc::sourcelist=/dev/null"]);
        command.arg("-o").arg(format!("Dir::Etc::sourceparts={}", work.join("apt/sources").display()));
        command.arg("-o").arg(format!("Dir::State::Lists={}", work.join("apt/lists").display()));
        run(command.args(arguments).current_dir(folder))
    };
    apt(&["update"], &work)?;
    apt(&["--download-only", "source", "redis"], &work.join("package"))?;
    let archive = fs::read_dir(work.join("package"))
        .map_err(|error| in_folder(&work, &error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(".orig.tar.gz"))
        .ok_or("apt-get source redis brought no .orig.tar.gz")?;
    if !archive.to_string_lossy().contains(VERSION) {
        return Err(format!("this Debian has {}, but the baseline is of {VERSION}", archive.display()));
    }
    run(Command::new("tar").arg("xzf").arg(&archive).args(["--strip-components=1", "-C"]).arg(&work))?;
    // Some tests call the tools by these paths.
    for tool in ["redis-cli", "redis-benchmark", "redis-server", "redis-check-aof", "redis-check-rdb"] {
        if let Some(path) = which(tool) {
            symlink(path, work.join("src").join(tool)).map_err(|error| in_folder(&work, &error))?;
        }
    }
    fs::create_dir_all(work.join("tests/tmp")).map_err(|error| in_folder(&work, &error))?;
    for part in ["apt", "package"] {
        fs::remove_dir_all(work.join(part)).map_err(|error| in_folder(&work, &error))?;
    }
    fs::rename(&work, folder).map_err(|error| in_folder(folder, &error))
}

/// Makes `deb-src` lines of the archives that this machine already trusts.
fn source_list() -> Result<String, String> {
    let mut texts = vec![fs::read_to_string("/etc/apt/sources.list").unwrap_or_default()];
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    texts.extend(parts.filter_map(|entry| fs::read_to_string(entry.path()).ok()));
    let release = fs::read_to_string("/etc/os-release").map_err(|error| format!("/etc/os-release: {error}"))?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .ok_or("/etc/os-release names no VERSION_CODENAME")?;
    let mut archives: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
        .collect();
    archives.sort_unstable();
    archives.dedup();
    let lines = archives.iter().map(|archive| {
        let suffix = if archive.contains("security") { "-security" } else { "" };
        format!("deb-src {archive} {codename}{suffix} main\n")
    });
    Ok(lines.collect())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

fn which(tool: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(tool)).find(|path| path.is_file())
}

/// Returns the folder that is kept between runs: `SANDERLING_CACHE`, else ours in the user's cache folder.
fn cache() -> PathBuf {
    let under = |name: &str, rest: &str| std::env::var_os(name).map(|base| PathBuf::from(base).join(rest));
    under("SANDERLING_CACHE", "")
        .or_else(|| under("XDG_CACHE_HOME", "sanderling"))
        .or_else(|| under("HOME", ".cache/sanderling"))
        .unwrap_or_else(|| std::env::temp_dir().join("sanderling-cache"))
}

fn in_folder(folder: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", folder.display())
}
