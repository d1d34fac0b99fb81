//! Users and their rules, as connections meet them.

use alloc::{
    boxed::Box,
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;

use proptest::prelude::*;

use super::{User, rules::rows};
use crate::{Engine, EngineOptions, Env, Errand, Flow, SessionId, acl::UserStore};

/// An engine with connections, and a file in memory.
struct World {
    engine: Engine,
    sessions: Vec<SessionId>,
    file: Rc<RefCell<String>>,
}

#[derive(Debug)]
struct Memory(Rc<RefCell<String>>);

impl UserStore for Memory {
    fn file(&self) -> Option<&str> {
        Some("users.acl")
    }

    fn read(&mut self) -> Result<String, String> {
        Ok(self.0.borrow().clone())
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        *self.0.borrow_mut() = text.into();
        Ok(())
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}

impl World {
    fn new(count: usize) -> Self {
        let mut engine = Engine::new(EngineOptions::default());
        let file = Rc::new(RefCell::new(String::new()));
        engine.users_mut().set_store(Box::new(Memory(Rc::clone(&file))));
        let sessions = (0..count).map(|_| engine.open_session("test", Env::new(0, 0))).collect();
        Self { engine, sessions, file }
    }

    /// The reply to a line of words, one of which may be in double quotes.
    fn call(&mut self, session: usize, line: &str) -> String {
        self.flow(session, line).1
    }

    fn flow(&mut self, session: usize, line: &str) -> (Flow, String) {
        let mut words: Vec<String> = Vec::new();
        for (index, part) in line.split('"').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_string)),
                _ => words.push(part.into()),
            }
        }
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut reply = Vec::new();
        let flow = self.engine.execute(Env::new(1_000, 1), self.sessions[session], &words, &mut reply);
        (flow, String::from_utf8(reply).unwrap().replace("\r\n", " "))
    }

    /// Makes a user with any password, and logs a connection in as it.
    fn log_in(&mut self, session: usize, name: &str, rules: &str) {
        assert_eq!(self.call(0, &format!("ACL SETUSER {name} on nopass {rules}")), "+OK ");
        assert_eq!(self.call(session, &format!("AUTH {name} any")), "+OK ");
    }

    fn rules_of(&mut self, name: &str) -> String {
        let (_, user) = self.engine.users_mut().find(name.as_bytes()).unwrap();
        user.describe()
    }

    fn closed(&mut self) -> Vec<usize> {
        let closed = core::iter::from_fn(|| self.engine.poll_errand());
        let place = |id| self.sessions.iter().position(|other| *other == id).unwrap();
        closed.filter_map(|errand| if let Errand::Close(id) = errand { Some(place(id)) } else { None }).collect()
    }
}

const NO_COMMAND: &str = "-NOPERM this user has no permissions to run the ";
const NO_KEY: &str = "-NOPERM this user has no permissions to access one of the keys used as arguments ";
const NO_CHANNEL: &str = "-NOPERM this user has no permissions to access one of the channels used as arguments ";

#[test]
fn passwords_are_kept_as_digests_and_each_lets_in() {
    let mut world = World::new(2);
    world.call(0, "ACL SETUSER ann on >one >two +@all");
    assert_eq!(world.call(1, "AUTH ann one"), "+OK ");
    assert_eq!(world.call(1, "ACL WHOAMI"), "$3 ann ");
    assert!(world.call(1, "AUTH ann three").starts_with("-WRONGPASS"));
    assert_eq!(world.call(1, "ACL WHOAMI"), "$3 ann ");
    let listed = world.rules_of("ann");
    assert!(
        listed.contains("#7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed") && !listed.contains("one")
    );
    world.call(0, "ACL SETUSER ann <one");
    assert!(world.call(1, "AUTH ann one").starts_with("-WRONGPASS"));
    assert!(world.call(0, "ACL SETUSER ann <one").contains("does not exist"));
    assert!(world.call(0, "ACL SETUSER ann #12").contains("exactly 64 characters"));
    assert_eq!(world.call(0, "ACL SETUSER ann off"), "+OK ");
    assert!(world.call(1, "AUTH ann two").starts_with("-WRONGPASS"));
    assert!(world.call(1, "AUTH nobody two").starts_with("-WRONGPASS"));
}

#[test]
fn the_default_user_s_password_is_asked_of_new_connections() {
    let mut world = World::new(1);
    assert!(world.call(0, "AUTH x").starts_with("-ERR AUTH <password> called without any password"));
    world.call(0, "CONFIG SET requirepass secret");
    assert_eq!(world.call(0, "PING"), "+PONG ");
    world.sessions.push(world.engine.open_session("test", Env::new(0, 0)));
    assert_eq!(world.call(1, "PING"), "-NOAUTH Authentication required. ");
    assert!(world.call(1, "HELLO 2").starts_with("-NOAUTH HELLO must be called"));
    assert!(world.call(1, "AUTH wrong").starts_with("-WRONGPASS"));
    assert_eq!(world.call(1, "AUTH secret"), "+OK ");
    assert_eq!(world.call(1, "RESET"), "+RESET ");
    assert_eq!(world.call(1, "PING"), "-NOAUTH Authentication required. ");
    world.call(0, "ACL SETUSER default nopass");
    assert_eq!(world.call(1, "PING"), "+PONG ");
}

#[test]
fn a_call_is_checked_for_its_command_its_keys_and_its_channels() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+set +get +mget +copy +subscribe +psubscribe +publish ~a* %R~r* %W~w* &news*");
    assert_eq!(world.call(1, "SET a1 x"), "+OK ");
    assert_eq!(world.call(1, "DEL a1"), format!("{NO_COMMAND}'del' command "));
    assert_eq!(world.call(1, "SET r1 x"), NO_KEY);
    assert_eq!(world.call(1, "SET w1 x"), "+OK ");
    assert_eq!(world.call(1, "SET w1 x GET"), NO_KEY);
    assert_eq!(world.call(1, "GET w1"), NO_KEY);
    assert_eq!(world.call(1, "MGET a1 r1 b"), NO_KEY);
    assert_eq!(world.call(1, "COPY r1 w2"), ":0 ");
    assert_eq!(world.call(1, "COPY w1 r1"), NO_KEY);
    assert_eq!(world.call(1, "PUBLISH newspaper x"), ":0 ");
    assert_eq!(world.call(1, "PUBLISH other x"), NO_CHANNEL);
    assert_eq!(world.call(1, "PSUBSCRIBE news"), NO_CHANNEL);
    assert_eq!(world.call(1, "SUBSCRIBE news1 other"), NO_CHANNEL);
    assert_eq!(world.call(1, "PSUBSCRIBE news*"), "*3 $10 psubscribe $5 news* :1 ");
}

#[test]
fn one_selector_has_to_allow_all_of_a_call() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+mget ~a (+mget ~a ~b) (%R~r* +@all) (%W~w* +@all)");
    assert_eq!(world.call(1, "MGET a b"), "*2 $-1 $-1 ");
    assert_eq!(world.call(1, "COPY r w"), NO_KEY);
    world.call(1, "MGET a b c");
    let log = world.call(0, "ACL LOG");
    assert!(log.contains("$6 reason $3 key $7 context $8 toplevel $6 object $1 c $8 username $3 ann "), "{log}");
}

#[test]
fn rules_are_told_as_they_were_given_but_for_what_is_pointless() {
    let check = |rules: &[&str], expected: &str| {
        let mut world = World::new(1);
        for line in rules {
            assert_eq!(world.call(0, &format!("ACL SETUSER u {line}")), "+OK ", "{line}");
        }
        assert_eq!(world.rules_of("u"), format!("user u {expected}"));
    };
    check(&[""], "off resetchannels -@all");
    check(&["reset"], "off sanitize-payload resetchannels -@all");
    check(&["+memory|doctor", "+memory"], "off resetchannels -@all +memory");
    check(&["+memory|doctor", "+memory", "+@all +client|id"], "off resetchannels +@all");
    check(&["+@all -memory|doctor", "+@all -memory"], "off resetchannels +@all -memory");
    check(&["+get -get"], "off resetchannels -@all");
    check(&["+@all -get", "+get"], "off resetchannels +@all");
    check(&["-@all +select|0"], "off resetchannels -@all +select|0");
    check(&["~* &*", "on nopass +@all"], "on nopass ~* &* +@all");
    check(&["%R~a %W~a %W~b", "(+set ~x)"], "off ~a %W~b resetchannels -@all (~x resetchannels -@all +set)");
    check(
        &["( ~a", "resetkeys"].map(|_| "( ~a +get )"),
        "off resetchannels -@all (~a resetchannels -@all +get) (~a resetchannels -@all +get)",
    );
}

#[test]
fn what_cannot_be_a_rule_is_refused_and_changes_nothing() {
    let check = |rule: &str, expected: &str| {
        let mut world = World::new(1);
        let reply = world.call(0, &format!("ACL SETUSER u +get {rule}"));
        assert!(reply.starts_with("-ERR ") && reply.contains(expected), "{rule}: {reply}");
        assert_eq!(world.call(0, "ACL GETUSER u"), "$-1 ");
    };
    check("nonsense", "modifier 'nonsense': Syntax error");
    check("+nosuch", "Unknown command or category name in ACL");
    check("+config|nosuch", "Unknown command or category name in ACL");
    check("-get|x", "Unknown command or category name in ACL");
    check("+get|a|b", "Unknown command or category name in ACL");
    check("+config|get|appendonly", "Allowing first-arg of a subcommand is not supported");
    check("+config|", "Syntax error");
    check("~* ~a", "Adding a pattern after the * pattern (or the 'allkeys' flag)");
    check("&* &a", "Try 'resetchannels' to start with an empty list of channels");
    check("%X~a", "Syntax error");
    check("(&* &a)", "modifier '(&* &a)': Adding a pattern after");
    check("(+get", "Unmatched parenthesis in acl selector starting at '(+get'.");
    check(")", "modifier ')': Syntax error");
}

#[test]
fn a_command_may_be_allowed_for_one_word() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+select|0 +config -config|set");
    assert_eq!(world.call(1, "SELECT 0"), "+OK ");
    assert_eq!(world.call(1, "SELECT 1"), format!("{NO_COMMAND}'select' command "));
    assert!(world.call(1, "CONFIG GET maxclients").starts_with("*2"));
    assert_eq!(world.call(1, "CONFIG SET maxclients 1"), format!("{NO_COMMAND}'config|set' command "));
}

#[test]
fn a_transaction_is_checked_when_it_is_queued_and_when_it_runs() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+multi +exec +incr +set ~*");
    world.call(1, "MULTI");
    assert_eq!(world.call(1, "GET a"), format!("{NO_COMMAND}'get' command "));
    assert!(world.call(1, "EXEC").starts_with("-EXECABORT"));
    world.call(1, "MULTI");
    world.call(1, "SET a 1");
    world.call(1, "INCR a");
    world.call(0, "ACL SETUSER ann -incr");
    let reply = world.call(1, "EXEC");
    assert!(reply.starts_with("*2 +OK -NOPERM ACLs rules changed between"), "{reply}");
    assert!(world.call(0, "ACL LOG 1").contains("$7 context $5 multi $6 object $4 incr "));
    world.call(1, "MULTI");
    world.call(0, "ACL SETUSER ann -exec");
    assert!(world.call(1, "EXEC").starts_with("-EXECABORT Transaction discarded because of: NOPERM"));
    assert_eq!(world.call(1, "SET a 1"), "+OK ");
}

#[test]
fn a_call_that_waits_is_checked_again() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+blpop ~*");
    assert_eq!(world.flow(1, "BLPOP l 0").0, Flow::Wait);
    world.call(0, "ACL SETUSER ann -blpop");
    world.call(0, "RPUSH l x");
    let woken = world.engine.poll_woken().unwrap();
    assert!(woken.reply.starts_with(NO_COMMAND.as_bytes()), "{woken:?}");
    assert_eq!(world.call(0, "LLEN l"), ":1 ");
}

#[test]
fn who_listens_to_what_it_may_not_is_cut_off() {
    let mut world = World::new(3);
    world.log_in(1, "ann", "+@all &a &b*");
    world.log_in(2, "ann", "");
    world.call(1, "SUBSCRIBE a bc");
    world.call(2, "PSUBSCRIBE b*");
    world.call(0, "ACL SETUSER ann resetchannels &a &b* &c");
    assert_eq!(world.closed(), []);
    world.call(0, "ACL SETUSER ann resetchannels &a &bc");
    assert_eq!(world.closed(), [2]);
    world.call(0, "ACL SETUSER ann allchannels");
    world.call(0, "ACL SETUSER ann resetchannels");
    assert_eq!(world.closed(), [1]);
    assert_eq!(world.flow(1, "PING").0, Flow::Close);
}

#[test]
fn the_connections_of_a_deleted_user_end() {
    let mut world = World::new(3);
    world.log_in(1, "ann", "+acl");
    world.log_in(2, "ann", "");
    assert_eq!(world.call(0, "ACL DELUSER nobody ann"), ":1 ");
    assert_eq!(world.closed(), [1, 2]);
    world.sessions[1] = world.engine.open_session("test", Env::new(0, 0));
    world.log_in(1, "bob", "+acl");
    assert_eq!(world.flow(1, "ACL DELUSER bob"), (Flow::Close, ":1 ".into()));
    assert!(world.call(0, "ACL DELUSER default bob").starts_with("-ERR The 'default' user cannot be removed"));
}

#[test]
fn patterns_of_sort_are_for_those_who_may_read_all() {
    let mut world = World::new(2);
    world.call(0, "RPUSH l 1");
    world.log_in(1, "ann", "(+sort ~l)");
    assert!(world.call(1, "SORT l BY v*").starts_with("-ERR BY option of SORT denied"));
    assert!(world.call(1, "SORT l GET v*").starts_with("-ERR GET option of SORT denied"));
    assert_eq!(world.call(1, "SORT l BY nosort"), "*1 $1 1 ");
    assert_eq!(world.call(1, "SORT l STORE other"), NO_KEY);
    world.call(0, "ACL SETUSER ann (+sort ~l %R~*)");
    assert_eq!(world.call(1, "SORT l BY v*"), "*1 $1 1 ");
}

#[test]
fn the_log_counts_what_is_the_same_and_forgets_what_is_old() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+set");
    for _ in 0..3 {
        world.call(1, "GET a");
    }
    world.call(1, "AUTH ann wrong");
    world.call(1, "AUTH bob wrong");
    let log = world.call(0, "ACL LOG");
    assert!(
        log.starts_with(
            "*2 *20 $5 count :1 $6 reason $4 auth $7 context $8 toplevel $6 object $4 AUTH $8 username $3 bob "
        ),
        "{log}"
    );
    assert!(log.contains("*20 $5 count :3 $6 reason $7 command "), "{log}");
    world.call(0, "CONFIG SET acllog-max-len 2");
    for key in ["a", "b", "c"] {
        world.call(1, &format!("SET {key} x"));
    }
    assert!(world.call(0, "ACL LOG").starts_with("*2 "));
    assert!(world.call(0, "ACL LOG 1").starts_with("*1 "));
    assert_eq!(world.call(0, "ACL LOG RESET"), "+OK ");
    assert_eq!(world.call(0, "ACL LOG"), "*0 ");
}

#[test]
fn a_file_holds_all_users_or_is_refused_whole() {
    let mut world = World::new(2);
    world.log_in(1, "ann", "+get %R~a* (+set ~b) &c");
    assert_eq!(world.call(0, "ACL SAVE"), "+OK ");
    let saved = world.file.borrow().clone();
    assert_eq!(saved.lines().count(), 2);
    world.call(0, "ACL SETUSER bob on");
    assert_eq!(world.call(0, "ACL LOAD"), "+OK ");
    assert_eq!(world.closed(), [1]);
    assert_eq!(world.call(0, "ACL SAVE"), "+OK ");
    assert_eq!(*world.file.borrow(), saved);
    *world.file.borrow_mut() = format!("{saved}\nuser ann on\nuser carl +nosuch\nuser dan nonsense\nnonsense\n");
    let reply = world.call(0, "ACL LOAD");
    for part in [
        "WARNING: Duplicate user 'ann' found on line 4. ",
        "users.acl:5: Error in applying operation '+nosuch': Unknown command or category name in ACL. ",
        "users.acl:6: Syntax error. ",
        "users.acl:7 should start with user keyword followed by the username. ",
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    assert_eq!(world.call(0, "ACL USERS"), "*2 $3 ann $7 default ");
}

#[test]
fn dry_runs_say_what_would_be_denied() {
    let mut world = World::new(1);
    world.call(0, "ACL SETUSER u +@all -debug %R~read* %W~write* %RW~rw* &chan");
    let mut check = |call: &str, expected: &str| {
        let reply = world.call(0, &format!("ACL DRYRUN u {call}"));
        match expected {
            "" => assert_eq!(reply, "+OK ", "{call}"),
            _ => assert!(reply.contains(&format!("This user has no permissions to {expected}")), "{call}: {reply}"),
        }
    };
    check("GET read", "");
    check("SORT read STORE write", "");
    check("SORT read STORE read", "access the 'read' key");
    check("EVAL x 1 read", "access the 'read' key");
    check("EVAL x 1 rw1", "");
    check("EVAL_RO x 1 read", "");
    check("EVAL x 3 rw read", "");
    check("GEORADIUS read 1 2 3 M STOREDIST write", "");
    check("GEORADIUS read1 1 2 3 M STORE read2", "access the 'read2' key");
    check("HEXISTS write f", "");
    check("EXISTS nothing", "access the 'nothing' key");
    check("PFCOUNT read", "");
    check("PFCOUNT write", "access the 'write' key");
    check("MEMORY USAGE write", "");
    check("OBJECT ENCODING write", "");
    check("XREADGROUP GROUP g c STREAMS read 0", "");
    check("SPUBLISH other x", "access the 'other' channel");
    check("SUNSUBSCRIBE other", "");
    check("DEBUG OBJECT rw", "run the 'debug|object' command");
    assert_eq!(world.call(0, "ACL DRYRUN nobody GET a"), "-ERR User 'nobody' not found ");
    assert_eq!(world.call(0, "ACL DRYRUN u nonsense a"), "-ERR Command 'nonsense' not found ");
    assert_eq!(world.call(0, "ACL DRYRUN u SET a"), "-ERR wrong number of arguments for 'set' command ");
}

#[test]
fn categories_and_passwords_are_given_out() {
    let mut world = World::new(1);
    assert!(world.call(0, "ACL CAT").starts_with("*21 $8 keyspace $4 read "));
    assert!(world.call(0, "ACL CAT scripting").contains("$13 function|list "));
    assert_eq!(world.call(0, "ACL CAT nosuch"), "-ERR Unknown category 'nosuch' ");
    assert_eq!(world.call(0, "ACL GENPASS"), format!("$64 {} ", "5a".repeat(32)));
    assert_eq!(world.call(0, "ACL GENPASS 5"), "$2 5a ");
    assert!(world.call(0, "ACL GENPASS 0").contains("a positive number up to 4096"));
}

proptest! {
    /// What a user is told as makes the same user again, and a rule more that is left out changes nothing.
    #[test]
    fn what_is_told_of_a_user_makes_the_same_user(seed in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 0..10)) {
        let rows: Vec<_> = rows().collect();
        let categories = crate::command::CATEGORIES;
        let (mut user, mut plain) = (User::new(b"u", false), crate::acl::CommandSet::default());
        for (kind, index) in seed {
            let sign = if index.index(2) == 0 { '+' } else { '-' };
            let rule = match kind {
                0 => format!("{sign}{}", categories[index.index(categories.len())]),
                1 if index.index(7) == 0 => format!("{sign}@all"),
                _ => format!("{sign}{}", rows[index.index(rows.len())].full_name()),
            };
            user.apply(rule.as_bytes(), false).unwrap();
            plain = plain.with(crate::acl::Rule::parse(&rule, crate::command::table::find).unwrap());
        }
        let told = user.describe();
        let mut again = User::new(b"u", false);
        for rule in told.split(' ').skip(2) {
            again.apply(rule.as_bytes(), false).unwrap();
        }
        prop_assert_eq!(&told, &again.describe());
        for row in rows {
            let may = user.check(row, &[]).is_ok();
            prop_assert_eq!(may, again.check(row, &[]).is_ok(), "{}", row.full_name());
            let no_auth = row.flags.has(crate::command::Flags::NO_AUTH);
            prop_assert_eq!(may, no_auth || plain.contains(row, &[]), "{} by {}", row.full_name(), told);
        }
    }
}
