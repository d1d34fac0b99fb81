//! One pass over a database for all replicas that are being brought keys.
//!
//! ```text
//!  keys in the order of scans   [ ................. | slice | ............... ]
//!                                           scanned ↑       ↑ scanned
//!  each key of the slice ──▶ index of those who wait ──▶ noted for those whose interest has it
//! ```
//! A replica whose interest is some prefixes would have to look at every key to find its few. So those who wait take part
//! in a common pass: each key is looked at once, and the index says whom it concerns. What is noted of a key is its name;
//! its value is read when the replica can take it. A key that is written between comes to those who have been past its
//! place by [`Hub::note_written`], so what is noted is never short of a key.
//!
//! Who comes while a pass is under way waits for the next. Who can't take what was noted for it stays where it is, and
//! goes on in a later pass. Where all keys are wanted there is nothing to find, and where all are wanted by name nothing
//! to look through: such loads don't take part.

use alloc::{collections::BTreeMap, vec::Vec};

use super::Hub;
use crate::{
    effect::Change,
    engine::Engine,
    format::effects,
    sync::{
        interest::{Interest, InterestIndex},
        load::{SCANNED, Step},
        message::CloseReason,
        peer::{Following, Peer, PeerId},
    },
};

/// Those who are being brought keys of one database.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    members: BTreeMap<PeerId, Interest>,
    index: InterestIndex,
    /// Where the pass has come to.
    place: u64,
}

impl Sweep {
    /// Where the next slice begins: where the pass is, or, if nobody goes on from there, at the first place from which
    /// somebody does.
    fn next_place(&self, peers: &slab::Slab<Peer>, noted_max: usize) -> Option<u64> {
        let places = self.members.keys().filter_map(|id| following(peers, *id)?.scans_from(noted_max));
        places.min_by_key(|place| (*place != self.place, *place))
    }
}

impl Hub {
    /// Lets a replica take part in the common pass, unless it does.
    pub(super) fn join_sweep(&mut self, id: PeerId) {
        let Some(following) = following(&self.peers, id) else { return };
        let Some(interest) = following.steps.front().and_then(|step| step.swept(&following.known)) else { return };
        let sweep = self.sweeps.entry(following.db).or_default();
        if !sweep.members.contains_key(&id) {
            sweep.index.insert(id.0, interest);
            sweep.members.insert(id, interest.clone());
        }
    }

    /// Lets a replica take part no more.
    pub(super) fn leave_sweep(&mut self, db: u8, id: PeerId) {
        if let Some(sweep) = self.sweeps.get_mut(&db)
            && let Some(interest) = sweep.members.remove(&id)
        {
            sweep.index.remove(id.0, &interest);
            if sweep.members.is_empty() {
                self.sweeps.remove(&db);
            }
        }
    }

    /// Whether a pass can go on.
    pub(super) fn wants_sweep(&self) -> bool {
        self.sweeps.values().any(|sweep| sweep.next_place(&self.peers, self.noted_max()).is_some())
    }

    /// Looks at the next keys. Returns whether there was anybody to look for.
    pub(super) fn sweep(&mut self, engine: &Engine) -> bool {
        let (noted_max, noted_min, seq) = (self.noted_max(), self.noted_min(), self.seq);
        let Self { sweeps, peers, classes, hits, .. } = self;
        let found = sweeps.iter_mut().find_map(|(number, sweep)| {
            let from = sweep.next_place(peers, noted_max)?;
            Some((*number, sweep, from))
        });
        let Some((number, sweep, from)) = found else { return false };
        let db = engine.keyspace().db(number);
        for id in sweep.members.keys() {
            if let Some(following) = peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) {
                following.sweeping = following.scans_from(noted_max) == Some(from);
            }
        }
        let mut entries = 0;
        let next = db.scan(from, self.options.slice_keys, |entry| {
            entries += 1;
            hits.clear();
            sweep.index.visit(entry.key, |id| hits.push(id));
            hits.sort_unstable();
            hits.dedup();
            let mut digest = None;
            for id in hits.iter() {
                let Some(following) = peers.get_mut(*id).and_then(|peer| peer.following.as_mut()) else { continue };
                if !following.sweeping {
                    continue;
                }
                if classes.get(following.class).is_none_or(|class| !class.wants(number, entry.key)) {
                    continue;
                }
                let Following { steps, known, .. } = &mut **following;
                match steps.front_mut() {
                    Some(Step::Load(load)) if load.covers(known, entry.key) => {
                        load.note(db.place(entry.key), entry.key);
                    }
                    Some(Step::Digest(sums)) => {
                        sums.ours.add_digest(entry.key, *digest.get_or_insert_with(|| entry.digest()));
                    }
                    _ => {}
                }
            }
        });
        self.budget = self.budget.saturating_sub(COST * entries.max(1));
        sweep.place = next;
        let scanned = if next == 0 { SCANNED } else { next };
        let mut ready = Vec::new();
        for id in sweep.members.keys() {
            let Some(following) = peers.get_mut(id.0).and_then(|peer| peer.following.as_mut()) else { continue };
            if !core::mem::take(&mut following.sweeping) {
                continue;
            }
            let is_ready = match following.steps.front_mut() {
                Some(Step::Load(load)) => {
                    load.scanned = scanned;
                    load.is_ready(noted_min)
                }
                Some(Step::Digest(digest)) => {
                    digest.pass(seq, scanned, following.cursor);
                    scanned == SCANNED
                }
                _ => false,
            };
            if is_ready {
                ready.push(*id);
            }
        }
        ready.into_iter().for_each(|id| self.wake(id));
        true
    }

    /// Takes in what the record that is being appended writes: keys at places that a pass has left behind are noted for
    /// those who haven't been sent them.
    pub(super) fn note_written(&mut self, engine: &Engine, record: &[u8]) {
        if self.sweeps.is_empty() {
            return;
        }
        let noted_max = NOTED_WRITES * self.noted_max();
        for (number, effect) in effects(record).flatten() {
            let Some(sweep) = self.sweeps.get(&number) else { continue };
            if matches!(effect.change, Change::Flush) {
                continue;
            }
            let mut behind = Vec::new();
            let place = engine.keyspace().db(number).place(&effect.key);
            let peers = &mut self.peers;
            sweep.index.visit(&effect.key, |id| {
                let Some(following) = peers.get_mut(id).and_then(|peer| peer.following.as_mut()) else { return };
                let Following { steps, known, .. } = &mut **following;
                if let Some(Step::Load(load)) = steps.front_mut()
                    && (load.passed..load.scanned).contains(&place)
                    && load.covers(known, &effect.key)
                {
                    load.note(place, &effect.key);
                    if load.noted.len() > noted_max && load.tidy() > noted_max {
                        behind.push(PeerId(id));
                    }
                }
            });
            behind.into_iter().for_each(|id| self.close(id, CloseReason::FellBehind));
        }
    }

    /// Keys that are noted for a replica before it stays behind.
    fn noted_max(&self) -> usize {
        4 * self.options.slice_keys
    }

    /// Keys that are worth a message.
    pub(super) fn noted_min(&self) -> usize {
        self.options.slice_keys.div_ceil(4)
    }
}

fn following(peers: &slab::Slab<Peer>, id: PeerId) -> Option<&Following> {
    peers.get(id.0)?.following.as_deref()
}

/// What a key of a pass costs of a round's budget: it is looked for in an index, which a key of a replica's own load isn't.
const COST: usize = 4;

/// How many times as many keys may be noted for a replica because they were written as because they were found. One that
/// takes nothing while more is written has to come back later.
const NOTED_WRITES: usize = 4;
