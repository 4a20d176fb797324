//! Places for what may be there so often at once: who finds none is refused, and
//! does not wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gate::load::wide;

/// So many places. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    max: usize,
}

/// A place, or several, until it is dropped.
pub type Taken = OwnedSemaphorePermit;

impl Places {
    /// So many, and as many as can be counted.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            max,
        }
    }

    /// How many are taken.
    #[must_use]
    pub fn count(&self) -> usize {
        let all = self.max.min(Semaphore::MAX_PERMITS);
        all.saturating_sub(self.free.available_permits())
    }

    /// How many there are.
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max
    }

    /// Takes `count` of them.
    ///
    /// # Errors
    /// What `refusal` makes of how many there are, where not so many are free.
    pub fn take<R>(&self, count: usize, refusal: impl FnOnce(u64) -> R) -> Result<Taken, R> {
        // What does not fit is more than there can be.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.free).try_acquire_many_owned(count);
        taken.map_err(|_| refusal(wide(self.max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_place_is_told_how_many_there_are() {
        let places = Places::new(3);
        let first = places.take(2, |max| max).unwrap();
        assert_eq!((places.count(), places.max()), (2, 3));
        assert_eq!(places.take(2, |max| max).unwrap_err(), 3);
        drop(first);
        assert!(places.take(3, |max| max).is_ok());
        assert!(Places::new(usize::MAX).take(1, |max| max).is_ok());
        assert_eq!(Places::new(0).take(1, |max| max).unwrap_err(), 0);
    }
}
