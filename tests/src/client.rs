//! A small blocking RESP client that can also misbehave: half frames, garbage, pipelines of any length.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::reply::{self, Reply};
use crate::wait::PATIENCE;

/// One connection to a server under test.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects, with a deadline on everything that is read or written later.
    ///
    /// # Panics
    /// When the server does not accept.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("{address} does not accept a connection: {error}"));
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends one command and returns its reply.
    ///
    /// # Panics
    /// When the connection breaks or what comes back is no reply.
    pub fn call<T: AsRef<[u8]>>(&mut self, arguments: &[T]) -> Reply {
        self.try_call(arguments).unwrap_or_else(|error| panic!("{}: {error}", shown(arguments)))
    }

    /// Sends a command written as one line, split at blanks: `run("SET k v")`.
    ///
    /// # Panics
    /// As [`Client::call`].
    pub fn run(&mut self, line: &str) -> Reply {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends one command and returns its reply, or how the connection broke.
    ///
    /// # Errors
    /// What the socket reports; `UnexpectedEof` when the server closed, `InvalidData` when it sent no reply.
    pub fn try_call<T: AsRef<[u8]>>(&mut self, arguments: &[T]) -> io::Result<Reply> {
        self.send(&encode(arguments))?;
        self.read()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the socket reports.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// As [`Client::try_call`].
    pub fn read(&mut self) -> io::Result<Reply> {
        loop {
            match reply::decode(&self.received) {
                Ok(Some((reply, length))) => {
                    self.received.drain(..length);
                    return Ok(reply);
                }
                Ok(None) => {}
                Err(why) => return Err(io::Error::new(ErrorKind::InvalidData, why)),
            }
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => self.received.extend_from_slice(&chunk[..length]),
            }
        }
    }

    /// Sends all commands in one write and reads their replies.
    ///
    /// # Panics
    /// As [`Client::call`].
    pub fn pipeline(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Reply> {
        let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        // Written by another handle of the socket: a long pipeline fills both directions, and a client that does
        // not read while it writes would wait for a server that waits for it.
        let mut writer = self.stream.try_clone().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&bytes));
        let replies = commands.iter().map(|_| self.read().expect("the reply to a pipelined command")).collect();
        writing.join().unwrap().expect("the pipeline is written");
        replies
    }

    /// Says that nothing more will be sent; replies can still be read.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads replies until the server closes the connection.
    ///
    /// # Panics
    /// When it does not close in time or sends something that is no reply.
    pub fn read_until_closed(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            match self.read() {
                Ok(reply) => replies.push(reply),
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                    return replies;
                }
                Err(error) => {
                    panic!("the server did not close the connection: {error}, after {replies:?}")
                }
            }
        }
    }
}

/// Encodes a command as an array of bulk strings.
pub fn encode<T: AsRef<[u8]>>(arguments: &[T]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Makes a command of words: `command(["SET", "k", "v"])`.
pub fn command<T: AsRef<[u8]>>(arguments: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    arguments.into_iter().map(|argument| argument.as_ref().to_vec()).collect()
}

fn shown<T: AsRef<[u8]>>(arguments: &[T]) -> String {
    let words: Vec<_> = arguments.iter().map(|word| String::from_utf8_lossy(word.as_ref())).collect();
    words.join(" ").chars().take(200).collect()
}
