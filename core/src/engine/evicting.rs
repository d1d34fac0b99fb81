//! Clients that are ended because all of them together keep too much: what a shell tells of its buffers, and what follows.

use super::Engine;
use crate::session::{Buffers, SessionId};

impl Engine {
    /// Takes in what the shell keeps for a session. Returns whether the session is at an end: its connection is to be closed
    /// without a further reply. Others may be, too, which the errands say.
    pub fn note_buffers(&mut self, id: SessionId, buffers: Buffers) -> bool {
        self.sessions.session_mut(id).buffers = buffers;
        let bytes_max = self.config.clients_bytes_max();
        if bytes_max == 0 {
            return false;
        }
        self.sessions.count_kept(id);
        self.stats.evicted_clients += self.sessions.evict(bytes_max, id, &mut self.errands);
        self.sessions.session_mut(id).killed
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use crate::{
        Engine, EngineOptions, Env, SessionId,
        session::{Buffers, Errand},
    };

    /// An engine with its clients, the first of which is exempt.
    fn world(clients: usize) -> (Engine, Vec<SessionId>) {
        let mut engine = Engine::new(EngineOptions::default());
        let sessions = (0..clients).map(|_| engine.open_session("127.0.0.1:1", Env::new(0, 0))).collect::<Vec<_>>();
        call(&mut engine, sessions[0], "CLIENT NO-EVICT ON");
        (engine, sessions)
    }

    fn call(engine: &mut Engine, session: SessionId, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut reply = Vec::new();
        engine.execute(Env::new(1, 1), session, &words, &mut reply);
        String::from_utf8_lossy(&reply).into_owned()
    }

    fn closed(engine: &mut Engine) -> Vec<SessionId> {
        let errands = core::iter::from_fn(|| engine.poll_errand());
        errands.filter_map(|errand| if let Errand::Close(id) = errand { Some(id) } else { None }).collect()
    }

    fn query(query_bytes: usize) -> Buffers {
        Buffers { query_bytes, output_bytes: 0 }
    }

    #[test]
    fn those_who_keep_most_go_first_and_no_more_than_must() {
        let (mut engine, sessions) = world(5);
        for (index, bytes) in [(0, 900_000), (1, 100_000), (2, 300_000), (3, 200_000)] {
            assert!(!engine.note_buffers(sessions[index], query(bytes)));
        }
        assert_eq!(closed(&mut engine), []);
        call(&mut engine, sessions[0], "CONFIG SET maxmemory-clients 1300000");
        assert_eq!(closed(&mut engine), [sessions[2]]);
        assert!(engine.note_buffers(sessions[4], query(250_000)), "the newcomer keeps most, and is told by the answer");
        assert_eq!(closed(&mut engine), []);
        assert!(!engine.note_buffers(sessions[0], query(1_150_000)));
        assert_eq!(closed(&mut engine), [sessions[3]]);
        let info = call(&mut engine, sessions[0], "INFO stats");
        assert!(info.contains("evicted_clients:3\r\n"), "{info}");
        // Who is exempt stays, though it alone keeps too much, until it isn't exempt any more.
        assert!(!engine.note_buffers(sessions[0], query(5_000_000)));
        assert_eq!(closed(&mut engine), [sessions[1]]);
        call(&mut engine, sessions[0], "CLIENT NO-EVICT OFF");
        assert_eq!(call(&mut engine, sessions[0], "PING"), "");
    }

    #[test]
    fn all_that_grows_with_what_a_client_does_is_counted() {
        type Line = fn(usize) -> String;
        let grows: [(&str, Line); 6] = [
            ("WATCH", |number| format!("WATCH key:{number}")),
            ("SUBSCRIBE", |number| format!("SUBSCRIBE channel:{number}")),
            ("PSUBSCRIBE", |number| format!("PSUBSCRIBE pattern:{number}")),
            ("SSUBSCRIBE", |number| format!("SSUBSCRIBE shard:{number}")),
            ("CLIENT TRACKING", |number| format!("CLIENT TRACKING ON PREFIX {number:012} BCAST")),
            ("MULTI", |number| if number == 0 { "MULTI".into() } else { format!("SET key:{number} value") }),
        ];
        for (name, line) in grows {
            let (mut engine, sessions) = world(2);
            call(&mut engine, sessions[0], "CONFIG SET maxmemory-clients 30000");
            let ended_after = (0..2000).find(|number| {
                call(&mut engine, sessions[1], &line(*number));
                engine.note_buffers(sessions[1], Buffers::default())
            });
            assert!(ended_after.is_some_and(|calls| calls > 50), "{name}: {ended_after:?}");
        }
    }

    #[test]
    fn what_is_let_go_counts_no_more() {
        let (mut engine, sessions) = world(2);
        call(&mut engine, sessions[0], "CONFIG SET maxmemory-clients 100000");
        let shown = |engine: &mut Engine| {
            let list = call(engine, sessions[0], "CLIENT LIST");
            let line = list.lines().find(|line| line.contains("id=2 ")).unwrap_or_default();
            line.split(' ').find_map(|word| word.strip_prefix("tot-mem=")?.parse::<usize>().ok())
        };
        let before = shown(&mut engine);
        assert!(before.is_some());
        let rounds = [
            ["WATCH a b c", "UNWATCH"],
            ["SUBSCRIBE a b c", "UNSUBSCRIBE"],
            ["SUBSCRIBE a b c", "UNSUBSCRIBE a b c"],
            ["CLIENT TRACKING ON BCAST PREFIX abc", "CLIENT TRACKING OFF"],
        ];
        for [begin, end] in rounds {
            call(&mut engine, sessions[1], begin);
            assert!(shown(&mut engine) > before, "{begin}");
            call(&mut engine, sessions[1], end);
            assert_eq!(shown(&mut engine), before, "{end}");
        }
        assert!(!engine.note_buffers(sessions[1], query(90_000)));
        engine.close_session(sessions[1]);
        let next = engine.open_session("127.0.0.1:2", Env::new(0, 0));
        assert!(!engine.note_buffers(next, query(90_000)), "the one before has gone, and so has what it kept");
    }
}
