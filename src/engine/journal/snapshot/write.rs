//! Writes a snapshot while the store is changed.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::engine::journal::{
    error::Fault,
    layout::snapshot::First,
    names::{self, SNAPSHOT_UNFINISHED},
    recycle,
    shared::Shared,
    snapshot::blocks::Blocks,
    source::Source,
};

/// How long it waits before it looks again: whether one is due, and whether the
/// log has come far enough.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_SYNCED: Duration = Duration::from_millis(10);

/// How long after a failure another one is tried; on a full disk after any.
const RETRY: Duration = Duration::from_secs(10);

/// A snapshot that is being written.
#[derive(Debug)]
pub(in crate::engine::journal) struct Writer {
    shared: Arc<Shared>,
    blocks: Blocks,
    number: u64,
    /// The last record that need not be applied over it.
    begin: u64,
    /// Bytes of the log when it began.
    log_bytes: u64,
    part: usize,
    after: Option<Vec<u8>>,
}

/// Takes snapshots when they are due, until the journal is closed.
pub(in crate::engine::journal) fn run(shared: &Arc<Shared>, source: &dyn Source) {
    let mut not_before = Duration::ZERO;
    while shared.bell.wait(LOOK) {
        if shared.failed().is_some() {
            return;
        }
        if shared.disk.elapsed() < not_before || !is_due(shared) {
            continue;
        }
        if let Err(fault) = take(shared, source) {
            tracing::warn!(%fault, "a snapshot could not be written; it will be tried again");
            let failures = &shared.counted.snapshot_failures;
            failures.fetch_add(1, Ordering::Relaxed);
            not_before = shared.disk.elapsed().saturating_add(RETRY);
        } else if shared.is_disk_full.load(Ordering::Acquire) {
            not_before = shared.disk.elapsed().saturating_add(RETRY);
        }
    }
}

/// Whether the log has grown enough; on a full disk, whether some of it could
/// be let go, even for a snapshot that is larger: what was deleted gives its
/// room back only so.
pub(in crate::engine::journal) fn is_due(shared: &Shared) -> bool {
    let log_bytes = shared.log_bytes.load(Ordering::Relaxed);
    let last = shared.counted.snapshot_bytes.load(Ordering::Relaxed);
    log_bytes >= shared.config.snapshot_log_bytes_min.max(last)
        || (shared.is_disk_full.load(Ordering::Acquire) && log_bytes >= shared.config.segment_bytes)
}

/// Takes one, and leaves nothing of it when that fails: on a full disk it would
/// hold the room that all others need.
pub(in crate::engine::journal) fn take(
    shared: &Arc<Shared>,
    source: &dyn Source,
) -> Result<(), Fault> {
    let taken = write(shared, source);
    if taken.is_err() {
        // What cannot be removed is written over by the next.
        drop(shared.disk.remove(SNAPSHOT_UNFINISHED));
    }
    taken
}

fn write(shared: &Arc<Shared>, source: &dyn Source) -> Result<(), Fault> {
    let mut writer = Writer::begin(shared)?;
    while let Some(bytes) = writer.step(source)? {
        let rate = shared.config.snapshot_bytes_per_second.max(1);
        let pause = Duration::from_micros(bytes.saturating_mul(1_000_000) / rate);
        if shared.bell.is_stopped() || !pause_for(shared, pause) {
            return Ok(());
        }
    }
    if !source.is_there() {
        return Ok(());
    }
    let end = writer.finish()?;
    while shared.synced.load(Ordering::Acquire) < end && !shared.config.planted().published_early {
        shared.queue.lock().is_sync_wanted = true;
        shared.wake.notify_all();
        if !shared.bell.wait(LOOK_SYNCED) || shared.failed().is_some() {
            return Ok(());
        }
    }
    writer.publish()
}

fn pause_for(shared: &Shared, pause: Duration) -> bool {
    let until = shared.disk.elapsed().saturating_add(pause);
    loop {
        let left = until.saturating_sub(shared.disk.elapsed());
        if left.is_zero() {
            return true;
        }
        if !shared.bell.wait(left) || shared.failed().is_some() {
            return false;
        }
    }
}

impl Writer {
    /// Begins a snapshot of what there is from now on.
    pub(in crate::engine::journal) fn begin(shared: &Arc<Shared>) -> Result<Self, Fault> {
        let number = shared.last_snapshot.load(Ordering::Acquire) + 1;
        // First the bytes, so that none is forgotten.
        let log_bytes = shared.log_bytes.load(Ordering::Relaxed);
        let begin = shared.queue.lock().last();
        let first = First {
            number,
            begin,
            store_id: shared.store_id.clone(),
        };
        Ok(Self {
            shared: Arc::clone(shared),
            blocks: Blocks::begin(Arc::clone(&shared.disk), &first)?,
            number,
            begin,
            log_bytes,
            part: 0,
            after: None,
        })
    }

    /// Reads some of `source` and writes it, and gives how many bytes that
    /// were; `None` at the end.
    pub(in crate::engine::journal) fn step(
        &mut self,
        source: &dyn Source,
    ) -> Result<Option<u64>, Fault> {
        if self.part >= source.parts() {
            return Ok(None);
        }
        let before = self.blocks.bytes();
        let blocks = &mut self.blocks;
        self.after = source.read(self.part, self.after.as_deref(), &mut |entry| {
            blocks.push(entry);
        });
        if self.after.is_none() {
            self.part += 1;
        }
        self.check_room()?;
        self.blocks.flush()?;
        Ok(Some(self.blocks.bytes() - before))
    }

    /// Stops before it takes the room of others: of the next segment, and of
    /// what stays free as long as the store may grow.
    fn check_room(&self) -> Result<(), Fault> {
        let Shared { disk, config, .. } = &*self.shared;
        let failed = |doing| Fault::of(&**disk, doing, SNAPSHOT_UNFINISHED);
        let free = disk.free_bytes().map_err(failed("measure the disk of"))?;
        let is_full = self.shared.is_disk_full.load(Ordering::Acquire);
        let reserve = if is_full {
            0
        } else {
            config.disk_free_bytes_min
        };
        let taken = config
            .segment_bytes
            .saturating_add(self.blocks.waiting_bytes());
        if free < reserve.saturating_add(taken) {
            let error = io::ErrorKind::StorageFull.into();
            return Err(failed("find room for")(error));
        }
        Ok(())
    }

    /// Brings all of it to the disk, under no name yet. Gives the record up to
    /// which the log has to be synced before it may be published.
    pub(in crate::engine::journal) fn finish(&mut self) -> Result<u64, Fault> {
        // What was read is not younger than this.
        let end = self.shared.queue.lock().last();
        let wall = self.shared.mark.lock().mark.wall;
        self.blocks.finish(end, wall)?;
        Ok(end)
    }

    /// Gives it its name, and lets go of what it replaces.
    pub(in crate::engine::journal) fn publish(self) -> Result<(), Fault> {
        let shared = &self.shared;
        let disk = &*shared.disk;
        let name = names::snapshot(self.number);
        let rename = disk.rename(SNAPSHOT_UNFINISHED, &name);
        rename.map_err(Fault::of(disk, "rename to", &name))?;
        let sync = disk.sync_names();
        sync.map_err(Fault::of(disk, "sync the names of", ""))?;
        let before = shared.last_snapshot.swap(self.number, Ordering::AcqRel);
        shared
            .log_bytes
            .fetch_sub(self.log_bytes, Ordering::Relaxed);
        let counted = &shared.counted;
        counted.snapshots.fetch_add(1, Ordering::Relaxed);
        let bytes = self.blocks.bytes();
        counted.snapshot_bytes.store(bytes, Ordering::Relaxed);
        let entries = self.blocks.records();
        tracing::info!(entries, bytes, "a snapshot was written");
        *shared.covered.lock() = self.begin;
        let old = names::snapshot(before);
        let removed = if before > 0 {
            disk.remove(&old).map_err(Fault::of(disk, "remove", &old))
        } else {
            Ok(())
        };
        // Whatever came of that: nobody else lets go of the log in its place.
        recycle::recycle(shared)?;
        removed
    }
}
