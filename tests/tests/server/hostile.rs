//! Hostile WebSocket clients on raw sockets: whatever they send, the server's memory stays bounded, their connection is
//! closed with a code that says why, and nobody else notices.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use sanderling_core::UnixMillis;
use sanderling_core::sync::{Features, SUBPROTOCOL, ToHub};
use sanderling_tests::server::{Launch, Server};
use sanderling_tests::wait::{self, PATIENCE};

/// A connection after the handshake, on which frames are written byte by byte.
struct Raw(TcpStream);

/// How the server ended a connection: the code and the reason of its close frame, or without one.
type End = Option<(u16, String)>;

impl Raw {
    fn open(server: &Server) -> Self {
        let mut stream = TcpStream::connect(server.http()).expect("the HTTP port accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET /sync HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n",
            server.http()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the handshake is answered");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Writes bytes; tells whether the server still took them.
    fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Reads until the server ends the connection.
    fn end(mut self) -> End {
        let mut bytes = Vec::new();
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.0.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                // What was still under way to a closed socket resets the connection.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the server neither closes nor answers: {error}"),
            }
        }
        close_frame(&bytes)
    }
}

/// The close frame among the frames that came.
fn close_frame(mut bytes: &[u8]) -> End {
    while let [kind, length, rest @ ..] = bytes {
        let (length, rest) = match (length, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize, rest)
            }
            (length, rest) => (usize::from(*length), rest),
        };
        let payload = rest.get(..length)?;
        if kind & 0x0f == 8 {
            let (code, reason) = payload.split_first_chunk::<2>()?;
            return Some((u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()));
        }
        bytes = &rest[length..];
    }
    None
}

/// A client's frame, masked with zeros; `first` has the flags and the kind.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of a frame that says it is so long.
fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// Checks that clients are served as before.
fn undisturbed(server: &Server) {
    assert!(server.client().run("INCR standing").int() > 0);
}

/// The server's memory in megabytes, the most it ever was.
fn peak_mb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") / 1024
}

#[test]
fn frames_that_are_none_are_closed_with_a_code() {
    let server = Launch::sanderling().start();
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("a text frame", frame(0x81, b"hello"), &[1003]),
        ("a frame without a mask", vec![0x82, 1, 0], &[1002]),
        ("a reserved kind", frame(0x83, b"x"), &[1002]),
        ("a reserved control kind", frame(0x8b, b"x"), &[1002]),
        ("a reserved bit", frame(0xc2, b"x"), &[1002]),
        ("a long ping", frame(0x89, &[0; 126]), &[1002]),
        ("a ping in parts", frame(0x09, b"x"), &[1002]),
        ("the rest of nothing", frame(0x80, b"x"), &[1002]),
        ("a message within a message", [frame(0x02, b"x"), frame(0x82, b"y")].concat(), &[1002]),
        ("a head that declares 4 EB", head(0x82, 1 << 62), &[4002, 1009]),
        ("a head that declares more than there is", head(0x82, u64::MAX), &[4002, 1002, 1009]),
        ("a head that declares 17 MB", head(0x82, 17 << 20), &[4002]),
        // Who closes needn't be told why.
        ("a close frame with half a code", frame(0x88, &[3]), &[]),
        ("a close code that nobody may send", frame(0x88, &999_u16.to_be_bytes()), &[]),
        ("a close reason that is no UTF-8", frame(0x88, &[3, 0xe8, 0xff, 0xfe]), &[]),
    ];
    for (what, bytes, codes) in cases {
        let mut socket = Raw::open(&server);
        socket.write(&bytes);
        let end = socket.end();
        let code = end.as_ref().map(|(code, _)| *code);
        assert!(codes.is_empty() || code.is_some_and(|code| codes.contains(&code)), "{what}: {end:?}, not {codes:?}");
        undisturbed(&server);
    }
}

#[test]
fn messages_that_never_end_are_held_within_a_bound() {
    let server = Launch::sanderling().start();
    let part = frame(0x00, &vec![0; 1 << 20]);
    // Each stays below what a message may be; together they would be six hundred megabytes.
    let mut sockets: Vec<Raw> = (0..40).map(|_| Raw::open(&server)).collect();
    for socket in &mut sockets {
        // The server may stop to take what it has no room for.
        socket.0.set_write_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        socket.write(&frame(0x02, b"begin"));
        let _ = (0..15).all(|_| socket.write(&part));
    }
    undisturbed(&server);
    drop(sockets);
    let peak = peak_mb(&server);
    assert!(peak < 256, "{peak} MB");
}

#[test]
fn floods_cost_their_sender_the_connection_or_nothing() {
    let server = Launch::sanderling().start();
    let before = peak_mb(&server);
    let ping = frame(0x89, b"are you there?").repeat(1000);
    let question = frame(0x82, &ToHub::Ping { sent: UnixMillis(1) }.encode()).repeat(1000);
    let hello = frame(0x82, &super::sync::hello(77, "*").encode());
    for (greets, flood) in [(false, &ping), (true, &ping), (true, &question)] {
        // Nothing that comes back is read; the server's pushback is met by giving up.
        let mut socket = Raw::open(&server);
        socket.0.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
        assert!(!greets || socket.write(&hello));
        let _ = (0..300).all(|_| socket.write(flood));
        undisturbed(&server);
    }
    let grown = peak_mb(&server) - before;
    assert!(grown < 160, "{grown} MB more");
}

#[test]
fn a_bomb_of_zeros_is_held_within_a_bound() {
    let server = Launch::sanderling().start();
    let before = peak_mb(&server);
    let large = ToHub::Renew { token: vec![0; (16 << 20) - 64].into() };
    let bomb = large.encode_for(Features::ALL);
    assert!(bomb.len() < 1 << 20, "it is packed: {} bytes", bomb.len());
    // Nothing of its kind may come before the hello.
    for _ in 0..20 {
        let mut socket = Raw::open(&server);
        socket.write(&frame(0x82, &bomb));
        let end = socket.end();
        assert_eq!(end.as_ref().map(|(code, _)| *code), Some(4001), "{end:?}");
    }
    // Nor is one that says it is longer than may be unpacked.
    let mut socket = Raw::open(&server);
    let too_large = ToHub::Renew { token: vec![0; 17 << 20].into() };
    socket.write(&frame(0x82, &too_large.encode_for(Features::ALL)));
    assert_eq!(socket.end().map(|(code, _)| code), Some(4001));
    undisturbed(&server);
    let grown = peak_mb(&server) - before;
    assert!(grown < 128, "{grown} MB more");
}

#[test]
fn handshakes_that_never_end_keep_nobody_else_out() {
    let server = Launch::sanderling().start();
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.http()).expect("the HTTP port accepts");
            stream.write_all(b"GET /sync HTTP/1.1\r\nhost: loc").unwrap();
            stream
        })
        .collect();
    let mut endless = TcpStream::connect(server.http()).expect("the HTTP port accepts");
    endless.write_all(b"GET /sync HTTP/1.1\r\n").unwrap();
    endless.set_write_timeout(Some(PATIENCE)).unwrap();
    // A head without an end is refused at some length.
    let line = format!("x-{}: y\r\n", "z".repeat(1000));
    wait::until("a head without an end to be refused", || {
        let taken = (0..1000).all(|_| endless.write_all(line.as_bytes()).is_ok());
        (!taken).then_some(())
    });
    drop(Raw::open(&server));
    undisturbed(&server);
    assert_eq!(slow.len(), 200);
    let peak = peak_mb(&server);
    assert!(peak < 128, "{peak} MB");
}
