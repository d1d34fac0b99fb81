//! All users, and what follows for the connections when one of them changes.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::{Denial, Log, User, UserStore};
use crate::{
    command::Command,
    config::Config,
    session::{Errand, Session, SessionId, Sessions, Topic, UserId},
};

/// The users of an engine. The one named `default` is always there.
#[derive(Debug)]
pub struct Users {
    ids: BTreeMap<Box<[u8]>, UserId>,
    users: BTreeMap<UserId, User>,
    made: u32,
    pub(crate) log: Log,
    /// Whether users begin with all channels: `acl-pubsub-default`.
    pub(crate) all_channels: bool,
    pub(crate) store: Option<Box<dyn UserStore>>,
}

impl Default for Users {
    fn default() -> Self {
        let user = User::default_user();
        Self {
            ids: [(user.name.clone(), UserId::DEFAULT)].into(),
            users: [(UserId::DEFAULT, user)].into(),
            made: 0,
            log: Log::default(),
            all_channels: false,
            store: None,
        }
    }
}

impl Users {
    /// Users of which the default one asks for a password, if there is one.
    pub(crate) fn with_password(password: Option<&[u8]>) -> Self {
        let mut users = Self::default();
        users.default_mut(|user| user.set_password(password));
        users
    }

    fn default_mut(&mut self, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.get_mut(&UserId::DEFAULT) {
            change(user);
        }
    }

    /// Hands over what keeps users in a file.
    pub fn set_store(&mut self, store: Box<dyn UserStore>) {
        self.store = Some(store);
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<&User> {
        self.ids.values().filter_map(|id| self.users.get(id)).collect()
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<(UserId, &User)> {
        let id = *self.ids.get(name)?;
        self.users.get(&id).map(|user| (id, user))
    }

    /// The user of a connection; of one that nothing is asked of, and of one whose user has gone, none.
    pub(crate) fn of(&self, session: &Session) -> Option<&User> {
        self.users.get(&session.user?)
    }

    /// The name of a connection's user.
    pub(crate) fn name_of(&self, session: &Session) -> &[u8] {
        self.of(session).map_or(b"default", |user| &user.name)
    }

    /// Whether a new connection is the default user's without logging in.
    pub(crate) fn is_open(&self) -> bool {
        self.users.get(&UserId::DEFAULT).is_some_and(User::is_open)
    }

    /// Checks a call of a connection, given as its words, the name first.
    pub(crate) fn check(&self, session: &Session, row: &Command, words: &[&[u8]]) -> Result<(), Denial> {
        match session.user {
            None => Ok(()),
            Some(id) => self.users.get(&id).map_or(Err(Denial::Command), |user| user.check(row, words)),
        }
    }

    /// Whether a connection may make a call.
    pub(crate) fn may_call(&self, session: &Session, row: &Command, words: &[&[u8]]) -> bool {
        session.trusted || self.check(session, row, words).is_ok()
    }

    /// Takes in a new connection: it is the default user's.
    pub(crate) fn welcome(&self, session: &mut Session) {
        self.assign(session, UserId::DEFAULT, self.is_open());
    }

    /// Takes in what was set that concerns users.
    pub(crate) fn follow(&mut self, config: &mut Config, sessions: &mut Sessions) {
        self.all_channels = config.value("acl-pubsub-default") == Some("allchannels");
        self.log.len_max = config.value("acllog-max-len").and_then(|len| len.parse().ok()).unwrap_or(usize::MAX);
        if let Some(password) = config.take_password() {
            let password = (!password.is_empty()).then_some(password.as_bytes());
            self.default_mut(|user| user.set_password(password));
            self.refresh(sessions);
        }
    }

    /// Makes a connection a user's, logged in or not.
    pub(crate) fn assign(&self, session: &mut Session, id: UserId, authenticated: bool) {
        session.user = Some(id);
        session.authenticated = authenticated;
        session.trusted = authenticated && self.users.get(&id).is_some_and(User::may_do_all);
    }

    /// Makes or replaces a user.
    pub(crate) fn put(&mut self, user: User) -> UserId {
        let id = match self.ids.get(&user.name) {
            Some(id) => *id,
            None => {
                self.made += 1;
                UserId(self.made)
            }
        };
        self.ids.insert(user.name.clone(), id);
        self.users.insert(id, user);
        id
    }

    /// Removes a user, but never the default one. Returns whose connections are to be ended.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<UserId> {
        if name == b"default" {
            return None;
        }
        let id = self.ids.remove(name)?;
        self.users.remove(&id);
        Some(id)
    }

    /// Replaces all users. Returns whose connections are to be ended: those of everybody but the default user.
    pub(crate) fn replace_all(&mut self, users: Vec<User>) -> Vec<UserId> {
        let gone: Vec<UserId> = self.ids.values().copied().filter(|id| *id != UserId::DEFAULT).collect();
        self.ids.clear();
        self.users.clear();
        self.ids.insert((*b"default").into(), UserId::DEFAULT);
        self.users.insert(UserId::DEFAULT, User::default_user());
        users.into_iter().for_each(|user| _ = self.put(user));
        gone
    }

    /// Brings every connection up to date with what its user may do now.
    pub(crate) fn refresh(&self, sessions: &mut Sessions) {
        for session in sessions.iter_mut() {
            if let Some(id) = session.user {
                // Where nobody has to log in any more, nobody does.
                let authenticated = session.authenticated || id == UserId::DEFAULT && self.is_open();
                self.assign(session, id, authenticated);
            }
        }
    }

    /// Which connections of a user listen to what it may not listen to.
    pub(crate) fn trespassers(&self, sessions: &Sessions, id: UserId) -> Vec<SessionId> {
        let Some(user) = self.users.get(&id) else { return Vec::new() };
        let is_one = |session: &Session| {
            let topics = [(Topic::Pattern, true), (Topic::Channel, false), (Topic::Shard, false)];
            let mut names = topics.iter().flat_map(|(topic, is_pattern)| {
                session.listening.of(*topic).iter().map(move |name| (name, *is_pattern))
            });
            session.user == Some(id) && names.any(|(name, is_pattern)| !user.may_use_channel(name, is_pattern))
        };
        sessions.iter().filter(|(_, session)| is_one(session)).map(|(id, _)| id).collect()
    }
}

/// Ends the connections of users that are gone, or of those that may not go on.
pub(crate) fn end_sessions(
    sessions: &mut Sessions,
    errands: &mut VecDeque<Errand>,
    me: SessionId,
    mut chosen: impl FnMut(SessionId, &Session) -> bool,
) {
    let found: Vec<SessionId> =
        sessions.iter().filter(|(id, session)| !session.killed && chosen(*id, session)).map(|(id, _)| id).collect();
    for id in found {
        sessions.kill(id);
        // The caller's own connection closes with its reply.
        if id != me {
            errands.push_back(Errand::Close(id));
        }
    }
}
