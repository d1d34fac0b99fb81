//! Tokens and what else decides who may sync: the real binary, with every byte that a restricted replica receives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use sanderling_core::UnixMillis;
use sanderling_core::sync::{Hello, SUBPROTOCOL, ToHub, ToReplica};
use sanderling_tests::http::{self, Response};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, binary, folder};
use sanderling_tests::wait;
use tempfile::TempDir;
use tungstenite::Message;

use crate::sync::{Socket, as_hello, hello, push};

/// A server that asks for tokens, and the key that makes them.
struct Guarded {
    server: Server,
    key: PathBuf,
    _folder: Arc<TempDir>,
}

impl Guarded {
    fn start(arguments: &[&str]) -> Self {
        let folder = folder();
        let key = folder.path().join("token.key");
        fs::write(&key, SECRET).unwrap();
        let server = Launch::sanderling().args(["--token-key".as_ref(), key.as_os_str()]).args(arguments).start();
        Self { server, key, _folder: folder }
    }

    fn token(&self, arguments: &str) -> String {
        token(&self.key, arguments)
    }

    /// Opens a connection as a page does.
    fn open(&self, token: &str) -> Socket {
        let protocols = format!("{SUBPROTOCOL}, sanderling.token.{token}");
        Socket::connect(&self.server, &[("sec-websocket-protocol", &protocols)]).expect("the handshake succeeds")
    }

    fn refused(&self, reason: &str) -> f64 {
        refused(&self.server, reason)
    }
}

/// Makes a token with the binary itself.
fn token(key: &Path, arguments: &str) -> String {
    let output = Command::new(binary()).args(["token", "--key"]).arg(key).args(arguments.split_whitespace()).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns how many replicas were refused for a reason.
fn refused(server: &Server, reason: &str) -> f64 {
    let text = http::get(server.http(), "/metrics").text();
    let series = format!("sanderling_sync_refused_total{{reason=\"{reason}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&series)).expect("the reason is counted");
    line.parse().unwrap()
}

/// A replica that keeps every byte that it receives.
struct Replica {
    socket: Socket,
    received: Vec<u8>,
}

impl Replica {
    fn start(mut socket: Socket, client: u8, interest: &[&str]) -> Self {
        let interest = interest.iter().map(|glob| glob.as_bytes().into()).collect();
        socket.send(&ToHub::Hello(Hello { interest, ..as_hello(hello(client, "")) }));
        let mut replica = Self { socket, received: Vec::new() };
        replica.receive_until(|message| matches!(message, ToReplica::LoadEnd { .. }));
        replica
    }

    fn receive_until(&mut self, mut is_last: impl FnMut(&ToReplica<'_>) -> bool) {
        loop {
            let bytes = self.socket.receive();
            self.received.extend_from_slice(&bytes);
            if is_last(&ToReplica::decode(&bytes).unwrap()) {
                return;
            }
        }
    }

    /// Receives all that there is.
    fn catch_up(&mut self) {
        self.socket.send(&ToHub::Ping { sent: UnixMillis(1) });
        self.receive_until(|message| matches!(message, ToReplica::Pong { .. }));
    }

    fn has_received(&self, text: &str) -> bool {
        self.received.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

#[test]
fn two_replicas_see_and_write_what_their_tokens_allow_and_nothing_else() {
    let guarded = Guarded::start(&[]);
    let mut client = guarded.server.client();
    for owner in ["ada", "bob", "secret", "shared"] {
        client.run(&format!("SET {owner}:1 {owner}-before"));
        client.run(&format!("RPUSH {owner}:list {owner}-one {owner}-two"));
    }
    let replica = |owner: &str, id: u8| {
        let rights = format!("--subject {owner} --read {owner}:* --read shared:* --write {owner}:* --channel {owner}");
        Replica::start(guarded.open(&guarded.token(&rights)), id, &["*", "secret:1", "bob:*", "ada:*"])
    };
    let [mut ada, mut bob] = [replica("ada", 1), replica("bob", 2)];
    for (seq, call) in (1..).zip([
        "SET ada:2 ada-pushed",
        "SET bob:2 ada-intrudes",
        "SET secret:2 ada-intrudes",
        "COPY secret:1 ada:3",
        "LMOVE secret:list ada:list LEFT LEFT",
        "FLUSHALL",
    ]) {
        ada.socket.send(&push(seq, call));
    }
    ada.socket.send(&ToHub::Fetch { keys: vec![b"secret:1".as_slice().into(), b"bob:1".as_slice().into()] });
    for (id, call) in (1..).zip(["GET secret:1", "LRANGE bob:list 0 -1", "GET shared:1", "KEYS *"]) {
        let call = call.split(' ').map(|word| word.as_bytes().into()).collect();
        ada.socket.send(&ToHub::Call { id, call });
    }
    client.run("SET secret:9 secret-later");
    client.run("MSET ada:9 ada-later bob:9 bob-later shared:9 shared-later");
    for replica in [&mut ada, &mut bob] {
        replica.catch_up();
        // What is durable a moment later comes a moment later.
        replica.socket.send(&ToHub::Ping { sent: UnixMillis(1) });
        while !replica.has_received("shared-later") {
            replica.receive_until(|_| true);
        }
        assert!(
            !replica.has_received("secret-") && !replica.has_received("secret:9"),
            "{:?}",
            String::from_utf8_lossy(&replica.received)
        );
    }
    for text in ["ada-before", "ada-two", "ada-later", "shared-before", "shared-later", "NOPERM"] {
        assert!(ada.has_received(text), "{text}");
    }
    for text in ["bob-before", "bob-one", "bob-later", "bob:9"] {
        assert!(!ada.has_received(text) && bob.has_received(text), "{text}");
    }
    assert!(!bob.has_received("ada-"), "{:?}", String::from_utf8_lossy(&bob.received));
    assert_eq!(client.run("MGET ada:2 bob:2 secret:2 ada:3"), {
        Reply::Array(vec![Reply::bulk("ada-pushed"), Reply::Nil, Reply::Nil, Reply::Nil])
    });
    assert_eq!(client.run("LLEN secret:list"), Reply::Int(2));
    ada.socket.send(&ToHub::Publish { channel: b"bob".as_slice().into(), payload: b"hi".as_slice().into() });
    ada.receive_until(|message| matches!(message, ToReplica::Declined { .. }));
    assert!(ada.has_received("the token doesn't allow the channel 'bob'"));
    ada.socket.send(&ToHub::Ping { sent: UnixMillis(2) });
    ada.receive_until(|message| matches!(message, ToReplica::Pong { .. }));
}

#[test]
fn a_renewed_token_widens_and_narrows_while_the_connection_lives() {
    let guarded = Guarded::start(&[]);
    let mut client = guarded.server.client();
    let token = |rights: &str| guarded.token(&format!("--subject ada --read a:* {rights}"));
    let mut replica = Replica::start(guarded.open(&token("--write a:*")), 1, &["*"]);
    let mut seq = 0;
    let mut pushed = |replica: &mut Replica| {
        seq += 1;
        replica.socket.send(&push(seq, &format!("SET b:{seq} v")));
        replica.catch_up();
        client.run(&format!("EXISTS b:{seq}"))
    };
    assert_eq!(pushed(&mut replica), Reply::Int(0));
    for (rights, expected) in [("--write a:* --write b:*", 1), ("--write a:*", 0), ("--write *", 1)] {
        replica.socket.send(&ToHub::Renew { token: token(rights).as_bytes().into() });
        // The token is checked beside the connection's other messages: it counts a moment later.
        wait::until("the new token to count", || (pushed(&mut replica) == Reply::Int(expected)).then_some(()));
    }
    client.run("MSET a:1 a-value c:1 c-value");
    let wider = guarded.token("--subject ada --read a:* --read c:*");
    replica.socket.send(&ToHub::Renew { token: wider.as_bytes().into() });
    let (code, reason) = replica.socket.closed();
    assert_eq!((code, reason.as_str()), (4104, "what may be read has changed: reconnect"));
    let mut replica = Replica::start(guarded.open(&wider), 1, &["*"]);
    assert!(replica.has_received("c-value"));
    let narrow = guarded.token("--subject ada --read a:*");
    replica.socket.send(&ToHub::Renew { token: narrow.as_bytes().into() });
    assert_eq!(replica.socket.closed().0, 4104);
    let replica = Replica::start(guarded.open(&narrow), 1, &["*"]);
    assert!(replica.has_received("a-value") && !replica.has_received("c-value"));
    let mut socket = replica.socket;
    let bobs = guarded.token("--subject bob --read a:*");
    socket.send(&ToHub::Renew { token: bobs.as_bytes().into() });
    assert_eq!(socket.closed().0, 4104, "another subject comes in by the door");
    let mut socket = Replica::start(guarded.open(&narrow), 1, &["*"]).socket;
    socket.send(&ToHub::Renew { token: b"garbage".as_slice().into() });
    let (code, reason) = socket.closed();
    assert_eq!(code, 4004);
    assert!(reason.contains("no JWT") && !reason.contains("garbage"), "{reason}");
}

#[test]
fn an_expired_token_ends_the_connection_and_opens_no_other() {
    let guarded = Guarded::start(&[]);
    let token = guarded.token("--read * --expires 1s");
    let replica = Replica::start(guarded.open(&token), 1, &["*"]);
    assert_eq!(replica.socket.closed(), (4004, "unauthorized: the token has expired".into()));
    assert_eq!(guarded.open(&token).closed(), (4004, "the token has expired".into()));
    assert_eq!(guarded.refused("token"), 1.0);
}

/// Sends a handshake and reads the answer to one that is refused.
fn refusal(server: &Server, headers: &str) -> Response {
    let request = format!(
        "GET /sync HTTP/1.1\r\nhost: {}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        server.http()
    );
    http::send(server.http(), request.as_bytes())
}

#[test]
fn a_handshake_without_the_right_token_is_refused_and_told_why() {
    let guarded = Guarded::start(&["--token-audience", "us"]);
    let server = &guarded.server;
    let wrong_key = guarded.key.with_extension("other");
    fs::write(&wrong_key, "another secret that is as long as it has to be").unwrap();
    let good = guarded.token("--read * --audience us");
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let long = "A".repeat(9000);
    let cases = [
        (guarded.token("--read *"), "--token-audience"),
        (guarded.token("--read * --audience them"), "--token-audience"),
        (token(&wrong_key, "--read * --audience us"), "signature is wrong"),
        (unsigned, "signature is wrong"),
        ("eyJhbGciOiJub25lIn0.e30.".into(), "HS256, ES256 or EdDSA"),
        ("garbage".into(), "no JWT"),
        (long, "longer than 8192 bytes"),
        (String::new(), "none was given"),
    ];
    for (token, why) in &cases {
        let protocol = format!("sec-websocket-protocol: {SUBPROTOCOL}\r\n");
        let response = refusal(server, &format!("{protocol}authorization: Bearer {token}\r\n"));
        assert_eq!(response.status, 401, "{response:?}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        assert!(response.text().contains(why), "{}", response.text());
        assert!(token.is_empty() || !response.text().contains(token.as_str()));
        // A page isn't shown the status of a handshake: it is told in a close frame.
        let (code, reason) = guarded.open(token).closed();
        assert!(code == 4004 && reason.contains(why), "{code} {reason}");
    }
    assert_eq!(refusal(server, &format!("sec-websocket-protocol: {SUBPROTOCOL}\r\n")).status, 401);
    assert_eq!(guarded.refused("token"), 17.0);
    Replica::start(guarded.open(&good), 1, &["*"]);
    let bearer = format!("Bearer {good}");
    let proxied =
        [("sec-websocket-protocol", SUBPROTOCOL), ("authorization", &*bearer), ("x-forwarded-for", "192.0.2.1")];
    Socket::connect(server, &proxied).expect("the handshake succeeds");
    wait::until("the word about the proxy", || server.stderr().contains("--trust-forwarded").then_some(()));
    let by_header = Socket::connect(server, &[("sec-websocket-protocol", SUBPROTOCOL), ("authorization", &bearer)]);
    Replica::start(by_header.expect("the handshake succeeds"), 2, &["*"]);
    assert!(!server.stderr().contains(&good));
}

#[test]
fn pages_of_other_origins_are_refused_until_they_are_allowed() {
    let guarded = Guarded::start(&["--origin", "https://app.example", "--origin", "https://other.example"]);
    let token = guarded.token("--read *");
    let open = |origin: &str| {
        let protocols = format!("{SUBPROTOCOL}, sanderling.token.{token}");
        Socket::connect(&guarded.server, &[("sec-websocket-protocol", &protocols), ("origin", origin)])
    };
    for origin in ["https://app.example", "https://other.example", &format!("http://{}", guarded.server.http())] {
        Replica::start(open(origin).expect("an allowed origin"), 1, &["*"]);
    }
    assert!(open("https://evil.example").is_err());
    let headers = format!("sec-websocket-protocol: {SUBPROTOCOL}\r\norigin: https://evil.example\r\n");
    let response = refusal(&guarded.server, &headers);
    assert_eq!(response.status, 403);
    assert!(response.text().contains("--origin https://evil.example"), "{}", response.text());
    assert_eq!(guarded.refused("origin"), 2.0);
}

#[test]
fn without_a_key_only_this_machine_may_sync() {
    let server = Launch::sanderling().args(["--http", "0.0.0.0:0"]).start();
    let warnings = || server.stderr().lines().filter(|line| line.contains("--token-key or --requirepass")).count();
    wait::until("the warning", || (warnings() > 0).then_some(()));
    assert_eq!(warnings(), 1, "{}", server.stderr());
    let response =
        refusal(&server, &format!("sec-websocket-protocol: {SUBPROTOCOL}\r\nx-forwarded-for: 192.0.2.1\r\n"));
    assert_eq!(response.status, 403);
    assert!(response.text().contains("--token-key"), "{}", response.text());
    assert_eq!(refused(&server, "remote"), 1.0);
    let local = Launch::sanderling().start();
    assert!(!local.stderr().contains("--token-key"), "{}", local.stderr());
    Replica::start(Socket::open(&local), 1, &["*"]);
}

#[test]
fn who_sends_too_much_is_sent_away_for_a_while() {
    for (flag, value, why) in [
        ("--token-messages", "1", "too many messages a second"),
        ("--address-messages", "1", "too many messages a second"),
        ("--address-bytes", "100", "too many bytes a second"),
    ] {
        let guarded = Guarded::start(&[flag, value]);
        let mut replica = Replica::start(guarded.open(&guarded.token("--subject ada --read *")), 1, &["*"]);
        for _ in 0..1000 {
            // The server may have closed before all are written.
            if replica.socket.0.send(Message::binary(ToHub::Ping { sent: UnixMillis(1) }.encode())).is_err() {
                break;
            }
        }
        let (code, reason) = replica.socket.closed();
        assert_eq!((code, reason), (4103, format!("{why}: come back after a while")), "{flag}");
        assert_eq!(guarded.refused("rate"), 1.0);
    }
}

#[test]
fn connections_of_an_address_and_of_a_subject_are_bounded() {
    for (flag, why) in [
        ("--address-connections", "too many connections from this address"),
        ("--token-connections", "too many connections with tokens of this subject"),
    ] {
        let guarded = Guarded::start(&[flag, "2"]);
        let token = guarded.token("--subject ada --read *");
        let mut held = vec![guarded.open(&token), guarded.open(&token)];
        let (code, reason) = guarded.open(&token).closed();
        assert_eq!((code, reason), (4103, format!("{why}: come back after a while")));
        let headers = format!("sec-websocket-protocol: {SUBPROTOCOL}\r\nauthorization: Bearer {token}\r\n");
        assert_eq!(refusal(&guarded.server, &headers).status, 429);
        assert_eq!(guarded.refused("connections"), 2.0);
        drop(held.pop());
        // That the connection has ended is noticed a moment later.
        let mut free = wait::until("a place", || {
            let mut socket = guarded.open(&token);
            socket.send(&hello(1, "*"));
            matches!(socket.0.read(), Ok(Message::Binary(_))).then_some(socket)
        });
        free.send(&ToHub::Ping { sent: UnixMillis(1) });
        free.receive();
    }
}

#[test]
fn keys_of_every_kind_are_taken_and_may_be_exchanged() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for (name, text) in [("old", OLD_SECRET), ("new", NEW_SECRET), ("ed.pem", ED25519[0]), ("p.pem", P256[0])] {
        fs::write(path(name), text).unwrap();
    }
    let jwk = |kid: &str, secret: &str| {
        // Three equal letters are four equal letters of base64.
        let k = match secret {
            OLD_SECRET => "YWFh".repeat(16),
            _ => "YmJi".repeat(16),
        };
        format!("{{\"kty\":\"oct\",\"kid\":\"{kid}\",\"alg\":\"HS256\",\"use\":\"sig\",\"k\":\"{k}\"}}")
    };
    let jwks = |keys: &[String]| fs::write(path("jwks.json"), format!("{{\"keys\":[{}]}}", keys.join(","))).unwrap();
    jwks(&[jwk("old", OLD_SECRET)]);
    fs::write(path("public.pem"), format!("{}{}", ED25519[1], P256[1])).unwrap();
    let keys = format!("{},{}", path("jwks.json").display(), path("public.pem").display());
    let server = Launch::sanderling().env("SANDERLING_TOKEN_KEY", keys).start();
    let opens = |name: &str, kid: &str| {
        let bearer = format!("Bearer {}", token(&path(name), &format!("--read * {kid}")));
        let mut socket =
            match Socket::connect(&server, &[("sec-websocket-protocol", SUBPROTOCOL), ("authorization", &bearer)]) {
                Ok(socket) => socket,
                Err(_) => return false,
            };
        socket.send(&hello(1, "*"));
        matches!(ToReplica::decode(&socket.receive()).unwrap(), ToReplica::Welcome(_))
    };
    assert!(opens("ed.pem", "") && opens("p.pem", "--kid any"));
    assert!(opens("old", "--kid old") && opens("old", ""));
    assert!(!opens("old", "--kid new") && !opens("new", "--kid new"));
    jwks(&[jwk("old", OLD_SECRET), jwk("new", NEW_SECRET)]);
    kill_process(Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap(), Signal::HUP).unwrap();
    wait::until("the new key", || opens("new", "--kid new").then_some(()));
    assert!(opens("old", "--kid old"));
    // A broken file changes nothing; a good one is noticed without a signal.
    fs::write(path("jwks.json"), "{\"keys\":").unwrap();
    wait::until("the complaint", || server.stderr().contains("stay as they were").then_some(()));
    assert!(opens("new", "--kid new"));
    jwks(&[jwk("new", NEW_SECRET)]);
    wait::until("the old key to go", || (!opens("old", "--kid old")).then_some(()));
    assert!(opens("new", "--kid new"));
}

#[test]
fn a_key_that_cannot_be_used_stops_the_start() {
    let folder = folder();
    let path = folder.path().join("key");
    for (text, named) in
        [("short", "shorter than 32 bytes"), (ED25519[0], "private key"), ("{\"keys\":[]}", "no key for")]
    {
        fs::write(&path, text).unwrap();
        let ended = Launch::sanderling().args(["--token-key".as_ref(), path.as_os_str()]).fail();
        assert!(ended.stderr.contains(named) && ended.stderr.contains(path.to_str().unwrap()), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    let ended = Launch::sanderling().args(["--token-key", "/no/such/key"]).fail();
    assert!(ended.stderr.contains("/no/such/key"), "{}", ended.stderr);
}

const SECRET: &str = "a secret for tests, of more than 32 bytes\n";
const OLD_SECRET: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NEW_SECRET: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Private and public, as `openssl genpkey` and `openssl pkey -pubout` write them.
const ED25519: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
];
const P256: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXNFvV260ZEiFA1g4\nORFZXwX6GOIsnVc6p/JMhjneYxShRANCAARGT9rTMdKfnDOqeWPPuZ2hntPGPMOI\nWfKKze0+dUD8mNPV+GV1PQsfY2NPkclLv/8YU99Hxspum17sj4LlKCjo\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERk/a0zHSn5wzqnljz7mdoZ7TxjzD\niFnyis3tPnVA/JjT1fhldT0LH2NjT5HJS7//GFPfR8bKbpte7I+C5Sgo6A==\n-----END PUBLIC KEY-----\n",
];
