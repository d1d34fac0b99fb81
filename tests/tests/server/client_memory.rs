//! `maxmemory-clients`: who keeps much in the server's memory is closed, and who reads what it asked for is not.

use sanderling_tests::client::Client;
use sanderling_tests::reply::Reply;
use sanderling_tests::server::Launch;
use sanderling_tests::wait;

/// Bytes of a query that is never finished.
const HOARDED: usize = 1_000_000;

/// What all clients keep, by `INFO`.
fn kept(client: &mut Client) -> usize {
    let info = client.run("INFO memory");
    let line = info.text().lines().find_map(|line| line.strip_prefix("mem_clients_normal:").map(str::to_owned));
    line.and_then(|bytes| bytes.parse().ok()).expect("INFO tells what clients keep")
}

#[test]
fn who_keeps_much_is_closed_and_who_reads_is_not() {
    let server = Launch::sanderling().start();
    let (mut hoarder, mut reader) = (server.client(), server.client());
    assert_eq!(reader.call(&["SET", "k", &"v".repeat(10_000)]), Reply::ok());
    hoarder.send(format!("*2\r\n$3\r\nGET\r\n${}\r\n", HOARDED * 2).as_bytes()).unwrap();
    hoarder.send(&vec![b'x'; HOARDED]).unwrap();
    let before = wait::until("the query to arrive", || Some(kept(&mut reader)).filter(|bytes| *bytes > HOARDED));
    // Less than a reply is left, but a reply that is read at once isn't kept.
    assert_eq!(reader.run(&format!("CONFIG SET maxmemory-clients {}", before + 5_000)), Reply::ok());
    for _ in 0..100 {
        assert_eq!(reader.run("GET k").text().len(), 10_000);
    }
    assert!(reader.run("INFO stats").text().contains("evicted_clients:0\r\n"));
    hoarder.send(&[b'x'; 100_000]).unwrap();
    assert_eq!(hoarder.read_until_closed(), []);
    assert!(reader.run("INFO stats").text().contains("evicted_clients:1\r\n"));
    assert!(kept(&mut reader) < HOARDED);
}
