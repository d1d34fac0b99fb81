//! What the user of a connection may do, asked where there is something to ask: nearly all connections are those of a
//! user that may do everything, and pass by.

use alloc::format;

use super::{Command, Context, Flags};
use crate::{
    acl::{Denial, Entry, Occasion},
    error::{Error, Result},
    families::client,
};

impl Context<'_> {
    /// Checks a call of a connection before it is run or queued.
    ///
    /// # Errors
    /// `NOAUTH` where it has to log in first, `NOPERM` where its user may not do that.
    pub(super) fn check_caller(&mut self, row: &Command, words: &[&[u8]]) -> Result<()> {
        if !self.session().authenticated && !row.flags.has(Flags::NO_AUTH) {
            return Err(Error::new("NOAUTH Authentication required."));
        }
        let occasion = if self.session().transaction.is_some() { Occasion::Multi } else { Occasion::Toplevel };
        self.check_allowed(row, words, occasion)
    }

    /// Confirms that the connection may debug.
    ///
    /// # Errors
    /// If the shell's configuration lets nobody, or nobody from elsewhere.
    pub(super) fn check_debugging(&mut self) -> Result<()> {
        let is_local = self.session().is_local();
        match self.config.value("enable-debug-command") {
            Some("yes") => Ok(()),
            Some("local") if is_local => Ok(()),
            _ => Err(Error::new(
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
            )),
        }
    }

    /// Checks a queued call again: what its user may do can have changed.
    ///
    /// # Errors
    /// `NOPERM`, with the reason.
    pub(crate) fn check_queued(&mut self, row: &Command, words: &[&[u8]]) -> Result<()> {
        let Err(denial) = self.judge(row, words) else { return Ok(()) };
        self.log_denial(row, words, denial, Occasion::Multi);
        let reason = match denial {
            Denial::Command => "no permission to execute the command or subcommand",
            Denial::Key(_) => "no permission to touch the specified keys",
            Denial::Channel(_) => "no permission to access one of the channels used as arguments",
        };
        Err(Error::owned(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
             This command is no longer allowed for the following reason: {reason}"
        )))
    }

    /// Checks a call of the connection's user.
    ///
    /// # Errors
    /// `NOPERM`, or what a script is told.
    pub(super) fn check_allowed(&mut self, row: &Command, words: &[&[u8]], occasion: Occasion) -> Result<()> {
        let Err(denial) = self.judge(row, words) else { return Ok(()) };
        self.log_denial(row, words, denial, occasion);
        Err(match (occasion, denial) {
            (Occasion::Script, Denial::Command) => {
                Error::new("ERR The user executing the script can't run this command or subcommand")
            }
            (Occasion::Script, Denial::Key(_)) => Error::new(
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
            ),
            (Occasion::Script, Denial::Channel(_)) => {
                Error::new("ERR The user executing the script can't publish to the channel mentioned in the command")
            }
            (_, Denial::Command) => no_command(row),
            (_, Denial::Key(_)) => {
                Error::new("NOPERM this user has no permissions to access one of the keys used as arguments")
            }
            (_, Denial::Channel(_)) => {
                Error::new("NOPERM this user has no permissions to access one of the channels used as arguments")
            }
        })
    }

    /// Whether the connection's user may make a call. Nothing is noted down.
    pub(super) fn is_allowed(&mut self, row: &Command, words: &[&[u8]]) -> bool {
        self.judge(row, words).is_ok()
    }

    /// Whether the running call may read keys that it doesn't name.
    pub(crate) fn may_read_all_keys(&mut self, words: &[&[u8]]) -> bool {
        let session = self.sessions.session_mut(self.session);
        // The row has run so far, so its name is what it was called by.
        let named: alloc::vec::Vec<&[u8]> =
            core::iter::once(self.row.name.as_bytes()).chain(words.iter().copied()).collect();
        session.trusted || self.users.of(session).is_none_or(|user| user.may_read_all_keys_in(self.row, &named))
    }

    fn judge(&mut self, row: &Command, words: &[&[u8]]) -> Result<(), Denial> {
        let session = self.sessions.session_mut(self.session);
        if session.trusted { Ok(()) } else { self.users.check(session, row, words) }
    }

    fn log_denial(&mut self, row: &Command, words: &[&[u8]], denial: Denial, occasion: Occasion) {
        let name = row.full_name();
        let word = |position: usize| words.get(position).copied().unwrap_or_default();
        let (reason, object) = match denial {
            Denial::Command => ("command", name.as_bytes()),
            Denial::Key(position) => ("key", word(position)),
            Denial::Channel(position) => ("channel", word(position)),
        };
        let session = self.sessions.session_mut(self.session);
        let user = self.users.name_of(session).to_vec();
        self.log_refusal(reason, occasion, object, &user);
    }

    /// Notes down what was refused.
    pub(crate) fn log_refusal(&mut self, reason: &'static str, occasion: Occasion, object: &[u8], user: &[u8]) {
        let now = self.data.now();
        let client = self.sessions.session(self.session).map(|session| client::line(self, self.session, session, None));
        self.users.log.add(Entry {
            id: 0,
            count: 1,
            reason,
            occasion,
            object: object.into(),
            user: user.into(),
            created_at: now,
            updated_at: now,
            client: client.unwrap_or_default().trim_end().into(),
        });
    }
}

/// Says that a user may not call a command.
pub(super) fn no_command(row: &Command) -> Error {
    Error::owned(format!("NOPERM this user has no permissions to run the '{}' command", row.full_name()))
}
