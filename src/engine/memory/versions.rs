//! The counter that versions come from.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{
    engine::memory::lock::others_may_come,
    model::{time::UnixMillis, version::Version},
};

/// Hands out versions. A shard takes them while it is locked, so that the
/// versions of one shard are in the order of its changes, and whoever has
/// loaded the counter and then locked a shard finds all of its changes up to
/// there.
#[derive(Debug)]
pub(super) struct Versions {
    last: AtomicI64,
    /// What it began at.
    start: i64,
}

/// Versions that were taken together, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The one before the next.
    before: i64,
    last: i64,
}

impl Versions {
    /// None was given out, and none may be before [`Self::pass`].
    pub(super) const fn nothing() -> Self {
        Self {
            last: AtomicI64::new(0),
            start: 0,
        }
    }

    /// From here on those that are given out are counted.
    pub(super) fn begin(&mut self) {
        self.start = *self.last.get_mut();
    }

    /// Nothing at or below `version` is given out any more: for one who fills
    /// a store that nobody else has yet.
    pub(super) fn pass(&self, version: Version) {
        self.last.fetch_max(version.get(), Ordering::AcqRel);
    }

    /// Begins where a store does that is made at `now`.
    pub(super) fn starting(now: UnixMillis) -> Self {
        let start = Version::before_all(now).get();
        Self {
            last: AtomicI64::new(start),
            start,
        }
    }

    /// How many were given out.
    pub(super) fn taken(&self) -> u64 {
        let taken = self.last.load(Ordering::Relaxed).saturating_sub(self.start);
        u64::try_from(taken).unwrap_or_default()
    }

    /// The last one that was given out.
    pub(super) fn last(&self) -> Version {
        let last = self.last.load(Ordering::Acquire);
        others_may_come();
        version(last)
    }

    /// The next `count`, one after the other, for whoever has locked all shards
    /// that they are for.
    pub(super) fn take_run(&self, count: usize) -> Run {
        if count == 0 {
            return Run::NONE;
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let before = self.last.fetch_add(count, Ordering::AcqRel);
        others_may_come();
        Run {
            before,
            last: before.saturating_add(count),
        }
    }
}

impl Run {
    /// None.
    pub(super) const NONE: Self = Self { before: 0, last: 0 };

    /// The next one. There are as many as were asked for; who asks for more is
    /// given the last one again.
    pub(super) fn give(&mut self) -> Version {
        self.before = self.before.saturating_add(1).min(self.last);
        version(self.before)
    }

    /// The last one; `None`: none were taken.
    pub(super) fn last(&self) -> Option<Version> {
        Version::new(self.last)
    }
}

fn version(number: i64) -> Version {
    // Begins above 0 and only grows; 2^63 is not reached in this universe.
    Version::new(number.max(1)).unwrap_or(Version::FIRST)
}
