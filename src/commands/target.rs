//! A file that gets its name when all of it is there.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::commands::failure::Failure;

/// What is added to the name of a file that is not whole yet.
const PARTIAL: &str = ".partial";

/// So much is written before it is synced.
const STEP_BYTES: usize = 4 << 20;

/// The file that will be there when all of it is.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    stays: bool,
}

/// Writes to it, step by step.
#[derive(Debug)]
pub struct Steps<'a> {
    file: &'a File,
    unsynced_bytes: usize,
}

impl Target {
    /// A new file at `path`, under the name of one that is not whole: what is
    /// there under that name is written over. If it does not come to its end,
    /// nothing of it stays.
    ///
    /// # Errors
    /// There is something at `path`, another process writes there, or it cannot
    /// be made.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        let target = Self::open(path, false)?;
        // What one has left that was cut off.
        let emptied = target.file.set_len(0);
        emptied.map_err(|error| of(&target.partial, "emptied", &error))?;
        Ok(target)
    }

    /// The same, but it stays if it does not come to its end; and one that did
    /// not is there again when it is to be resumed.
    ///
    /// # Errors
    /// Those of [`Self::begin`]; that there is one and it is not resumed, or
    /// that there is none to resume.
    pub fn resumable(path: &Path, resume: bool) -> Result<Self, Failure> {
        let partial = partial(path);
        let shown = partial.display();
        match (resume, partial.exists()) {
            (false, true) => {
                let what = format!("{shown} was cut off: --resume goes on with it, or remove it");
                Err(Failure::misused(what))
            }
            (true, false) => {
                let what = format!("there is nothing to resume: no {shown}");
                Err(Failure::misused(what))
            }
            _ => Self::open(path, true),
        }
    }

    fn open(path: &Path, stays: bool) -> Result<Self, Failure> {
        refuse_if_there(path)?;
        let partial = partial(path);
        // What is stored may be secret.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&partial)
            .map_err(|error| of(&partial, "made", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("another process writes {}", partial.display());
                return Err(Failure::failed(what));
            }
            Err(TryLockError::Error(error)) => return Err(of(&partial, "locked", &error)),
        }
        Ok(Self {
            path: path.to_owned(),
            partial,
            file,
            stays,
        })
    }

    /// Where it is written to.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The same for what may be gigabytes: it is synced step by step. A disk that is
    /// asked for all of it at once makes everybody else on it wait, a store that is
    /// kept there first.
    #[must_use]
    pub const fn steps(&self) -> Steps<'_> {
        Steps {
            file: &self.file,
            unsynced_bytes: 0,
        }
    }

    /// What it is called until then.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Brings it to the disk.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&self) -> Result<(), Failure> {
        let synced = self.file.sync_all();
        synced.map_err(|error| of(&self.partial, "synced", &error))
    }

    /// Brings it to the disk and gives it its name.
    ///
    /// # Errors
    /// There is something of that name by now, or the disk does not take it.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.sync()?;
        refuse_if_there(&self.path)?;
        let renamed = fs::rename(&self.partial, &self.path);
        renamed.map_err(|error| of(&self.partial, "renamed", &error))?;
        self.stays = true;
        let above = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        let synced = File::open(above).and_then(|above| above.sync_all());
        synced.map_err(|error| of(above, "synced", &error))
    }
}

impl Write for Steps<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced_bytes += written;
        if self.unsynced_bytes >= STEP_BYTES {
            self.file.sync_data()?;
            self.unsynced_bytes = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.stays {
            // It is worth nothing; and if it stays, the next one empties it.
            drop(fs::remove_file(&self.partial));
        }
    }
}

/// What cannot be done with a file.
#[must_use]
pub fn of(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("{} cannot be {what}: {error}", path.display()))
}

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    PathBuf::from(partial)
}

fn refuse_if_there(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => {
            let what = format!("{} is there already, and stays as it is", path.display());
            Err(Failure::misused(what))
        }
        Err(_) => Ok(()),
    }
}
