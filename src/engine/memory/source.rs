//! A store as snapshots are read from it: its shards, then the requests that it
//! remembers.

use std::sync::Weak;

use crate::{
    engine::{
        journal::{Record, Source},
        memory::{
            Shared,
            lock::{Mutex, MutexGuard},
        },
    },
    model::clock::Clock,
};

/// A store that may be gone: its journal must not hold it.
#[derive(Debug)]
pub(super) struct Parts<C> {
    pub(super) shared: Weak<Shared<C>>,
    pub(super) shards: usize,
}

impl<C: Clock> Source for Parts<C> {
    fn parts(&self) -> usize {
        self.shards + 1
    }

    fn is_there(&self) -> bool {
        self.shared.strong_count() > 0
    }

    fn read(
        &self,
        part: usize,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<Vec<u8>> {
        let shared = self.shared.upgrade()?;
        if part == self.shards {
            // Those that come later are in the log behind the snapshot, and there
            // may always be more.
            let (after, up_to) = after
                .and_then(place)
                .unwrap_or_else(|| (0, shared.requests.last()));
            let last = shared.requests.each_after(after, up_to, emit)?;
            return Some([last, up_to].map(u64::to_le_bytes).concat());
        }
        let locked = shared.shards.get(part).map(Mutex::lock)?;
        let last = locked.emit(after, emit);
        MutexGuard::unlock_fair(locked);
        last
    }
}

/// Where the reading of requests stands: at which number, and at which it ends.
fn place(bytes: &[u8]) -> Option<(u64, u64)> {
    let (at, up_to) = bytes.split_first_chunk()?;
    let up_to = up_to.try_into().ok()?;
    Some((u64::from_le_bytes(*at), u64::from_le_bytes(up_to)))
}
