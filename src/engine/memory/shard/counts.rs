//! What one shard counts, under its lock.

use std::{cell::Cell, time::Duration};

use crate::{engine::memory::figures::LAG_BOUNDS, model::figure::Histogram};

/// What was counted from the start on.
#[derive(Clone, Debug)]
pub(in crate::engine::memory) struct Counts {
    /// Reads that found an entry, and those that found none. A read has the
    /// shard for itself, and does not change it.
    hits: Cell<u64>,
    misses: Cell<u64>,
    /// Entries that were removed because their deadline had passed.
    pub(in crate::engine::memory) expired: u64,
    /// Entries that were removed to make room.
    pub(in crate::engine::memory) evicted: u64,
    /// How long after its deadline, for those that were swept.
    pub(in crate::engine::memory) expiry_lag: Histogram,
}

impl Counts {
    /// Counts a read that found an entry.
    pub(super) fn hit(&self) {
        self.hits.set(self.hits.get() + 1);
    }

    /// Counts a read that found none.
    pub(super) fn miss(&self) {
        self.misses.set(self.misses.get() + 1);
    }

    /// Counts an entry that is removed so many milliseconds after its deadline.
    pub(super) fn swept(&mut self, lag_ms: u64) {
        self.expiry_lag.record(Duration::from_millis(lag_ms));
    }

    /// Reads that found an entry.
    pub(in crate::engine::memory) const fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Reads that found none.
    pub(in crate::engine::memory) const fn misses(&self) -> u64 {
        self.misses.get()
    }

    /// Adds what another shard has counted.
    pub(in crate::engine::memory) fn add(&mut self, other: &Self) {
        self.hits.set(self.hits() + other.hits());
        self.misses.set(self.misses() + other.misses());
        self.expired += other.expired;
        self.evicted += other.evicted;
        self.expiry_lag.add(&other.expiry_lag);
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            hits: Cell::default(),
            misses: Cell::default(),
            expired: 0,
            evicted: 0,
            expiry_lag: Histogram::new(LAG_BOUNDS),
        }
    }
}
