//! CLIENT PAUSE and UNPAUSE: nothing changes for a while, and whoever would change something waits.

use crate::{
    command::{Args, Context},
    env::UnixMillis,
    error::{Error, Result},
    num,
};

/// `CLIENT PAUSE`.
pub(super) fn pause(ctx: &mut Context<'_>, args: &mut Args<'_>) -> Result<()> {
    let timeout = num::parse_i64(args.word()?).ok_or(Error::new("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Error::new("ERR timeout is negative"))?;
    let now = ctx.data.now();
    let until = now.0.checked_add(timeout).filter(|until| i64::try_from(*until).is_ok());
    let until = until.ok_or(Error::new("ERR timeout is out of range"))?;
    let writes_only = args.take_if("WRITE");
    if !writes_only && !args.is_empty() && !args.take_if("ALL") {
        return Err(Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL"));
    }
    args.end()?;
    ctx.sessions.pause.begin(UnixMillis(until), writes_only, now);
    // What follows in the same transaction runs, but nothing expires any more.
    ctx.data.is_paused = ctx.sessions.pause.is_on(now);
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNPAUSE`.
pub(super) fn unpause(ctx: &mut Context<'_>, _: &mut Args<'_>) -> Result<()> {
    ctx.sessions.pause.end();
    ctx.data.is_paused = false;
    ctx.reply.ok();
    Ok(())
}
