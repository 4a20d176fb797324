//! Which files a store has.

use crate::engine::journal::{
    disk::Disk,
    error::{Fault, OpenError},
    names::{self, Name},
};

/// The files of a store.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) has_store: bool,
    pub(super) segments: Vec<u64>,
    pub(super) spares: Vec<u64>,
    pub(super) snapshots: Vec<u64>,
    pub(super) cuts: Vec<u64>,
    pub(super) unfinished: Vec<String>,
    /// Whether a backup is being restored, or was, and not to its end.
    pub(super) is_restoring: bool,
}

impl Files {
    pub(super) fn list(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut files = Self::default();
        for name in disk.list().map_err(Fault::of(disk, "list", ""))? {
            match names::read(&name) {
                Some(Name::Store) => files.has_store = true,
                Some(Name::Segment(number)) => files.segments.push(number),
                Some(Name::Spare(number)) => files.spares.push(number),
                Some(Name::Snapshot(number)) => files.snapshots.push(number),
                Some(Name::Cut(number)) => files.cuts.push(number),
                Some(Name::Unfinished) => files.unfinished.push(name),
                Some(Name::Restoring) => files.is_restoring = true,
                None => {}
            }
        }
        files.segments.sort_unstable();
        files.snapshots.sort_unstable();
        files.cuts.sort_unstable();
        Ok(files)
    }
}
