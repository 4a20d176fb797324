//! Segments that a snapshot has made superfluous become spares.

use crate::engine::journal::{error::Fault, layout::narrow, names, shared::Shared};

/// How many spares are kept at most, whatever the settings.
const SPARES_MAX: usize = 8;

/// Lets go of the segments all of whose records the snapshot holds, the oldest
/// first: those between would be missed. None is kept for watches that resume after a
/// restart: what was before an event that a snapshot holds is not known any more.
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
    let config = &shared.config;
    // As many as a log has between two snapshots at least.
    let max = narrow(config.snapshot_log_bytes_min / config.segment_bytes) + 1;
    let max = max.min(SPARES_MAX);
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

/// The oldest segment, if it is not needed.
fn superfluous(shared: &Shared, last_covered: u64) -> Option<u64> {
    let segments = shared.segments.lock();
    let (number, _) = *segments.front()?;
    // It ends before the next one begins.
    let (_, next) = *segments.get(1)?;
    (next <= last_covered.saturating_add(1)).then_some(number)
}

/// Removes a spare that nobody needs soon: for a disk that is full.
pub(super) fn give_up_one(shared: &Shared) -> Result<(), Fault> {
    let disk = &*shared.disk;
    let name = shared.spares.lock().dirty.pop_front();
    name.map_or(Ok(()), |name| {
        disk.remove(&name).map_err(Fault::of(disk, "remove", &name))
    })
}
