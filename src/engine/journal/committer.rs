//! The one thread that writes the log: group by group, in their order.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    engine::journal::{
        config::Durability,
        disk::is_full,
        error::{Failed, Fault},
        layout::segment,
        log::Log,
        queue::Group,
        shared::Shared,
        spares::{self, Spare},
    },
    model::time::UnixMillis,
};

/// How long it waits for room on a full disk before it looks again.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// What writes the log.
#[derive(Debug)]
pub(super) struct Committer {
    shared: Arc<Shared>,
    log: Log,
    /// What was written last, and may not be synced.
    written: Written,
    /// When the log was synced last.
    synced_at: Duration,
    /// A group that has no room.
    held: Option<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    sequence: u64,
    ceiling: i64,
    wall: UnixMillis,
}

/// What a step of the committer has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A group was written, or a sync was due.
    Done,
    /// Nothing waits.
    Idle,
    /// There is no room on the disk.
    Full,
}

impl Committer {
    /// Goes on where `shared` and `log` stand.
    pub(super) fn new(shared: Arc<Shared>, log: Log) -> Self {
        let written = Written {
            sequence: shared.durable.load(Ordering::Acquire),
            ceiling: shared.ceiling.load(Ordering::Acquire),
            wall: shared.mark.lock().mark.wall,
        };
        let committer = Self {
            synced_at: shared.disk.elapsed(),
            log: written_as(&shared, log),
            shared,
            written,
            held: None,
        };
        committer.tell_room();
        committer
    }

    /// Runs until it is closed, or has failed.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            #[cfg(test)]
            drop(shared.gate.lock());
            match self.step() {
                Ok(Step::Done) => {}
                Ok(Step::Full) if shared.queue.lock().is_closing => {
                    let why = "the disk is full, and it was closed".into();
                    shared.fail(Failed { why });
                }
                Ok(Step::Full) => {
                    shared.bell.wait(FULL_PAUSE);
                }
                Ok(Step::Idle) => {
                    if !self.sleep() {
                        break;
                    }
                }
                Err(fault) => shared.fail(Failed::from(fault)),
            }
            if shared.failed().is_some() {
                break;
            }
        }
        if shared.failed().is_none()
            && let Err(fault) = self.finish()
        {
            shared.fail(Failed::from(fault));
        }
        if let Some(failed) = shared.failed() {
            tracing::error!(why = %failed.why, "the journal has stopped");
        }
        shared.bell.stop();
    }

    /// Sleeps until something waits; false when it is closed.
    fn sleep(&self) -> bool {
        let shared = &self.shared;
        let mut queue = shared.queue.lock();
        while queue.is_empty() && !queue.is_sync_wanted {
            if queue.is_closing || shared.failed().is_some() {
                return false;
            }
            queue.is_sleeping = true;
            let is_over = if let Some(due) = self.sync_due() {
                let left = due.saturating_sub(shared.disk.elapsed());
                left.is_zero() || shared.wake.wait_for(&mut queue, left).timed_out()
            } else {
                shared.wake.wait(&mut queue);
                false
            };
            queue.is_sleeping = false;
            if is_over {
                return true;
            }
        }
        true
    }

    /// Writes the group that waits, if one does, and syncs when that is due.
    pub(super) fn step(&mut self) -> Result<Step, Fault> {
        let (group, is_sync_wanted) = {
            let mut queue = self.shared.queue.lock();
            if queue.is_out_of_order {
                drop(queue);
                let why = "versions were given out that do not ascend, or are not reserved".into();
                self.shared.fail(Failed { why });
                return Ok(Step::Idle);
            }
            let group = self.held.take().or_else(|| queue.take());
            (group, std::mem::take(&mut queue.is_sync_wanted))
        };
        let Some(group) = group else {
            let elapsed = self.shared.disk.elapsed();
            if is_sync_wanted || self.sync_due().is_some_and(|due| elapsed >= due) {
                self.sync()?;
                return Ok(Step::Done);
            }
            return Ok(Step::Idle);
        };
        if !self.log.has_room(&group) && !self.rotate(&group)? {
            self.held = Some(group);
            self.shared.queue.lock().is_sync_wanted |= is_sync_wanted;
            // What comes behind it has no room either.
            self.shared.room_bytes.store(0, Ordering::Release);
            return Ok(Step::Full);
        }
        self.write(&group, is_sync_wanted)?;
        self.shared.queue.lock().give_back(group.bytes);
        Ok(Step::Done)
    }

    fn write(&mut self, group: &Group, is_sync_wanted: bool) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let synced = shared.synced.load(Ordering::Acquire);
        let bytes = self
            .log
            .append(group, synced, !shared.config.planted().no_chain)?;
        shared.count_group(group, bytes);
        self.tell_room();
        self.written = Written {
            sequence: group.last(),
            ceiling: group.ceiling.unwrap_or(self.written.ceiling),
            wall: group.now.max(self.written.wall),
        };
        let is_synced_each_time = shared.is_synced_each_time();
        if !is_synced_each_time || shared.config.planted().answered_early {
            shared.publish(group.last(), group.version);
        }
        let is_due = self
            .sync_due()
            .is_some_and(|due| shared.disk.elapsed() >= due);
        let is_wanted = is_synced_each_time || group.ceiling.is_some() || is_sync_wanted || is_due;
        if is_wanted {
            self.sync_log()?;
        }
        if is_synced_each_time {
            shared.publish(group.last(), group.version);
        }
        // Nobody waits for the mark: it comes to the disk later anyway.
        if is_wanted {
            self.mark()?;
        }
        Ok(())
    }

    /// When the log is to be synced though nobody waits for it.
    fn sync_due(&self) -> Option<Duration> {
        let is_open = self.written.sequence > self.shared.synced.load(Ordering::Acquire);
        let interval = Duration::from_millis(self.shared.config.interval_ms);
        (is_open && self.shared.config.durability == Durability::Interval)
            .then(|| self.synced_at.saturating_add(interval))
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.sync_log()?;
        self.mark()
    }

    fn sync_log(&mut self) -> Result<(), Fault> {
        let began = self.shared.disk.elapsed();
        self.log.sync()?;
        self.synced_at = self.shared.disk.elapsed();
        self.shared.count_sync(self.synced_at.saturating_sub(began));
        let Written {
            sequence, ceiling, ..
        } = self.written;
        self.shared.synced.store(sequence, Ordering::Release);
        self.shared.ceiling.fetch_max(ceiling, Ordering::AcqRel);
        Ok(())
    }

    /// Notes what was synced last.
    fn mark(&self) -> Result<(), Fault> {
        let Written { sequence, wall, .. } = self.written;
        self.shared.write_mark(sequence, wall)
    }

    /// Goes on in another segment, since `group` has no room in this one; false
    /// when there is no room for one.
    fn rotate(&mut self, group: &Group) -> Result<bool, Fault> {
        if self.written.sequence > self.shared.synced.load(Ordering::Acquire) {
            self.sync()?;
        }
        let Some(spare) = self.spare()? else {
            return Ok(false);
        };
        let header = segment::Header {
            number: self.log.number() + 1,
            bytes: self.shared.config.segment_bytes,
            first: group.first,
            chain: self.log.chain(),
            ceiling: self.written.ceiling,
            store_id: self.shared.store_id.clone(),
        };
        let log = Log::begin(Arc::clone(&self.shared.disk), &spare, &header)?;
        self.log = written_as(&self.shared, log);
        let segment = (header.number, header.first);
        self.shared.segments.lock().push_back(segment);
        self.shared.bell.ring();
        Ok(true)
    }

    /// A spare that is ready, or else one that is made now; `None` when the
    /// disk is full.
    fn spare(&self) -> Result<Option<Spare>, Fault> {
        let shared = &self.shared;
        let (name, is_there) = {
            let mut spares = shared.spares.lock();
            if let Some(ready) = spares.clean.pop_front() {
                return Ok(Some(ready));
            }
            spares.next()
        };
        let bytes = shared.config.segment_bytes;
        match spares::prepare(&*shared.disk, name, is_there, bytes) {
            Ok(spare) => Ok(Some(spare)),
            Err(fault) if is_full(&fault.error) => {
                shared.is_disk_full.store(true, Ordering::Release);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Writes and syncs all that waits, with the mark.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        while self.step()? == Step::Done {}
        if self.written.sequence > self.shared.synced.load(Ordering::Acquire) {
            self.sync()?;
        }
        self.shared.sync_mark()
    }

    fn tell_room(&self) {
        let room = self.log.room_bytes();
        self.shared.room_bytes.store(room, Ordering::Release);
    }
}

/// The log, written to as suits how it is synced.
fn written_as(shared: &Shared, log: Log) -> Log {
    if shared.is_synced_each_time() {
        log.synced_each_time()
    } else {
        log
    }
}
