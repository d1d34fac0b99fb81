//! The row of the command table.

use alloc::{borrow::Cow, format};

use super::{Access, Args, Context};
use crate::error::Result;

/// What runs when a command is called: arguments without the name, replies into the context.
///
/// A handler returns an error before it has written or changed anything.
pub type Handler = fn(&mut Context<'_>, &mut Args<'_>) -> Result<()>;

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its place among all rows; of subcommands, that of their container is kept.
    #[cfg(feature = "server")]
    pub(super) number: u16,
    /// Lower-case name; of a subcommand, the second word alone.
    pub name: &'static str,
    /// Of a subcommand, the name of the command that it belongs to; empty otherwise.
    pub container: &'static str,
    /// Words of the whole call, the name included; negative: at least that many.
    pub arity: i32,
    /// What the command does to data and connection.
    pub flags: Flags,
    /// Where the keys stand among the words.
    pub keys: Keys,
    /// What it does with the values there.
    pub access: Access,
    /// The family that it belongs to.
    pub group: Group,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// Cost, in Redis's words of n and m.
    pub complexity: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// The words after the name, as the commands page shows them.
    pub syntax: &'static str,
    /// What runs; of a container with subcommands, what answers an unknown one.
    pub handler: Handler,
    /// Second words, for containers such as `CONFIG`.
    pub subcommands: &'static [Self],
}

impl Command {
    /// Starts a row: family, name, arity, flags, keys, handler. To be completed by [`Command::doc`].
    pub const fn new(group: Group, name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: Handler) -> Self {
        Self {
            #[cfg(feature = "server")]
            number: 0,
            name,
            container: "",
            arity,
            flags,
            keys,
            access: Access::Flags,
            group,
            since: "",
            complexity: "",
            summary: "",
            syntax: "",
            handler,
            subcommands: &[],
        }
    }

    /// Adds the documentation: the Redis version that brought it, cost, the words after the name, one line.
    pub const fn doc(
        self,
        since: &'static str,
        complexity: &'static str,
        syntax: &'static str,
        summary: &'static str,
    ) -> Self {
        // A module that is downloaded leaves the texts where they are.
        if cfg!(feature = "server") { Self { since, complexity, summary, syntax, ..self } } else { self }
    }

    /// Adds flags.
    pub const fn adding(self, flags: Flags) -> Self {
        Self { flags: self.flags.and(flags), ..self }
    }

    /// Adds subcommands: the row is a container.
    pub const fn with(self, subcommands: &'static [Self]) -> Self {
        Self { subcommands, ..self }
    }

    /// Names the container that this row is a subcommand of.
    pub const fn inside(self, container: &'static str) -> Self {
        Self { container, ..self }
    }

    /// The name as Redis shows it where a subcommand may stand: `get`, `config|get`.
    pub fn full_name(&self) -> Cow<'static, str> {
        match self.container {
            "" => Cow::Borrowed(self.name),
            container => Cow::Owned(format!("{container}|{}", self.name)),
        }
    }

    /// The row of a subcommand, in whatever case.
    pub(crate) fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        self.subcommands.iter().find(|inner| name.eq_ignore_ascii_case(inner.name.as_bytes()))
    }

    /// Words of the name.
    pub(crate) const fn name_words(&self) -> usize {
        if self.container.is_empty() { 1 } else { 2 }
    }

    /// Whether a replica offers the command as a method. Transactions and the connection have calls of their own there,
    /// and what is for operators belongs to the server.
    #[must_use]
    pub fn is_method(&self) -> bool {
        !matches!(self.group, Group::Transactions | Group::Connection)
            && !self.flags.has(Flags::SERVER_ONLY)
            && !self.flags.has(Flags::ADMIN)
            && self.subcommands.is_empty()
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// Whether a call of `words` words, the name included, has the right length.
    pub fn accepts(&self, words: usize) -> bool {
        let words = i32::try_from(words).unwrap_or(i32::MAX);
        if self.arity >= 0 { words == self.arity } else { words >= -self.arity }
    }

    /// The positions of the keys among `words` words, the name at 0.
    pub fn key_positions(&self, args: &[&[u8]]) -> impl Iterator<Item = usize> + use<> {
        let words = args.len();
        let (first, last, step) = match self.keys {
            Keys::None => (1, 0, 1),
            Keys::Range { first, last, step } => {
                let last = if last < 0 { words.saturating_sub(last.unsigned_abs() as usize) } else { last as usize };
                (first, last.min(words.saturating_sub(1)), step)
            }
            Keys::Counted { at } => {
                let count = args.get(at).and_then(|count| crate::num::parse_i64(count)).unwrap_or(0);
                let count = usize::try_from(count).unwrap_or(0).min(words.saturating_sub(at + 1));
                (at + 1, at + count, 1)
            }
            Keys::Streams => {
                let first = Keys::first_stream(args).unwrap_or(words.max(1));
                (first, first + words.saturating_sub(first) / 2 - 1, 1)
            }
            Keys::DestinationCounted => {
                let count = args.get(2).and_then(|count| crate::num::parse_i64(count)).unwrap_or(0);
                let count = usize::try_from(count).unwrap_or(0).min(words.saturating_sub(3));
                (2, 2 + count, 1)
            }
        };
        // The destination stands before the count; the count's own place is passed over.
        let destination = matches!(self.keys, Keys::DestinationCounted);
        (first..=last).step_by(step).map(move |at| if destination && at == 2 { 1 } else { at })
    }
}

/// Where keys stand among the words of a call, the name at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Nowhere.
    None,
    /// From `first` to `last` (negative: from the end, −1 the last word), every `step` words.
    Range {
        /// First position.
        first: usize,
        /// Last position.
        last: i32,
        /// Distance.
        step: usize,
    },
    /// As many as the number at this position says, after it: `SINTERCARD numkeys key …`.
    Counted {
        /// The position of the number.
        at: usize,
    },
    /// One at 1, then as many as the number at 2 says: `ZUNIONSTORE destination numkeys key …`.
    DestinationCounted,
    /// In the first half of what comes after the word `STREAMS`: `XREAD … STREAMS key … id …`.
    Streams,
}

impl Keys {
    /// The position after the word `STREAMS`, which follows the options of `XREAD` and `XREADGROUP`.
    pub fn first_stream(args: &[&[u8]]) -> Option<usize> {
        let mut at = 1;
        loop {
            let word = args.get(at)?;
            let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
            at += match () {
                () if is("streams") => return Some(at + 1).filter(|first| *first < args.len()),
                () if is("noack") => 1,
                () if is("block") || is("count") => 2,
                () if is("group") => 3,
                () => return None,
            };
        }
    }

    /// One key, right after the name.
    pub const FIRST: Self = Self::Range { first: 1, last: 1, step: 1 };
    /// Two keys after the name.
    pub const FIRST_TWO: Self = Self::Range { first: 1, last: 2, step: 1 };
    /// Every word after the name.
    pub const ALL: Self = Self::Range { first: 1, last: -1, step: 1 };
}

/// What a command does, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Reads keys.
    pub const READ: Self = Self(1);
    /// Changes keys: logged, replicated, and in a replica optimistic.
    pub const WRITE: Self = Self(1 << 1);
    /// May use more memory.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For operators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Constant or logarithmic cost.
    pub const FAST: Self = Self(1 << 4);
    /// Not inside a transaction.
    pub const NO_MULTI: Self = Self(1 << 5);
    /// Allowed before `AUTH`.
    pub const NO_AUTH: Self = Self(1 << 6);
    /// Concerns the connection alone.
    pub const CONNECTION: Self = Self(1 << 7);
    /// The reply's order isn't promised.
    pub const RANDOM: Self = Self(1 << 8);
    /// Runs at once even while a transaction is being queued.
    pub const NO_QUEUE: Self = Self(1 << 9);
    /// Makes sense on a server only: not part of a replica.
    pub const SERVER_ONLY: Self = Self(1 << 10);
    /// Touches keys that it doesn't name: a replica treats its footprint as everything.
    pub const ALL_KEYS: Self = Self(1 << 11);

    /// May stall a server, or undo what others did: to be allowed only on purpose.
    pub const DANGEROUS: Self = Self(1 << 13);

    /// May wait for a key to hold something.
    pub const BLOCKING: Self = Self(1 << 12);

    /// Not to be called by a script.
    pub const NO_SCRIPT: Self = Self(1 << 16);

    /// Only where the shell's configuration lets clients debug it: `enable-debug-command`.
    pub const DEBUGS: Self = Self(1 << 17);

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Names of the set bits as `COMMAND INFO` gives them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(Flags, &str); 10] = [
            (Flags::WRITE, "write"),
            (Flags::READ, "readonly"),
            (Flags::DENYOOM, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::NO_SCRIPT, "noscript"),
            (Flags::NO_MULTI, "no_multi"),
            (Flags::NO_AUTH, "no_auth"),
            (Flags::FAST, "fast"),
            (Flags::RANDOM, "random"),
            (Flags::BLOCKING, "blocking"),
        ];
        NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// The family of a command, as Redis groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Strings as arrays of bits.
    Bitmap,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Positions on the earth.
    Geo,
    /// Counts of different elements.
    HyperLogLog,
    /// Streams.
    Stream,
    /// Messages.
    PubSub,
    /// Transactions.
    Transactions,
    /// Scripts and functions.
    Scripting,
    /// The connection.
    Connection,
    /// The server.
    Server,
}

impl Group {
    /// Redis's name of the family.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::Bitmap => "bitmap",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Hash => "hash",
            Self::Geo => "geo",
            Self::HyperLogLog => "hyperloglog",
            Self::Stream => "stream",
            Self::PubSub => "pubsub",
            Self::Transactions => "transactions",
            Self::Scripting => "scripting",
            Self::Connection => "connection",
            Self::Server => "server",
        }
    }
}
