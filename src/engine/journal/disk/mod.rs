//! The one way from the journal to files, so that tests can put a disk in its
//! place that loses power or fails.

#[cfg(target_os = "linux")]
mod direct;
#[cfg(test)]
pub(super) mod power;
mod real;
#[cfg(test)]
pub(super) mod simulated;

use std::{fmt::Debug, io, path::PathBuf, sync::Arc, time::Duration};

pub(super) use crate::engine::journal::disk::real::RealDisk;

/// The directory of one store, held by this process alone. Calls block.
pub(super) trait Disk: Debug + Send + Sync {
    /// The names of the files in it.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file, and empties one that is there.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// `file`, called `name`, for writes of whole sectors that are each synced at
    /// once: past the system's cache where that can be.
    fn direct(&self, _name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        file
    }

    /// Gives a file another name, in place of what has that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when the names are on the disk.
    fn sync_names(&self) -> io::Result<()>;

    /// How many bytes are free for files of this process.
    fn free_bytes(&self) -> io::Result<u64>;

    /// What a file is called outside.
    fn path(&self, name: &str) -> PathBuf;

    /// The time since it was opened, which only grows.
    fn elapsed(&self) -> Duration;

    /// Lets others have the directory.
    fn release(&self);
}

/// A file of the store.
pub(super) trait DiskFile: Debug + Send + Sync {
    /// How long it is.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills `into` with what lies at `offset`; it is an error when the file
    /// ends before.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, behind the end too.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when its content and length are on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Whether it means that there is no room, rather than that the disk is broken.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
