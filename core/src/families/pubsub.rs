//! SUBSCRIBE, PUBLISH, PUBSUB: messages to whoever listens now.
//!
//! A subscription's reply has as many parts as it names channels, each a message of its own. In RESP2 a connection that
//! listens may do little else; in RESP3 messages come as pushes, between the replies.

use alloc::{boxed::Box, vec::Vec};

use super::help::{container, reply_help};
use crate::{
    command::{Args, Command, Context, Flags, Group, Handler, Keys},
    error::{Error, Result},
    glob,
    session::Topic,
};

const LISTEN: Flags = Flags::CONNECTION.and(Flags::SERVER_ONLY).and(Flags::NO_SCRIPT);
const TELL: Flags = Flags::FAST.and(Flags::SERVER_ONLY);

const fn row(name: &'static str, arity: i32, flags: Flags, handler: Handler) -> Command {
    Command::new(Group::PubSub, name, arity, flags, Keys::None, handler)
}

const fn inner(name: &'static str, arity: i32, handler: Handler) -> Command {
    row(name, arity, Flags::SERVER_ONLY, handler).inside("pubsub")
}

/// The family's rows.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    row("psubscribe", -2, LISTEN, |ctx, args| subscribe(ctx, args, Topic::Pattern, b"psubscribe"))
        .doc("2.0.0", "O(N) where N is the number of patterns to subscribe to", "pattern [pattern ...]", "Listens for messages published to channels that match one or more patterns."),
    row("publish", 3, TELL, publish)
        .doc("2.0.0", "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client)", "channel message", "Posts a message to a channel."),
    row("pubsub", -2, Flags::SERVER_ONLY, container)
        .doc("2.8.0", "Depends on subcommand", "", "A container for Pub/Sub commands.")
        .with(&[
            inner("channels", -2, |ctx, args| channels(ctx, args, Topic::Channel))
                .doc("2.8.0", "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)", "[pattern]", "Returns the active channels."),
            inner("help", 2, reply_help)
                .doc("6.2.0", "O(1)", "", "Returns helpful text about the different subcommands."),
            inner("numpat", 2, numpat)
                .doc("2.8.0", "O(1)", "", "Returns a count of unique pattern subscriptions."),
            inner("numsub", -2, |ctx, args| numsub(ctx, args, Topic::Channel))
                .doc("2.8.0", "O(N) for the NUMSUB subcommand, where N is the number of requested channels", "[channel [channel ...]]", "Returns a count of subscribers to channels."),
            inner("shardchannels", -2, |ctx, args| channels(ctx, args, Topic::Shard))
                .doc("7.0.0", "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels)", "[pattern]", "Returns the active shard channels."),
            inner("shardnumsub", -2, |ctx, args| numsub(ctx, args, Topic::Shard))
                .doc("7.0.0", "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels", "[shardchannel [shardchannel ...]]", "Returns the count of subscribers of shard channels."),
        ]),
    row("punsubscribe", -1, LISTEN, |ctx, args| unsubscribe(ctx, args, Topic::Pattern, b"punsubscribe"))
        .doc("2.0.0", "O(N) where N is the number of patterns to unsubscribe", "[pattern [pattern ...]]", "Stops listening to messages published to channels that match one or more patterns."),
    row("spublish", 3, TELL, spublish)
        .doc("7.0.0", "O(N) where N is the number of clients subscribed to the receiving shard channel", "shardchannel message", "Posts a message to a shard channel."),
    row("ssubscribe", -2, LISTEN, |ctx, args| subscribe(ctx, args, Topic::Shard, b"ssubscribe"))
        .doc("7.0.0", "O(N) where N is the number of shard channels to subscribe to", "shardchannel [shardchannel ...]", "Listens for messages published to shard channels."),
    row("subscribe", -2, LISTEN, |ctx, args| subscribe(ctx, args, Topic::Channel, b"subscribe"))
        .doc("2.0.0", "O(N) where N is the number of channels to subscribe to", "channel [channel ...]", "Listens for messages published to channels."),
    row("sunsubscribe", -1, LISTEN, |ctx, args| unsubscribe(ctx, args, Topic::Shard, b"sunsubscribe"))
        .doc("7.0.0", "O(N) where N is the number of shard channels to unsubscribe", "[shardchannel [shardchannel ...]]", "Stops listening to messages posted to shard channels."),
    row("unsubscribe", -1, LISTEN, |ctx, args| unsubscribe(ctx, args, Topic::Channel, b"unsubscribe"))
        .doc("2.0.0", "O(N) where N is the number of channels to unsubscribe", "[channel [channel ...]]", "Stops listening to messages posted to channels."),
];

fn subscribe(ctx: &mut Context<'_>, args: &mut Args<'_>, topic: Topic, name: &[u8]) -> Result<()> {
    let held: usize = ctx.session().listening.count(Topic::Channel) + ctx.session().listening.count(Topic::Shard);
    if held + args.len() > ctx.limits.session_channels_max {
        return Err(Error::owned(alloc::format!(
            "ERR a connection listens to {} channels and patterns at most",
            ctx.limits.session_channels_max
        )));
    }
    for channel in args.rest() {
        ctx.sessions.subscribe(ctx.session, topic, channel);
        confirm(ctx, name, Some(channel), topic);
    }
    Ok(())
}

fn unsubscribe(ctx: &mut Context<'_>, args: &mut Args<'_>, topic: Topic, name: &[u8]) -> Result<()> {
    if args.is_empty() {
        let all: Vec<Box<[u8]>> = ctx.session().listening.of(topic).iter().cloned().collect();
        for channel in &all {
            ctx.sessions.unsubscribe(ctx.session, topic, channel);
            confirm(ctx, name, Some(channel), topic);
        }
        if all.is_empty() {
            confirm(ctx, name, None, topic);
        }
        return Ok(());
    }
    for channel in args.rest() {
        ctx.sessions.unsubscribe(ctx.session, topic, channel);
        confirm(ctx, name, Some(channel), topic);
    }
    Ok(())
}

/// Tells a session what it listens to now.
fn confirm(ctx: &mut Context<'_>, name: &[u8], channel: Option<&[u8]>, topic: Topic) {
    let count = ctx.session().listening.count(topic);
    ctx.reply.push(3);
    ctx.reply.bulk(name);
    ctx.reply.bulk_or_null(channel);
    ctx.reply.count(count);
}

fn publish(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (channel, payload) = (args.word()?, args.word()?);
    let count = ctx.sessions.publish(Topic::Channel, channel, payload);
    ctx.sessions.pubsub.pass_on(channel, payload);
    ctx.reply.count(count);
    Ok(())
}

fn spublish(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let (channel, payload) = (args.word()?, args.word()?);
    let count = ctx.sessions.publish(Topic::Shard, channel, payload);
    ctx.reply.count(count);
    Ok(())
}

fn channels(ctx: &mut Context<'_>, args: &mut Args<'_>, topic: Topic) -> Result<()> {
    let pattern = args.take();
    args.end()?;
    let names = ctx.sessions.pubsub.of(topic).keys();
    let wanted: Vec<&[u8]> =
        names.map(|name| &**name).filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name))).collect();
    ctx.reply.array(wanted.len());
    wanted.into_iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

fn numsub(ctx: &mut Context<'_>, args: &mut Args<'_>, topic: Topic) -> Result<()> {
    ctx.reply.array(2 * args.len());
    for name in args.rest() {
        ctx.reply.bulk(name);
        ctx.reply.count(ctx.sessions.pubsub.of(topic).get(*name).map_or(0, |ids| ids.len()));
    }
    Ok(())
}

fn numpat(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    let count = ctx.sessions.pubsub.of(Topic::Pattern).len();
    ctx.reply.count(count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec, vec::Vec};

    use crate::{Engine, EngineOptions, Env, SessionId, engine::Flow};

    struct World {
        engine: Engine,
        sessions: Vec<SessionId>,
    }

    impl World {
        fn new(count: usize) -> Self {
            let mut engine = Engine::new(EngineOptions::default());
            let sessions = (0..count).map(|_| engine.open_session("test", Env::new(0, 0))).collect();
            Self { engine, sessions }
        }

        fn call(&mut self, session: usize, line: &str) -> String {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let mut reply = Vec::new();
            let flow = self.engine.execute(Env::new(1, 1), self.sessions[session], &words, &mut reply);
            assert_eq!(flow, Flow::Continue);
            String::from_utf8(reply).unwrap().replace("\r\n", " ")
        }

        /// The messages that wait, each with its listener.
        fn messages(&mut self) -> Vec<(usize, String)> {
            let messages = core::iter::from_fn(|| self.engine.poll_message());
            let place = |id| self.sessions.iter().position(|other| *other == id).unwrap();
            messages
                .map(|message| (place(message.session), String::from_utf8(message.reply).unwrap().replace("\r\n", " ")))
                .collect()
        }
    }

    #[test]
    fn messages_reach_those_who_listen_and_nobody_else() {
        let mut world = World::new(4);
        world.call(0, "SUBSCRIBE news weather");
        world.call(1, "PSUBSCRIBE n*");
        world.call(2, "HELLO 3");
        world.call(2, "SUBSCRIBE news");
        assert_eq!(world.call(3, "PUBLISH news hi"), ":3 ");
        let told = |mark: &str| alloc::format!("{mark}3 $7 message $4 news $2 hi ");
        assert_eq!(
            world.messages(),
            [(0, told("*")), (2, told(">")), (1, "*4 $8 pmessage $2 n* $4 news $2 hi ".into()),]
        );
        assert_eq!(world.engine.poll_published().map(|published| published.payload), Some(b"hi".to_vec()));
        assert_eq!(world.call(3, "PUBLISH other hi"), ":0 ");
        assert_eq!(world.call(0, "UNSUBSCRIBE news"), "*3 $11 unsubscribe $4 news :1 ");
        world.call(1, "PUNSUBSCRIBE");
        world.engine.close_session(world.sessions[2]);
        assert_eq!(world.call(3, "PUBLISH news hi"), ":0 ");
        assert_eq!(world.messages(), vec![]);
        assert_eq!(world.call(3, "PUBSUB CHANNELS"), "*1 $7 weather ");
        assert_eq!(world.call(3, "PUBSUB NUMSUB weather news"), "*4 $7 weather :1 $4 news :0 ");
        assert_eq!(world.call(3, "PUBSUB NUMPAT"), ":0 ");
    }

    #[test]
    fn who_listens_in_resp2_may_do_little_else() {
        let mut world = World::new(2);
        assert_eq!(world.call(0, "SUBSCRIBE a"), "*3 $9 subscribe $1 a :1 ");
        assert!(world.call(0, "GET k").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
        assert_eq!(world.call(0, "PING"), "*2 $4 pong $0  ");
        assert_eq!(world.call(0, "RESET"), "+RESET ");
        assert_eq!(world.call(0, "GET k"), "$-1 ");
        assert_eq!(world.call(1, "PUBLISH a x"), ":0 ");
        world.call(1, "HELLO 3");
        world.call(1, "SUBSCRIBE a");
        assert_eq!(world.call(1, "GET k"), "_ ");
    }

    #[test]
    fn shard_channels_are_names_of_their_own() {
        let mut world = World::new(2);
        assert_eq!(world.call(0, "SSUBSCRIBE a"), "*3 $10 ssubscribe $1 a :1 ");
        assert_eq!(world.call(0, "SUBSCRIBE a"), "*3 $9 subscribe $1 a :1 ");
        assert_eq!(world.call(1, "SPUBLISH a x"), ":1 ");
        assert_eq!(world.messages(), [(0, "*3 $8 smessage $1 a $1 x ".into())]);
        assert_eq!(world.call(0, "SUNSUBSCRIBE"), "*3 $12 sunsubscribe $1 a :0 ");
        assert_eq!(world.call(1, "PUBSUB SHARDCHANNELS"), "*0 ");
    }

    /// The events that a line of calls causes, as the class letters let them through.
    fn events(classes: &str, lines: &[&str]) -> Vec<String> {
        let mut world = World::new(2);
        world.call(0, &alloc::format!("CONFIG SET notify-keyspace-events {classes}"));
        world.call(1, "PSUBSCRIBE __key*");
        for line in lines {
            world.call(0, line);
        }
        let messages = world.messages().into_iter();
        messages.map(|(_, text)| text.split(' ').skip(6).step_by(2).take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn events_follow_from_what_was_done() {
        let lines =
            ["SET k 1", "INCR k", "SET k 2 EX 100", "APPEND k x", "EXPIRE k 5", "PERSIST k", "RENAME k q", "DEL q"];
        let told = events("KA", &lines);
        let expected = ["k set", "k incrby", "k set", "k expire", "k append", "k expire", "k persist"];
        let expected = expected.iter().chain(&["k rename_from", "q rename_to", "q del"]);
        assert_eq!(told, expected.map(|text| alloc::format!("__keyspace@0__:{text}")).collect::<Vec<_>>());
        let lines =
            ["LPUSH l a b", "LMOVE l m LEFT RIGHT", "LPOP l", "SADD s a", "SMOVE s t a", "ZADD z 1 a", "ZPOPMIN z"];
        let told = events("EAn", &lines);
        let expected = [
            "new l",
            "lpush l",
            "new m",
            "rpush m",
            "lpop l",
            "lpop l",
            "del l",
            "new s",
            "sadd s",
            "srem s",
            "del s",
            "new t",
            "sadd t",
            "new z",
            "zadd z",
            "zpopmin z",
            "del z",
        ];
        assert_eq!(told, expected.map(|text| alloc::format!("__keyevent@0__:{text}")));
    }

    #[test]
    fn fields_of_a_hash_have_events_of_their_own() {
        let lines = [
            "HSET h a 1 b 2",
            "HPEXPIRE h 100 FIELDS 1 a",
            "HPERSIST h FIELDS 2 a b",
            "HPERSIST h FIELDS 2 a b",
            "HINCRBY h a 1",
            "HSETEX h PX 50 FIELDS 1 b 2",
            "HGETEX h PX 70 FIELDS 1 b",
            "HGETEX h PERSIST FIELDS 1 b",
            "HSETEX h PXAT 1 FIELDS 1 b 2",
            "HPEXPIRE h 0 FIELDS 1 a",
            "HSET i a 1",
            "HGETDEL i FIELDS 2 a b",
        ];
        let expected = [
            "h hset",
            "h hexpire",
            "h hpersist",
            "h hincrby",
            "h hset",
            "h hexpire",
            "h hexpire",
            "h hpersist",
            "h hset",
            "h hdel",
            "h hdel",
            "h del",
            "i hset",
            "i hdel",
            "i del",
        ];
        assert_eq!(events("KA", &lines), expected.map(|text| alloc::format!("__keyspace@0__:{text}")));
    }

    #[test]
    fn fields_that_expire_are_told_whether_anybody_looks_or_not() {
        for looks in [true, false] {
            let mut world = World::new(2);
            world.call(0, "CONFIG SET notify-keyspace-events Eghx");
            world.call(0, "HSET h a 1 b 2");
            world.call(0, "HPEXPIRE h 50 FIELDS 1 a");
            world.call(0, "HPEXPIRE h 60 FIELDS 1 b");
            world.call(1, "PSUBSCRIBE *");
            for now in [55, 65] {
                if looks {
                    let words: [&[u8]; 3] = [b"HGET", b"h", b"a"];
                    world.engine.execute(Env::new(now, 1), world.sessions[0], &words, &mut Vec::new());
                } else {
                    world.engine.expire(Env::new(now, 1), 10);
                }
            }
            let told: String = world.messages().into_iter().map(|(_, text)| text).collect();
            let events = ["hexpired", "hexpired", "del"];
            assert_eq!(told.matches("$1 h").count(), events.len(), "{told}");
            assert_eq!((told.matches("hexpired").count(), told.matches("__:del").count()), (2, 1), "{told}");
        }
    }

    #[test]
    fn only_the_classes_that_are_wanted_are_told_and_each_once() {
        assert_eq!(events("El", &["SET k 1", "LPUSH l a"]), ["__keyevent@0__:lpush l"]);
        assert_eq!(events("A", &["SET k 1"]), Vec::<String>::new());
        assert_eq!(events("KEs", &["SADD s a b", "SREM s x"]), ["__keyspace@0__:s sadd", "__keyevent@0__:sadd s"]);
        let lines = ["MULTI", "SET k 1", "LPUSH l a", "EXEC"];
        assert_eq!(events("EA", &lines), ["__keyevent@0__:set k", "__keyevent@0__:lpush l"]);
        let mut world = World::new(1);
        assert!(world.call(0, "CONFIG SET notify-keyspace-events Q").starts_with("-ERR CONFIG SET failed"));
        world.call(0, "CONFIG SET notify-keyspace-events lgKE");
        assert_eq!(world.call(0, "CONFIG GET notify-keyspace-events"), "*2 $22 notify-keyspace-events $4 glKE ");
    }

    #[test]
    fn what_expires_is_told_whether_anybody_looks_or_not() {
        for looks in [true, false] {
            let mut world = World::new(2);
            world.call(0, "CONFIG SET notify-keyspace-events Ex");
            world.call(1, "PSUBSCRIBE *");
            world.call(0, "SET k 1 PX 5");
            if looks {
                let words: [&[u8]; 2] = [b"GET", b"k"];
                world.engine.execute(Env::new(100, 1), world.sessions[0], &words, &mut Vec::new());
            } else {
                world.engine.expire(Env::new(100, 1), 10);
            }
            let told = world.messages();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].1.contains("__keyevent@0__:expired $1 k"), "{told:?}");
        }
    }

    #[test]
    fn a_session_that_is_closed_is_forgotten() {
        let mut world = World::new(1);
        world.call(0, "SUBSCRIBE a b");
        world.call(0, "PSUBSCRIBE c*");
        world.engine.close_session(world.sessions.remove(0));
        assert_eq!(world.engine.publish(b"a", b"x"), 0);
        assert!(!world.engine.has_woken());
    }
}
