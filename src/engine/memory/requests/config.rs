//! How many requests are remembered, and for how long.

/// A request that is asked for only once is remembered for `window_ms`, or until
/// there are too many after it, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Requests; 0: none can be asked for only once.
    pub ids_max: usize,
    /// Bytes of them and of their replies.
    pub bytes_max: usize,
    /// Milliseconds after their reply.
    pub window_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ids_max: 100_000,
            bytes_max: 64 << 20,
            window_ms: 600_000,
        }
    }
}
