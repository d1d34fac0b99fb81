//! A `redis.conf`: the first argument, `-` for standard input, or `--directive value …` alone, as redis-server takes them.
//!
//! Directives become the flags and settings of the same meaning. One that is neither is named in a warning and passed
//! over; a wrong value is an error with its file and line.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use sanderling_core::config::{Config as EngineConfig, Setting};
use sanderling_core::resp::split_words;

use super::{Cli, Command, Config};

/// What a `redis.conf` says beyond what flags can.
#[derive(Clone, Debug, Default)]
pub struct RedisConf {
    /// The file, if it is one: where `CONFIG REWRITE` writes to.
    pub file: Option<PathBuf>,
    /// Settings of the engine, each in its canonical form.
    pub settings: Vec<(&'static str, String)>,
    /// The words of `user` directives.
    pub users: Vec<UserLine>,
    /// The file that is logged to; standard output if `None`.
    pub logfile: Option<PathBuf>,
    /// What is logged, in the words of the filter.
    pub loglevel: Option<&'static str>,
    /// What is to be said of directives that mean nothing here.
    pub warnings: Vec<String>,
}

/// A user that the configuration defines.
#[derive(Clone, Debug)]
pub struct UserLine {
    /// Where it does.
    pub place: String,
    /// The name and the rules.
    pub words: Vec<Vec<u8>>,
}

/// Whether the command line is one of redis-server's: it begins with a file or a directive, not with one of our commands.
pub(super) fn is_meant(first: &str) -> bool {
    match first {
        "serve" | "token" | "help" => false,
        "-" => true,
        _ => !first.starts_with('-') || first.starts_with("--") && !matches!(first, "--help" | "--version"),
    }
}

/// Reads the command line: a file, and directives that win over its own.
///
/// # Errors
/// What is wrong, with file and line.
pub(super) fn read(arguments: &[OsString]) -> Result<Config> {
    let mut reader = Reader::default();
    let mut rest = arguments;
    if let Some((first, others)) = arguments.split_first()
        && !first.to_string_lossy().starts_with("--")
    {
        rest = others;
        reader.read_file(Path::new(first))?;
    }
    for directive in directives(rest)? {
        reader.take("the command line", &directive)?;
    }
    reader.finish()
}

/// The directives among arguments: each begins with `--`, and what follows a name without a value is its value, even if
/// it begins so, too. Name and value may also be one argument.
fn directives(arguments: &[OsString]) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut directives: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut wants_value = false;
    for argument in arguments {
        let word = argument.as_encoded_bytes();
        let name = word.strip_prefix(b"--").filter(|name| !name.is_empty());
        match (name, directives.last_mut()) {
            // No save point is no value.
            (Some(_), Some(last)) if wants_value && last.first().is_none_or(|name| name != b"save") => {
                last.push(word.to_vec());
                wants_value = false;
            }
            (None, Some(last)) => {
                last.push(word.to_vec());
                wants_value = false;
            }
            // Without a name before it, the first word is one.
            (name, _) => {
                let words = split_words(name.unwrap_or(word))
                    .ok_or_else(|| anyhow!("unbalanced quotes on the command line"))?;
                wants_value = words.len() == 1;
                directives.push(words);
            }
        }
    }
    Ok(directives)
}

#[derive(Default)]
struct Reader {
    conf: RedisConf,
    /// Our own flags, as they would stand on the command line.
    flags: Vec<OsString>,
    host: Option<String>,
    port: Option<u16>,
    dir: Option<PathBuf>,
    aclfile: Option<PathBuf>,
    depth: usize,
}

impl Reader {
    fn read_file(&mut self, path: &Path) -> Result<()> {
        let (name, text) = if path == Path::new("-") {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
            ("standard input".into(), text)
        } else {
            let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            if self.depth == 0 {
                self.conf.file = Some(path.canonicalize().unwrap_or_else(|_| path.into()));
            }
            (path.display().to_string(), text)
        };
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let place = format!("{name}:{}", index + 1);
            let words = split_words(line).ok_or_else(|| anyhow!("{place}: unbalanced quotes"))?;
            self.take(&place, &words)?;
        }
        Ok(())
    }

    /// Takes in one directive with its arguments.
    fn take(&mut self, place: &str, words: &[Vec<u8>]) -> Result<()> {
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let shown = match name.as_str() {
            // Not what is secret.
            "user" | "requirepass" => name.clone(),
            _ => arguments.iter().fold(name.clone(), |text, word| format!("{text} \"{}\"", word.escape_ascii())),
        };
        self.apply(place, &name, arguments).with_context(|| format!("{place}: '{shown}'"))
    }

    fn apply(&mut self, place: &str, name: &str, arguments: &[Vec<u8>]) -> Result<()> {
        let texts: Vec<String> = arguments.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let one = || match texts.as_slice() {
            [value] => Ok(value.as_str()),
            _ => Err(anyhow!("wrong number of arguments: expected one, found {}", texts.len())),
        };
        match name {
            "include" => {
                ensure!(self.depth < INCLUDES_MAX, "files include each other more than {INCLUDES_MAX} deep");
                self.depth += 1;
                self.read_file(Path::new(one()?))?;
                self.depth -= 1;
            }
            "user" => {
                ensure!(!arguments.is_empty(), "expected a name and rules");
                let is_same = |user: &UserLine| user.words.first() == arguments.first();
                ensure!(
                    !self.conf.users.iter().any(is_same),
                    "Duplicate user found. A user can only be defined once in config files"
                );
                self.conf.users.push(UserLine { place: place.into(), words: arguments.to_vec() });
            }
            "port" => {
                let port: u16 =
                    one()?.parse().context("argument couldn't be parsed into an integer from 1 to 65535")?;
                ensure!(port > 0, "there is always a port for RESP: expected 1 to 65535");
                self.port = Some(port);
            }
            "bind" => {
                ensure!(!texts.is_empty(), "expected an address");
                let host = texts.first().map_or("", |host| host.trim_start_matches('-'));
                self.host = Some(match host {
                    "*" => "0.0.0.0".into(),
                    host if host.contains(':') => format!("[{host}]"),
                    host => host.into(),
                });
                if texts.len() > 1 {
                    self.warn(place, name, "only the first address is listened on");
                }
            }
            "dir" => self.dir = Some(one()?.into()),
            "aclfile" => self.aclfile = Some(one()?).filter(|file| !file.is_empty()).map(Into::into),
            "logfile" => self.conf.logfile = Some(one()?).filter(|file| !file.is_empty()).map(Into::into),
            "loglevel" => {
                self.conf.loglevel = Some(match one()?.to_ascii_lowercase().as_str() {
                    "debug" => "debug",
                    "verbose" | "notice" => "info",
                    "warning" => "warn",
                    "nothing" => "off",
                    _ => bail!("argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
                });
                self.conf.settings.push(("loglevel", one()?.to_ascii_lowercase()));
            }
            "daemonize" => match one()?.to_ascii_lowercase().as_str() {
                "no" => {}
                "yes" => bail!(
                    "the server stays in the foreground: leave it to systemd or the like to put it into the background"
                ),
                _ => bail!("expected yes or no"),
            },
            "rename-command" => {
                bail!("commands can't be renamed: take them from users by access lists (`user default on … -command`)")
            }
            "appendfsync" => {
                let value = checked(name, one()?)?;
                self.flag("fsync", &value);
            }
            "appendonly" => _ = checked("activerehashing", one()?)?,
            // All that is written is logged anyway; what is set is shown, and holds.
            "save" => {
                let place = self.conf.settings.iter().position(|(name, _)| *name == "save");
                let before = place.map(|place| self.conf.settings.remove(place).1).unwrap_or_default();
                let joined = EngineConfig::join_save_points(&before, &texts.join(" ")).map_err(anyhow::Error::msg)?;
                self.conf.settings.push(("save", joined));
            }
            "dbfilename" | "appendfilename" | "appenddirname" => {}
            "requirepass" => {
                let password = arguments.first().map_or(&b""[..], Vec::as_slice);
                one()?;
                self.flag(name, &String::from_utf8_lossy(password));
            }
            "maxclients" | "proto-max-bulk-len" | "lua-memory-max" => {
                let value = checked(name, one()?)?;
                self.flag(name, &value);
            }
            "enable-debug-command" => {
                let value = checked(name, one()?)?;
                self.flag(name, &value);
            }
            "busy-reply-threshold" | "lua-time-limit" => {
                let value = checked(name, one()?)?;
                self.flag("busy-reply-threshold", &value);
            }
            _ if super::has_flag(name) => self.flag(name, &texts.join(",")),
            _ => match Setting::find(name.as_bytes()) {
                Some(setting) => {
                    let value = checked(name, &texts.join(" "))?;
                    self.conf.settings.push((setting.name, value));
                }
                None => self.warn(place, name, "this server has no such setting"),
            },
        }
        Ok(())
    }

    fn flag(&mut self, name: &str, value: &str) {
        self.flags.push(format!("--{name}={value}").into());
    }

    fn warn(&mut self, place: &str, name: &str, why: &str) {
        self.conf.warnings.push(format!("{place}: {name}: {why}"));
    }

    /// Makes a configuration of what was read.
    fn finish(mut self) -> Result<Config> {
        if self.host.is_some() || self.port.is_some() {
            let (host, port) = (self.host.take(), self.port.take());
            let resp = format!("{}:{}", host.as_deref().unwrap_or("127.0.0.1"), port.unwrap_or(6379));
            self.flags.insert(0, format!("--resp={resp}").into());
        }
        let line = ["sanderling".into(), "serve".into()].into_iter().chain(self.flags);
        let Command::Serve(serve) = Cli::try_parse_from(line)?.command else { bail!("expected settings of a server") };
        let http = serve.settings.http.is_some();
        let mut config = serve.settings.resolve(serve.repair, self.conf.file.clone());
        // One who starts several Redises on a machine doesn't expect a further port of each.
        if !http {
            config.http = None;
        }
        if let Some(dir) = self.dir {
            config.dir = dir;
        }
        config.aclfile = self.aclfile.map(|file| config.dir.join(file)).or(config.aclfile);
        config.redis = Some(self.conf);
        Ok(config)
    }
}

/// The value in its canonical form.
fn checked(name: &str, value: &str) -> Result<String> {
    let setting = Setting::find(name.as_bytes()).context("this server has no such setting")?;
    setting.read(value.as_bytes()).map_err(anyhow::Error::msg)
}

/// How deep files may include each other.
const INCLUDES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, arguments: &[&str]) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redis.conf");
        fs::write(&path, text).unwrap();
        let arguments = [path.into_os_string()].into_iter().chain(arguments.iter().map(Into::into));
        read(&arguments.collect::<Vec<_>>())
    }

    #[test]
    fn directives_become_settings_and_the_command_line_wins() {
        let text = "# a comment\nPORT 7000\nbind 127.0.0.1 -::1\ndir \"/some where\"\nappendfsync always\nsave 900 1\n\
                    maxclients 10\nlist-max-ziplist-size -1\nhttp 127.0.0.1:0\nuser ann on >x (+get ~a)\n\
                    no-such-thing 1\nrequirepass 'se cret'\naclfile users.acl\nloglevel warning\n";
        let config = parse(text, &["--port", "7001", "--hz", "20", "--save", ""]).unwrap();
        assert_eq!((config.resp.as_str(), config.http.as_deref()), ("127.0.0.1:7001", Some("127.0.0.1:0")));
        assert_eq!((config.dir.as_path(), config.maxclients), (Path::new("/some where"), 10));
        assert_eq!(config.fsync.name(), "always");
        assert_eq!(config.requirepass.as_deref(), Some("se cret"));
        assert_eq!(config.aclfile.as_deref(), Some(Path::new("/some where/users.acl")));
        let redis = config.redis.unwrap();
        let settings = [("list-max-listpack-size", "-1"), ("loglevel", "warning"), ("hz", "20"), ("save", "")];
        assert_eq!(redis.settings, settings.map(|(name, value)| (name, value.into())));
        assert_eq!((redis.users.len(), redis.users[0].words.len()), (1, 5));
        assert_eq!(redis.loglevel, Some("warn"));
        let warned = redis.warnings.join("\n");
        assert!(
            warned.contains("redis.conf:3: bind: only the first")
                && warned.contains("redis.conf:11: no-such-thing: this")
        );
        assert_eq!(redis.warnings.len(), 2);
        let saves = parse("save 900 1\nsave 60 10 30 5", &["--save", "1", "2"]).unwrap().redis.unwrap().settings;
        assert_eq!(saves, [("save", "900 1 60 10 30 5 1 2".into())]);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let check = |text: &str, expected: &str| {
            let shown = format!("{:#}", parse(text, &[]).unwrap_err());
            assert!(shown.contains(expected), "{text}: {shown}");
        };
        check("\nport many", "redis.conf:2: 'port \"many\"': argument couldn't be parsed into an integer");
        check("hz 10 20", "redis.conf:1: 'hz \"10\" \"20\"': argument couldn't be parsed into an integer");
        check("dir", "redis.conf:1: 'dir': wrong number of arguments: expected one, found 0");
        check("set-max-intset-entries x", "redis.conf:1: 'set-max-intset-entries \"x\"': argument couldn't be parsed");
        check("daemonize yes", "redis.conf:1: 'daemonize \"yes\"': the server stays in the foreground");
        check("rename-command GET \"\"", "commands can't be renamed");
        check("dir \"x", "redis.conf:1: unbalanced quotes");
        check("user ann on\nuser ann off", "redis.conf:2: 'user': Duplicate user found");
        check("include /no/such/file", "redis.conf:1: 'include \"/no/such/file\"': cannot read /no/such/file");
        check("save 900", "redis.conf:1: 'save \"900\"': Invalid save parameters");
        check("max-replicas many", "max-replicas");
    }

    #[test]
    fn the_command_line_is_split_into_directives() {
        let check = |arguments: &[&str], expected: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            let found = directives(&arguments).unwrap().into_iter().map(|words| {
                words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join("|")
            });
            assert_eq!(found.collect::<Vec<_>>(), expected);
        };
        check(&["--port", "1", "2", "--dir", "x"], &["port|1|2", "dir|x"]);
        check(&["--port", "--loglevel", "verbose"], &["port|--loglevel|verbose"]);
        check(&["--logfile", "--my", "--loglevel", "--bla"], &["logfile|--my", "loglevel|--bla"]);
        check(&["--save", "--loglevel", "x", "--save"], &["save", "loglevel|x", "save"]);
        check(&["loglevel", "verbose", "--maxmemory '7 mb'"], &["loglevel|verbose", "maxmemory|7 mb"]);
    }

    #[test]
    fn our_own_commands_stay_what_they_are() {
        for ours in ["serve", "token", "help", "--help", "--version", "-h", "-V"] {
            assert!(!is_meant(ours), "{ours}");
        }
        for theirs in ["redis.conf", "-", "--port", "--user"] {
            assert!(is_meant(theirs), "{theirs}");
        }
    }
}
