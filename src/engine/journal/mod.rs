//! What makes a store durable: a log of all changes in their order, and
//! snapshots, so that it need not be kept for ever. It knows files and no
//! shards.

pub mod backup;
mod committer;
mod config;
mod disk;
mod error;
pub mod figures;
mod files;
mod inspect;
mod layout;
mod load;
mod log;
mod names;
mod open;
mod packing;
mod planted;
mod queue;
mod record;
mod recycle;
mod scan;
mod shared;
mod snapshot;
mod source;
mod spares;
mod status;
mod tend;
#[cfg(test)]
mod tests;
mod waiters;

use std::{
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::MutexGuard;

use crate::model::{time::UnixMillis, version::Version};

pub use crate::engine::journal::{
    config::{Config, Durability},
    error::{Failed, OpenError, Refusal},
    inspect::{Inspected, inspect},
    record::{Origin, Record, Sequence},
    source::Source,
    status::Status,
};
use crate::engine::journal::{
    disk::RealDisk,
    error::Fault,
    layout::record::Item,
    queue::Queue,
    shared::Shared,
    tend::Tender,
    waiters::{Goal, Until},
};

/// The journal of one store. A clone is the same journal; with the last one it
/// is closed.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

/// A journal that was opened, and what there is to go on from.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Which store it is: chosen at creation, and never again.
    pub store_id: String,
    /// No version up to this one may be given out: the next one is the first.
    pub version: Version,
    /// The latest time that the store has noted: its clock must not go back
    /// behind it.
    pub wall: UnixMillis,
    /// Whether it was made just now.
    pub created: bool,
    /// What a power cut has left half written, never acknowledged as durable,
    /// and was set aside.
    pub cut: Option<Cut>,
}

/// The end of a log that was only half written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file that ended so.
    pub file: PathBuf,
    /// From which byte on.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Where they were kept.
    pub saved: PathBuf,
}

/// How far a load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read.
    pub bytes_done: u64,
    /// Bytes that there are to read.
    pub bytes_total: u64,
}

/// What a turn will bring at most: known before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Records; each that takes a version is one.
    pub changes: usize,
    /// Bytes of their keys, values and replies together, at most.
    pub bytes: usize,
    /// Whether the store may have more bytes afterwards than before.
    pub grows: bool,
}

/// A place in the order. While it is held nobody else has one: it is taken
/// under the lock of the shard, before the version, and dropped when all is
/// pushed. What is pushed in one turn is kept whole or not at all.
#[derive(Debug)]
pub struct Turn<'a> {
    shared: &'a Shared,
    /// There until it is dropped.
    queue: Option<MutexGuard<'a, Queue>>,
    last: u64,
}

/// What a store begins with that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Which store it is, if it is made now; at most 64 bytes.
    pub store_id: String,
    /// The version before its first.
    pub version: Version,
    /// What time it is.
    pub now: UnixMillis,
}

impl Journal {
    /// Locks the directory, makes a store in it or loads the one that is there:
    /// first its snapshot, then its log, through `load`. Blocks, for as long as
    /// that takes, and tells of its `progress`. Then it writes with threads of
    /// its own.
    ///
    /// A change that was not acknowledged, since the power was cut or a write
    /// has failed, may be there afterwards, or not; never a part of it.
    ///
    /// # Errors
    /// [`OpenError`]: the store is as it was.
    pub fn open(
        config: Config,
        made: &Made,
        load: &mut dyn FnMut(Origin, Record<'_>) -> Result<(), String>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Opened, OpenError> {
        let disk = Arc::new(RealDisk::open(&config.dir)?);
        let parts = open::open(disk, config, made, load, progress)?;
        let shared = Arc::clone(&parts.shared);
        let opened = Opened {
            journal: Self(Arc::new(Handle(Arc::clone(&shared)))),
            store_id: shared.store_id.clone(),
            version: parts.version,
            wall: parts.wall,
            created: parts.is_made,
            cut: parts.cut,
        };
        let tender = Tender::new(Arc::clone(&shared));
        // Before the first change comes.
        tender.look_at_disk(true)?;
        let started = shared
            .spawn("journal", move |_| parts.committer.run())
            .and_then(|()| shared.spawn("journal-tend", move |_| tender.run()));
        started.map_err(Fault::of(&*shared.disk, "start the threads of", ""))?;
        Ok(opened)
    }

    /// Begins to take snapshots of `source`, whenever the log has grown enough.
    /// To be called once, when all is loaded.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn keep_snapshots(&self, source: Arc<dyn Source>) -> io::Result<()> {
        self.0.0.spawn("journal-snapshot", move |shared| {
            snapshot::write::run(shared, &*source);
        })
    }

    /// The next place in the order, at `now`. Waits only for others to push.
    ///
    /// # Errors
    /// [`Refusal`]: there is none now, and nothing has been done.
    pub fn turn(&self, now: UnixMillis, demand: Demand) -> Result<Turn<'_>, Refusal> {
        let shared = &*self.0.0;
        let queue = shared.turn(now, demand)?;
        let last = queue.last();
        Ok(Turn {
            shared,
            queue: Some(queue),
            last,
        })
    }

    /// Up to where everything counts as durable: under [`Durability::Always`]
    /// what is synced, else what was handed to the system.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        Sequence::new(self.0.0.durable.load(Ordering::Acquire))
    }

    /// Up to which version every change counts as durable, as [`Self::durable`].
    #[must_use]
    pub fn durable_version(&self) -> Version {
        let version = i64::try_from(self.0.0.durable_version()).unwrap_or(i64::MAX);
        Version::new(version).unwrap_or(Version::FIRST)
    }

    /// The last place that was given out: what waits for it waits for all that
    /// was pushed until now.
    #[must_use]
    pub fn last(&self) -> Sequence {
        Sequence::new(self.0.0.pushed.load(Ordering::Acquire))
    }

    /// Returns when [`Self::durable`] has reached `sequence`.
    ///
    /// # Errors
    /// [`Failed`]: it never will.
    pub fn settled(
        &self,
        sequence: Sequence,
    ) -> impl Future<Output = Result<(), Failed>> + Send + 'static {
        Until::new(Arc::clone(&self.0.0), Goal::Sequence(sequence.get()))
    }

    /// Returns when it has failed, and only then.
    pub fn failed(&self) -> impl Future<Output = Failed> + Send + 'static {
        let failed = Until::new(Arc::clone(&self.0.0), Goal::Failure);
        async {
            match failed.await {
                Err(failed) => failed,
                // It has no other end.
                Ok(()) => std::future::pending().await,
            }
        }
    }

    /// Takes no more changes, writes and syncs what waits, under any
    /// [`Durability`], and lets go of the directory.
    ///
    /// # Errors
    /// [`Failed`]: some of it could not be written.
    pub fn close(&self) -> impl Future<Output = Result<(), Failed>> + Send + 'static {
        self.0.0.close();
        Until::new(Arc::clone(&self.0.0), Goal::Closed)
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.0.status()
    }
}

#[cfg(test)]
impl Journal {
    /// Writes nothing until what is returned is dropped.
    pub(in crate::engine) fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.0.gate.lock()
    }

    /// Fails as if a write had.
    pub(in crate::engine) fn break_down(&self) {
        let why = "on purpose".into();
        self.0.0.fail(Failed { why });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Turn<'_> {
    /// Adds a record. Versions are pushed in ascending order, each once, and no
    /// more than were asked for: else the journal stops, since it could not
    /// read what it would write.
    pub fn push(&mut self, record: Record<'_>) {
        if let Some(queue) = &mut self.queue {
            self.last = queue.push(&Item::Record(record));
        }
    }

    /// The place of the record that was pushed last; without one, that of the
    /// last one before.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        Sequence::new(self.last)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        self.shared.pushed.store(queue.last(), Ordering::Release);
        let is_asleep = queue.is_sleeping && !queue.is_empty();
        drop(queue);
        if is_asleep {
            self.shared.wake.notify_one();
        }
    }
}
