//! Tabs that follow one of them, without a server: each change of places, one by one.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{Pair, make_replica, words};
use crate::{
    Env,
    resp::{Value, decode_value},
    sync::{HubOptions, Replica},
};

/// The first leads the others; what they say arrives when it is let through.
pub(super) struct Tabs {
    pub(super) tabs: Vec<Replica>,
}

impl Tabs {
    pub(super) fn new(count: u8) -> Self {
        let mut tabs: Vec<Replica> = (1..=count).map(|client| make_replica(client, &["*"])).collect();
        let (leader, others) = tabs.split_first_mut().unwrap();
        let (_, loaded) = leader.lead(env(), &[], &[]);
        assert_eq!(loaded, Ok(()));
        for tab in others {
            tab.follow();
            assert_eq!(tab.handle_told(&leader.state()), Ok(false));
        }
        Self { tabs }
    }

    pub(super) fn call(&mut self, tab: usize, line: &str) -> Value {
        run(&mut self.tabs[tab], line)
    }

    /// The leader tells what it has to tell.
    pub(super) fn tell(&mut self) {
        let (leader, others) = self.tabs.split_first_mut().unwrap();
        while let Some(news) = leader.poll_news() {
            others.iter_mut().for_each(|tab| assert_eq!(tab.handle_told(&news), Ok(false)));
        }
    }

    /// A tab tells the leader of its commands.
    pub(super) fn send(&mut self, tab: usize) {
        while let Some(commands) = self.tabs[tab].poll_commands() {
            self.tabs[0].handle_commands(&commands).unwrap();
        }
    }

    fn all(&mut self, line: &str) -> Vec<Value> {
        (0..self.tabs.len()).map(|tab| self.call(tab, line)).collect()
    }
}

pub(super) fn run(tab: &mut Replica, line: &str) -> Value {
    let mut reply = Vec::new();
    tab.execute(env(), &words(line), &mut reply);
    decode_value(&reply).unwrap().unwrap().0
}

/// What a replica stores, in an empty store.
pub(super) fn stored(tab: &mut Replica) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = BTreeMap::new();
    while let Some(batch) = tab.poll_store() {
        batch.apply(&mut pairs);
    }
    pairs.into_iter().collect()
}

pub(super) fn env() -> Env {
    Env::new(1_000_000, 7)
}

pub(super) fn text(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

#[test]
fn commands_that_cross_stand_in_the_order_of_the_leader() {
    let mut tabs = Tabs::new(3);
    for tab in 0..3 {
        assert_eq!(tabs.call(tab, "INCR hits"), Value::Integer(1));
        tabs.call(tab, ["SET last first", "SET last second", "SET last third"][tab]);
    }
    // The leader's own come first, then the third tab's, then the second's.
    tabs.tell();
    tabs.send(2);
    tabs.send(1);
    tabs.tell();
    assert_eq!(tabs.all("GET hits"), vec![text("3"); 3]);
    assert_eq!(tabs.all("GET last"), vec![text("second"); 3]);
    assert_eq!(tabs.tabs.iter().map(|tab| tab.status().pending).collect::<Vec<_>>(), [6; 3]);
}

#[test]
fn whoever_stands_where_the_new_leader_stood_goes_on_without_its_state() {
    let mut tabs = Tabs::new(3);
    tabs.call(1, "INCR hits");
    tabs.send(1);
    tabs.tell();
    let gone = tabs.tabs.remove(0);
    drop(gone);
    // Run while nobody leads.
    tabs.call(0, "INCR hits");
    tabs.call(1, "INCR hits");
    let (lead, loaded) = tabs.tabs[0].lead(env(), &[], &[]);
    assert_eq!(loaded, Ok(()));
    assert_eq!(tabs.tabs[1].handle_told(&lead), Ok(false), "nothing is asked for");
    tabs.tell();
    tabs.send(1);
    tabs.tell();
    assert_eq!(tabs.all("GET hits"), vec![text("3"); 2]);
}

#[test]
fn news_that_is_lost_is_noticed_and_commands_for_another_leader_are_left_alone() {
    let mut tabs = Tabs::new(2);
    tabs.call(0, "INCR hits");
    assert!(tabs.tabs[0].poll_news().is_some(), "and lost");
    tabs.call(0, "INCR hits");
    let news = tabs.tabs[0].poll_news().unwrap();
    assert_eq!(tabs.tabs[1].handle_told(&news), Ok(true), "the state is asked for");
    let state = tabs.tabs[0].state();
    assert_eq!(tabs.tabs[1].handle_told(&state), Ok(false));
    assert_eq!(tabs.all("GET hits"), vec![text("2"); 2]);
    tabs.call(1, "INCR hits");
    let commands = tabs.tabs[1].poll_commands().unwrap();
    tabs.tabs[0].follow();
    let (lead, _) = tabs.tabs[0].lead(env(), &[], &[]);
    tabs.tabs[0].handle_commands(&commands).unwrap();
    assert_eq!(tabs.call(0, "GET hits"), text("2"), "they come once more");
    assert_eq!(tabs.tabs[1].handle_told(&lead), Ok(false));
    tabs.send(1);
    tabs.tell();
    assert_eq!(tabs.all("GET hits"), vec![text("3"); 2]);
}

#[test]
fn a_command_behind_one_that_was_answered_unheard_leaves_no_gap() {
    let mut tabs = Tabs::new(2);
    let mut sent = Vec::new();
    for _ in 0..3 {
        tabs.call(1, "INCR hits");
        sent.push(tabs.tabs[1].poll_commands().unwrap());
    }
    // A tab doesn't bring what it knows to be answered; this leader may not have heard of that.
    tabs.tabs[0].handle_commands(&sent[0]).unwrap();
    tabs.tabs[0].handle_commands(&sent[2]).unwrap();
    assert_eq!((tabs.tabs[0].status().pending, tabs.call(0, "GET hits")), (3, text("2")));
    let mut next = make_replica(9, &["*"]);
    assert_eq!(next.load(&stored(&mut tabs.tabs[0])), Ok(()));
    assert_eq!(next.status().pending, 3);
}

#[test]
fn whoever_leads_with_what_was_stored_knows_what_was_answered() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
    pair.replica.lead(env(), &[], &[]).1.unwrap();
    pair.connect();
    let mut tab = make_replica(2, &["*"]);
    tab.follow();
    tab.handle_told(&pair.replica.state()).unwrap();
    run(&mut tab, "INCR hits");
    pair.replica.handle_commands(&tab.poll_commands().unwrap()).unwrap();
    for _ in 0..3 {
        pair.exchange();
    }
    assert_eq!((pair.replica.status().pending, tab.status().pending), (0, 1), "answered, and its tab hasn't heard");
    let pairs = stored(&mut pair.replica);
    let mut next = make_replica(3, &["*"]);
    next.follow();
    let (lead, loaded) = next.lead(Env::new(2_000_000, 7), &pairs, &[tab.client()]);
    assert_eq!(loaded, Ok(()));
    assert_eq!(tab.handle_told(&lead), Ok(true));
    assert_eq!(tab.handle_told(&next.state()), Ok(false));
    assert_eq!((run(&mut tab, "GET hits"), tab.status().pending), (text("1"), 0), "it counts once");
}

#[test]
fn whoever_leads_stands_on_what_was_stored_if_that_is_further() {
    let mut pair = Pair::offline(HubOptions::default(), make_replica(1, &["*"]));
    pair.replica.lead(env(), &[], &[]).1.unwrap();
    pair.connect();
    pair.exchange();
    let mut tab = make_replica(2, &["*"]);
    tab.follow();
    tab.handle_told(&pair.replica.state()).unwrap();
    pair.call_server("SET stored 1");
    pair.exchange();
    assert!(pair.replica.poll_news().is_some(), "and lost");
    let pairs = stored(&mut pair.replica);
    assert_eq!(run(&mut tab, "EXISTS stored"), Value::Integer(0));
    let (_, loaded) = tab.lead(Env::new(2_000_000, 7), &pairs, &[]);
    assert_eq!((loaded, run(&mut tab, "EXISTS stored")), (Ok(()), Value::Integer(1)));
}
