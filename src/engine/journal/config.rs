//! What can be chosen about the journal.

use std::path::PathBuf;

use crate::engine::journal::{
    error::OpenError,
    layout::sector::SECTOR,
    layout::{PAGE, frame, narrow, sector::CONTENT, segment::FIRST_SECTOR, wide},
    planted::Planted,
};

/// Sizes of a segment: small ones for tests, and none that would not fit in
/// memory while it is read.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
const SEGMENT_BYTES_MAX: u64 = 256 << 20;

/// A quarter of a block of reserved versions: changes that wait never pass the
/// reserve.
const QUEUE_CHANGES_LIMIT: usize = 1 << 18;

/// A group is closed when it has this many bytes or more.
const GROUP_BYTES_MAX: usize = 1 << 20;

/// What an acknowledged change has survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk: `fdatasync` has returned. A power cut takes nothing
    /// that was acknowledged.
    #[default]
    Always,
    /// It will be on the disk `interval_ms` later, and the end of the process
    /// takes nothing. A power cut takes the changes of the last `interval_ms`
    /// and of the sync under way, the newest first.
    Interval,
    /// It is in the cache of the system, and the end of the process takes
    /// nothing. A power cut takes what the system had not written on its own,
    /// the newest first: about 30 seconds on Linux as it comes, and at most what
    /// was written since the last segment was full.
    Os,
}

impl Durability {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Interval => "interval",
            Self::Os => "os",
        }
    }
}

/// What can be chosen about the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory that holds the store. Made when it is not there.
    pub dir: PathBuf,
    /// What an acknowledged change has survived.
    pub durability: Durability,
    /// Milliseconds from sync to sync under [`Durability::Interval`].
    pub interval_ms: u64,
    /// Bytes of one file of the log: a multiple of 4096, at least 64 KiB.
    pub segment_bytes: u64,
    /// Changes that wait to be written; at most 2^18.
    pub queue_changes_max: usize,
    /// Bytes of the changes that wait to be written.
    pub queue_bytes_max: usize,
    /// Bytes that stay free on the disk: with less, the store refuses to grow.
    pub disk_free_bytes_min: u64,
    /// Bytes of log after which a snapshot is taken; also as many as the last
    /// snapshot has, if that is more.
    pub snapshot_log_bytes_min: u64,
    /// Bytes a second at which a snapshot is written.
    pub snapshot_bytes_per_second: u64,
    /// Which mechanisms are left out, to see tests fail.
    #[cfg(test)]
    pub planted: Planted,
}

impl Default for Config {
    /// Nowhere yet; everything acknowledged is on the disk.
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            durability: Durability::Always,
            interval_ms: 1000,
            segment_bytes: 64 << 20,
            queue_changes_max: 1 << 16,
            queue_bytes_max: 64 << 20,
            disk_free_bytes_min: 256 << 20,
            snapshot_log_bytes_min: 256 << 20,
            snapshot_bytes_per_second: 64 << 20,
            #[cfg(test)]
            planted: Planted::default(),
        }
    }
}

impl Config {
    /// Whether all of it can be carried out.
    ///
    /// # Errors
    /// [`OpenError::Config`], which names the setting and what it may be.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes)
            || !self.segment_bytes.is_multiple_of(wide(PAGE))
        {
            return Err(OpenError::Config(
                "segment_bytes is a multiple of 4096 from 64 KiB to 256 MiB",
            ));
        }
        if !(1..=QUEUE_CHANGES_LIMIT).contains(&self.queue_changes_max) {
            return Err(OpenError::Config("queue_changes_max is from 1 to 262144"));
        }
        if self.durability == Durability::Interval && self.interval_ms == 0 {
            return Err(OpenError::Config("interval_ms is above 0"));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) const fn planted(&self) -> Planted {
        self.planted
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "a test has some")]
    pub(super) fn planted(&self) -> Planted {
        Planted::default()
    }

    /// Bytes of records that have room in one segment.
    pub(super) fn turn_bytes_max(&self) -> usize {
        let sectors = (narrow(self.segment_bytes) / SECTOR).saturating_sub(FIRST_SECTOR);
        sectors
            .saturating_mul(CONTENT)
            .saturating_sub(frame::HEADER)
    }

    /// Bytes of records that are committed together, unless one turn has more.
    pub(super) fn group_bytes_max(&self) -> usize {
        GROUP_BYTES_MAX.min(self.turn_bytes_max())
    }
}
