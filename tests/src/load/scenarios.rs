//! The situations that are measured, each with a server of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Options, host, ms, per_mille, row, swarm::Swarm, us};
use crate::client::{Client, command, encode};
use crate::server::{Launch, Server, Target};

/// Idle replicas: memory and processor time. Nothing is written, so that the server's memory is theirs.
pub(super) fn idle(options: &Options) {
    let server = start(&["--fsync", "no"], options);
    let mut swarm = Swarm::new();
    let before = settled_bytes(&server);
    for count in [options.replicas / 10, options.replicas] {
        let started = Instant::now();
        swarm.add(server.http(), count - swarm.peers.len(), interest);
        let connecting = started.elapsed();
        let bytes = settled_bytes(&server).saturating_sub(before);
        row(&format!("{count} replicas: memory for each"), &format!("{:.2} KB", bytes as f64 / 1024.0 / count as f64));
        row(&format!("{count} replicas: connecting them"), &ms(connecting));
    }
    let pause = Duration::from_secs(5);
    let (cpu, until) = (host::cpu(server.pid()), Instant::now() + pause);
    drain(&mut swarm, until);
    let idle = host::cpu(server.pid()) - cpu;
    let percent = 100.0 * idle.as_secs_f64() / pause.as_secs_f64();
    row(
        &format!("{} idle replicas: the server's processor time", options.replicas),
        &format!("{percent:.1} % of a core"),
    );
}

/// Writes that none, few and all of the replicas want.
pub(super) fn fan_out(options: &Options) {
    let server = start(&["--fsync", "no"], options);
    let mut client = server.client();
    let mut swarm = Swarm::new();
    for count in [0, options.replicas / 10, options.replicas] {
        swarm.add(server.http(), count - swarm.peers.len(), interest);
        // What follows their coming, acknowledgements that the kernel held back for instance, isn't the writes'.
        settled_bytes(&server);
        unwanted_writes(&server, &mut client, count);
    }
    for wanted in [FEW, 10 * FEW] {
        writes_for_few(&server, &mut client, &mut swarm, wanted);
    }
    hot_key(&server, &mut client, &mut swarm);
}

/// The server is killed and started again, and all replicas come back at once.
pub(super) fn reconnect_storm(options: &Options) {
    let server = start(&["--fsync", "always"], options);
    let mut client = server.client();
    let mut swarm = Swarm::new();
    swarm.add(server.http(), options.replicas, interest);
    for number in 0..100 {
        client.run(&format!("SET hot @@{number:016}"));
    }
    drain(&mut swarm, Instant::now() + Duration::from_millis(500));
    let folder = server.folder.clone();
    server.kill();
    swarm.disconnect();
    let started = Instant::now();
    let server = Launch::on(Target::Sanderling, folder).args(["--fsync", "always"]).args(room(options)).start();
    let up = started.elapsed();
    server.client().run("SET hot @@0000000000000100");
    let (started, cpu) = (Instant::now(), host::cpu(server.pid()));
    swarm.connect(server.http());
    let (live, cpu) = (started.elapsed(), host::cpu(server.pid()) - cpu);
    let starts = swarm.starts();
    row("restart after SIGKILL, until it accepts", &ms(up));
    row(&format!("{} replicas come back, until all are live", options.replicas), &ms(live));
    row("the server's processor time for each that comes back", &us(cpu, options.replicas));
    let how = format!("{} resumed, {} compared digests, {} loaded", starts.resumed, starts.compared, starts.loaded);
    row("how they caught up", &how);
}

/// A thousand replicas that have nothing yet, each wanting a thousandth of all keys.
pub(super) fn fresh_replicas(options: &Options) {
    let server = start(&["--fsync", "no"], options);
    let mut client = server.client();
    let share = options.keys / FRESH;
    for number in 0..FRESH {
        let sets = (0..share)
            .map(|key| command(["SET", &format!("k:{number}:{key:06}"), "a value of thirty-two bytes long."]));
        client.pipeline(&sets.collect::<Vec<_>>());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let pings = {
        let (mut client, stop) = (server.client(), Arc::clone(&stop));
        thread::spawn(move || ping_until(&mut client, &stop))
    };
    let mut swarm = Swarm::new();
    let (started, cpu) = (Instant::now(), host::cpu(server.pid()));
    swarm.add(server.http(), FRESH, |number| vec![format!("k:{number}:*")]);
    let (live, cpu) = (started.elapsed(), host::cpu(server.pid()) - cpu);
    stop.store(true, Ordering::Relaxed);
    let pings = pings.join().expect("the pings are answered");
    assert!(swarm.peers.iter().all(|peer| peer.keys == share), "every replica got its keys");
    let what = format!("{FRESH} fresh replicas with {share} keys each of {}", share * FRESH);
    row(&format!("{what}: until all are live"), &ms(live));
    row(&format!("{what}: the server's processor time"), &ms(cpu));
    row("a RESP client's PING meanwhile, p50 / p99 / max", &percentiles(&pings));
}

fn start(arguments: &[&str], options: &Options) -> Server {
    Launch::sanderling().args(arguments.iter().copied()).args(room(options)).start()
}

/// The flags that leave sockets for the replicas.
fn room(options: &Options) -> [String; 4] {
    ["--maxclients".into(), "100".into(), "--max-replicas".into(), options.replicas.max(FRESH).to_string()]
}

/// What a replica wants: a key that all want, one that few want, and keys of its own.
fn interest(number: usize) -> Vec<String> {
    let mut interest = vec!["hot".into(), format!("own:{number}:*")];
    for few in [FEW, 10 * FEW] {
        if number < few {
            interest.push(format!("few:{few}"));
        }
    }
    interest
}

/// Writes that concern nobody: their cost must not depend on who is connected.
fn unwanted_writes(server: &Server, client: &mut Client, connected: usize) {
    let batch: Vec<u8> =
        (0..UNWANTED_BATCH).flat_map(|key| encode(&["SET", &format!("nobody:{key}"), "value"])).collect();
    let mut best = Duration::MAX;
    for _ in 0..UNWANTED_ROUNDS {
        let cpu = host::cpu(server.pid());
        for _ in 0..UNWANTED_BATCHES {
            client.send(&batch).expect("the server reads");
            (0..UNWANTED_BATCH).for_each(|_| drop(client.read().expect("a reply")));
        }
        best = best.min(host::cpu(server.pid()) - cpu);
    }
    let cost = us(best, UNWANTED_BATCH * UNWANTED_BATCHES);
    row(&format!("a write that nobody wants, {connected} connected"), &cost);
}

/// Writes that some of the replicas want.
fn writes_for_few(server: &Server, client: &mut Client, swarm: &mut Swarm, wanted: usize) {
    let wanted = wanted.min(swarm.peers.len());
    let cpu = host::cpu(server.pid());
    for number in 0..FEW_WRITES {
        client.run(&format!("SET few:{wanted} {number}"));
        let mut received = 0;
        let deadline = Instant::now() + RECEIPT_MAX;
        while received < wanted {
            assert!(Instant::now() < deadline, "{received} of {wanted} replicas got a write");
            swarm.turn(Duration::from_millis(100), |_, _| received += 1);
        }
    }
    let cost = us(host::cpu(server.pid()) - cpu, FEW_WRITES);
    row(&format!("a write that {wanted} of {} want: the server's processor time", swarm.peers.len()), &cost);
}

/// One key that all want, written at a fixed rate.
fn hot_key(server: &Server, client: &mut Client, swarm: &mut Swarm) {
    let base = Instant::now();
    let mut latencies = Vec::with_capacity(HOT_WRITES * swarm.peers.len());
    let mut last = Vec::new();
    let cpu = host::cpu(server.pid());
    for number in 0..HOT_WRITES {
        let due = base + HOT_PERIOD * u32::try_from(number).expect("few writes");
        let mut turn = |swarm: &mut Swarm, patience| {
            swarm.turn(patience, |_, effects| {
                latencies.extend(stamp(effects).map(|at| base.elapsed().saturating_sub(at)))
            });
        };
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            turn(swarm, left);
        }
        let stamp = format!("@@{:016}", base.elapsed().as_nanos());
        client.run(&format!("SET hot {stamp}"));
        last = stamp.into_bytes();
    }
    let mut behind = vec![true; swarm.peers.len()];
    let deadline = Instant::now() + RECEIPT_MAX;
    // The last state must reach everybody; versions between may come together.
    while behind.contains(&true) && latencies.len() < HOT_WRITES * swarm.peers.len() {
        assert!(Instant::now() < deadline, "the last write reached not all");
        swarm.turn(Duration::from_millis(100), |at, effects| {
            latencies.extend(stamp(effects).map(|at| base.elapsed().saturating_sub(at)));
            if effects.windows(last.len()).any(|window| window == last) {
                behind[at] = false;
            }
        });
    }
    let cpu = host::cpu(server.pid()) - cpu;
    latencies.sort_unstable();
    let what = format!("one key to {} replicas, {} writes a second", swarm.peers.len(), 1000 / HOT_PERIOD.as_millis());
    row(&format!("{what}: from write to receipt, p50 / p99 / max"), &percentiles(&latencies));
    row(&format!("{what}: the server's processor time for each message"), &us(cpu, latencies.len()));
}

/// When what these effects hold was written.
fn stamp(effects: &[u8]) -> Option<Duration> {
    let at = effects.windows(2).position(|two| two == b"@@")? + 2;
    let digits = std::str::from_utf8(effects.get(at..at + 16)?).ok()?;
    digits.parse().ok().map(Duration::from_nanos)
}

/// Reads what arrives, until then.
fn drain(swarm: &mut Swarm, until: Instant) {
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        swarm.turn(left, |_, _| {});
    }
}

/// The server's memory once it doesn't change any more.
fn settled_bytes(server: &Server) -> u64 {
    let (mut bytes, mut same) = (host::resident_bytes(server.pid()), 0);
    for _ in 0..100 {
        thread::park_timeout(Duration::from_millis(50));
        let now = host::resident_bytes(server.pid());
        same = if now == bytes { same + 1 } else { 0 };
        bytes = now;
        if same == 5 {
            break;
        }
    }
    bytes
}

fn ping_until(client: &mut Client, stop: &AtomicBool) -> Vec<Duration> {
    let mut pings = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        client.run("PING");
        pings.push(started.elapsed());
        thread::park_timeout(Duration::from_millis(1));
    }
    pings.sort_unstable();
    pings
}

fn percentiles(sorted: &[Duration]) -> String {
    [500, 990, 1000].map(|part| ms(per_mille(sorted, part))).join(" / ")
}

/// Replicas that want a key that few want.
const FEW: usize = 10;
const FEW_WRITES: usize = 1_000;

const HOT_WRITES: usize = 40;
const HOT_PERIOD: Duration = Duration::from_millis(250);

const UNWANTED_BATCH: usize = 1_000;
const UNWANTED_BATCHES: usize = 100;
const UNWANTED_ROUNDS: usize = 3;

/// How long a write may be on its way.
const RECEIPT_MAX: Duration = Duration::from_secs(30);

/// Replicas that have nothing yet.
const FRESH: usize = 1_000;
