//! The executable specification: transcripts in Markdown, in redis-cli's notation.
//!
//! ````text
//! # Strings                        A file is a family; its prose explains, its blocks execute.
//!
//! ```redis                         A block starts on an empty keyspace.
//! > SET k v                        A command, quoted as in redis-cli.
//! OK                               Its reply; "…" stands for any text within the line.
//! b> GET k                         The same from a second connection, named b.
//! "v"
//! ```
//! ````
//!
//! Words after `redis` on a block's first line: `resp3` speaks RESP3, `unordered` compares the lines of a reply
//! without regard to order (for replies that come out of a hash table), `ours` marks what a real `redis-server`
//! 7.0.15 answers differently, so that the block is left out when the specification itself is checked on one.
//!
//! The runner needs only a [`Session`]: the same files run on the engine, on our server and on Redis's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::notation::render;
use crate::reply::Reply;

/// Something that answers commands: a connection, or the engine itself.
pub trait Session {
    /// Runs one command.
    fn call(&mut self, arguments: &[Vec<u8>]) -> Reply;
}

impl Session for crate::client::Client {
    fn call(&mut self, arguments: &[Vec<u8>]) -> Reply {
        Self::call(self, arguments)
    }
}

/// One block of a file.
#[derive(Debug, Default)]
pub struct Block {
    /// The line of the file on which it starts, from 1.
    pub line: usize,
    /// The words after `redis`.
    pub words: Vec<String>,
    /// Its commands, in order.
    pub steps: Vec<Step>,
}

/// A command and the reply that is expected.
#[derive(Debug)]
pub struct Step {
    /// The line of the file, from 1.
    pub line: usize,
    /// The connection that sends it.
    pub session: String,
    /// The command as it is written.
    pub command: String,
    /// The reply's lines.
    pub reply: Vec<String>,
}

impl Block {
    /// Says whether the block bears a word.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }
}

/// Reads the blocks of a file.
///
/// # Errors
/// The line that does not belong to the notation.
pub fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if !open {
            if let Some(words) = line.strip_prefix("```redis") {
                let words = words.split_whitespace().map(str::to_owned).collect();
                blocks.push(Block { line: number, words, steps: Vec::new() });
                open = true;
            }
            continue;
        }
        let block = blocks.last_mut().ok_or("no block")?;
        if line == "```" {
            open = false;
        } else if let Some((session, command)) = prompt(line) {
            let (session, command) = (session.to_owned(), command.to_owned());
            block.steps.push(Step { line: number, session, command, reply: Vec::new() });
        } else if let Some(step) = block.steps.last_mut() {
            step.reply.push(line.to_owned());
        } else {
            return Err(format!("line {number}: a reply before any command: {line:?}"));
        }
    }
    if open { Err("the last block is not closed".into()) } else { Ok(blocks) }
}

/// Runs a block; `connect` opens a new session on the server under test.
///
/// # Errors
/// The lines that differ, as expected and as they came.
pub fn run<S: Session>(block: &Block, mut connect: impl FnMut() -> S) -> Result<(), String> {
    let mut sessions: BTreeMap<&str, S> = BTreeMap::new();
    let mut first = connect();
    first.call(&words("FLUSHALL"));
    if block.has("resp3") {
        first.call(&words("HELLO 3"));
    }
    sessions.insert("", first);
    for step in &block.steps {
        let session = sessions.entry(&step.session).or_insert_with(&mut connect);
        let arguments = split(&step.command).map_err(|why| format!("line {}: {why}", step.line))?;
        let reply = render(&session.call(&arguments));
        let mut came: Vec<&str> = reply.lines().collect();
        let mut expected: Vec<&str> = step.reply.iter().map(String::as_str).collect();
        if block.has("unordered") {
            for lines in [&mut came, &mut expected] {
                lines.iter_mut().for_each(|line| *line = unnumbered(line));
                lines.sort_unstable();
            }
        }
        let same = came.len() == expected.len() && came.iter().zip(&expected).all(|(a, b)| matches(a, b));
        if !same {
            return Err(format!(
                "line {}: {}\n  expected:\n{}\n  came:\n{reply}",
                step.line,
                step.command,
                step.reply.join("\n")
            ));
        }
    }
    Ok(())
}

/// Writes the replies that a file leaves out, as the server gives them; replies that stand there are left alone.
///
/// # Errors
/// As [`parse`].
pub fn complete<S: Session>(text: &str, mut connect: impl FnMut() -> S) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the end, so that the lines above keep their numbers.
    for block in parse(text)?.into_iter().rev() {
        let mut sessions: BTreeMap<String, S> = BTreeMap::new();
        sessions.entry(String::new()).or_insert_with(&mut connect).call(&words("FLUSHALL"));
        if block.has("resp3") {
            sessions.entry(String::new()).or_insert_with(&mut connect).call(&words("HELLO 3"));
        }
        let mut replies = Vec::new();
        for step in &block.steps {
            let session = sessions.entry(step.session.clone()).or_insert_with(&mut connect);
            replies.push(render(&session.call(&split(&step.command)?)));
        }
        for (step, reply) in block.steps.iter().zip(replies).rev() {
            if step.reply.is_empty() {
                lines.splice(step.line..step.line, reply.lines().map(str::to_owned));
            }
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Runs every `.md` file of a folder and returns what failed, each entry with its file.
///
/// # Panics
/// When the folder or a file of it cannot be read, or when it has no block at all.
pub fn run_folder<S: Session>(
    folder: &Path,
    mut wanted: impl FnMut(&Block) -> bool,
    mut connect: impl FnMut() -> S,
) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder of the specification");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let (mut failures, mut count) = (Vec::new(), 0);
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a file of the specification");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match parse(&text) {
            Ok(blocks) => {
                for block in blocks.iter().filter(|block| wanted(block)) {
                    count += 1;
                    if let Err(why) = run(block, &mut connect) {
                        failures.push(format!("{name}: {why}"));
                    }
                }
            }
            Err(why) => failures.push(format!("{name}: {why}")),
        }
    }
    assert!(count > 0, "no block was run in {}", folder.display());
    failures
}

fn prompt(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once("> ")?;
    (name.len() <= 1 && name.bytes().all(|byte| byte.is_ascii_lowercase())).then_some((name, command))
}

/// `1) "a"` → `"a"`: an element without its place.
fn unnumbered(line: &str) -> &str {
    let rest = line.trim_start().trim_start_matches(|character: char| character.is_ascii_digit());
    match rest.split_at_checked(2) {
        Some((") " | "~ " | "# ", element)) => element,
        _ => line,
    }
}

fn matches(came: &str, expected: &str) -> bool {
    // Some of Redis's errors end in a blank, which no editor would keep.
    let (came, expected) = (came.trim_end(), expected.trim_end());
    let Some((head, mut rest)) = expected.split_once('…') else {
        return came == expected;
    };
    let Some(mut came) = came.strip_prefix(head) else {
        return false;
    };
    while let Some((part, after)) = rest.split_once('…') {
        let Some(at) = came.find(part) else {
            return false;
        };
        came = &came[at + part.len()..];
        rest = after;
    }
    came.ends_with(rest)
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// Splits a command as redis-cli does: blanks, `"…"` with escapes, `'…'` without.
fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut arguments = Vec::new();
    let mut bytes = line.bytes().peekable();
    loop {
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        let Some(&first) = bytes.peek() else {
            return Ok(arguments);
        };
        let mut argument = Vec::new();
        if first == b'"' || first == b'\'' {
            bytes.next();
            loop {
                match bytes.next().ok_or("a quote is not closed")? {
                    byte if byte == first => break,
                    b'\\' if first == b'"' => argument.push(escape(&mut bytes)?),
                    byte => argument.push(byte),
                }
            }
        } else {
            while let Some(byte) = bytes.next_if(|byte| !byte.is_ascii_whitespace()) {
                argument.push(byte);
            }
        }
        arguments.push(argument);
    }
}

fn escape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, String> {
    Ok(match bytes.next().ok_or("a backslash at the end")? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        b'x' => {
            let digits: Vec<u8> = bytes.take(2).collect();
            let text = std::str::from_utf8(&digits).map_err(|_| "\\x without two digits")?;
            u8::from_str_radix(text, 16).map_err(|_| "\\x without two digits")?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every command with its own words.
    struct Echo;

    impl Session for Echo {
        fn call(&mut self, arguments: &[Vec<u8>]) -> Reply {
            Reply::bulks(arguments)
        }
    }

    #[test]
    fn a_transcript_is_compared_line_by_line() {
        let text = "prose\n```redis\n> a \"b \\x00\"\n1) \"a\"\n2) \"b \\x00\"\nb> c\n1) \"…\"\n```\n";
        let blocks = parse(text).unwrap();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].steps[1].session, "b");
        run(&blocks[0], || Echo).unwrap();
        let wrong = parse(&text.replace("\"a\"", "\"x\"")).unwrap();
        assert!(run(&wrong[0], || Echo).unwrap_err().starts_with("line 3"));
    }

    #[test]
    fn order_counts_unless_the_block_says_otherwise() {
        let text = "```redis\n> a b\n1) \"b\"\n2) \"a\"\n```\n";
        assert!(run(&parse(text).unwrap()[0], || Echo).is_err());
        run(&parse(&text.replace("redis", "redis unordered")).unwrap()[0], || Echo).unwrap();
    }

    #[test]
    fn what_is_not_a_transcript_is_refused() {
        assert!(parse("```redis\nOK\n```\n").is_err());
        assert!(parse("```redis\n> PING\nPONG\n").is_err());
        assert!(split("GET \"k").is_err());
    }
}
