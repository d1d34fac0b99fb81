//! What commands ask of the shell, beyond the bytes of their replies.

use super::SessionId;

/// Something that only the shell can do. The engine has already replied by the time the shell learns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Close the connection of a session that `CLIENT KILL` ended. It runs no command any more, closed or not.
    Close(SessionId),
    /// Settings have changed: see [`Config::client_limits`](crate::config::Config).
    Configure,
    /// Bring all that was written to the disk before another reply goes out: `WAITAOF`.
    Sync,
    /// Write a snapshot: `SAVE`, `BGSAVE`, `BGREWRITEAOF`.
    Save,
    /// End the process, the data as safe as the shell can make it: `SHUTDOWN`; or, with `NOSAVE`, without a snapshot.
    Shutdown {
        /// Whether a snapshot may be written on the way.
        saves: bool,
    },
}
