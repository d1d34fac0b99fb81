//! What replicas push: run in one order with everything else, once.

use alloc::vec::Vec;

use super::{Hub, outgoing::OWN_BYTES};
use crate::{
    blob::Blob,
    command::{self, Command, Flags},
    engine::Engine,
    env::Env,
    error::Error,
    format::{ClientSeq, Origin},
    resp::{Protocol, Reply},
    session::SessionId,
    sync::{
        grant::Grant,
        guess::{Guess, entropy_of},
        message::{CloseReason, Condition, Push, PushedCommand},
        peer::{Own, PeerId},
        planted::{self, Bug},
    },
};

impl Hub {
    pub(super) fn handle_push(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        push: &Push<'_>,
    ) -> Result<(), CloseReason> {
        let Some(peer) = self.peers.get(id.0) else { return Ok(()) };
        let Some(following) = &peer.following else { return Ok(()) };
        let Some(client) = following.clients.get(push.client as usize).copied() else {
            return Err(CloseReason::Malformed("a push in the name of a client that hello didn't name"));
        };
        let session = following.session;
        let mut guess = Guess::new();
        let mut ran = 0;
        for (index, command) in (0..).zip(&push.commands) {
            let seq = ClientSeq(push.first.0.saturating_add(index));
            let done = self.clients.last(client);
            if seq <= done && !planted::has(Bug::SkippedDedup) {
                continue;
            }
            if seq > done.next() {
                return Err(CloseReason::Gap(done.next()));
            }
            let origin = Origin { client, seq };
            self.run_pushed(engine, env, id, push.client, origin, session, command, &mut guess);
            ran += 1;
        }
        let Some(peer) = self.peers.get_mut(id.0) else { return Ok(()) };
        let limit = self.options.limits.outbox_bytes_max.min(peer.grant.limits.pending_bytes_max);
        let Some(following) = &mut peer.following else { return Ok(()) };
        let as_guessed = guess.number() == push.guess || planted::has(Bug::TrustedGuess);
        if ran == push.commands.len() && as_guessed {
            for own in following.own.iter_mut().rev().take(ran) {
                following.reply_bytes -= own.reply.take().map_or(0, |reply| reply.len() + OWN_BYTES);
            }
        }
        if following.reply_bytes > limit {
            return Err(CloseReason::FellBehind);
        }
        self.undurable.insert(id);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one command of a push, with all that the push says of it")]
    fn run_pushed(
        &mut self,
        engine: &mut Engine,
        env: Env,
        id: PeerId,
        client: u32,
        origin: Origin,
        session: SessionId,
        command: &PushedCommand<'_>,
        guess: &mut Guess,
    ) {
        let Some(peer) = self.peers.get_mut(id.0) else { return };
        engine.journal_mut().clear();
        // The server's clock counts; the replica's seed is taken, so that what it drew is drawn again.
        let env = Env { now: env.now, entropy: entropy_of(origin.client, origin.seq) };
        let reply = match peer.following.as_mut().filter(|following| following.is_in_doubt(client)) {
            Some(following) => {
                following.doubt_refused = true;
                in_doubt()
            }
            None => execute_pushed(engine, env, session, &peer.grant, command),
        };
        guess.add(engine.journal_mut().bytes(), &reply);
        let logged = (!planted::has(Bug::ForgottenOrigin)).then_some(origin);
        let at = self.append(engine, env.now, logged);
        self.clients.note(origin.client, origin.seq, at, env.now, &self.options.limits);
        if let Some(following) = self.peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) {
            following.reply_bytes += reply.len() + OWN_BYTES;
            following.own.push_back(Own { at, client, seq: origin.seq, reply: Some(reply) });
        }
    }
}

/// The reply to what may have run before.
fn in_doubt() -> Vec<u8> {
    let mut reply = Vec::new();
    Reply::new(&mut reply, Protocol::Resp3).error(&Error::new(
        "ERR this replica was away for so long that nobody knows whether the command has run; it wasn't run now",
    ));
    reply
}

/// Runs what a replica pushed. Returns the reply.
fn execute_pushed(
    engine: &mut Engine,
    env: Env,
    session: SessionId,
    grant: &Grant,
    command: &PushedCommand<'_>,
) -> Vec<u8> {
    let mut reply = Vec::new();
    if let Err(error) = check(grant, command) {
        Reply::new(&mut reply, Protocol::Resp3).error(&error);
        return reply;
    }
    let db = engine.session_mut(session).db;
    if !command.conditions.iter().all(|condition| holds(engine, env, db, condition)) {
        Reply::new(&mut reply, Protocol::Resp3).null();
        return reply;
    }
    let call = |engine: &mut Engine, call: &[Blob<'_>], reply: &mut Vec<u8>| {
        let words: Vec<&[u8]> = call.iter().map(|word| &**word).collect();
        engine.execute(env, session, &words, reply);
    };
    if !command.transaction {
        command.calls.iter().for_each(|only| call(engine, only, &mut reply));
        return reply;
    }
    let mut scratch = Vec::new();
    engine.execute(env, session, &[b"MULTI"], &mut scratch);
    command.calls.iter().for_each(|queued| call(engine, queued, &mut scratch));
    engine.execute(env, session, &[b"EXEC"], &mut reply);
    reply
}

/// Checks that every call may be pushed, and by this replica, and that it may read the keys of the conditions.
fn check(grant: &Grant, pushed: &PushedCommand<'_>) -> crate::error::Result<()> {
    const REFUSED: Error = Error::new("ERR this command can't be pushed by a replica");
    if !pushed.transaction && pushed.calls.len() != 1 {
        return Err(REFUSED);
    }
    for call in &pushed.calls {
        let words: Vec<&[u8]> = call.iter().map(|word| &**word).collect();
        let pushable = command::find_row(&words).is_ok_and(|(row, _)| is_pushable(row, pushed.transaction));
        if !pushable {
            return Err(REFUSED);
        }
        grant.check_call(&words)?;
    }
    // Whether a condition holds tells what stands there.
    match pushed.conditions.iter().all(|condition| grant.may_read(&condition.key)) {
        true => Ok(()),
        false => Err(Error::new("NOPERM No permissions to access a key that the command's conditions name")),
    }
}

/// Whether a call may be pushed: one that writes, and in a transaction whatever else a replica can run.
fn is_pushable(row: &Command, in_transaction: bool) -> bool {
    let has = |flag| row.flags.has(flag);
    // What would change the session, in which others follow.
    let is_of_session = has(Flags::CONNECTION) && !matches!(row.name, "ping" | "echo");
    let is_harmless = !is_of_session && !has(Flags::NO_QUEUE) && !has(Flags::NO_MULTI);
    (has(Flags::WRITE) || in_transaction && is_harmless) && !has(Flags::ADMIN) && !has(Flags::SERVER_ONLY)
}

/// Whether a key is what the replica saw. The server's clock decides what has expired: a replica that takes a key for
/// gone some milliseconds early is refused, rather than that two hold what only one may.
fn holds(engine: &Engine, env: Env, db: u8, condition: &Condition<'_>) -> bool {
    let entry = engine.keyspace().db(db).find(&condition.key).filter(|entry| !entry.is_expired(env.now));
    entry.map_or(0, crate::keyspace::Entry::digest) == condition.digest
}
