//! Hostile replicas: whatever they send, the hub goes on, and others notice nothing.

use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::{World, random_command};
use crate::{
    UnixMillis,
    blob::Blob,
    format::{ClientId, ClientSeq, LogSeq},
    hash::Rng,
    sync::{
        Condition, Features, Grant, Hello, Interest, LogId, PeerId, Push, PushedCommand, ResumeToken, ToHub, ToReplica,
    },
};

/// Any message at all, made of small parts that now and then fit together; but none in the name of an honest replica:
/// identities are 128 random bits that nobody else is told.
fn message(rng: &mut Rng) -> Vec<u8> {
    let number = |rng: &mut Rng| match rng.below(4) {
        0 => rng.next_u64(),
        1 => u64::MAX - rng.below(3),
        _ => rng.below(5),
    };
    let blob = |rng: &mut Rng| -> Blob<'static> {
        let words = ["", "a", "a*", "*", "[", "evil:x", "SET", "MULTI", "EXEC", "BLPOP", "FLUSHALL", "SUBSCRIBE", "0"];
        match rng.below(8) {
            0 => Blob::from((0..rng.below(40)).map(|_| rng.below(256) as u8).collect::<Vec<u8>>()),
            _ => Blob::from(words[rng.index(words.len())].as_bytes()),
        }
    };
    let blobs = |rng: &mut Rng| -> Vec<Blob<'static>> { (0..rng.below(5)).map(|_| blob(rng)).collect() };
    let small = |rng: &mut Rng| number(rng) as u32;
    let message = match rng.below(12) {
        0 | 1 => ToHub::Hello(Hello {
            version: 1 + rng.below(2) as u16,
            oldest: 1,
            features: Features(small(rng)),
            db: rng.below(2) as u8,
            clients: (0..rng.below(3))
                .map(|_| (ClientId([100 + rng.below(3) as u8; 16]), ClientSeq(number(rng))))
                .collect(),
            interest: blobs(rng),
            resume: (rng.below(2) == 0).then(|| ResumeToken {
                log: LogId(rng.below(2)),
                seq: LogSeq(number(rng)),
                scope: rng.below(2),
            }),
            credit: small(rng),
        }),
        2..5 => {
            let commands = (0..rng.below(4)).map(|_| PushedCommand {
                calls: (0..rng.below(3)).map(|_| blobs(rng)).collect(),
                conditions: (0..rng.below(2)).map(|_| Condition { key: blob(rng), digest: number(rng) }).collect(),
                transaction: rng.below(2) == 0,
            });
            let commands = commands.collect();
            ToHub::Push(Push {
                client: rng.below(2) as u32,
                first: ClientSeq(number(rng)),
                guess: number(rng),
                commands,
            })
        }
        5 => ToHub::Ping { sent: UnixMillis(number(rng)) },
        6 => ToHub::Digests { bits: rng.below(20) as u8, sums: (0..16).map(|_| number(rng)).collect() },
        7 => ToHub::Subscribe { id: small(rng), add: blobs(rng), remove: blobs(rng) },
        8 => ToHub::Fetch { keys: blobs(rng) },
        9 => ToHub::Credit { bytes: small(rng) },
        10 => ToHub::Call { id: small(rng), call: blobs(rng) },
        _ => match rng.below(6) {
            0 => ToHub::Renew { token: blob(rng) },
            1 => ToHub::Listen { join: blobs(rng), leave: blobs(rng) },
            2 => ToHub::Publish { channel: blob(rng), payload: blob(rng) },
            3 => ToHub::Presence { key: blob(rng), value: (rng.below(2) == 0).then(|| blob(rng)) },
            4 => {
                let client = ClientId([100 + rng.below(90) as u8; 16]);
                ToHub::Join { client, acknowledged: ClientSeq(number(rng)) }
            }
            _ => ToHub::Packed(blob(rng)),
        },
    };
    let mut bytes = if rng.below(4) == 0 { message.encode_for(Features::ALL) } else { message.encode() };
    // Half of them are damaged.
    for _ in 0..rng.below(6).saturating_sub(3) {
        match rng.below(3) {
            0 if !bytes.is_empty() => bytes.truncate(rng.index(bytes.len())),
            1 if !bytes.is_empty() => {
                let at = rng.index(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }
            _ => bytes.push(rng.below(256) as u8),
        }
    }
    bytes
}

fn run(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut world = World::new(seed, 2000, &[&["*"], &["a*"]]);
    // A hostile replica may do what its token allows, and no more.
    let only = |glob: &str| Interest::new([glob.as_bytes()]);
    let grant = Grant { write: only("evil:*"), ..Grant::everything() };
    let mut hostile: Vec<PeerId> = vec![];
    for _ in 0..400 {
        match rng.below(10) {
            0 if hostile.len() < 4 => hostile.push(world.hub.open_peer(grant.clone())),
            1 => {
                let command = random_command(&mut rng);
                world.call(&command);
            }
            2 => world.sync_disk(),
            3..5 => {
                let index = rng.index(2);
                world.connect(index);
                world.deliver_up(index);
                world.deliver_down(index);
            }
            _ if !hostile.is_empty() => {
                let env = world.env();
                let peer = hostile[rng.index(hostile.len())];
                world.hub.handle_message(&mut world.engine, env, peer, &message(&mut rng));
                world.record();
            }
            _ => {}
        }
        world.hub.begin_round();
        while let Some((peer, message)) = world.hub.poll_transmit(&world.engine) {
            assert!(ToReplica::decode(&message).is_ok());
            if let Some(mirror) = world.mirrors.iter_mut().find(|mirror| mirror.peer == Some(peer)) {
                mirror.down.push_back(message);
            }
        }
        while let Some((peer, reason)) = world.hub.poll_close() {
            assert!(hostile.contains(&peer), "an honest replica is closed: {reason:?}");
            hostile.retain(|other| *other != peer);
            let env = world.env();
            world.hub.close_peer(&mut world.engine, env, peer);
            world.record();
        }
        while world.hub.poll_renewal().is_some() {}
    }
    for peer in hostile {
        let env = world.env();
        world.hub.close_peer(&mut world.engine, env, peer);
        world.record();
    }
    world.settle();
    let sessions = world.engine.sessions().len();
    assert_eq!(sessions, 1 + world.mirrors.len(), "no session of a closed connection is left");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn others_notice_nothing(seed in any::<u64>().no_shrink()) {
        run(seed);
    }
}
