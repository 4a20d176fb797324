//! Snapshots: all entries as they are, so that the log before them can go.

pub(super) mod blocks;
pub(super) mod read;
pub(super) mod write;
