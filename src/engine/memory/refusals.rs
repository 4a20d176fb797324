//! What the journal refuses, as callers are told.

use crate::{
    engine::journal::{Failed, Refusal},
    model::error::Error,
};

/// Why there was no turn.
pub(super) fn refused(refusal: Refusal) -> Error {
    let wide = |limit| u64::try_from(limit).unwrap_or(u64::MAX);
    match refusal {
        Refusal::QueueChanges { queue_changes_max } => Error::JournalFull {
            limit: "journal_queue_changes_max",
            value: wide(queue_changes_max),
        },
        Refusal::QueueBytes { queue_bytes_max } => Error::JournalFull {
            limit: "journal_queue_bytes_max",
            value: wide(queue_bytes_max),
        },
        Refusal::TurnTooLarge { bytes_max } => Error::JournalFull {
            limit: "journal_segment_bytes",
            value: wide(bytes_max),
        },
        Refusal::DiskFull {
            disk_free_bytes_min,
        } => Error::DiskFull {
            disk_free_bytes_min,
        },
        Refusal::Failed(failure) => failed(&failure),
    }
}

/// Why something will never be durable. The log says which file it was; that is
/// no business of callers.
pub(super) const fn failed(_: &Failed) -> Error {
    Error::JournalFailed
}
