//! Hostile replicas beside an honest one on one hub: the honest one notices nothing.

use sanderling_core::{
    Env,
    hash::{Rng, hash},
    sync::{Grant, Interest, PeerId, Replica},
};

use super::{
    script::{Script, ScriptWriter},
    server::{LINES, Server, call, env, replica},
    shapes,
};

struct World {
    server: Server,
    honest: Replica,
    peer: PeerId,
    hostile: [Option<PeerId>; 3],
    now_ms: u64,
}

/// Runs a script of what hostile replicas send, and what others do meanwhile.
pub(super) fn run(data: &[u8]) {
    let secret = hash(0, data);
    let mut script = Script::new(data);
    let mut world = World::new(secret);
    for _ in 0..STEPS_MAX {
        let Some(op) = script.next() else { break };
        match op % 16 {
            0..=3 => {
                let which = script.below(3);
                world.send(which, script.block());
            }
            4..=9 => {
                let which = script.below(3);
                let message = shapes::to_hub(&mut script);
                world.send(which, &message);
            }
            10 => world.hang_up(script.below(3)),
            11 => {
                let (env, line) = (world.env(), script.pick(&LINES));
                world.server.call(env, line);
            }
            12 => {
                let (env, line) = (world.env(), script.pick(&LINES));
                call(&mut world.honest, env, line);
            }
            13 => world.stall(script.below(3), script.byte().is_multiple_of(2)),
            14 => world.now_ms += script.number() % 100_000,
            _ => {
                let env = world.env();
                world.server.tick(env);
            }
        }
        world.pump(op % 2 == 0);
    }
    world.settle();
}

impl World {
    fn new(secret: u64) -> Self {
        let mut server = Server::new(secret);
        for line in LINES.iter().take(12) {
            server.call(env(0), line);
        }
        let mut honest = replica(secret, 1);
        let peer = server.open(Grant::everything());
        honest.handle_connected(env(0));
        let mut world = Self { server, honest, peer, hostile: [None; 3], now_ms: 0 };
        world.server.converge(env(0), peer, &mut world.honest).expect("one connection is enough");
        world
    }

    fn env(&self) -> Env {
        env(self.now_ms)
    }

    /// A hostile replica may write keys of its own, and read all.
    fn send(&mut self, which: usize, message: &[u8]) {
        let write = Interest::new([b"evil:*".as_slice()]);
        let server = &mut self.server;
        let peer = *self.hostile[which].get_or_insert_with(|| server.open(Grant { write, ..Grant::everything() }));
        server.take(env(self.now_ms), peer, message);
    }

    fn hang_up(&mut self, which: usize) {
        if let Some(peer) = self.hostile[which].take() {
            self.server.close(self.env(), peer);
        }
    }

    fn stall(&mut self, which: usize, stalled: bool) {
        if let Some(peer) = self.hostile[which] {
            self.server.hub.handle_writable(peer, !stalled);
        }
    }

    fn pump(&mut self, deliver: bool) {
        let env = self.env();
        if deliver {
            while let Some(message) = self.honest.poll_transmit() {
                self.server.take(env, self.peer, &message);
            }
        }
        for (to, message) in self.server.poll() {
            if to == self.peer {
                self.honest.handle_message(env, &message).expect("an honest hub is believed");
            }
        }
        while self.honest.poll_event().is_some() {}
        while let Some((closed, reason)) = self.server.hub.poll_close() {
            assert!(closed != self.peer, "the honest replica's connection is closed: {reason:?}");
            self.hostile.iter_mut().filter(|own| **own == Some(closed)).for_each(|own| *own = None);
            self.server.close(env, closed);
        }
    }

    fn settle(&mut self) {
        let env = self.env();
        self.server.converge(env, self.peer, &mut self.honest).expect("one connection is enough");
        for which in 0..3 {
            self.hang_up(which);
        }
        self.server.converge(env, self.peer, &mut self.honest).expect("one connection is enough");
        let status = self.honest.status();
        assert_eq!(status.pending, 0, "the honest replica's commands are answered");
        self.honest.settle();
        let digests = [self.honest.engine(), &self.server.engine].map(|engine| engine.keyspace().db(0).digest());
        assert_eq!(digests[0], digests[1], "the honest replica agrees with the server");
        assert_eq!(self.server.engine.sessions().len(), 2, "no session of a hostile replica is left");
    }
}

/// Conversations of an honest replica, from the mouth of a hostile one.
pub(super) fn seeds(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..12).map(|_| seed(rng)).collect()
}

fn seed(rng: &mut Rng) -> Vec<u8> {
    let mut script = ScriptWriter::default();
    let mut server = Server::new(1);
    let mut own = replica(rng.next_u64(), 1);
    let peer = server.open(Grant::everything());
    for _ in 0..rng.below(10) {
        server.call(env(0), LINES[rng.index(LINES.len())]);
    }
    own.handle_connected(env(0));
    for step in 0..3 + rng.below(8) {
        match rng.below(8) {
            0 => drop(own.subscribe(env(0), &[b"evil:*"], &[])),
            1 => drop(own.fetch(&[b"s", b"l"])),
            2 => drop(own.call(&[b"GET", b"s"])),
            3 => own.presence(b"evil:here", Some(b"x")),
            4 => own.listen(&[b"news"], &[]),
            5 => drop(own.publish(b"news", b"hello")),
            _ => {}
        }
        call(&mut own, env(0), &format!("RPUSH evil:l {step} {}", rng.below(1000)));
        call(&mut own, env(0), LINES[rng.index(LINES.len() - 1)]);
        while let Some(message) = own.poll_transmit() {
            script.byte(0).byte(0).block(&message);
            server.take(env(0), peer, &message);
        }
        for (_, message) in server.poll() {
            own.handle_message(env(0), &message).expect("an honest hub is believed");
        }
        match rng.below(4) {
            0 => drop(script.byte(4).byte(rng.below(3) as u8)),
            1 => drop(script.byte(11 + 2 * rng.below(2) as u8).byte(rng.below(256) as u8)),
            _ => {}
        }
        for _ in 0..rng.below(12) {
            script.byte(rng.below(256) as u8);
        }
    }
    script.0
}

/// Steps of one script.
const STEPS_MAX: usize = 200;
