//! The HTTP port: health, metrics, the page, and nothing outside its folder.

use std::fs;

use sanderling_tests::http::{get, send};
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, folder};
use sanderling_tests::wait;

#[test]
fn health_is_answered() {
    let server = Launch::sanderling().start();
    let response = get(server.http(), "/healthz");
    assert_eq!(response.status, 200, "{response:?}");
}

#[test]
fn metrics_are_prometheus_text_and_count() {
    let server = Launch::sanderling().start();
    let mut client = server.client();
    let commands = |server: &Server| {
        let response = get(server.http(), "/metrics");
        assert_eq!(response.status, 200);
        let kind = response.header("content-type").unwrap_or_default().to_owned();
        assert!(kind.starts_with("text/plain"), "{kind}");
        check_exposition(&response.text());
        sample(&response.text(), "commands")
    };
    let before = commands(&server);
    for _ in 0..100 {
        client.run("SET k v");
    }
    // What is counted is published once in a while.
    wait::until("the count", || (commands(&server) >= before + 100.0).then_some(()));
}

/// Checks each line against the text format: `# HELP`, `# TYPE` of a known type, or a sample of a declared metric.
fn check_exposition(text: &str) {
    let mut declared = Vec::new();
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            declared.push(name);
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            let name = series.split('{').next().unwrap_or_default();
            assert!(declared.iter().any(|known| name.starts_with(known)), "{line} is of no declared metric");
            assert!(name.starts_with("sanderling_"), "{line}");
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}: no number"));
            samples += 1;
        }
    }
    assert!(samples > 3, "hardly a sample:\n{text}");
}

/// Adds up the samples of the first metric whose name contains a word and ends in `_total`.
fn sample(text: &str, word: &str) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            name.contains(word) && name.ends_with("_total")
        })
        .map(|(_, value)| value.parse::<f64>().unwrap())
        .sum()
}

#[test]
fn the_page_is_served_and_nothing_above_it() {
    let place = folder();
    let www = place.path().join("www");
    fs::create_dir(&www).unwrap();
    fs::write(www.join("index.html"), "<!doctype html><title>page</title>").unwrap();
    fs::write(www.join("app.js"), "export {};").unwrap();
    fs::write(www.join("engine.wasm"), b"\0asm").unwrap();
    fs::write(place.path().join("secret.txt"), "secret").unwrap();
    let server = Launch::sanderling().args(["--www".as_ref(), www.as_os_str()]).start();
    let kind = |path: &str| {
        let response = get(server.http(), path);
        assert_eq!(response.status, 200, "{path}: {response:?}");
        response.header("content-type").unwrap_or_default().to_owned()
    };
    assert!(kind("/").starts_with("text/html"));
    assert!(kind("/app.js").starts_with("text/javascript"));
    assert_eq!(kind("/engine.wasm"), "application/wasm");
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/x/../../secret.txt",
        "//secret.txt",
        &format!("/{}", place.path().join("secret.txt").display()),
        "/nosuch.txt",
        "/%00",
        "/%zz",
    ] {
        let response = get(server.http(), path);
        assert!((400..500).contains(&response.status), "{path}: {}", response.status);
        assert_ne!(response.text(), "secret", "{path}");
    }
}

#[test]
fn bad_requests_disturb_nobody() {
    let server = Launch::sanderling().start();
    let mut client = server.client();
    client.run("SET k v");
    let response = send(server.http(), b"DELETE /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!((400..500).contains(&response.status), "{response:?}");
    let response = send(server.http(), b"\x16\x03\x01garbage\r\n\r\n");
    assert!((400..500).contains(&response.status), "{response:?}");
    let response = get(server.http(), &format!("/{}", "x".repeat(100_000)));
    assert!((400..500).contains(&response.status), "{response:?}");
    assert_eq!(client.run("GET k"), Reply::bulk("v"));
    assert_eq!(get(server.http(), "/healthz").status, 200);
}
