//! Segments that a snapshot has made superfluous become spares.

use std::sync::atomic::Ordering;

use crate::engine::journal::{error::Fault, layout::narrow, names, shared::Shared};

/// How many spares are kept at most, whatever the settings.
const SPARES_MAX: usize = 8;

/// Lets go of the segments all of whose records the snapshot holds, the oldest
/// first: those between would be missed. Some are kept for watches that resume
/// after a restart, unless the disk is full.
pub(super) fn recycle(shared: &Shared) -> Result<(), Fault> {
    let disk = &*shared.disk;
    let covered = shared.covered.lock();
    while let Some(number) = superfluous(shared, *covered) {
        let old = names::segment(number);
        let spare = shared.spares.lock().name();
        let rename = disk.rename(&old, &spare);
        rename.map_err(Fault::of(disk, "rename", &old))?;
        shared.segments.lock().pop_front();
        // Before it is made zero, and before the next one goes.
        let sync = disk.sync_names();
        sync.map_err(Fault::of(disk, "sync the names of", ""))?;
        shared.spares.lock().dirty.push_back(spare);
    }
    drop(covered);
    trim(shared)?;
    shared.bell.ring();
    Ok(())
}

/// Removes spares that are too many.
pub(super) fn trim(shared: &Shared) -> Result<(), Fault> {
    let disk = &*shared.disk;
    let max = (kept_segments(shared) + 1).min(SPARES_MAX);
    loop {
        let name = {
            let mut spares = shared.spares.lock();
            if spares.count() <= max {
                return Ok(());
            }
            spares.dirty.pop_front()
        };
        let Some(name) = name else {
            return Ok(());
        };
        disk.remove(&name)
            .map_err(Fault::of(disk, "remove", &name))?;
    }
}

/// As many segments as a log has between two snapshots at least.
fn kept_segments(shared: &Shared) -> usize {
    narrow(shared.config.snapshot_log_bytes_min / shared.config.segment_bytes)
}

/// The oldest segment, if it is not needed. On a full disk watches have to begin
/// anew, and none is kept for them.
fn superfluous(shared: &Shared, last_covered: u64) -> Option<u64> {
    let last = shared.queue.lock().last();
    let history = shared.config.history_changes;
    let segments = shared.segments.lock();
    let (number, _) = *segments.front()?;
    // Each ends before the next one begins.
    let is_covered = |next: &&(u64, u64)| next.1 <= last_covered.saturating_add(1);
    let covered = segments.iter().skip(1).take_while(is_covered).count();
    let (_, next) = *segments.get(1)?;
    let is_history = last.saturating_sub(next.saturating_sub(1)) < history
        && !shared.is_disk_full.load(Ordering::Acquire);
    (covered > 0 && (!is_history || covered > kept_segments(shared))).then_some(number)
}

/// Removes a spare that nobody needs soon: for a disk that is full.
pub(super) fn give_up_one(shared: &Shared) -> Result<(), Fault> {
    let disk = &*shared.disk;
    let name = shared.spares.lock().dirty.pop_front();
    name.map_or(Ok(()), |name| {
        disk.remove(&name).map_err(Fault::of(disk, "remove", &name))
    })
}
