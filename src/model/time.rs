//! A point in time: whole milliseconds since the Unix epoch.

/// Milliseconds since 1970-01-01T00:00:00Z. Deadlines are stored and returned
/// as this, so that what is stored is what a caller reads back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The last point in time that an engine can store: 2^48 - 1 ms, in the
    /// year 10889.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// A point in time, or [`Self::MAX`] when it lies beyond.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// The milliseconds since the epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The time `millis` later, at most [`Self::MAX`].
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self::new(self.0.saturating_add(millis))
    }

    /// The milliseconds from `earlier` to this; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
