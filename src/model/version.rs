//! The number that a change of the store takes.

use crate::model::time::UnixMillis;

/// Given to each accepted change of a value or of existence: positive, unique,
/// and larger than every earlier one of the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The smallest one.
    pub const FIRST: Self = Self(1);

    /// A version, if `number` is above 0.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// What a store begins after that is made at `now`: the microseconds since
    /// 1970, above what an earlier one has given out unless that made more than
    /// a million changes a second.
    #[must_use]
    pub fn before_all(now: UnixMillis) -> Self {
        let micros = now.get().saturating_mul(1000).max(1);
        Self(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}
