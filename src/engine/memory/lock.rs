//! The locks of this engine, in one place, so that a model checker can put its
//! own here.

#[cfg(test)]
pub(super) mod explored;

#[cfg(test)]
pub(super) use explored::{Mutex, others_may_come};
#[cfg(not(test))]
pub(super) use parking_lot::Mutex;
pub(super) use parking_lot::MutexGuard;

/// Where other threads may come in between, beside the locks: for a model
/// checker to know.
#[cfg(not(test))]
pub(super) const fn others_may_come() {}

/// A lock around a `T`, whoever makes it.
pub(super) trait Lock<T> {
    /// Not locked.
    fn new(value: T) -> Self;

    /// Does something while it is locked.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock())
    }
}
