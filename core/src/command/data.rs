//! What a handler may do with data: read keys of the selected database, and apply effects to them.

use alloc::vec::Vec;

#[cfg(feature = "server")]
use super::notify::Happening;
use crate::{
    blob::Blob,
    effect::{Applied, Change, Collection, Effect, Removal, Undo},
    env::{Env, UnixMillis},
    error::{Error, Result},
    format::Journal,
    hash::Rng,
    keyspace::{Db, Due, Entry, Keyspace, Value},
    role::Role,
    types::{
        hash::{Hash, HashChange, HashView},
        string::Str,
    },
};

/// The selected database, as a handler sees it.
///
/// Keys whose deadline has passed are absent here. A primary removes them when they are met; a replica hides them
/// and waits for the primary's word, except before its own write, which would otherwise fall on the remains.
#[derive(Debug)]
pub struct Data<'a> {
    pub(crate) keyspace: &'a mut Keyspace,
    pub(crate) journal: &'a mut Journal,
    pub(crate) undos: Option<&'a mut Vec<Undo>>,
    pub(crate) env: Env,
    pub(crate) role: Role,
    pub(crate) db: u8,
    /// The running command may write.
    pub(crate) writing: bool,
    /// Draws made by this call so far, so that two draws of one call differ.
    pub(crate) draws: u64,
    /// What reading met so far.
    pub(crate) lookups: Lookups,
    /// What became of keys, if somebody is to be told.
    #[cfg(feature = "server")]
    pub(crate) happenings: Option<Vec<Happening>>,
    /// Clients are paused: nothing goes of itself.
    #[cfg(feature = "server")]
    pub(crate) is_paused: bool,
    /// Reading a key counts as a use of it.
    #[cfg(feature = "server")]
    pub(crate) touches: bool,
}

/// What the reads of a call met.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lookups {
    /// Keys that were there.
    pub(crate) hits: u64,
    /// Keys that weren't.
    pub(crate) misses: u64,
    /// Keys that were removed because their deadline had passed.
    pub(crate) expired: u64,
    /// A command of a script has read.
    #[cfg(feature = "server")]
    pub(crate) in_script: bool,
}

impl Data<'_> {
    /// The moment at which the call runs.
    pub fn now(&self) -> UnixMillis {
        self.env.now
    }

    /// The selected database's index.
    pub fn db_index(&self) -> u8 {
        self.db
    }

    /// The selected database, with the keys in it whose deadline has passed.
    pub fn db(&self) -> &Db {
        self.keyspace.db(self.db)
    }

    /// A generator for this call, seeded from its environment.
    pub fn rng(&mut self) -> Rng {
        self.draws += 1;
        rng_of(self.env.entropy, self.draws)
    }

    /// The entry of a key, `None` if it's absent or its deadline has passed.
    pub fn entry(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.settle(key);
        self.peek(key)
    }

    /// Brings keys that are about to be used near the processor, a few at most; see [`Db::warm`]. Each takes
    /// `step` of the words. A replica's few keys are near enough.
    #[cfg_attr(not(feature = "server"), expect(clippy::unused_self, reason = "nothing is done"))]
    pub(crate) fn warm(&self, _words: &[&[u8]], _step: usize) {
        #[cfg(feature = "server")]
        if _words.len() > _step {
            self.db().warm(_words.iter().step_by(_step).copied());
        }
    }

    /// The value of a key, `None` if it's absent or its deadline has passed.
    pub fn value(&mut self, key: &[u8]) -> Option<Value<'_>> {
        self.entry(key).map(|entry| entry.value)
    }

    /// Whether a key is there.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some()
    }

    /// The string at a key.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn string(&mut self, key: &[u8]) -> Result<Option<Str<'_>>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(Error::WRONG_TYPE),
        }
    }

    /// The collection at a key: `data.get::<Hash>(key)?`.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn get<C: Collection + 'static>(&mut self, key: &[u8]) -> Result<Option<C::Borrowed<'_>>> {
        self.settle(key);
        self.peek_as::<C>(key)
    }

    /// The hash at a key, without the fields whose deadline has passed.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn hash(&mut self, key: &[u8]) -> Result<Option<HashView<'_>>> {
        self.settle(key);
        self.peek_hash(key)
    }

    /// The same without removing anything.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn peek_hash(&self, key: &[u8]) -> Result<Option<HashView<'_>>> {
        Ok(self.peek_as::<Hash>(key)?.map(|hash| HashView::new(hash, self.env.now)))
    }

    /// Removes the key, or the fields of the hash at it, if its deadline has passed and removing is this engine's business.
    ///
    /// Call it for each key before reading several at once with [`Data::peek`].
    pub fn settle(&mut self, key: &[u8]) {
        #[cfg(feature = "server")]
        let touches = self.touches;
        #[cfg(not(feature = "server"))]
        let touches = true;
        self.settle_with(key, touches);
    }

    /// The entry of a key, without that counting as a use of it.
    pub fn look(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.settle_with(key, false);
        self.peek(key)
    }

    fn settle_with(&mut self, key: &[u8], touch: bool) {
        let (now, aging, entropy) = (self.env.now, self.keyspace.aging, self.env.entropy ^ self.keyspace.changes());
        let found = self.keyspace.db_mut(self.db).touch(key, now, |stamp| match stamp {
            Some(stamp) if touch => aging.used(stamp, now, &mut Rng::new(entropy)),
            Some(stamp) => stamp,
            None => aging.fresh(now),
        });
        if !self.writing {
            let hit = match found {
                Some(Due::Nothing) => true,
                Some(Due::Parts) => self.peek(key).is_some(),
                Some(Due::Key) | None => false,
            };
            self.lookups.hits += u64::from(hit);
            self.lookups.misses += u64::from(!hit);
        }
        if self.role != Role::Primary && !self.writing {
            return;
        }
        #[cfg(feature = "server")]
        if self.is_paused && !self.writing {
            return;
        }
        match found {
            Some(Due::Key) => {
                self.apply(&Effect::new(key, Change::Delete(Removal::Expired)));
                self.lookups.expired += 1;
            }
            Some(Due::Parts) => {
                let fields = self.db().find(key).map(|entry| due_fields(entry, now, usize::MAX)).unwrap_or_default();
                self.apply(&Effect::new(key, Change::Hash(HashChange::Expire(fields))));
            }
            Some(Due::Nothing) | None => {}
        }
    }

    /// The entry of a key without removing an expired one, for reading several keys at once.
    pub fn peek(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.keyspace.db(self.db).find(key).filter(|entry| !entry.is_expired(self.env.now))
    }

    /// The collection at a key without removing an expired one.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn peek_as<C: Collection + 'static>(&self, key: &[u8]) -> Result<Option<C::Borrowed<'_>>> {
        match self.peek(key) {
            None => Ok(None),
            Some(entry) => C::of(entry.value).map(Some).ok_or(Error::WRONG_TYPE),
        }
    }

    /// Applies an effect to the selected database, and logs it if it changed anything.
    ///
    /// The key must have been read before (or [settled](Data::settle)), or an expired value would be changed.
    pub fn apply(&mut self, effect: &Effect<'_>) -> Applied {
        self.apply_in(self.db, effect)
    }

    /// Applies an effect to another database.
    pub fn apply_in(&mut self, db: u8, effect: &Effect<'_>) -> Applied {
        #[cfg(feature = "server")]
        let happening = match self.happenings {
            Some(_) => Some(Happening::before(self.keyspace, db, effect)),
            None => None,
        };
        let applied = self.keyspace.apply(db, effect, self.undos.as_deref_mut());
        if applied.changed {
            self.journal.record(db, effect);
        }
        #[cfg(feature = "server")]
        if let (Some(happening), Some(happenings)) = (happening, &mut self.happenings)
            && (applied.changed || happening.is_told_unchanged())
        {
            happenings.push(happening.after(self.keyspace));
        }
        applied
    }

    /// Runs `act` with the database `db` selected.
    pub fn within<R>(&mut self, db: u8, act: impl FnOnce(&mut Self) -> R) -> R {
        let selected = core::mem::replace(&mut self.db, db);
        let result = act(self);
        self.db = selected;
        result
    }

    /// Removes a key; returns whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.settle(key);
        self.apply(&Effect::delete(key)).changed
    }
}

/// The generator that a call with this entropy gets for a draw, its first being draw 1.
pub(crate) const fn rng_of(entropy: u64, draw: u64) -> Rng {
    Rng::new(entropy.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The fields of the hash that an entry holds which are due at `now`, `count_max` at most, detached from it.
pub(crate) fn due_fields(entry: Entry<'_>, now: UnixMillis, count_max: usize) -> Vec<Blob<'static>> {
    let Value::Hash(hash) = entry.value else { return Vec::new() };
    hash.due(now, count_max).into_iter().map(|field| field.to_vec().into()).collect()
}
