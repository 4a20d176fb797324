//! What time it is, for everything that expires.

pub mod held;
pub mod store;

use std::future::Future;

use crate::model::time::UnixMillis;

/// The one source of time of a store. Never goes back. A clone is the same
/// clock.
pub trait Clock: Clone + Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> UnixMillis;

    /// Moves on to `time`, if that is later: for a store that has seen it. Called
    /// before anybody else goes by this clock.
    fn not_before(&self, time: UnixMillis);

    /// Returns when [`Self::now`] is `time` or later.
    fn sleep_until(&self, time: UnixMillis) -> impl Future<Output = ()> + Send;

    /// Returns after about a millisecond: for work that is better done for many
    /// at a time. A clock that stands still lets others go on, and returns.
    fn pause(&self) -> impl Future<Output = ()> + Send;
}
