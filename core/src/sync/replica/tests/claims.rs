//! A hub that claims too much: whatever it says, what was never pushed stays pending.

use alloc::{collections::BTreeSet, format, vec, vec::Vec};

use proptest::prelude::*;

use super::{Pair, make_replica, words};
use crate::{
    Env,
    blob::Blob,
    format::{ClientId, ClientSeq, LogSeq},
    hash::Rng,
    sync::{
        Batch, Event, Features, HubOptions, Item, LoadScope, LogId, Replica, ServerLimits, Start, SyncError, ToHub,
        ToReplica, Welcome,
    },
};

fn welcome(pushed: Vec<ClientSeq>, start: Start, seq: u64) -> ToReplica<'static> {
    ToReplica::Welcome(Welcome {
        version: 1,
        features: Features::default(),
        log: LogId(1),
        scope: 0,
        seq: LogSeq(seq),
        head: LogSeq(seq),
        now: crate::UnixMillis(1_000_000),
        start,
        pushed,
        limits: ServerLimits::USUAL,
    })
}

fn batch(through: u64, item: Item<'static>) -> ToReplica<'static> {
    ToReplica::Batch(Batch { through: LogSeq(through), items: vec![item] })
}

#[test]
fn a_claim_about_what_was_not_pushed_ends_the_connection() {
    let own = |seq| Item::Own { client: 0, seq: ClientSeq(seq), reply: None, effects: Blob::from(&b""[..]) };
    let guessed = |through| Item::AsGuessed { client: 0, through: ClientSeq(through) };
    for item in [own(3), guessed(3), own(u64::MAX), guessed(u64::MAX)] {
        let mut pair = Pair::new();
        pair.call("SET a 1");
        pair.call("SET b 1");
        assert!(pair.replica.poll_transmit().is_some());
        pair.call("SET c 1");
        let env = pair.env();
        let result = pair.replica.handle_message(env, &batch(9, item).encode());
        assert_eq!(result, Err(SyncError::Unexpected("an answer to what wasn't pushed")));
        assert!(result.unwrap_err().may_retry());
        pair.connect();
        pair.sync();
        for key in ["a", "b", "c"] {
            assert!(pair.engine.keyspace().db(0).find(key.as_bytes()).is_some());
        }
    }
    // What was pushed may be answered, on any later connection.
    let mut pair = Pair::new();
    pair.call("SET a 1");
    assert!(pair.replica.poll_transmit().is_some());
    pair.connect();
    let env = pair.env();
    pair.replica.handle_message(env, &welcome(vec![ClientSeq(2)], Start::Load, 9).encode()).unwrap_err();
    pair.connect();
    pair.replica.handle_message(env, &welcome(vec![ClientSeq(1)], Start::Load, 9).encode()).unwrap();
}

/// The hub's answer to more identities than it was told, or none.
#[test]
fn a_welcome_for_others_is_not_taken() {
    for pushed in [vec![], vec![ClientSeq(0), ClientSeq(0)]] {
        let mut replica = make_replica(1, &["*"]);
        replica.handle_connected(Env::new(1_000_000, 0));
        assert!(replica.handle_message(Env::new(1_000_000, 0), &welcome(pushed, Start::Load, 0).encode()).is_err());
    }
}

fn random_message(rng: &mut Rng) -> ToReplica<'static> {
    let seq = |rng: &mut Rng| match rng.below(5) {
        0 => ClientSeq(u64::MAX - rng.below(2)),
        _ => ClientSeq(rng.below(12)),
    };
    let blob = |rng: &mut Rng| Blob::from(if rng.below(2) == 0 { &b"-ERR no\r\n"[..] } else { &b""[..] });
    match rng.below(12) {
        0..3 => {
            let start = [Start::Load, Start::Resume, Start::Digest { bits: 4 }][rng.index(3)];
            let pushed = (0..1 + rng.below(2)).map(|_| seq(rng)).collect();
            welcome(pushed, start, rng.below(4))
        }
        3 => ToReplica::LoadBegin(LoadScope::Everything),
        4 => ToReplica::LoadEnd { through: LogSeq(rng.below(6)) },
        5 => ToReplica::Fetched { through: LogSeq(rng.below(6)), effects: blob(rng) },
        6 => ToReplica::NotSubscribed { id: rng.below(4) as u32, error: blob(rng) },
        7 => ToReplica::Unsubscribed { id: rng.below(4) as u32 },
        8 | 9 => batch(rng.below(6), Item::AsGuessed { client: rng.below(3) as u32, through: seq(rng) }),
        _ => {
            let reply = (rng.below(2) == 0).then(|| blob(rng));
            batch(
                rng.below(6),
                Item::Own { client: rng.below(3) as u32, seq: seq(rng), reply, effects: Blob::from(&b""[..]) },
            )
        }
    }
}

/// What went out, by identity and number, as a hub would see it.
fn note_pushed(replica: &Replica, message: &[u8], names: &mut Vec<ClientId>, pushed: &mut BTreeSet<(ClientId, u64)>) {
    let decoded = ToHub::decode(message).unwrap();
    let unpacked = decoded.unpacked(1 << 24).unwrap();
    match unpacked.as_deref().map_or(Ok(decoded), ToHub::decode).unwrap() {
        ToHub::Hello(hello) => *names = hello.clients.iter().map(|(client, _)| *client).collect(),
        ToHub::Push(push) => {
            let client = names[push.client as usize];
            pushed.extend((0..push.commands.len() as u64).map(|index| (client, push.first.0 + index)));
        }
        _ => {}
    }
    assert!(names.contains(&replica.client()));
}

proptest! {
    #[test]
    fn what_was_never_pushed_stays_pending(seed in any::<u64>().no_shrink()) {
        let mut rng = Rng::new(seed);
        let env = Env::new(1_000_000, 0);
        let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
        let (mut names, mut pushed, mut called) = (vec![], BTreeSet::new(), vec![]);
        for _ in 0..80 {
            match rng.below(8) {
                0 | 1 => {
                    let mut reply = Vec::new();
                    let line = format!("SET k:{} {}", called.len(), rng.below(10));
                    called.extend(pair.replica.execute(env, &words(&line), &mut reply));
                }
                2 => {
                    if let Some(message) = pair.replica.poll_transmit() {
                        note_pushed(&pair.replica, &message, &mut names, &mut pushed);
                    }
                }
                3 if rng.below(2) == 0 => {
                    pair.replica.handle_disconnected();
                    pair.replica.handle_connected(env);
                }
                _ => {
                    if pair.replica.handle_message(env, &random_message(&mut rng).encode()).is_err() {
                        pair.replica.handle_disconnected();
                        pair.replica.handle_connected(env);
                    }
                }
            }
            let own = pair.replica.client();
            let never: Vec<u64> = called.iter().map(|seq| seq.0).filter(|seq| !pushed.contains(&(own, *seq))).collect();
            let held: Vec<u64> = pair.replica.pending.unpushed().map(|pending| pending.command.seq.0).collect();
            prop_assert!(never.iter().all(|seq| held.contains(seq)), "{:?} of {:?} are gone", never, held);
            for event in pair.events() {
                if let Event::Acknowledged(seq) | Event::Refused { seq, .. } | Event::Corrected { seq, .. } = event {
                    prop_assert!(!never.contains(&seq.0), "{:?} is answered and was never pushed", seq);
                }
            }
        }
        // They reach an honest server in the end, and so does what it hasn't seen of the rest that is still there.
        let never: Vec<u64> = called.iter().map(|seq| seq.0).filter(|seq| !pushed.contains(&(pair.replica.client(), *seq))).collect();
        let mut honest = Pair::offline(HubOptions::default(), pair.replica);
        honest.now = 1_000_000;
        honest.connect();
        honest.sync();
        for seq in never {
            let key = format!("k:{}", seq - 1);
            prop_assert!(honest.engine.keyspace().db(0).find(key.as_bytes()).is_some(), "{} is missing", key);
        }
    }
}
