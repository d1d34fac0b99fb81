//! `/sync`: a replica's connection as its bytes, honest and hostile.
//!
//! Here the messages are made by hand. That replicas converge is shown where they run: in the simulation and in real
//! browsers.

use std::net::TcpStream;

use proptest::prelude::*;
use sanderling_core::format::{ClientId, ClientSeq};
use sanderling_core::sync::{
    Batch, Features, Guess, Hello, Push, PushedCommand, SUBPROTOCOL, ToHub, ToReplica, VERSION,
};
use sanderling_tests::http::get;
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server};
use sanderling_tests::wait::PATIENCE;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

/// A WebSocket to `/sync`, and nothing that a replica would make of it.
pub(crate) struct Socket(pub(crate) WebSocket<TcpStream>);

impl Socket {
    pub(crate) fn open(server: &Server) -> Self {
        Self::try_open(server, Some(SUBPROTOCOL)).expect("the handshake succeeds")
    }

    pub(crate) fn try_open(server: &Server, protocol: Option<&str>) -> Result<Self, String> {
        let protocol = protocol.map(|protocol| ("sec-websocket-protocol", protocol));
        Self::connect(server, protocol.as_slice())
    }

    /// Opens a connection with headers of one's own; the subprotocol has to be the first that they offer.
    pub(crate) fn connect(server: &Server, headers: &[(&'static str, &str)]) -> Result<Self, String> {
        let stream = TcpStream::connect(server.http()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://{}/sync", server.http()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let offered = headers.iter().find(|(name, _)| *name == "sec-websocket-protocol");
        let protocol = offered.and_then(|(_, list)| list.split(", ").next());
        let (socket, response) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        let chosen = response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!(chosen, protocol);
        Ok(Self(socket))
    }

    /// Opens a connection, says hello and reads on until the snapshot is whole.
    pub(crate) fn replica(server: &Server, client: u8, interest: &str) -> Self {
        let mut socket = Self::open(server);
        socket.send(&hello(client, interest));
        assert!(matches!(ToReplica::decode(&socket.receive()).unwrap(), ToReplica::Welcome(_)));
        while !matches!(ToReplica::decode(&socket.receive()).unwrap(), ToReplica::LoadEnd { .. }) {}
        socket
    }

    pub(crate) fn send(&mut self, message: &ToHub<'_>) {
        self.send_bytes(message.encode());
    }

    fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Vec<u8> {
        loop {
            match self.0.read().unwrap() {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// Reads batches until one has an item; returns how many items it has.
    fn next_items(&mut self) -> usize {
        loop {
            if let ToReplica::Batch(Batch { items, .. }) = ToReplica::decode(&self.receive()).unwrap()
                && !items.is_empty()
            {
                return items.len();
            }
        }
    }

    /// Reads on until the server closes, and returns its code and reason.
    pub(crate) fn closed(mut self) -> (u16, String) {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Ok(Message::Close(None)) => panic!("closed without a code"),
                Ok(_) => {}
                Err(Error::ConnectionClosed) => panic!("closed without a code"),
                Err(error) => panic!("expected a close frame: {error}"),
            }
        }
    }
}

pub(crate) fn hello(client: u8, interest: &str) -> ToHub<'_> {
    ToHub::Hello(Hello {
        version: VERSION,
        oldest: VERSION,
        features: Features::default(),
        db: 0,
        clients: vec![(ClientId([client; 16]), ClientSeq(0))],
        interest: vec![interest.as_bytes().into()],
        resume: None,
        credit: 0,
    })
}

pub(crate) fn push(seq: u64, call: &str) -> ToHub<'_> {
    let calls = vec![call.split(' ').map(|word| word.as_bytes().into()).collect()];
    let commands = vec![PushedCommand { calls, conditions: vec![], transaction: false }];
    ToHub::Push(Push { client: 0, first: ClientSeq(seq), guess: Guess::NONE, commands })
}

/// Checks that another replica and a RESP client still see each other's writes.
fn undisturbed(server: &Server, bystander: &mut Socket) {
    let mut client = server.client();
    assert!(client.run("INCR standing").int() > 0);
    assert_eq!(bystander.next_items(), 1);
}

#[test]
fn a_write_on_either_side_reaches_the_other() {
    let server = Launch::sanderling().start();
    let mut client = server.client();
    client.run("SET user:1 before");
    client.run("SET other:1 hidden");
    let mut replica = Socket::replica(&server, 1, "user:*");
    client.run("SET other:1 still");
    client.run("SET user:1 after");
    assert_eq!(replica.next_items(), 1);
    replica.send(&push(1, "SET user:2 pushed"));
    assert_eq!(replica.next_items(), 1);
    assert_eq!(client.run("GET user:2"), Reply::bulk("pushed"));
}

#[test]
fn a_command_that_is_pushed_again_does_not_run_again() {
    let server = Launch::sanderling().start();
    let mut client = server.client();
    for _ in 0..3 {
        let mut replica = Socket::replica(&server, 1, "*");
        replica.send(&push(1, "INCR n"));
        replica.send(&ToHub::Ping { sent: sanderling_core::UnixMillis(1) });
        while !matches!(ToReplica::decode(&replica.receive()).unwrap(), ToReplica::Pong { .. }) {}
        assert_eq!(client.run("GET n"), Reply::bulk("1"));
    }
}

#[test]
fn a_message_that_makes_no_sense_closes_its_connection_only() {
    let server = Launch::sanderling().start();
    let mut bystander = Socket::replica(&server, 9, "standing");
    let whole = hello(1, "user:*").encode();
    let cut = (0..whole.len()).map(|length| (whole[..length].to_vec(), 4001));
    // A newer replica may say more in its hello; elsewhere nothing may follow.
    let longer = [([&push(1, "SET k v").encode()[..], b"x"].concat(), 4001), (vec![0xff; 64], 4001)];
    let other_version = ToHub::Hello(Hello { version: 77, oldest: 77, ..as_hello(hello(1, "*")) }).encode();
    let other_db = ToHub::Hello(Hello { db: 99, ..as_hello(hello(1, "*")) }).encode();
    for (bytes, code) in
        cut.chain(longer).chain([(other_version, 4000), (other_db, 4001), (push(1, "SET k v").encode(), 4001)])
    {
        let mut socket = Socket::open(&server);
        socket.send_bytes(bytes.clone());
        let (came, reason) = socket.closed();
        assert_eq!(came, code, "{bytes:02x?}: {reason}");
        assert!(!reason.is_empty());
        undisturbed(&server, &mut bystander);
    }
    assert_eq!(server.client().run("EXISTS k"), Reply::Int(0));
}

#[test]
fn an_unknown_version_is_named() {
    let server = Launch::sanderling().start();
    let mut socket = Socket::open(&server);
    socket.send(&ToHub::Hello(Hello { version: 77, oldest: 77, ..as_hello(hello(1, "*")) }));
    let (code, reason) = socket.closed();
    assert_eq!(code, 4000);
    assert!(reason.contains("77") && reason.contains(&VERSION.to_string()), "{reason}");
}

#[test]
fn a_text_frame_closes_the_connection() {
    let server = Launch::sanderling().start();
    let mut bystander = Socket::replica(&server, 9, "standing");
    let mut socket = Socket::open(&server);
    socket.0.send(Message::text("hello")).unwrap();
    assert_eq!(socket.closed().0, 1003);
    undisturbed(&server, &mut bystander);
}

#[test]
fn what_a_replica_may_not_do_after_its_hello_closes_its_connection() {
    let server = Launch::sanderling().start();
    let mut bystander = Socket::replica(&server, 9, "standing");
    let other = ToHub::Push(Push { client: 1, first: ClientSeq(1), guess: Guess::NONE, commands: vec![] });
    for (message, code) in [(hello(1, "*"), 4001), (push(5, "SET k v"), 4100), (other, 4001)] {
        let mut socket = Socket::replica(&server, 1, "none");
        socket.send(&message);
        let (came, reason) = socket.closed();
        assert_eq!(came, code, "{message:?}: {reason}");
        undisturbed(&server, &mut bystander);
    }
    assert_eq!(server.client().run("EXISTS k"), Reply::Int(0));
}

#[test]
fn a_message_past_the_limit_is_refused_before_it_is_held() {
    let server = Launch::sanderling().start();
    let mut bystander = Socket::replica(&server, 9, "standing");
    let mut socket = Socket::open(&server);
    // The server may close before all of it is written.
    let _ = socket.0.send(Message::binary(vec![0; 64 << 20]));
    match socket.0.read() {
        Ok(Message::Close(Some(frame))) => assert!([4002, 1009].contains(&u16::from(frame.code)), "{frame:?}"),
        Ok(other) => panic!("expected a close, got {other:?}"),
        Err(_) => {}
    }
    undisturbed(&server, &mut bystander);
}

#[test]
fn any_bytes_at_all_are_survived() {
    let server = Launch::sanderling().start();
    let mut bystander = Socket::replica(&server, 9, "standing");
    let whole = hello(1, "user:*").encode();
    let flipped = (0..whole.len(), 1_u8..=255).prop_map(move |(at, bits)| {
        let mut bytes = whole.clone();
        bytes[at] ^= bits;
        bytes
    });
    let any = prop::collection::vec(any::<u8>(), 0..64);
    proptest!(ProptestConfig::with_cases(64), |(bytes in prop_oneof![flipped, any])| {
        let mut socket = Socket::open(&server);
        socket.send_bytes(bytes);
        drop(socket);
        prop_assert_eq!(get(server.http(), "/healthz").status, 200);
    });
    undisturbed(&server, &mut bystander);
}

#[test]
fn a_handshake_that_is_none_is_refused() {
    let server = Launch::sanderling().start();
    assert!((400..500).contains(&get(server.http(), "/sync").status));
    assert!(Socket::try_open(&server, Some("chat.v7")).is_err());
    assert_eq!(get(server.http(), "/healthz").status, 200);
}

pub(crate) fn as_hello(message: ToHub<'_>) -> Hello<'_> {
    match message {
        ToHub::Hello(hello) => hello,
        other => panic!("no hello: {other:?}"),
    }
}
