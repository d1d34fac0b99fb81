//! Configuration: flags, `SANDERLING_*` variables and a TOML file say the same things, and say what is wrong.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use sanderling_tests::http;
use sanderling_tests::reply::Reply;
use sanderling_tests::server::{Launch, Server, folder, free_port};

/// What the three ways of configuring should come to.
fn assert_as_told(server: &Server, dir: &str, way: &str) {
    let mut client = server.client();
    assert_eq!(client.run("CONFIG GET appendfsync"), Reply::bulks(["appendfsync", "no"]), "{way}");
    assert_eq!(client.run("CONFIG GET dir"), Reply::bulks(["dir", dir]), "{way}");
    assert_eq!(server.resp.ip(), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), "{way}");
    assert_eq!(http::get(server.http(), "/page.txt").text(), "the page", "{way}");
}

#[test]
fn flags_variables_and_file_agree() {
    let (data, www) = (folder(), folder());
    fs::write(www.path().join("page.txt"), "the page").unwrap();
    fs::write(www.path().join("index.html"), "<!doctype html>").unwrap();
    let dir = data.path().canonicalize().unwrap().to_string_lossy().into_owned();
    let settings = [
        ("resp", "127.0.0.2:0"),
        ("http", "127.0.0.1:0"),
        ("dir", &dir),
        ("fsync", "no"),
        ("www", www.path().to_str().unwrap()),
    ];

    let flags = settings.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]);
    assert_as_told(&Launch::sanderling().bare().args(flags).start(), &dir, "flags");

    let launch = settings.iter().fold(Launch::sanderling().bare(), |launch, (name, value)| {
        launch.env(&format!("SANDERLING_{}", name.to_uppercase()), *value)
    });
    assert_as_told(&launch.start(), &dir, "variables");

    let file = www.path().join("sanderling.toml");
    let toml: String = settings.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect();
    fs::write(&file, toml).unwrap();
    let config = ["--config".into(), file.clone().into_os_string()];
    assert_as_told(&Launch::sanderling().bare().args(config).start(), &dir, "file");
    assert_as_told(
        &Launch::sanderling().bare().env("SANDERLING_CONFIG", file.as_os_str()).start(),
        &dir,
        "file named by a variable",
    );
}

#[test]
fn flags_go_before_variables_and_variables_before_the_file() {
    let place = folder();
    let file = place.path().join("sanderling.toml");
    fs::write(&file, "fsync = \"no\"\n").unwrap();
    let fsync = |launch: Launch| launch.start().client().run("CONFIG GET appendfsync").items()[1].text();
    let launch = || Launch::sanderling().args(["--config".as_ref(), file.as_os_str()]);
    assert_eq!(fsync(launch()), "no");
    assert_eq!(fsync(launch().env("SANDERLING_FSYNC", "everysec")), "everysec");
    assert_eq!(fsync(launch().env("SANDERLING_FSYNC", "everysec").args(["--fsync", "always"])), "always");
}

#[test]
fn a_given_port_is_used_and_a_taken_one_is_named() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let server = Launch::sanderling().args(["--resp", &address]).start();
    assert_eq!(server.resp.port(), port);
    let ended = Launch::sanderling().args(["--resp", &address]).fail();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_by_name() {
    let place = folder();
    let path = place.path().join("sanderling.toml");
    for (text, named) in
        [("fsync = \"sometimes\"\n", "sometimes"), ("respp = \"127.0.0.1:0\"\n", "respp"), ("= x", "toml")]
    {
        fs::write(&path, text).unwrap();
        let ended = Launch::sanderling().args(["--config".as_ref(), path.as_os_str()]).fail();
        assert!(!ended.status.success(), "{text}");
        assert!(ended.stderr.contains(named), "{text}: {}", ended.stderr);
    }
    for (arguments, named) in [
        (&["--fsync", "sometimes"][..], "sometimes"),
        (&["--resp", "nowhere"], "nowhere"),
        (&["--nosuchflag"], "nosuchflag"),
        (&["--config", "/no/such/file.toml"], "/no/such/file.toml"),
        (&["--dir", "/dev/null/data"], "/dev/null/data"),
    ] {
        let ended = Launch::sanderling().args(arguments).fail();
        assert!(!ended.status.success(), "{arguments:?}");
        assert!(ended.stderr.contains(named), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{arguments:?}: {}", ended.stderr);
    }
    let ended = Launch::sanderling().env("SANDERLING_FSYNC", "sometimes").fail();
    assert!(ended.stderr.contains("sometimes"), "{}", ended.stderr);
}
