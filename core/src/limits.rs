//! Every bound of the engine in one place, each with the reason for its value.
//!
//! A shell may lower or raise them; nothing in core grows past one of them because of what a peer sends.

/// Bounds that a shell hands to the engine. The defaults are Redis's where Redis has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest single argument in bytes, and the longest string value. Redis's `proto-max-bulk-len`;
    /// at most [`STRING_BYTES_MAX`].
    pub bulk_bytes_max: usize,
    /// Most arguments in one command. Redis's own bound (1024 × 1024).
    pub args_max: usize,
    /// Longest inline command or header line in bytes. Redis's `PROTO_INLINE_MAX_SIZE`.
    pub inline_bytes_max: usize,
    /// Bytes of arguments that one `MULTI` may queue, so that a client can't fill memory without ever committing.
    pub queued_bytes_max: usize,
    /// Channels and patterns that one connection may listen to.
    pub session_channels_max: usize,
    /// Commands that a replica keeps pending while it can't reach the server. Past it, writes are refused
    /// with a clear error instead of memory growing without end.
    pub pending_commands_max: usize,
    /// Longest message on the sync connection in bytes: a snapshot chunk and its envelope fit with room to spare.
    pub sync_message_bytes_max: usize,
    /// Records that the hub keeps in memory for replicas that reconnect, in bytes. Older ones cost the
    /// replica a fresh snapshot.
    pub backlog_bytes_max: usize,
    /// Patterns that one replica may subscribe to.
    pub interest_patterns_max: usize,
    /// Calls of one replica that may wait for their reply on the server at once: each holds a session there. A replica
    /// keeps what is more until its turn comes.
    pub peer_calls_max: usize,
    /// Changes of interest of one replica that may wait for each other, the start counted: each may mean a look at all
    /// keys.
    pub peer_steps_max: usize,
    /// Keys of presence of one replica: each is written anew every 20 seconds.
    pub peer_presence_max: usize,
    /// Channels that one replica may listen to.
    pub peer_channels_max: usize,
    /// Keys whose values one replica may have asked for and not got yet.
    pub peer_fetches_max: usize,
    /// Identities that one replica may push in the name of: its own and those of earlier runs.
    pub peer_clients_max: usize,
    /// Clients whose pushed commands the hub remembers, some 80 bytes each: a million are more than there are tabs.
    pub clients_max: usize,
    /// How long after its last push a client is remembered, in milliseconds. Who comes back later and still holds
    /// commands that it had pushed has them refused.
    pub clients_kept_ms: u64,
    /// Bytes queued for one replica before it is told to come back later: bounds what a slow reader costs.
    pub outbox_bytes_max: usize,
}

impl Limits {
    /// The limits of an engine whose shell sets none.
    pub const DEFAULT: Self = Self {
        bulk_bytes_max: STRING_BYTES_MAX,
        args_max: 1024 * 1024,
        inline_bytes_max: 64 * 1024,
        queued_bytes_max: 1024 * 1024 * 1024,
        session_channels_max: 100_000,
        pending_commands_max: 100_000,
        sync_message_bytes_max: 16 * 1024 * 1024,
        backlog_bytes_max: 64 * 1024 * 1024,
        interest_patterns_max: 1_000,
        peer_calls_max: 64,
        peer_steps_max: 64,
        peer_presence_max: 64,
        peer_channels_max: 1_000,
        peer_fetches_max: 65_536,
        peer_clients_max: 64,
        clients_max: 1_000_000,
        clients_kept_ms: 30 * 24 * 60 * 60 * 1000,
        outbox_bytes_max: 32 * 1024 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Logical databases of one engine, as in Redis's default configuration.
pub const DATABASES: u8 = 16;

/// Changed keys that are listed for those who keep copies. Of more all is said to have changed: a replica's first load
/// would otherwise be listed key by key, to be read by nobody.
pub const TOUCHED_KEYS_MAX: usize = 16 * 1024;

/// Size at which a snapshot chunk is closed. IndexedDB is fastest with records of 64 KB to 1 MB, and a
/// receiver can show progress chunk by chunk.
pub const CHUNK_BYTES: usize = 128 * 1024;

/// Levels of nesting that a decoded RESP value may have. No Redis reply goes past a handful; a hostile
/// peer could otherwise exhaust the stack.
pub const REPLY_DEPTH_MAX: usize = 32;

/// Longest string that a write past its end may leave: Redis's `proto-max-bulk-len` by default, and here the most that
/// it may be set to, because an effect of a few bytes can ask for as much.
pub const STRING_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Latest deadline that a key may have, in milliseconds: far enough for everyone, and additions to it can't overflow.
pub const EXPIRES_AT_MS_MAX: u64 = i64::MAX as u64;

/// Elements that one call may draw with repetition. Redis has no bound; but a number in an argument must not be enough
/// to fill memory with a reply.
pub const DRAWS_MAX: usize = 1024 * 1024;

/// Bytes past which a reply doesn't grow by what was asked for again and again: elements drawn with repetition, and what
/// the commands of a transaction read. A short request for a large value, repeated, must not be enough to fill memory.
pub const REPLY_BYTES_MAX: usize = 128 * 1024 * 1024;
