//! What a journal tells of itself for metrics.

use std::time::Duration;

use crate::{
    engine::journal::status::Status,
    model::figure::{Figure, Value},
};

/// The figures of a journal that is so.
#[must_use]
pub fn of(status: &Status) -> Vec<Figure> {
    vec![
        Figure::gauge(
            "nanokv_journal_failed",
            "1 when the journal has stopped for good: nothing is written any more",
            u8::from(status.failed.is_some()),
        ),
        Figure::gauge(
            "nanokv_disk_full",
            "1 while the disk has so little room that the store may not grow",
            u8::from(status.disk_full),
        ),
        Figure::gauge(
            "nanokv_disk_free_bytes",
            "Bytes that are free on the disk",
            status.disk_free_bytes,
        ),
        Figure::gauge(
            "nanokv_journal_queue_changes",
            "Changes that wait to be written",
            status.queue_changes,
        ),
        Figure::gauge(
            "nanokv_journal_queue_bytes",
            "Bytes of the changes that wait to be written",
            status.queue_bytes,
        ),
        Figure::counter(
            "nanokv_journal_groups",
            "Groups of changes written",
            status.groups,
        ),
        Figure::counter("nanokv_journal_changes", "Changes written", status.changes),
        Figure::counter("nanokv_journal_bytes", "Bytes of log written", status.bytes),
        Figure::counter("nanokv_journal_syncs", "Syncs of the log", status.syncs),
        Figure::one(
            "nanokv_journal_sync_seconds",
            "Time that all syncs of the log took together",
            Value::Time(Duration::from_micros(status.sync_us)),
        ),
        Figure::one(
            "nanokv_journal_sync_max_seconds",
            "Time that the longest sync of the log took",
            Value::Seconds(Duration::from_micros(status.sync_us_max)),
        ),
        Figure::gauge(
            "nanokv_journal_segments",
            "Segments of the log in use",
            status.segments,
        ),
        Figure::counter("nanokv_snapshots", "Snapshots published", status.snapshots),
        Figure::gauge(
            "nanokv_snapshot_bytes",
            "Bytes of the last snapshot",
            status.snapshot_bytes,
        ),
        Figure::counter(
            "nanokv_snapshot_failures",
            "Snapshots that could not be written, each of which is tried again",
            status.snapshot_failures,
        ),
    ]
}
