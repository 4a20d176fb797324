//! A clock that stands still until it is told: for tests.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{clock::Clock, time::UnixMillis};

/// Stands at the time it was made with, and moves by [`Self::advance`] only.
#[derive(Clone, Debug)]
pub struct HeldClock(Arc<watch::Sender<UnixMillis>>);

impl HeldClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: UnixMillis) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Moves on by `millis` and wakes who has waited for that.
    pub fn advance(&self, millis: u64) {
        self.0.send_modify(|now| *now = now.plus(millis));
    }
}

impl Clock for HeldClock {
    fn now(&self) -> UnixMillis {
        *self.0.borrow()
    }

    fn not_before(&self, time: UnixMillis) {
        self.0.send_modify(|now| *now = time.max(*now));
    }

    async fn sleep_until(&self, time: UnixMillis) {
        let mut receiver = self.0.subscribe();
        // An error means that the sender is gone, and `self` holds it.
        let _ = receiver.wait_for(|now| *now >= time).await;
    }

    async fn pause(&self) {
        tokio::task::yield_now().await;
    }
}
