//! Users who ask for more at once than a server takes, or for more than fits into a message.

use sanderling_core::resp::Value;

use super::world::World;

impl World {
    /// Many calls at once, most of which wait.
    pub(super) fn burst_calls(&mut self, index: usize) {
        for _ in 0..=self.rng.below(6) {
            let words: &[&[u8]] = match self.rng.below(4) {
                0 => &[b"GET", b"k:0"],
                1 => &[b"BLPOP", b"queue", b"0.2"],
                _ => &[b"BLPOP", b"queue", b"0"],
            };
            let node = &mut self.nodes[index];
            let id = node.replica.call(words);
            node.asked.insert(id);
        }
    }

    /// Many changes of interest at once.
    pub(super) fn burst_interest(&mut self, index: usize) {
        for _ in 0..=self.rng.below(6) {
            self.change_interest(index);
        }
    }

    /// Channels, messages and presence, more than a small server takes.
    pub(super) fn burst_talk(&mut self, index: usize) {
        for _ in 0..=self.rng.below(4) {
            let number = self.rng.below(PRESENCES);
            let (here, room) = (format!("here:{index}:{number}"), format!("room:{number}"));
            let replica = &mut self.nodes[index].replica;
            match self.rng.below(6) {
                0 | 1 => replica.presence(here.as_bytes(), Some(b"x")),
                2 => replica.presence(here.as_bytes(), None),
                3 => replica.listen(&[room.as_bytes()], &[]),
                4 => replica.listen(&[], &[room.as_bytes()]),
                _ => drop(replica.publish(room.as_bytes(), b"hello")),
            }
        }
    }

    /// A command that a small server has no message for: refused at once, or in its turn.
    pub(super) fn call_too_long(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        let is_too_long = self.server.options.limits.sync_message_bytes_max < LONG;
        let (key, value) = (format!("k:{}", self.rng.below(4)), vec![b'7'; LONG]);
        let node = &mut self.nodes[index];
        match self.rng.below(3) {
            0 => {
                node.call(env, &[b"MULTI"]);
                node.call(env, &[b"INCR", b"k:0"]);
                node.call(env, &[b"SET", key.as_bytes(), &value]);
                let (_, seq) = node.call(env, &[b"EXEC"]);
                seq.into_iter().for_each(|_| node.pushed_last().calls = Some(2));
                seq
            }
            _ => node.call(env, &[b"SET", key.as_bytes(), &value]).1,
        }
        .map_or_else(
            || self.report.note("commands that were refused at once"),
            |_| self.nodes[index].pushed_last().is_too_long = is_too_long,
        );
    }

    /// Keys are deleted and then not wanted any more, before the server knows of either.
    pub(super) fn delete_and_unsubscribe(&mut self, index: usize) {
        let env = self.env(self.nodes[index].skew_ms);
        if self.rng.below(2) == 0 {
            self.cut(index);
        }
        let node = &mut self.nodes[index];
        let shown = node.content();
        for key in shown.keys().filter(|key| key.starts_with(b"bulk:")).take(4) {
            let (reply, _) = node.call(env, &[b"DEL", key]);
            // One that has expired is gone already.
            self.report.note_many("deletions before the interest changed", u64::from(reply == Value::Integer(1)));
        }
        // Each may have been added more than once.
        let globs: [&[u8]; 10] =
            [b"bulk:*", b"bulk:*", b"bulk:*", b"bulk:1?", b"bulk:1?", b"bulk:7", b"bulk:7", b"*0", b"*0", b"*0"];
        let id = node.replica.subscribe(env, &[], &globs);
        node.asked.insert(id);
    }

    /// Everything is deleted while more is coming in: some of the load is here, and the rest isn't.
    pub(super) fn flush_while_loading(&mut self, index: usize) {
        let (env, now) = (self.env(self.nodes[index].skew_ms), self.env(0));
        self.server.call(now, &BULK);
        let node = &mut self.nodes[index];
        if node.replica.known().contains(b"bulk:other") {
            return self.delete_and_unsubscribe(index);
        }
        if !node.replica.is_subscribing() {
            let id = node.replica.subscribe(env, &[b"bulk:*"], &[]);
            node.asked.insert(id);
        }
        self.send_all_up(index);
        self.server.sync_disk(&mut self.rng);
        if let Some(connection) = &self.nodes[index].connection {
            self.server.hub.handle_writable(connection.peer, true);
        }
        // One message at a time, and others get theirs, too.
        for _ in 0..1 + self.rng.below(12) {
            self.pump(false);
            self.deliver_down(index);
        }
        let flush: &[u8] = if self.rng.below(2) == 0 { b"FLUSHDB" } else { b"FLUSHALL" };
        let node = &mut self.nodes[index];
        if node.replica.is_subscribing() {
            node.call(env, &[flush]);
            self.report.note("flushes while a subscription was under way");
        }
        self.send_all_up(index);
    }

    /// Lets the server have all that a replica has to say.
    fn send_all_up(&mut self, index: usize) {
        for token in self.nodes[index].drain(&mut self.report) {
            self.oracle.acknowledge(token);
        }
        while self.nodes[index].connection.as_ref().is_some_and(|connection| !connection.up.is_empty()) {
            self.deliver_up(index);
        }
    }

    /// A tab that is closed again and again, each time with something stored that nobody has seen.
    pub(super) fn crash_often(&mut self, index: usize) {
        for _ in 0..3 {
            self.call_replica(index);
            self.nodes[index].store();
            self.crash_replica(index);
        }
    }

    /// Lets nobody be present any more. Each connection that comes or goes writes presence; where the log that is kept
    /// in memory is the smallest, that alone would drop everybody out of it again.
    pub(super) fn end_presence(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            for number in 0..PRESENCES {
                node.replica.presence(format!("here:{index}:{number}").as_bytes(), None);
            }
        }
    }

    /// Lets calls that wait have what they wait for.
    pub(super) fn serve_calls(&mut self) {
        let env = self.env(0);
        if self.nodes.iter().any(|node| !node.asked.is_empty()) {
            self.server.call(env, &[b"RPUSH", b"queue", b"x"]);
        }
    }
}

/// Keys of presence that a replica may have.
const PRESENCES: u64 = 4;

/// Something to load.
const BULK: [&[u8]; 13] =
    [b"MSET", b"bulk:0", b"x", b"bulk:1", b"x", b"bulk:2", b"x", b"bulk:10", b"x", b"bulk:11", b"x", b"bulk:12", b"x"];

/// Longer than the messages of a small server.
const LONG: usize = 1300;
