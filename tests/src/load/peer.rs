//! The thinnest replica that is honest: it says hello, answers what it is asked, knows how far it is, and can resume.
//!
//! It keeps no data, only what arrives is read to the end. Its frames are made by hand, because ten thousand clients
//! beside one server must cost little, or the figures would be theirs.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use sanderling_core::format::{ClientId, ClientSeq, LogSeq, effects};
use sanderling_core::sync::{Features, Hello, Item, ResumeToken, SUBPROTOCOL, Start, ToHub, ToReplica, VERSION};

/// One replica.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) phase: Phase,
    /// How the server let it catch up this time.
    pub(super) start: Option<Start>,
    /// Keys that it was sent as a whole.
    pub(super) keys: usize,
    stream: Option<TcpStream>,
    client: ClientId,
    interest: Vec<String>,
    token: Option<ResumeToken>,
    /// Bytes that aren't a whole frame yet.
    received: Vec<u8>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Away,
    /// The WebSocket is being opened.
    Upgrading,
    /// It has said hello.
    Greeting,
    /// It is being brought keys.
    Loading,
    /// It is being told what it missed, up to here.
    Resuming(LogSeq),
    /// It knows everything that concerns it.
    Live,
}

impl Peer {
    /// A replica that was never connected. Its number is its identity.
    pub(super) fn new(number: u64, interest: Vec<String>) -> Self {
        let mut client = [0; 16];
        client[..8].copy_from_slice(&number.to_le_bytes());
        client[8..].copy_from_slice(b"the load");
        Self {
            phase: Phase::Away,
            start: None,
            keys: 0,
            stream: None,
            client: ClientId(client),
            interest,
            token: None,
            received: Vec::new(),
        }
    }

    /// Connects and asks for the WebSocket. Returns the socket, to be waited for.
    pub(super) fn connect(&mut self, address: SocketAddr) -> &TcpStream {
        let mut stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "GET /sync HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("a request fits into a fresh socket");
        stream.set_nonblocking(true).unwrap();
        (self.phase, self.start, self.keys) = (Phase::Upgrading, None, 0);
        self.received.clear();
        self.stream.insert(stream)
    }

    /// Lets go of the connection; the identity and the position stay.
    pub(super) fn disconnect(&mut self) {
        (self.stream, self.phase) = (None, Phase::Away);
    }

    /// Reads what has arrived, and shows every batch's effects to `see`.
    ///
    /// # Panics
    /// When the server says what it shouldn't, or closes the connection.
    pub(super) fn read(&mut self, scratch: &mut [u8], see: &mut impl FnMut(&[u8])) {
        loop {
            let stream = self.stream.as_mut().expect("only what is connected is ready");
            let length = match stream.read(scratch) {
                Ok(0) => panic!("the server closed a connection in phase {:?}", self.phase),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("in phase {:?}: {error}", self.phase),
            };
            if self.received.is_empty() {
                let used = self.take(&scratch[..length], see);
                self.received.extend_from_slice(&scratch[used..length]);
            } else {
                let mut received = std::mem::take(&mut self.received);
                received.extend_from_slice(&scratch[..length]);
                let used = self.take(&received, see);
                received.drain(..used);
                self.received = received;
            }
            if self.received.is_empty() {
                self.received = Vec::new();
            }
            if length < scratch.len() {
                return;
            }
        }
    }

    /// Takes whole frames from the front; returns the bytes used.
    fn take(&mut self, bytes: &[u8], see: &mut impl FnMut(&[u8])) -> usize {
        let mut used = 0;
        if self.phase == Phase::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return 0 };
            let head = String::from_utf8_lossy(&bytes[..end]);
            assert!(head.starts_with("HTTP/1.1 101"), "the server refuses a replica: {head}");
            used = end + 4;
            self.phase = Phase::Greeting;
            self.say_hello();
        }
        while let Some((opcode, payload, length)) = frame(&bytes[used..]) {
            used += length;
            match opcode {
                BINARY => self.handle(payload, see),
                PING => self.send_frame(PONG, payload),
                PONG => {}
                CLOSE => panic!("the server closes: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
                other => panic!("a frame of kind {other}"),
            }
        }
        used
    }

    fn handle(&mut self, bytes: &[u8], see: &mut impl FnMut(&[u8])) {
        let message = ToReplica::decode(bytes).expect("a message");
        let unpacked = message.unpacked(16 << 20).expect("a packed message");
        let message = match &unpacked {
            Some(bytes) => ToReplica::decode(bytes).expect("a message in a packed one"),
            None => message,
        };
        match message {
            ToReplica::Welcome(welcome) => {
                self.start = Some(welcome.start);
                self.token = Some(ResumeToken { log: welcome.log, seq: welcome.seq, scope: welcome.scope });
                match welcome.start {
                    Start::Resume => self.phase = Phase::Resuming(welcome.head),
                    Start::Load => self.phase = Phase::Loading,
                    Start::Digest { bits } => {
                        self.phase = Phase::Loading;
                        self.send(&ToHub::Digests { bits, sums: vec![0; 1 << bits] });
                    }
                }
            }
            ToReplica::Batch(batch) => {
                self.know(batch.through);
                if let Phase::Resuming(head) = self.phase
                    && batch.through >= head
                {
                    self.phase = Phase::Live;
                }
                for item in &batch.items {
                    match item {
                        Item::Foreign(effects) | Item::Loading(effects) | Item::Own { effects, .. } => see(effects),
                        Item::AsGuessed { .. } => {}
                    }
                }
            }
            ToReplica::Chunk(keys) => {
                for effect in effects(&keys) {
                    effect.expect("an effect");
                    self.keys += 1;
                }
            }
            ToReplica::LoadEnd { through } => {
                self.know(through);
                self.phase = Phase::Live;
            }
            _ => {}
        }
    }

    fn know(&mut self, through: LogSeq) {
        if let Some(token) = &mut self.token {
            token.seq = token.seq.max(through);
        }
    }

    fn say_hello(&mut self) {
        let interest = std::mem::take(&mut self.interest);
        self.send(&ToHub::Hello(Hello {
            version: VERSION,
            oldest: VERSION,
            features: Features::ALL,
            db: 0,
            clients: vec![(self.client, ClientSeq(0))],
            interest: interest.iter().map(|glob| glob.as_bytes().into()).collect(),
            resume: self.token,
            credit: 0,
        }));
        self.interest = interest;
    }

    fn send(&mut self, message: &ToHub<'_>) {
        self.send_frame(BINARY, &message.encode());
    }

    /// Sends a frame under a mask of zeros, which changes nothing.
    fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length @ ..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        let stream = self.stream.as_mut().expect("only who is connected speaks");
        stream.set_nonblocking(false).unwrap();
        stream.write_all(&frame).expect("the server reads");
        stream.set_nonblocking(true).unwrap();
    }
}

/// Reads a whole frame of a server: its kind, what it holds, and how long it is.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!((first & 0xf0, second & 0x80), (0x80, 0), "a server's frames are whole and not masked");
    let (start, length) = match second {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        length => (2, u64::from(length)),
    };
    let end = start + usize::try_from(length).expect("a length");
    Some((first & 0x0f, bytes.get(start..end)?, end))
}

const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut bytes = match length {
                ..126 => vec![0x82, length as u8],
                126..65_536 => [&[0x82, 126][..], &(length as u16).to_be_bytes()].concat(),
                _ => [&[0x82, 127][..], &(length as u64).to_be_bytes()].concat(),
            };
            bytes.resize(bytes.len() + length, b'x');
            let (opcode, payload, used) = frame(&bytes).expect("a whole frame");
            assert_eq!((opcode, payload.len(), used), (2, length, bytes.len()));
            assert!(frame(&bytes[..bytes.len() - 1]).is_none());
        }
    }
}
