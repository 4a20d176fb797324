//! What a backup is read from.

use std::fmt;

use crate::{
    engine::journal::{backup::About, record::Record},
    model::error::Error,
};

/// A store as it was at one moment, read a little at a time while the store is
/// changed. When it is dropped, the store keeps nothing for it any more.
pub trait Image: Send {
    /// Which store it is of, and when.
    fn about(&self) -> &About;

    /// About how many entries it has: none of it is missing, and what has
    /// expired and is still in memory is counted.
    fn entries(&self) -> u64;

    /// Emits some of it, at most about 256 records or 128 KiB and one more:
    /// requests that are remembered as [`Record::Remember`], then each entry
    /// once as [`Record::Put`]. It may hold a lock meanwhile, so `emit` must be
    /// quick. False at the end.
    ///
    /// # Errors
    /// [`Error::BackupTooSlow`]: what it has yet to read was changed, and there
    /// is no room to keep it as it was.
    fn read(&mut self, emit: &mut dyn FnMut(Record<'_>)) -> Result<bool, Error>;
}

impl fmt::Debug for dyn Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.about();
        f.debug_struct("Image").field("about", about).finish()
    }
}
