//! A connection to a server under measurement, for what is not measured: filling it, asking it something.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A connection that pipelines.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to a port of the loopback interface.
    pub(super) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_MAX))?;
        Ok(Self { replies: BufReader::new(stream.try_clone()?), stream })
    }

    /// Makes one call and returns its reply, which is no array.
    pub(super) fn call(&mut self, words: &[&str]) -> Result<String> {
        let mut bytes = Vec::new();
        append(&mut bytes, words);
        self.stream.write_all(&bytes)?;
        self.reply()
    }

    /// Makes many calls, whose replies are no arrays and are only checked for errors.
    pub(super) fn fill(&mut self, calls: impl IntoIterator<Item = Vec<String>>) -> Result<()> {
        let (mut bytes, mut waiting) = (Vec::new(), 0);
        for call in calls {
            append(&mut bytes, &call);
            waiting += 1;
            if bytes.len() >= BATCH_BYTES {
                self.send(&mut bytes, &mut waiting)?;
            }
        }
        self.send(&mut bytes, &mut waiting)
    }

    fn send(&mut self, bytes: &mut Vec<u8>, waiting: &mut usize) -> Result<()> {
        self.stream.write_all(bytes)?;
        bytes.clear();
        for _ in 0..std::mem::take(waiting) {
            self.reply()?;
        }
        Ok(())
    }

    fn reply(&mut self) -> Result<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(text.to_owned()),
            Some(("$", "-1")) => Ok(String::new()),
            Some(("$", length)) => {
                let mut bytes = vec![0; length.parse::<usize>().context("a server sent no length")? + 2];
                self.replies.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => bail!("a server answered {line:?}"),
        }
    }
}

fn append(bytes: &mut Vec<u8>, words: &[impl AsRef<str>]) {
    bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// Bytes that are sent before their replies are read, which are few and fit in the socket's buffer.
const BATCH_BYTES: usize = 64 * 1024;
const REPLY_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn calls_are_arrays_of_strings() {
        let mut bytes = Vec::new();
        append(&mut bytes, &["GET", "é"]);
        assert_eq!(bytes, "*2\r\n$3\r\nGET\r\n$2\r\né\r\n".as_bytes());
    }
}
