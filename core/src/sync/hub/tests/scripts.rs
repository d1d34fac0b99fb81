//! Scripts that replicas call: what they do is checked, not only what their call names.

use alloc::{boxed::Box, string::String, vec, vec::Vec};

use crate::{
    Engine, EngineOptions, Env,
    acl::CommandSet,
    command::{Args, Context, Interpreter, ScriptAccess, ScriptCommand, ScriptRules, table},
    error::Result,
    format::{ClientId, ClientSeq},
    resp::Protocol,
    sync::{Features, Grant, Hello, Hub, HubOptions, Interest, LogId, ToHub, ToReplica},
};

/// Runs the words of a script as one command, and then `INCR ran`.
#[derive(Debug)]
struct Words;

impl Interpreter for Words {
    fn run(&mut self, _: ScriptCommand, ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
        let script = args.word()?.to_vec();
        let words: Vec<&[u8]> = script.split(|byte| *byte == b' ').collect();
        let rules = ScriptRules { access: ScriptAccess::ReadWrite, protocol: Protocol::Resp2, allows_oom: false };
        let mut reply = Vec::new();
        ctx.call_from_script(&words, rules, &mut reply)?;
        ctx.call_from_script(&[b"INCR", b"a:ran"], rules, &mut Vec::new())?;
        ctx.reply.bulk(&reply);
        Ok(())
    }

    fn may_write(&self, _: &str, _: &[&[u8]]) -> bool {
        true
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

#[test]
fn a_script_may_do_what_its_caller_may_and_is_one_record() {
    let env = Env::new(1_000_000, 3);
    let mut engine = Engine::new(EngineOptions::default());
    engine.set_interpreter(Box::new(Words));
    engine.journal_mut().enable(true);
    let mut hub = Hub::new(HubOptions::default());
    hub.begin_epoch(LogId(1));
    let only = |glob: &str| Interest::new([glob.as_bytes()]);
    let grant = Grant {
        read: only("a:*"),
        write: only("a:*"),
        commands: CommandSet::parse(["@all", "-append"], table::find).unwrap(),
        ..Grant::everything()
    };
    let peer = hub.open_peer(grant);
    let hello = Hello {
        version: 1,
        oldest: 1,
        features: Features::default(),
        db: 0,
        clients: vec![(ClientId([7; 16]), ClientSeq(0))],
        interest: vec![b"a:*".as_slice().into()],
        resume: None,
        credit: 0,
    };
    hub.handle_message(&mut engine, env, peer, &ToHub::Hello(hello).encode());
    let mut replies = Vec::new();
    for (id, script) in (1..).zip(["SET a:1 x", "SET b:1 x", "APPEND a:1 x", "FLUSHALL", "MULTI", "BLPOP a:none 0"]) {
        let before = hub.seq();
        let call = [b"EVAL".as_slice(), script.as_bytes(), b"0"].map(Into::into).to_vec();
        hub.handle_message(&mut engine, env, peer, &ToHub::Call { id, call }.encode());
        let records = hub.seq().0 - before.0;
        hub.handle_durable(hub.seq());
        hub.begin_round();
        while let Some((_, bytes)) = hub.poll_transmit(&engine) {
            if let Ok(ToReplica::Reply { reply, .. }) = ToReplica::decode(&bytes) {
                replies.push((String::from_utf8_lossy(reply.get(..7).unwrap_or(&reply)).into_owned(), records));
            }
        }
    }
    let reply = |text: &str, records| (String::from(text), records);
    assert_eq!(
        replies,
        [
            reply("$5\r\n+OK", 1),
            reply("-NOPERM", 0),
            reply("-NOPERM", 0),
            reply("-NOPERM", 0),
            reply("-ERR Th", 0),
            reply("$5\r\n*-1", 1),
        ]
    );
}
