//! What a running script may do: call commands, one after the other, within the call that started it.

use alloc::vec::Vec;

use super::{Command, Context, Data, Flags, ScriptAccess, ScriptCommand, find_row, run};
use crate::{
    acl::Occasion,
    command::Args,
    error::{Error, Result},
    resp::{Protocol, Reply},
};

/// How the commands of a script are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptRules {
    /// Whether it may write.
    pub access: ScriptAccess,
    /// The version in which replies are written.
    pub protocol: Protocol,
    /// Whether it may take memory where that is short.
    pub allows_oom: bool,
}

impl Context<'_> {
    /// Runs a command for a script and appends its one reply to `out`. It never waits: a command that would is answered
    /// as if its time were over.
    ///
    /// # Errors
    /// If the command can't be called by a script, or by this one, or fails. Nothing is appended then.
    pub fn call_from_script(&mut self, words: &[&[u8]], rules: ScriptRules, out: &mut Vec<u8>) -> Result<()> {
        let row = match self.admit_from_script(words, rules) {
            Ok(row) => row,
            Err(error) => {
                self.account_rejected(words);
                self.stats.count_error(&error);
                return Err(error);
            }
        };
        let start = out.len();
        let mut inner = self.inner(out, rules.protocol);
        let outcome = run(&mut inner, row, words);
        let (db, draws, lookups) = (inner.data.db, inner.data.draws, inner.data.lookups);
        self.data.db = db;
        self.data.draws = draws;
        self.data.lookups = lookups;
        if let Err(error) = &outcome {
            self.stats.count_error(error);
            out.truncate(start);
        }
        outcome
    }

    fn admit_from_script(&mut self, words: &[&[u8]], rules: ScriptRules) -> Result<&'static Command> {
        let (row, _) = find_row(words).map_err(|error| match error.text().contains("wrong number of arg") {
            true => Error::new("ERR Wrong number of args calling Redis command from script"),
            false => Error::new("ERR Unknown Redis command called from script"),
        })?;
        if row.flags.has(Flags::NO_SCRIPT) && !self.config.scripts_call_all {
            return Err(Error::new("ERR This Redis command is not allowed from script"));
        }
        if let Some(guard) = self.session().guard.clone() {
            guard.check(words)?;
        }
        self.check_allowed(row, words, Occasion::Script)?;
        let tells = matches!(row.name, "publish" | "spublish");
        if rules.access == ScriptAccess::ReadOnly && (row.flags.has(Flags::WRITE) || tells) {
            return Err(Error::new("ERR Write commands are not allowed from read-only scripts."));
        }
        if !rules.allows_oom {
            self.check_memory(row)?;
        }
        Ok(row)
    }

    /// Whether a script may make a call; `None` if there is no such command.
    pub fn may_call_from_script(&mut self, words: &[&[u8]]) -> Option<bool> {
        let (row, _) = find_row(words).ok()?;
        let guard = self.session().guard.clone();
        let may = guard.is_none_or(|guard| guard.check(words).is_ok());
        Some(may && self.is_allowed(row, words))
    }

    /// How many effects this call and those before it in its transaction had so far.
    pub fn effects(&self) -> u32 {
        self.data.journal.count()
    }

    /// Confirms that the shell can keep what would be written.
    ///
    /// # Errors
    /// What a write is answered with.
    pub fn check_writable(&self) -> Result<()> {
        self.refusal.map_or(Ok(()), |refusal| Err(refusal.clone()))
    }

    /// Hands a command to the interpreter. What a script selects, it selects for itself.
    pub(crate) fn interpret(&mut self, command: ScriptCommand, args: &mut Args<'_>) -> Result<()> {
        let Some(mut interpreter) = self.interpreter.take() else {
            return Err(Error::new("ERR this build has no interpreter of scripts in it"));
        };
        let db = self.session().db;
        let outcome = interpreter.run(command, self, args);
        self.session().db = db;
        self.data.db = db;
        *self.interpreter = Some(interpreter);
        outcome
    }

    /// The surroundings of one command of a script. There is no interpreter in them: scripts don't nest.
    pub(super) fn inner<'a>(&'a mut self, out: &'a mut Vec<u8>, protocol: Protocol) -> Context<'a> {
        Context {
            data: Data {
                keyspace: self.data.keyspace,
                journal: self.data.journal,
                undos: self.data.undos.as_deref_mut(),
                env: self.data.env,
                role: self.data.role,
                db: self.data.db,
                writing: false,
                draws: self.data.draws,
                lookups: self.data.lookups,
                is_paused: self.data.is_paused,
                touches: self.data.touches,
                happenings: self.data.happenings.is_some().then(Vec::new),
            },
            reply: Reply::new(out, protocol),
            users: self.users,
            interpreter: self.interpreter,
            limits: self.limits,
            config: self.config,
            stats: self.stats,
            facts: self.facts,
            sessions: self.sessions,
            errands: self.errands,
            refusal: self.refusal,
            session: self.session,
            is_over_memory: self.is_over_memory,
            told_bytes: 0,
            row: self.row,
            in_script: true,
            may_wait: false,
            wait: None,
            serving: None,
            closing: false,
        }
    }
}
