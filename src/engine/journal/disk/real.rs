//! Files of the system.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use crate::engine::journal::disk::direct::DirectFile;
use crate::engine::journal::{
    disk::{Disk, DiskFile},
    error::OpenError,
};

/// What is stored is its owner's alone.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The file that is locked while a process has the directory.
const LOCK: &str = "lock";

/// A directory of the system.
#[derive(Debug)]
pub(in crate::engine::journal) struct RealDisk {
    dir: PathBuf,
    names: File,
    lock: File,
    opened: Instant,
}

impl RealDisk {
    /// Makes the directory if it is not there, and keeps others out.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another process has it.
    pub(in crate::engine::journal) fn open(dir: &Path) -> Result<Self, OpenError> {
        let failed = |doing| {
            move |error| OpenError::Io {
                doing,
                file: dir.to_owned(),
                error,
            }
        };
        if !dir.is_dir() {
            make(dir).map_err(failed("make the directory"))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(dir.join(LOCK))
            .map_err(failed("open the lock of"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked {
                    dir: dir.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        Ok(Self {
            dir: dir.to_owned(),
            names: File::open(dir).map_err(failed("open"))?,
            lock,
            opened: now(),
        })
    }
}

/// Makes a directory, with those above it that are missing, so that all are there
/// after a power cut.
fn make(dir: &Path) -> io::Result<()> {
    let is_missing = |it: &&Path| !it.as_os_str().is_empty() && !it.is_dir();
    let missing: Vec<_> = dir.ancestors().take_while(is_missing).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(dir)?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.dir)?
            // What is no text is not ours.
            .filter_map(|entry| {
                entry
                    .map(|entry| entry.file_name().into_string().ok())
                    .transpose()
            })
            .collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    #[cfg(target_os = "linux")]
    fn direct(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let flags = rustix::fs::OFlags::DIRECT.bits();
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(i32::try_from(flags).unwrap_or_default())
            .open(self.path(name));
        match opened {
            Ok(direct) => Arc::new(DirectFile::new(file, direct)),
            // Some file systems have no such thing.
            Err(_) => file,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.names.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn free_bytes(&self) -> io::Result<u64> {
        let about = rustix::fs::fstatvfs(&self.names)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    #[cfg(not(target_os = "linux"))]
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn elapsed(&self) -> Duration {
        now().duration_since(self.opened)
    }

    fn release(&self) {
        // It ends with the process in any case.
        drop(self.lock.unlock());
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it only measures how long disks take, and when to sync again"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("not").join("there");
        let disk = RealDisk::open(&path).unwrap();
        assert!(matches!(
            RealDisk::open(&path),
            Err(OpenError::Locked { dir }) if dir == path
        ));
        disk.release();
        RealDisk::open(&path).unwrap();
    }

    #[test]
    fn files_keep_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        let file = disk.create("a").unwrap();
        file.write_at(b"hello", 3).unwrap();
        file.sync().unwrap();
        disk.rename("a", "b").unwrap();
        disk.sync_names().unwrap();
        let file = disk.open("b").unwrap();
        let mut read = [0; 5];
        file.read_at(&mut read, 3).unwrap();
        assert_eq!((file.bytes().unwrap(), &read), (8, b"hello"));
        assert!(file.read_at(&mut read, 4).is_err(), "it ends before");
        let mut names = disk.list().unwrap();
        names.sort();
        assert_eq!(names, ["b", "lock"]);
        disk.remove("b").unwrap();
        assert!(disk.open("b").is_err());
        assert!(disk.free_bytes().unwrap() > 0);
    }
}
