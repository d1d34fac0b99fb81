//! All that a handler has at hand.

#[cfg(feature = "server")]
use alloc::boxed::Box;
use alloc::collections::VecDeque;

#[cfg(feature = "server")]
use super::Interpreter;
use super::{Command, Data, WaitFor};
#[cfg(feature = "server")]
use crate::acl::Users;
use crate::{
    config::Config,
    error::Error,
    facts::{Facts, Stats},
    limits::Limits,
    resp::Reply,
    session::{Errand, Session, SessionId, Sessions},
};

/// The surroundings of one call.
#[derive(Debug)]
pub struct Context<'a> {
    /// Keys and values.
    pub data: Data<'a>,
    /// Where the reply goes.
    pub reply: Reply<'a>,
    /// The bounds that hold.
    pub limits: &'a Limits,
    /// Settings that `CONFIG` shows.
    pub config: &'a mut Config,
    /// What `INFO` counts.
    pub stats: &'a mut Stats,
    /// What the shell tells of itself.
    pub facts: &'a Facts,
    pub(crate) sessions: &'a mut Sessions,
    /// What the shell is asked to do.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only commands of a server ask for something"))]
    pub(crate) errands: &'a mut VecDeque<Errand>,
    /// Who may do what.
    #[cfg(feature = "server")]
    pub(crate) users: &'a mut Users,
    /// What runs scripts; taken while one runs.
    #[cfg(feature = "server")]
    pub(crate) interpreter: &'a mut Option<Box<dyn Interpreter>>,
    /// Why nothing may be written now, if so.
    pub(crate) refusal: Option<&'a Error>,
    pub(crate) session: SessionId,
    /// Memory was short when the call began, even after evictions.
    #[cfg(feature = "server")]
    pub(crate) is_over_memory: bool,
    /// Bytes before the reply that are none of it.
    #[cfg(feature = "server")]
    pub(crate) told_bytes: usize,
    /// The row that is running.
    pub(crate) row: &'static Command,
    /// A script makes the call.
    pub(crate) in_script: bool,
    /// The call may wait.
    pub(crate) may_wait: bool,
    /// What the call waits for, instead of a reply.
    pub(crate) wait: Option<WaitFor>,
    /// The key on account of which a waiting call is made again.
    pub(crate) serving: Option<&'a [u8]>,
    /// The connection ends after this reply.
    pub(crate) closing: bool,
}

impl Context<'_> {
    /// The state of the calling connection.
    pub fn session(&mut self) -> &mut Session {
        self.sessions.session_mut(self.session)
    }

    /// The calling connection.
    pub fn session_id(&self) -> SessionId {
        self.session
    }
}
