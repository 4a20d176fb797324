//! The store as it was at one moment, for backups.
//!
//! All shards are locked for that moment, so that no change is half done; then
//! each reads on while it is changed, and keeps what is changed before it was
//! read as it was. Whoever changes nothing that has yet to be read pays one
//! branch.

use std::sync::Arc;

use crate::{
    engine::{
        journal::{Record, Sequence, backup::About},
        memory::{
            Memory,
            lock::{Mutex, MutexGuard},
            shard::{Cut, Held},
        },
    },
    model::{clock::Clock, error::Error},
};

/// See [`crate::engine::journal::backup::Image`].
#[derive(Debug)]
pub(super) struct Image<C: Clock> {
    memory: Memory<C>,
    about: About,
    entries: u64,
    held: Arc<Held>,
    /// Between which requests it is, by their numbers; `None`: behind them.
    requests: Option<(u64, u64)>,
    shard: usize,
}

/// The store as it is at this moment, and what that rests on.
pub(super) fn begin<C: Clock>(memory: &Memory<C>) -> (Image<C>, Sequence) {
    let held = Arc::new(Held::new(memory.backup_held_bytes_max));
    // In ascending order, as everybody locks them.
    let mut shards: Vec<_> = memory.shards.iter().map(Mutex::lock).collect();
    let (version, at) = (memory.versions.last(), memory.clock.now());
    let requests = (0, memory.requests.last());
    let rest = memory.barrier();
    let mut entries = 0;
    for shard in &mut shards {
        shard.cut(Cut::new(Arc::clone(&held), version, at));
        entries += u64::try_from(shard.entries()).unwrap_or(u64::MAX);
    }
    drop(shards);
    let image = Image {
        memory: memory.clone(),
        about: About {
            store_id: memory.store_id.clone(),
            version,
            time: at,
        },
        entries,
        held,
        requests: Some(requests),
        shard: 0,
    };
    (image, rest)
}

impl<C: Clock> crate::engine::journal::backup::Image for Image<C> {
    fn about(&self) -> &About {
        &self.about
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn read(&mut self, emit: &mut dyn FnMut(Record<'_>)) -> Result<bool, Error> {
        if let Some((after, last)) = self.requests {
            let shown = self.memory.requests.each_after(after, last, emit);
            self.requests = shown.map(|shown| (shown, last));
            return Ok(true);
        }
        let Some(shard) = self.memory.shards.get(self.shard) else {
            return Ok(false);
        };
        let mut locked = shard.lock();
        let more = locked.emit_cut(&self.held, emit);
        MutexGuard::unlock_fair(locked);
        if !more {
            self.shard += 1;
        }
        // After it was read: what was changed before, and not kept, shows.
        if self.held.is_lost() {
            return Err(Error::BackupTooSlow {
                backup_held_bytes_max: self.held.bytes_max(),
            });
        }
        Ok(true)
    }
}

impl<C: Clock> Drop for Image<C> {
    fn drop(&mut self) {
        for shard in &self.memory.shards {
            // What it has kept is freed when the lock is not held.
            let cut = shard.lock().uncut(&self.held);
            drop(cut);
        }
    }
}
