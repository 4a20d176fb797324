//! What the journal tells about itself.

use crate::engine::journal::error::Failed;

/// How the journal is, at this moment. Counters count since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Why it has stopped for good, if it has.
    pub failed: Option<Failed>,
    /// Whether the disk has so little room that the store may not grow.
    pub disk_full: bool,
    /// Bytes that are free on the disk, when that was last looked at.
    pub disk_free_bytes: u64,
    /// Changes that wait to be written.
    pub queue_changes: usize,
    /// Bytes of the changes that wait to be written.
    pub queue_bytes: usize,
    /// Groups written.
    pub groups: u64,
    /// Changes written.
    pub changes: u64,
    /// Bytes of log written.
    pub bytes: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Microseconds that all syncs took together.
    pub sync_us: u64,
    /// Microseconds that the longest sync took.
    pub sync_us_max: u64,
    /// Segments of the log that are in use.
    pub segments: u64,
    /// Snapshots published.
    pub snapshots: u64,
    /// Bytes of the last snapshot; 0: there is none.
    pub snapshot_bytes: u64,
    /// Snapshots that could not be written. Each is tried again.
    pub snapshot_failures: u64,
}
