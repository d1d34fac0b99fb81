//! Tabs that follow one of them, without a server: each change of places, one by one.

use alloc::{vec, vec::Vec};

use super::{make_replica, words};
use crate::{
    Env,
    resp::{Value, decode_value},
    sync::Replica,
};

/// The first leads the others; what they say arrives when it is let through.
struct Tabs {
    tabs: Vec<Replica>,
}

impl Tabs {
    fn new(count: u8) -> Self {
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

    fn call(&mut self, tab: usize, line: &str) -> Value {
        let mut reply = Vec::new();
        self.tabs[tab].execute(env(), &words(line), &mut reply);
        decode_value(&reply).unwrap().unwrap().0
    }

    /// The leader tells what it has to tell.
    fn tell(&mut self) {
        let (leader, others) = self.tabs.split_first_mut().unwrap();
        while let Some(news) = leader.poll_news() {
            others.iter_mut().for_each(|tab| assert_eq!(tab.handle_told(&news), Ok(false)));
        }
    }

    /// A tab tells the leader of its commands.
    fn send(&mut self, tab: usize) {
        while let Some(commands) = self.tabs[tab].poll_commands() {
            self.tabs[0].handle_commands(&commands).unwrap();
        }
    }

    fn all(&mut self, line: &str) -> Vec<Value> {
        (0..self.tabs.len()).map(|tab| self.call(tab, line)).collect()
    }
}

fn env() -> Env {
    Env::new(1_000_000, 7)
}

fn text(text: &str) -> Value {
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
