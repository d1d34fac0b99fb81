//! What one replica may cost: a bounded share of memory while it reads nothing, and a place while there are some.

use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use sanderling_core::format::ClientId;
use sanderling_core::hash::Rng;
use sanderling_core::resp::{Value, decode_value};
use sanderling_core::sync::{Replica, ReplicaOptions, State};
use sanderling_core::{Env, Limits};
use sanderling_tests::http::{get, send};
use sanderling_tests::load::host::resident_bytes;
use sanderling_tests::server::{Launch, Server};
use sanderling_tests::wait;
use tungstenite::{Message, WebSocket};

use crate::sync::Socket;

/// A real replica on a real socket, which reads when it is told to.
struct Tab {
    replica: Replica,
    socket: Option<WebSocket<TcpStream>>,
    /// Connections that the server has closed.
    closed: usize,
}

impl Tab {
    fn new(interest: &[&str]) -> Self {
        let options = ReplicaOptions {
            client: ClientId([5; 16]),
            interest: interest.iter().map(|glob| glob.as_bytes().to_vec()).collect(),
            db: 0,
            seed: 5,
            limits: Limits::DEFAULT,
        };
        Self { replica: Replica::new(options, env()), socket: None, closed: 0 }
    }

    /// Reads on, connecting where there is no connection, until it is live and `done` says so.
    fn read_until(&mut self, server: &Server, mut done: impl FnMut(&mut Replica) -> bool) {
        loop {
            if self.socket.is_none() {
                self.socket = Some(Socket::open(server).0);
                self.replica.handle_connected(env());
            }
            let socket = self.socket.as_mut().expect("it is connected");
            while let Some(message) = self.replica.poll_transmit() {
                // An error shows when it is read, too.
                let _ = socket.send(Message::binary(message));
            }
            if self.replica.status().state == State::Live && done(&mut self.replica) {
                return;
            }
            match socket.read() {
                Ok(Message::Binary(bytes)) => {
                    self.replica.handle_message(env(), &bytes).expect("the server speaks the protocol");
                }
                Ok(Message::Close(_)) | Err(_) => {
                    self.closed += 1;
                    self.socket = None;
                    self.replica.handle_disconnected();
                }
                Ok(_) => {}
            }
        }
    }
}

/// What a replica answers to GET.
fn read(replica: &mut Replica, key: &str) -> Value {
    let mut reply = Vec::new();
    replica.execute(env(), &[b"GET", key.as_bytes()], &mut reply);
    decode_value(&reply).expect("a reply").expect("a whole reply").0
}

fn env() -> Env {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    Env::new(u64::try_from(now.as_millis()).expect("a time before the end"), 1)
}

#[test]
fn a_replica_that_stops_reading_costs_little_and_agrees_when_it_goes_on() {
    const WRITES: usize = 2_000;
    const VALUE_BYTES: usize = 100_000;
    const KEYS: usize = 50;
    // Values that nothing shortens on their way.
    let value = |number: usize| -> Vec<u8> {
        let mut rng = Rng::new(number as u64);
        (0..VALUE_BYTES / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
    };
    let server = Launch::sanderling().args(["--fsync", "no", "--compact-min", "1gb"]).start();
    let mut client = server.client();
    let mut tab = Tab::new(&["big:*", "hot"]);
    tab.read_until(&server, |_| true);
    let before = resident_bytes(server.pid());
    let mut most = 0;
    for number in 0..WRITES {
        client.call(&[b"SET".to_vec(), format!("big:{}", number % KEYS).into_bytes(), value(number)]);
        client.call(&["SET", "hot", &number.to_string()]);
        most = most.max(resident_bytes(server.pid()));
    }
    // The recent log, twice the data, and buffers; not what was written.
    let grown = most.saturating_sub(before) as usize;
    let bound = Limits::DEFAULT.backlog_bytes_max + 2 * KEYS * VALUE_BYTES + (48 << 20);
    assert!(grown < bound && bound < WRITES * VALUE_BYTES, "the server's memory grew by {grown} bytes");
    let received = tab.replica.status().bytes_in;
    let last = Value::Bulk((WRITES - 1).to_string().into_bytes());
    tab.read_until(&server, |replica| read(replica, "hot") == last);
    assert!(tab.closed > 0, "it fell behind, and was told so");
    for number in WRITES - KEYS..WRITES {
        let shown = read(&mut tab.replica, &format!("big:{}", number % KEYS));
        assert!(shown == Value::Bulk(value(number)), "key {number}");
    }
    // The last state of each key came, not every version.
    let received = (tab.replica.status().bytes_in - received) as usize;
    assert!(received < WRITES * VALUE_BYTES / 4, "{received} bytes came");
}

#[test]
fn a_replica_too_many_is_told_to_come_back_later() {
    let server = Launch::sanderling().args(["--max-replicas", "2"]).start();
    let places = [Socket::open(&server), Socket::open(&server)];
    let request = format!(
        "GET /sync HTTP/1.1\r\nhost: {}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: sanderling.v1\r\n\r\n",
        server.http()
    );
    let refused = send(server.http(), request.as_bytes());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.text().contains("--max-replicas allows (2)"), "{}", refused.text());
    assert!(get(server.http(), "/metrics").text().contains("\nsanderling_sync_refused_total{reason=\"full\"} 1\n"));
    drop(places);
    wait::until("a place", || Socket::try_open(&server, Some("sanderling.v1")).ok());
}

#[test]
fn it_is_counted_how_replicas_come_and_go() {
    let server = Launch::sanderling().start();
    let mut first = Tab::new(&["*"]);
    first.read_until(&server, |_| true);
    // The same client again: the older connection is closed.
    let mut second = Tab::new(&["*"]);
    second.read_until(&server, |_| true);
    let metrics = get(server.http(), "/metrics").text();
    for line in ["sanderling_sync_starts_total{how=\"load\"} 2", "sanderling_sync_closed_total{code=\"4105\"} 1"] {
        assert!(metrics.lines().any(|other| other == line), "{line} is missing in:\n{metrics}");
    }
}
