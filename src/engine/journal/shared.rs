//! What the threads of a journal and its callers have in common.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::{
    engine::journal::{
        Demand,
        config::{Config, Durability},
        disk::{Disk, DiskFile},
        error::{Failed, Fault, Refusal},
        layout::{store::Mark, wide},
        queue::{self, Group, Queue},
        spares::Spares,
        status::Status,
        waiters::{Goal, Waiters},
    },
    model::time::UnixMillis,
};

/// The name of the file with the mark.
pub(super) const STORE: &str = "store";

/// What all have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) store_id: String,
    pub(super) queue: Mutex<Queue>,
    /// For the committer, when something waits.
    pub(super) wake: Condvar,
    /// Held by a test while nothing is to be written.
    #[cfg(test)]
    pub(super) gate: Mutex<()>,
    /// The last sequence that was given out.
    pub(super) pushed: AtomicU64,
    /// Sequences: what counts as durable, and what was synced.
    pub(super) durable: Arc<AtomicU64>,
    pub(super) synced: Arc<AtomicU64>,
    durable_version: AtomicU64,
    /// No version above it may be given out.
    pub(super) ceiling: AtomicI64,
    failed: OnceLock<Failed>,
    /// How many threads there are; with the last one it is closed.
    threads: AtomicUsize,
    is_closed: AtomicBool,
    waiting: Waiters,
    waiting_closed: Waiters,
    pub(super) mark: Mutex<MarkFile>,
    /// The segments in use, oldest first, each with the sequence of its first
    /// record.
    pub(super) segments: Mutex<VecDeque<(u64, u64)>>,
    pub(super) spares: Mutex<Spares>,
    /// The number of the last snapshot; 0: there is none.
    pub(super) last_snapshot: AtomicU64,
    /// The last record that it holds, with all before. Held by who lets go of
    /// segments for that.
    pub(super) covered: Mutex<u64>,
    /// Bytes of the log that a load would have to apply.
    pub(super) log_bytes: AtomicU64,
    pub(super) is_disk_full: AtomicBool,
    pub(super) disk_free_bytes: AtomicU64,
    /// Bytes that the last segment has left.
    pub(super) room_bytes: AtomicU64,
    pub(super) counted: Counted,
    pub(super) bell: Bell,
}

/// A thread that is there, or is about to be.
struct Present(Arc<Shared>);

impl Drop for Present {
    fn drop(&mut self) {
        let shared = &self.0;
        if shared.threads.fetch_sub(1, Ordering::AcqRel) == 1
            && !shared.is_closed.swap(true, Ordering::AcqRel)
        {
            shared.disk.release();
            shared.waiting_closed.reach(u64::MAX);
        }
    }
}

/// The file with the mark.
#[derive(Debug)]
pub(super) struct MarkFile {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) mark: Mark,
    /// Whether it was written since it was synced.
    pub(super) is_open: bool,
}

/// What has happened since it was opened.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) groups: AtomicU64,
    pub(super) changes: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) sync_us: AtomicU64,
    pub(super) sync_us_max: AtomicU64,
    pub(super) snapshots: AtomicU64,
    pub(super) snapshot_bytes: AtomicU64,
    pub(super) snapshot_failures: AtomicU64,
}

/// Wakes the threads that work beside the committer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    stopped: Mutex<bool>,
    rung: Condvar,
}

/// Where a store begins that was made or loaded.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) last: u64,
    pub(super) version: i64,
    pub(super) mark: MarkFile,
    pub(super) segments: VecDeque<(u64, u64)>,
    pub(super) spares: Spares,
    pub(super) log_bytes: u64,
    /// The number of the last snapshot, and its bytes.
    pub(super) snapshot: u64,
    /// The last record that it holds, with all before.
    pub(super) covered: u64,
    pub(super) snapshot_bytes: u64,
}

impl Shared {
    pub(super) fn new(
        config: Config,
        disk: Arc<dyn Disk>,
        store_id: String,
        start: Start,
    ) -> Arc<Self> {
        let queue = Queue::new(start.last + 1, start.version, config.group_bytes_max());
        Arc::new(Self {
            disk,
            store_id,
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            #[cfg(test)]
            gate: Mutex::new(()),
            pushed: AtomicU64::new(start.last),
            durable: Arc::new(AtomicU64::new(start.last)),
            synced: Arc::new(AtomicU64::new(start.last)),
            durable_version: AtomicU64::new(number(start.version)),
            ceiling: AtomicI64::new(start.version),
            failed: OnceLock::new(),
            threads: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            waiting: Waiters::default(),
            waiting_closed: Waiters::default(),
            mark: Mutex::new(start.mark),
            segments: Mutex::new(start.segments),
            spares: Mutex::new(start.spares),
            last_snapshot: AtomicU64::new(start.snapshot),
            covered: Mutex::new(start.covered),
            log_bytes: AtomicU64::new(start.log_bytes),
            is_disk_full: AtomicBool::new(false),
            disk_free_bytes: AtomicU64::new(u64::MAX),
            room_bytes: AtomicU64::new(config.segment_bytes),
            counted: Counted {
                snapshot_bytes: AtomicU64::new(start.snapshot_bytes),
                ..Counted::default()
            },
            bell: Bell::default(),
            config,
        })
    }

    /// The queue, with room in a group for what `demand` says.
    ///
    /// # Errors
    /// [`Refusal`], and nothing has changed.
    pub(super) fn turn(
        &self,
        now: UnixMillis,
        demand: Demand,
    ) -> Result<MutexGuard<'_, Queue>, Refusal> {
        let bytes = queue::demanded(demand);
        let mut queue = self.queue.lock();
        if let Some(failed) = self.failed.get() {
            return Err(Refusal::Failed(failed.clone()));
        }
        if queue.is_closing {
            let why = "it was closed".into();
            return Err(Refusal::Failed(Failed { why }));
        }
        let bytes_max = self.config.turn_bytes_max();
        if bytes > bytes_max {
            return Err(Refusal::TurnTooLarge { bytes_max });
        }
        self.check_disk(&queue, demand, bytes)?;
        let (changes_max, bytes_max) = (self.config.queue_changes_max, self.config.queue_bytes_max);
        let is_reserved = {
            let changes = i64::try_from(demand.changes).unwrap_or(i64::MAX);
            let needed = queue.version.saturating_add(changes);
            needed <= self.ceiling.load(Ordering::Acquire)
        };
        // What is larger than the queue has its turn when nothing else waits.
        let has_place = |waiting: usize, more: usize, max: usize| {
            waiting == 0 || waiting.saturating_add(more) <= max
        };
        if !is_reserved || !has_place(queue.changes, demand.changes, changes_max) {
            return Err(Refusal::QueueChanges {
                queue_changes_max: changes_max,
            });
        }
        if !has_place(queue.bytes, demand.bytes, bytes_max) {
            return Err(Refusal::QueueBytes {
                queue_bytes_max: bytes_max,
            });
        }
        queue.begin(now, demand);
        Ok(queue)
    }

    /// On a full disk the store may not grow, and may change only as far as the
    /// log has room already.
    fn check_disk(&self, queue: &Queue, demand: Demand, bytes: usize) -> Result<(), Refusal> {
        if !self.is_disk_full.load(Ordering::Acquire) {
            return Ok(());
        }
        // Checksums, and sectors that are not full, never double it but for
        // small groups.
        let spares = wide(self.spares.lock().clean.len());
        let room = self.room_bytes.load(Ordering::Acquire)
            + spares.saturating_mul(self.config.segment_bytes);
        let needed = wide(queue.bytes.saturating_add(bytes))
            .saturating_mul(2)
            .saturating_add(2048);
        if demand.grows || needed > room {
            return Err(Refusal::DiskFull {
                disk_free_bytes_min: self.config.disk_free_bytes_min,
            });
        }
        Ok(())
    }

    /// Says that everything up to the end of `group` counts as durable.
    pub(super) fn publish(&self, sequence: u64, version: i64) {
        self.durable_version
            .store(number(version), Ordering::Release);
        self.durable.store(sequence, Ordering::Release);
        self.waiting.reach(sequence);
    }

    pub(super) fn durable_version(&self) -> u64 {
        self.durable_version.load(Ordering::Acquire)
    }

    /// Stops for good, unless it has stopped before.
    pub(super) fn fail(&self, failed: Failed) {
        if self.failed.set(failed).is_ok() {
            self.waiting.reach(u64::MAX);
            // Whoever looks whether to sleep has seen it, or sleeps by now.
            drop(self.queue.lock());
            self.wake.notify_all();
            self.bell.ring();
        }
    }

    pub(super) fn failed(&self) -> Option<&Failed> {
        self.failed.get()
    }

    /// Begins a thread of the journal. The directory is free for others when the
    /// last one has ended, and not before: each may be changing it. None begins
    /// when the journal is over.
    pub(super) fn spawn(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        let present = Present(Arc::clone(self));
        self.threads.fetch_add(1, Ordering::AcqRel);
        if self.is_closed.load(Ordering::Acquire) {
            return Ok(());
        }
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&present.0))
            .map(drop)
    }

    /// Asks the committer to write what waits, and to end.
    pub(super) fn close(&self) {
        self.queue.lock().is_closing = true;
        self.wake.notify_all();
    }

    /// What has become of a goal, if anything has.
    pub(super) fn outcome(&self, goal: Goal) -> Option<Result<(), Failed>> {
        let is_reached = match goal {
            Goal::Sequence(sequence) => self.durable.load(Ordering::Acquire) >= sequence,
            Goal::Failure => false,
            Goal::Closed => {
                let is_closed = self.is_closed.load(Ordering::Acquire);
                return is_closed.then(|| self.failed.get().cloned().map_or(Ok(()), Err));
            }
        };
        if is_reached {
            return Some(Ok(()));
        }
        self.failed.get().cloned().map(Err)
    }

    pub(super) const fn waiters(&self, goal: Goal) -> &Waiters {
        match goal {
            Goal::Sequence(_) | Goal::Failure => &self.waiting,
            Goal::Closed => &self.waiting_closed,
        }
    }

    /// Notes that everything up to `synced` is on the disk, by a write that may
    /// be lost: the next one, or the one before, is not.
    pub(super) fn write_mark(&self, synced: u64, wall: UnixMillis) -> Result<(), Fault> {
        if self.config.planted().no_mark {
            return Ok(());
        }
        let mut mark = self.mark.lock();
        let next = Mark {
            generation: mark.mark.generation + 1,
            synced,
            wall: wall.max(mark.mark.wall),
        };
        mark.file
            .write_at(&next.write(), next.offset())
            .map_err(Fault::of(&*self.disk, "write the mark in", STORE))?;
        mark.mark = next;
        mark.is_open = true;
        Ok(())
    }

    /// Brings the mark to the disk.
    pub(super) fn sync_mark(&self) -> Result<(), Fault> {
        let file = {
            let mut mark = self.mark.lock();
            if !std::mem::take(&mut mark.is_open) {
                return Ok(());
            }
            Arc::clone(&mark.file)
        };
        file.sync().map_err(Fault::of(&*self.disk, "sync", STORE))
    }

    /// Whether a group waits for `durable` only, or for a sync.
    pub(super) fn is_synced_each_time(&self) -> bool {
        self.config.durability == Durability::Always
    }

    pub(super) fn count_group(&self, group: &Group, bytes: u64) {
        let counted = &self.counted;
        counted.groups.fetch_add(1, Ordering::Relaxed);
        let changes = u64::from(group.count);
        counted.changes.fetch_add(changes, Ordering::Relaxed);
        counted.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_sync(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counted.syncs.fetch_add(1, Ordering::Relaxed);
        self.counted.sync_us.fetch_add(micros, Ordering::Relaxed);
        self.counted
            .sync_us_max
            .fetch_max(micros, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> Status {
        let (queue_changes, queue_bytes) = {
            let queue = self.queue.lock();
            (queue.changes, queue.bytes)
        };
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counted = &self.counted;
        Status {
            failed: self.failed.get().cloned(),
            disk_full: self.is_disk_full.load(Ordering::Acquire),
            disk_free_bytes: of(&self.disk_free_bytes),
            queue_changes,
            queue_bytes,
            groups: of(&counted.groups),
            changes: of(&counted.changes),
            bytes: of(&counted.bytes),
            syncs: of(&counted.syncs),
            sync_us: of(&counted.sync_us),
            sync_us_max: of(&counted.sync_us_max),
            segments: wide(self.segments.lock().len()),
            snapshots: of(&counted.snapshots),
            snapshot_bytes: of(&counted.snapshot_bytes),
            snapshot_failures: of(&counted.snapshot_failures),
        }
    }
}

impl Bell {
    /// Wakes those who wait.
    pub(super) fn ring(&self) {
        self.rung.notify_all();
    }

    /// Wakes those who wait, and lets nobody wait again.
    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.rung.notify_all();
    }

    /// Waits for a ring, or for so long; false when it is over.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.rung.wait_for(&mut stopped, at_most);
        }
        !*stopped
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.lock()
    }
}

fn number(version: i64) -> u64 {
    u64::try_from(version).unwrap_or(0)
}
