//! The commands that the hub hasn't answered yet, and which keys they touch.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use crate::{
    blob::Blob,
    command::{self, Flags},
    effect::{Change, Effect, Undo},
    env::Env,
    format::{ClientId, ClientSeq},
    order,
    session::Queued,
    sync::message::PushedCommand,
};

/// A command, or a transaction of several calls, as it is pushed and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) client: ClientId,
    pub(super) seq: ClientSeq,
    /// The time and the seed that it first ran with; it runs again with the same.
    pub(super) env: Env,
    pub(super) calls: Vec<Queued>,
    /// Its place among the stored commands, those of earlier runs before.
    pub(super) order: u64,
}

/// What running a command did here.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Its effects, in their wire form.
    pub(super) effects: Box<[u8]>,
    /// What takes them back, oldest first.
    pub(super) undos: Vec<Undo>,
}

/// A command with its outcome.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) command: Command,
    /// What its caller was told; `None` after a restart, when nobody waits any more.
    pub(super) told: Option<Box<[u8]>>,
    pub(super) outcome: Outcome,
    footprint: Footprint,
}

/// The keys that a command reads or writes.
#[derive(Debug)]
enum Footprint {
    Keys(Vec<Box<[u8]>>),
    Everything,
}

/// Pending commands in the order in which they ran.
#[derive(Debug, Default)]
pub(super) struct PendingQueue {
    queue: VecDeque<Pending>,
    /// How many of them, from the front, were pushed on this connection.
    pushed: usize,
    /// How many of them touch each key.
    keys: BTreeMap<Box<[u8]>, usize>,
    /// How many of them may touch any key.
    everything: usize,
}

impl PendingQueue {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn push(&mut self, command: Command, told: Option<Box<[u8]>>, outcome: Outcome) {
        let footprint = Footprint::of(&command.calls);
        match &footprint {
            Footprint::Everything => self.everything += 1,
            Footprint::Keys(keys) => {
                for key in keys {
                    *self.keys.entry(key.clone()).or_default() += 1;
                }
            }
        }
        self.queue.push_back(Pending { command, told, outcome, footprint });
    }

    pub(super) fn front(&self) -> Option<&Pending> {
        self.queue.front()
    }

    pub(super) fn pop_front(&mut self) -> Option<Pending> {
        let pending = self.queue.pop_front()?;
        self.pushed = self.pushed.saturating_sub(1);
        match &pending.footprint {
            Footprint::Everything => self.everything -= 1,
            Footprint::Keys(keys) => {
                for key in keys {
                    if let Some(count) = self.keys.get_mut(key) {
                        *count -= 1;
                        if *count == 0 {
                            self.keys.remove(key);
                        }
                    }
                }
            }
        }
        Some(pending)
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Pending> {
        self.queue.iter_mut()
    }

    /// Whether an effect that came from elsewhere touches a key that a pending command read or wrote.
    pub(super) fn conflicts_with(&self, effect: &Effect<'_>) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        self.everything > 0 || matches!(effect.change, Change::Flush) || self.keys.contains_key(&*effect.key)
    }

    /// Whether a client has commands here.
    pub(super) fn holds(&self, client: ClientId) -> bool {
        self.queue.iter().any(|pending| pending.command.client == client)
    }

    /// Forgets what was pushed: the connection has ended.
    pub(super) fn nothing_pushed(&mut self) {
        self.pushed = 0;
    }

    /// The next commands that weren't pushed on this connection, as many as fit into a message of about `bytes_max`
    /// bytes, and at least one.
    pub(super) fn take_unpushed(&mut self, bytes_max: usize) -> Option<Vec<Command>> {
        let mut bytes = 0;
        let mut commands = Vec::new();
        for pending in self.queue.range(self.pushed.min(self.queue.len())..) {
            bytes += pending.command.bytes();
            if !commands.is_empty() && bytes > bytes_max / 2 {
                break;
            }
            commands.push(pending.command.clone());
        }
        self.pushed += commands.len();
        (!commands.is_empty()).then_some(commands)
    }
}

impl Command {
    /// About how long it is on the wire.
    fn bytes(&self) -> usize {
        64 + self.calls.iter().flat_map(|call| &call.0).map(|word| word.len() + 5).sum::<usize>()
    }
}

impl<'a> From<&'a Command> for PushedCommand<'a> {
    fn from(command: &'a Command) -> Self {
        let calls = command.calls.iter();
        let calls = calls.map(|call| call.0.iter().map(|word| Blob::from(&**word)).collect()).collect();
        Self { client: command.client, seq: command.seq, env: command.env, calls }
    }
}

impl Command {
    /// A command as it was stored at the place `order`.
    pub(super) fn from_stored(stored: PushedCommand<'_>, order: u64) -> Self {
        let calls = stored.calls.into_iter();
        let calls = calls.map(|call| Queued(call.into_iter().map(|word| word.0.into()).collect())).collect();
        Self { client: stored.client, seq: stored.seq, env: stored.env, calls, order }
    }
}

impl Footprint {
    fn of(calls: &[Queued]) -> Self {
        let mut keys = Vec::new();
        for call in calls {
            let words = call.words();
            match command::find_row(&words) {
                Ok((row, _)) if !row.flags.has(Flags::ALL_KEYS) => {
                    keys.extend(row.key_positions(&words).filter_map(|at| words.get(at).map(|key| Box::from(*key))));
                }
                _ => return Self::Everything,
            }
        }
        order::sort(&mut keys);
        keys.dedup();
        Self::Keys(keys)
    }
}
