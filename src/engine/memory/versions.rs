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
pub(super) struct Versions(AtomicI64);

impl Versions {
    /// Begins at the Unix microseconds of `now`, above what an earlier start
    /// has given out unless that made more than a million changes a second.
    pub(super) fn starting(now: UnixMillis) -> Self {
        let micros = now.get().saturating_mul(1000).max(1);
        Self(AtomicI64::new(i64::try_from(micros).unwrap_or(i64::MAX)))
    }

    /// The last one that was given out.
    pub(super) fn last(&self) -> Version {
        let last = self.0.load(Ordering::Acquire);
        others_may_come();
        version(last)
    }

    /// The next one.
    pub(super) fn take(&self) -> Version {
        let taken = self.0.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        others_may_come();
        version(taken)
    }

    /// The next `count`, one after the other, for whoever has locked all shards
    /// that they are for.
    pub(super) fn take_run(&self, count: usize) -> impl Iterator<Item = Version> + use<> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let before = self.0.fetch_add(count, Ordering::AcqRel);
        others_may_come();
        (before.saturating_add(1)..=before.saturating_add(count)).map(version)
    }
}

fn version(number: i64) -> Version {
    // Begins above 0 and only grows; 2^63 is not reached in this universe.
    Version::new(number.max(1)).unwrap_or(Version::FIRST)
}
