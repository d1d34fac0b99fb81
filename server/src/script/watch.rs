//! Who looks after the time: a script that runs for too long lets others be answered, and can be ended by them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use sanderling_core::command::Context;
use sanderling_core::error::Error;

use crate::clock::Stopwatch;

/// What is known of the script that runs.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    started: Cell<Option<Stopwatch>>,
    /// How long it may run before others are answered; for ever if `None`.
    patience: Cell<Option<Duration>>,
    /// It is being loaded, and is ended when its time is over.
    loading: Cell<bool>,
    /// When others were last answered, and how long not to look again.
    served: Cell<Option<(Stopwatch, Duration)>>,
    /// Why it is ended.
    end: Cell<Option<&'static str>>,
    /// Who answers others.
    server: RefCell<Option<Rc<dyn WhileBusy>>>,
}

/// The script that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// Whether it is a function.
    pub(crate) is_function: bool,
    /// The name of the function.
    pub(crate) name: String,
    /// The words of the call.
    pub(crate) command: Vec<Vec<u8>>,
    /// Milliseconds since it began.
    pub(crate) since_ms: u64,
    /// It has changed something.
    pub(crate) has_written: bool,
    /// How many libraries and functions there are.
    pub(crate) counts: (usize, usize),
}

/// Answers clients while a script runs.
pub(crate) trait WhileBusy: std::fmt::Debug {
    /// Answers who has something to say. Returns why the script is to be ended, if so.
    fn serve(&self, ctx: &mut Context<'_>, running: &Running) -> Option<&'static str>;
}

impl Watch {
    /// Says who answers others.
    pub(crate) fn set_server(&self, server: Rc<dyn WhileBusy>) {
        self.server.replace(Some(server));
    }

    /// Begins to look after a script.
    pub(super) fn begin(&self, patience: Option<Duration>) {
        self.start(patience, false);
    }

    /// Begins to look after a library that is being loaded.
    pub(super) fn begin_loading(&self, patience: Duration) {
        self.start(Some(patience), true);
    }

    fn start(&self, patience: Option<Duration>, loading: bool) {
        self.started.set(patience.map(|_| Stopwatch::start()));
        self.patience.set(patience);
        self.loading.set(loading);
        self.served.set(None);
        self.end.set(None);
    }

    /// The script is over. Returns why it was ended, if it was.
    pub(super) fn finish(&self) -> Option<Error> {
        self.started.set(None);
        self.end.take().map(Error::new)
    }

    /// Whether it is to be ended.
    pub(super) fn is_ending(&self) -> bool {
        self.end.get().is_some()
    }

    /// Whether others are to be answered now. Cost: some tens of nanoseconds.
    pub(super) fn is_due(&self) -> bool {
        let (Some(started), Some(patience)) = (self.started.get(), self.patience.get()) else { return false };
        self.end.get().is_none()
            && started.elapsed() >= patience
            && self.served.get().is_none_or(|(served, pause)| served.elapsed() >= pause)
    }

    /// Looks whether time is over, and lets others be answered then.
    ///
    /// # Errors
    /// If the script is to be ended. From then on every look is one: it doesn't help a script to catch it.
    pub(super) fn look(&self, busy: impl FnOnce() -> mlua::Result<()>) -> mlua::Result<()> {
        if self.is_due() {
            if self.loading.get() {
                self.end.set(Some("ERR FUNCTION LOAD timeout"));
            } else {
                busy()?;
            }
        }
        match self.end.get() {
            None => Ok(()),
            Some(why) => Err(mlua::Error::runtime(why)),
        }
    }

    /// Lets others be answered.
    pub(super) fn serve(&self, ctx: &mut Context<'_>, mut running: Running) {
        let (Some(server), Some(started)) = (self.server.borrow().clone(), self.started.get()) else { return };
        running.since_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let serving = Stopwatch::start();
        if let Some(why) = server.serve(ctx, &running) {
            self.end.set(Some(why));
        }
        // With many connections a look takes its time: the script gets most of it all the same.
        self.served.set(Some((Stopwatch::start(), PAUSE.max(10 * serving.elapsed()))));
    }
}

/// How long a script goes on at least before others are answered again.
const PAUSE: Duration = Duration::from_millis(1);
