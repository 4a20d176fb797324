//! A disk for tests: it notes every call, fails when it is told to, and shows
//! what could be on it if the power had been cut after any call.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::engine::journal::{
    disk::{Disk, DiskFile, power::write},
    layout::wide,
};

/// The files of a disk.
pub(in crate::engine::journal) type Image = BTreeMap<String, Vec<u8>>;

/// A call that changes something, or makes a change last.
#[derive(Clone, Debug)]
pub(in crate::engine::journal) enum Call {
    Create {
        name: String,
        file: usize,
    },
    Write {
        file: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Sync {
        file: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    SyncNames,
}

/// When calls fail.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine::journal) enum Failing {
    #[default]
    Never,
    /// The call of this number, alone.
    Once(u64, io::ErrorKind),
    /// The call of this number and all after it.
    From(u64, io::ErrorKind),
}

/// A disk in memory. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub(in crate::engine::journal) struct SimulatedDisk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    calls: AtomicU64,
    elapsed_ms: AtomicU64,
    probe: Mutex<Option<Arc<AtomicU64>>>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    began: Image,
    /// What was called, each with what the probe said before.
    notes: Vec<(Call, u64)>,
    failing: Failing,
    free_bytes: Option<u64>,
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Arc<Shared>,
    file: usize,
}

impl SimulatedDisk {
    /// A disk with these files.
    pub(in crate::engine::journal) fn with(image: Image) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.0.state();
            for (name, bytes) in &image {
                let file = state.files.len();
                state.files.push(bytes.clone());
                state.names.insert(name.clone(), file);
            }
            state.began = image;
        }
        disk
    }

    /// What is in its files now, whether synced or not.
    pub(in crate::engine::journal) fn image(&self) -> Image {
        let state = self.0.state();
        let content = |(name, file): (&String, &usize)| (name.clone(), state.files[*file].clone());
        state.names.iter().map(content).collect()
    }

    /// Fails from now on as `failing` says; calls are counted from 0 again.
    pub(in crate::engine::journal) fn fail(&self, failing: Failing) {
        self.0.calls.store(0, Ordering::SeqCst);
        self.0.state().failing = failing;
    }

    /// How many calls there were since [`Self::fail`].
    pub(in crate::engine::journal) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Has room for so many more bytes; `None`: for any.
    pub(in crate::engine::journal) fn set_free_bytes(&self, free_bytes: Option<u64>) {
        self.0.state().free_bytes = free_bytes;
    }

    /// Lets time pass.
    pub(in crate::engine::journal) fn pass(&self, millis: u64) {
        self.0.elapsed_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// Notes with each call what `probe` says before it.
    pub(in crate::engine::journal) fn set_probe(&self, probe: Arc<AtomicU64>) {
        *self.0.probe.lock().unwrap() = Some(probe);
    }

    /// What was called since it was made, each with what the probe said before.
    pub(in crate::engine::journal) fn notes(&self) -> Vec<(Call, u64)> {
        self.0.state().notes.clone()
    }

    /// What it began with.
    pub(in crate::engine::journal) fn began(&self) -> Image {
        self.0.state().began.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a call, which may be told to fail.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let state = self.state();
        match state.failing {
            Failing::Once(at, kind) if number == at => Err(kind.into()),
            Failing::From(at, kind) if number >= at => Err(kind.into()),
            _ => Ok(state),
        }
    }

    fn note(&self, state: &mut State, call: Call) {
        let probe = self.probe.lock().unwrap();
        let said = probe
            .as_ref()
            .map_or(0, |probe| probe.load(Ordering::SeqCst));
        state.notes.push((call, said));
    }
}

impl State {
    fn find(&self, name: &str) -> io::Result<usize> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.call()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.call()?;
        let file = state.files.len();
        state.files.push(Vec::new());
        state.names.insert(name.to_owned(), file);
        let name = name.to_owned();
        self.0.note(&mut state, Call::Create { name, file });
        Ok(Arc::new(SimulatedFile {
            disk: Arc::clone(&self.0),
            file,
        }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.0.call()?.find(name)?;
        Ok(Arc::new(SimulatedFile {
            disk: Arc::clone(&self.0),
            file,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.call()?;
        let file = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        let (from, to) = (from.to_owned(), to.to_owned());
        self.0.note(&mut state, Call::Rename { from, to });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.call()?;
        let file = state.find(name)?;
        state.names.remove(name);
        let freed = state.files[file].len();
        if let Some(free) = &mut state.free_bytes {
            *free += wide(freed);
        }
        let name = name.to_owned();
        self.0.note(&mut state, Call::Remove { name });
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.0.call()?;
        self.0.note(&mut state, Call::SyncNames);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.call()?.free_bytes.unwrap_or(u64::MAX))
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("simulated").join(name)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.elapsed_ms.load(Ordering::SeqCst))
    }

    fn release(&self) {}
}

impl DiskFile for SimulatedFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(wide(self.disk.call()?.files[self.file].len()))
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.call()?;
        let from = usize::try_from(offset).unwrap();
        let read = state.files[self.file].get(from..from + into.len());
        into.copy_from_slice(read.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// A write that fails has written its first half, as a short one does: whole
    /// sectors.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut state, mut error) = match self.disk.call() {
            Ok(state) => (state, None),
            Err(error) => (self.disk.state(), Some(error.kind())),
        };
        let offset = usize::try_from(offset).unwrap();
        let mut bytes = bytes;
        if error.is_some() {
            bytes = &bytes[..bytes.len() / 1024 * 512];
        }
        let grows = (offset + bytes.len()).saturating_sub(state.files[self.file].len());
        if let Some(free) = &mut state.free_bytes {
            if *free < wide(grows) {
                error = Some(io::ErrorKind::StorageFull);
                bytes = &[];
            } else {
                *free -= wide(grows);
            }
        }
        write(&mut state.files[self.file], offset, bytes);
        let bytes = bytes.to_vec();
        let file = self.file;
        let call = Call::Write {
            file,
            offset,
            bytes,
        };
        self.disk.note(&mut state, call);
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let file = self.file;
        self.disk.note(&mut state, Call::Sync { file });
        Ok(())
    }
}
