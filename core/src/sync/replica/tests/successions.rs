//! Tabs that have heard less, or more, than the one that takes the lead: what was answered stays answered, and what is
//! pending stands once and in order.

use alloc::{vec, vec::Vec};

use super::{
    super::store::StoredCommand,
    Pair, make_replica,
    tabs::{Tabs, env, run, stored, text},
};
use crate::{
    Env,
    format::ClientSeq,
    resp::Value,
    sync::{HubOptions, Replica},
};

fn later() -> Env {
    Env::new(2_000_000, 7)
}

fn much_later() -> Env {
    Env::new(3_000_000, 7)
}

/// Commands for a leader without one of them, as from a tab that knows it to be answered.
fn without(seq: u64, commands: &[u8]) -> Vec<u8> {
    let (epoch, mut commands): (u64, Vec<StoredCommand>) = postcard::from_bytes(commands).unwrap();
    commands.retain(|stored| stored.seq != ClientSeq(seq));
    postcard::to_extend(&(epoch, commands), Vec::new()).unwrap()
}

/// A fresh tab takes the lead; `others` hear of it and are given its state.
fn lead_anew(others: &mut [Replica]) -> Replica {
    let mut leader = make_replica(9, &["*"]);
    leader.follow();
    let clients: Vec<_> = others.iter().map(Replica::client).collect();
    let (lead, loaded) = leader.lead(later(), &[], &clients);
    assert_eq!(loaded, Ok(()));
    for tab in others {
        assert_eq!(tab.handle_told(&lead), Ok(true));
        assert_eq!(tab.handle_told(&leader.state()), Ok(false));
    }
    leader
}

fn tell(leader: &mut Replica, tabs: &mut [Replica]) {
    while let Some(news) = leader.poll_news() {
        tabs.iter_mut().for_each(|tab| assert_eq!(tab.handle_told(&news), Ok(false)));
    }
}

fn pending(tabs: &[Replica]) -> Vec<usize> {
    tabs.iter().map(|tab| tab.status().pending).collect()
}

/// Three tabs of which the second has three commands that the third knows, under a leader that knows none of them.
fn known_to_the_third() -> (Replica, Vec<Replica>) {
    let mut tabs = Tabs::new(3);
    for _ in 0..3 {
        tabs.call(1, "INCR hits");
    }
    tabs.send(1);
    tabs.tell();
    tabs.tabs.remove(0);
    let leader = lead_anew(&mut tabs.tabs);
    (leader, tabs.tabs)
}

#[test]
fn what_stands_for_a_command_that_was_answered_is_the_same_in_all_tabs() {
    let (mut leader, mut tabs) = known_to_the_third();
    assert_eq!(run(&mut tabs[1], "GET hits"), text("3"));
    let commands = tabs[0].poll_commands().unwrap();
    leader.handle_commands(&without(2, &commands)).unwrap();
    tell(&mut leader, &mut tabs);
    assert_eq!(pending(&tabs), [3, 3]);
    assert_eq!(tabs.iter_mut().map(|tab| run(tab, "GET hits")).collect::<Vec<_>>(), vec![text("2"); 2]);
    // Whoever knows it better says so.
    leader.handle_commands(&tabs[1].poll_commands().unwrap()).unwrap();
    tell(&mut leader, &mut tabs);
    assert_eq!((run(&mut leader, "GET hits"), pending(&tabs)), (text("3"), vec![3, 3]));
    assert_eq!(tabs.iter_mut().map(|tab| run(tab, "GET hits")).collect::<Vec<_>>(), vec![text("3"); 2]);
    assert_eq!(make_replica(8, &["*"]).load(&stored(&mut leader)), Ok(()));
}

#[test]
fn what_is_known_better_than_by_a_leader_that_ends_is_known_to_the_next() {
    let (mut leader, mut tabs) = known_to_the_third();
    let commands = tabs[0].poll_commands().unwrap();
    leader.handle_commands(&without(2, &commands)).unwrap();
    tell(&mut leader, &mut tabs);
    drop(leader);
    let (lead, _) = tabs[0].lead(much_later(), &[], &[]);
    assert_eq!(run(&mut tabs[0], "GET hits"), text("3"), "its own");
    assert_eq!(tabs[1].handle_told(&lead), Ok(false));
    let (leader, followers) = tabs.split_first_mut().unwrap();
    tell(leader, followers);
    assert_eq!(run(&mut tabs[1], "GET hits"), text("3"));
}

#[test]
fn what_the_former_leader_stored_comes_behind_what_is_known_of_the_same_tab() {
    let mut tabs = Tabs::new(3);
    tabs.call(1, "INCR hits");
    tabs.send(1);
    tabs.tell();
    tabs.tabs.remove(0);
    let mut leader = lead_anew(&mut tabs.tabs);
    tabs.call(0, "INCR hits");
    tabs.call(0, "INCR hits");
    while let Some(commands) = tabs.tabs[0].poll_commands() {
        leader.handle_commands(&commands).unwrap();
    }
    // It stores them, and ends before it has told anybody.
    let pairs = stored(&mut leader);
    let (next, loaded) = (&mut tabs.tabs[1], Ok(()));
    assert_eq!(next.lead(much_later(), &pairs, &[]).1, loaded);
    assert_eq!((next.status().pending, run(next, "GET hits")), (3, text("3")));
    assert_eq!(make_replica(8, &["*"]).load(&stored(next)), Ok(()));
}

#[test]
fn what_a_stale_leader_stored_and_what_is_known_make_a_row_without_a_gap() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
    pair.replica.lead(env(), &[], &[]).1.unwrap();
    pair.connect();
    let (mut tab, mut stale) = (make_replica(2, &["*"]), make_replica(3, &["*"]));
    tab.follow();
    stale.follow();
    tab.handle_told(&pair.replica.state()).unwrap();
    run(&mut tab, "INCR hits");
    pair.replica.handle_commands(&tab.poll_commands().unwrap()).unwrap();
    stale.handle_told(&pair.replica.state()).unwrap();
    for _ in 0..2 {
        run(&mut tab, "INCR hits");
        tell(&mut pair.replica, core::slice::from_mut(&mut tab));
        pair.replica.handle_commands(&tab.poll_commands().unwrap()).unwrap();
        (0..3).for_each(|_| pair.exchange());
        tell(&mut pair.replica, core::slice::from_mut(&mut tab));
    }
    run(&mut tab, "INCR hits");
    assert_eq!(pending(core::slice::from_ref(&tab)), [1], "two were answered, and the stale one heard of none");
    stale.lead(later(), &[], &[tab.client()]).1.unwrap();
    let pairs = stored(&mut stale);
    assert_eq!(tab.lead(much_later(), &pairs, &[]).1, Ok(()));
    assert_eq!(make_replica(8, &["*"]).load(&stored(&mut tab)), Ok(()));
    pair.replica = tab;
    pair.connect();
    (0..3).for_each(|_| pair.exchange());
    assert_eq!((pair.replica.status().pending, pair.call("GET hits")), (0, text("4")));
}

#[test]
fn an_answer_answers_what_came_before_it() {
    let mut tabs = Tabs::new(2);
    let (tab, leader) = (1, 0);
    for _ in 0..3 {
        tabs.call(tab, "INCR hits");
    }
    tabs.send(tab);
    tabs.tell();
    // The leader comes to know that the second was answered; what it did came as somebody else's doing.
    let client = tabs.tabs[tab].client();
    tabs.tabs[leader].take_answer_to(client, ClientSeq(2), None, &[]);
    tabs.tell();
    assert_eq!((tabs.tabs[leader].status().pending, tabs.tabs[tab].status().pending), (1, 1));
    let answered = core::iter::from_fn(|| tabs.tabs[tab].poll_event());
    let answered: Vec<_> = answered
        .filter_map(|event| match event {
            crate::sync::Event::Acknowledged(seq) => Some(seq.0),
            _ => None,
        })
        .collect();
    assert_eq!(answered, [1, 2]);
}

#[test]
fn a_command_whose_keys_come_to_be_known_runs_before_those_that_came_later() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["a", "b"]));
    let env = pair.env();
    pair.call("SET b 4");
    pair.replica.subscribe(env, &[], &[b"b"]);
    pair.call("FLUSHDB");
    pair.replica.subscribe(env, &[b"b"], &[]);
    pair.connect();
    // The key is known before anything is pushed.
    for _ in 0..3 {
        while !pair.replica.outbox.is_empty() {
            let message = pair.replica.poll_transmit().unwrap();
            pair.hub.handle_message(&mut pair.engine, env, pair.peer, &message);
        }
        pair.hub.handle_durable(pair.hub.seq());
        pair.hub.begin_round();
        while let Some((_, message)) = pair.hub.poll_transmit(&pair.engine) {
            pair.replica.handle_message(env, &message).unwrap();
            pair.replica.settle();
        }
    }
    assert_eq!((pair.replica.status().pending, pair.call("EXISTS b")), (2, Value::Integer(0)));
    pair.exchange();
    assert_eq!((pair.replica.status().pending, pair.call("EXISTS b")), (0, Value::Integer(0)));
}
