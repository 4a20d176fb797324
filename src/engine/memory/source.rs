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

    fn read(
        &self,
        part: usize,
        after: Option<&[u8]>,
        emit: &mut dyn FnMut(Record<'_>),
    ) -> Option<Vec<u8>> {
        let shared = self.shared.upgrade()?;
        if part == self.shards {
            let after = after.and_then(|number| number.try_into().ok());
            let after = after.map_or(0, u64::from_le_bytes);
            let last = shared.requests.each_after(after, u64::MAX, emit)?;
            return Some(last.to_le_bytes().to_vec());
        }
        let locked = shared.shards.get(part).map(Mutex::lock)?;
        let last = locked.emit(after, emit);
        MutexGuard::unlock_fair(locked);
        last
    }
}
