//! When a small collection is kept packed, and when it becomes a real table.

/// The thresholds of the compact encodings, with Redis's names and defaults, and the seed of the collections' hashes.
///
/// Thresholds change what `OBJECT ENCODING` says, how much memory a collection takes and how fast it is; never what a
/// command answers, but for one: `XTRIM … ~` removes whole nodes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Under what the members of tables are hashed; from the shell's entropy, so that nobody can aim at a bucket.
    pub seed: u64,
    /// The most fields that a packed hash holds.
    pub hash_max_listpack_entries: usize,
    /// The longest field or value, in bytes, that a packed hash holds.
    pub hash_max_listpack_value: usize,
    /// The most integers that a set holds as a sorted array.
    pub set_max_intset_entries: usize,
    /// The most members that a packed set holds.
    pub set_max_listpack_entries: usize,
    /// The longest member, in bytes, that a packed set holds.
    pub set_max_listpack_value: usize,
    /// The most members that a packed sorted set holds.
    pub zset_max_listpack_entries: usize,
    /// The longest member, in bytes, that a packed sorted set holds.
    pub zset_max_listpack_value: usize,
    /// The size of a list's node: elements where positive; −1 to −5 mean 4, 8, 16, 32 and 64 KiB.
    pub list_max_listpack_size: i64,
    /// The most bytes that the entries of a stream share a node within; 0 is no limit.
    pub stream_node_max_bytes: usize,
    /// The most entries of a stream that share a node; 0 is no limit.
    pub stream_node_max_entries: usize,
}

impl Encoding {
    /// Returns Redis's defaults with the given seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            hash_max_listpack_entries: 128,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            list_max_listpack_size: -2,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::new(0)
    }
}
