//! What a snapshot is read from.

use crate::engine::journal::record::Record;

/// A store that can be read in bounded steps while it is changed. Its parts are
/// the shards, and whatever else shall be there after a restart.
pub trait Source: Send + Sync + 'static {
    /// How many parts it has, always.
    fn parts(&self) -> usize;

    /// Whether it is there. What was read before it was found to be gone may be
    /// short of anything.
    fn is_there(&self) -> bool;

    /// Emits some records of a part, those after `after`, and gives the place
    /// after the last one; `None` at the end of the part. It must be bounded
    /// (256 records or 256 KiB, say), since it may hold a lock. What is there
    /// the whole time is emitted; each record is a state that was there while
    /// the step ran.
    fn read(
        &self,
        part: usize,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<Vec<u8>>;
}
