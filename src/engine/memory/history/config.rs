//! How much of the past is kept, and for how long.

/// What can be chosen about the history of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Events that are kept; the newest few are kept in any case.
    pub events_max: usize,
    /// Bytes that they may take up. They never take more than entries leave of
    /// `memory_max`, but for a sixteenth of it.
    pub bytes_max: usize,
    /// Milliseconds after the last Watch or List for which changes are
    /// recorded.
    pub armed_ms: u64,
}

impl Default for Config {
    /// 100,000 events, 64 MiB, 10 minutes.
    fn default() -> Self {
        Self {
            events_max: 100_000,
            bytes_max: 64 << 20,
            armed_ms: 600_000,
        }
    }
}
