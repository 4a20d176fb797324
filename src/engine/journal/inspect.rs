//! Reads a store from memory: what would become of these files.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    engine::journal::{
        config::Config,
        disk::{Disk, DiskFile},
        error::OpenError,
        files::Files,
        layout::{narrow, wide},
        load,
        record::{Origin, Record},
    },
    model::time::UnixMillis,
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Which store it is.
    pub store_id: String,
    /// How many records there were until then.
    pub records: u64,
    /// The latest time that it has noted.
    pub wall: UnixMillis,
}

/// Reads the store that has these files, by name, as
/// [`Journal::open`](super::Journal::open) does, and gives its records to `load`.
///
/// # Errors
/// [`OpenError`]: it would not open.
pub fn inspect(
    files: BTreeMap<String, Arc<[u8]>>,
    load: &mut dyn FnMut(Origin, Record<'_>) -> Result<(), String>,
) -> Result<Inspected, OpenError> {
    let disk = MemoryDisk(files);
    let listed = Files::list(&disk)?;
    if listed.is_restoring {
        let dir = disk.path("");
        return Err(OpenError::Restoring { dir });
    }
    let loaded = load::load(&disk, &Config::default(), &listed, load, &mut |_| {})?;
    Ok(Inspected {
        store_id: loaded.store.store_id,
        records: loaded.end.expected.next.saturating_sub(1),
        wall: loaded.wall,
    })
}

/// Files in memory, which nobody changes.
#[derive(Debug)]
struct MemoryDisk(BTreeMap<String, Arc<[u8]>>);

#[derive(Debug)]
struct MemoryFile(Arc<[u8]>);

fn unchangeable<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        unchangeable()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile(Arc::clone(file))))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        unchangeable()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        unchangeable()
    }

    fn sync_names(&self) -> io::Result<()> {
        unchangeable()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn release(&self) {}
}

impl DiskFile for MemoryFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(wide(self.0.len()))
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let from = narrow(offset);
        let to = from.saturating_add(into.len());
        let read = self.0.get(from..to).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(read);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        unchangeable()
    }

    fn sync(&self) -> io::Result<()> {
        unchangeable()
    }
}
