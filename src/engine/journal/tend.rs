//! What has to be done beside the log: a spare that is ready, the mark on the
//! disk, and an eye on how full the disk is.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::engine::journal::{
    disk,
    error::{Failed, Fault},
    recycle,
    shared::Shared,
    spares,
};

/// How often the mark is synced, and the disk looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What does it.
#[derive(Debug)]
pub(super) struct Tender {
    shared: Arc<Shared>,
    /// When the mark was synced last.
    mark_synced_at: Duration,
}

impl Tender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            mark_synced_at: shared.disk.elapsed(),
            shared,
        }
    }

    /// Goes on until the journal is closed, or has failed.
    pub(super) fn run(mut self) {
        loop {
            if let Err(fault) = self.step() {
                self.shared.fail(Failed::from(fault));
            }
            if self.shared.failed().is_some() || !self.shared.bell.wait(EVERY) {
                return;
            }
        }
    }

    /// Does what is due.
    pub(super) fn step(&mut self) -> Result<(), Fault> {
        let elapsed = self.shared.disk.elapsed();
        if elapsed >= self.mark_synced_at.saturating_add(EVERY) {
            self.shared.sync_mark()?;
            self.mark_synced_at = elapsed;
        }
        let is_ready = self.make_spare()?;
        self.look_at_disk(is_ready)
    }

    /// Has one spare ready; false when there is no room for it.
    fn make_spare(&self) -> Result<bool, Fault> {
        let shared = &self.shared;
        let (name, is_there) = {
            let mut spares = shared.spares.lock();
            if !spares.clean.is_empty() {
                return Ok(true);
            }
            spares.next()
        };
        // Or what is free would be filled, and given back, each second.
        if !is_there && self.free_bytes()? < shared.config.segment_bytes {
            return Ok(false);
        }
        match spares::prepare(&*shared.disk, name, is_there, shared.config.segment_bytes) {
            Ok(spare) => {
                shared.spares.lock().clean.push_back(spare);
                shared.bell.ring();
                Ok(true)
            }
            Err(fault) if disk::is_full(&fault.error) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    fn free_bytes(&self) -> Result<u64, Fault> {
        let disk = &*self.shared.disk;
        let free = disk.free_bytes();
        free.map_err(Fault::of(disk, "measure the disk of", ""))
    }

    /// Sees whether the disk is full, as it is without room for a spare.
    pub(super) fn look_at_disk(&self, is_ready: bool) -> Result<(), Fault> {
        let shared = &self.shared;
        let free = self.free_bytes()?;
        shared.disk_free_bytes.store(free, Ordering::Relaxed);
        let is_full = !is_ready || free < shared.config.disk_free_bytes_min;
        let was_full = shared.is_disk_full.swap(is_full, Ordering::AcqRel);
        if is_full && !was_full {
            tracing::warn!(
                disk_free_bytes = free,
                disk_free_bytes_min = shared.config.disk_free_bytes_min,
                "the disk is nearly full: the store refuses to grow"
            );
        } else if was_full && !is_full {
            tracing::info!(disk_free_bytes = free, "the disk has room again");
        }
        if !is_ready {
            // What a snapshot holds, where that could not be let go of then.
            return match recycle::recycle(shared) {
                Err(fault) if disk::is_full(&fault.error) => Ok(()),
                recycled => recycled,
            };
        }
        if is_full {
            recycle::give_up_one(shared)?;
        }
        Ok(())
    }
}
