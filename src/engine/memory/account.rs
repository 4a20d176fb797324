//! How much memory the store takes up, and how much it may.

use std::{
    ops::AddAssign,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes of memory, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Pages of slots, where the entries stand.
    pub slab: u64,
    /// The index from hash to entry.
    pub table: u64,
    /// The index in key order.
    pub order: u64,
    /// The index by deadline.
    pub wheel: u64,
    /// Large values, which stand outside their slots.
    pub external: u64,
    /// Requests that are to be carried out only once, and their replies.
    pub requests: u64,
    /// All of these together: what counts against `memory_max`.
    pub total: u64,
    /// The changes that are kept for watches: within what the total leaves of
    /// `memory_max`, but for a sixteenth of it.
    pub history: u64,
    /// How many entries are held, among them the expired ones that have not
    /// been swept yet.
    pub entries: u64,
}

impl AddAssign for MemoryUsage {
    fn add_assign(&mut self, other: Self) {
        self.slab += other.slab;
        self.table += other.table;
        self.order += other.order;
        self.wheel += other.wheel;
        self.external += other.external;
        self.requests += other.requests;
        self.total += other.total;
        self.history += other.history;
        self.entries += other.entries;
    }
}

/// What several changes together take of memory and give back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Growth {
    /// Bytes by which slots grow while the changes are made, since a slot may
    /// be taken before another one is free.
    pub(super) slab_peak: usize,
    /// Bytes that are taken in the end.
    pub(super) taken: usize,
    /// Bytes that are freed in the end.
    pub(super) freed: usize,
    /// Entries that are added, or get their first deadline: the indexes grow.
    pub(super) added: usize,
}

impl AddAssign for Growth {
    fn add_assign(&mut self, other: Self) {
        self.slab_peak += other.slab_peak;
        self.taken += other.taken;
        self.freed += other.freed;
        self.added += other.added;
    }
}

/// What one entry takes up in the indexes at most, where there are many.
const INDEX_BYTES: usize = 64;

/// What one who makes room asks for beyond what it needs.
pub(super) const SLACK_BYTES: usize = 8 << 10;

/// What all shards take up together.
#[derive(Debug)]
pub(super) struct Account {
    used: AtomicU64,
    /// Bytes that whoever makes room will take up: nobody else may.
    claimed: AtomicU64,
    memory_max: u64,
    /// What an empty store takes up.
    floor: u64,
    /// Changes that were refused for want of memory.
    refused: AtomicU64,
    /// Whether entries make room; then nothing is admitted beyond the limit.
    evicts: bool,
}

impl Account {
    pub(super) const fn new(memory_max: u64, evicts: bool) -> Self {
        Self {
            used: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            memory_max,
            floor: 0,
            refused: AtomicU64::new(0),
            evicts,
        }
    }

    /// Whether entries make room when there is none.
    pub(super) const fn evicts(&self) -> bool {
        self.evicts
    }

    pub(super) const fn memory_max(&self) -> u64 {
        self.memory_max
    }

    /// Whether the store may grow by `bytes`, for one who has claimed so many.
    /// What does not grow it is always admitted. Threads that ask at the same
    /// time may each be admitted, so the limit can be passed by one page a
    /// thread.
    pub(super) fn admits(&self, bytes: usize, claimed: u64) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        bytes == 0 || {
            let by_others = self.claimed.load(Ordering::Relaxed).saturating_sub(claimed);
            let taken = self.used().saturating_add(by_others);
            taken.saturating_add(bytes) <= self.memory_max
        }
    }

    /// Whether there may be one more entry, in a slot that is free, or one more
    /// with a deadline. Its share of the indexes may pass the limit by a sixteenth: a store that is full
    /// takes as many entries again as are deleted. Where entries make room, it
    /// is they who do.
    pub(super) fn admits_entry(&self) -> bool {
        if self.evicts {
            return !self.is_over();
        }
        self.admits_briefly(0)
    }

    /// Whether more is taken than may be.
    pub(super) fn is_over(&self) -> bool {
        self.used() > self.memory_max
    }

    /// Whether a store that holds nothing else could hold so many bytes.
    pub(super) fn can_hold(&self, bytes: u64) -> bool {
        self.floor.saturating_add(bytes) <= self.memory_max
    }

    /// All that is taken until now stays so, whatever is removed.
    pub(super) fn set_floor(&mut self) {
        self.floor = *self.used.get_mut();
    }

    /// Whether there is room for so many bytes beside all there is.
    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.memory_max
    }

    /// Sets `bytes` aside for one who makes room for them. Nobody else does at
    /// that time.
    pub(super) fn claim(&self, bytes: u64) {
        self.claimed.store(bytes, Ordering::Relaxed);
    }

    /// Whether several changes may be made together. What they free counts for
    /// them, so that a store that is full still takes an exchange; while they
    /// are made it may pass the limit by a sixteenth.
    pub(super) fn admits_all(&self, growth: Growth, claimed: u64) -> bool {
        let Growth {
            slab_peak,
            taken,
            freed,
            added,
        } = growth;
        let peak = slab_peak.saturating_add(added.saturating_mul(INDEX_BYTES));
        self.admits(taken.saturating_sub(freed), claimed)
            && (added == 0 || !self.evicts || !self.is_over())
            && (peak == 0 || self.admits_briefly(peak))
    }

    /// How many bytes must be free for several changes to be made together, and
    /// a little more, since others may take slots in between.
    pub(super) fn needs(&self, growth: Growth) -> usize {
        let Growth {
            slab_peak,
            taken,
            freed,
            added,
        } = growth;
        let indexes = added.saturating_mul(INDEX_BYTES);
        let brief = usize::try_from(self.memory_max / 16).unwrap_or(usize::MAX);
        taken
            .saturating_sub(freed)
            .max(slab_peak.saturating_add(indexes).saturating_sub(brief))
            .saturating_add(indexes + SLACK_BYTES)
    }

    fn admits_briefly(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.used().saturating_add(bytes) <= self.memory_max.saturating_add(self.memory_max / 16)
    }

    /// A shard that took up `before` bytes takes up `after` now.
    pub(super) fn settle(&self, before: u64, after: u64) {
        if before != after {
            self.used
                .fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Counts a change that was refused for want of memory.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many changes were refused for want of memory.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
