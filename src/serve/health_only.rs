//! Connections above `connections_max`: for probes, which come, ask and go.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// How long such a connection may be without a new request.
pub const QUIET_MAX: Duration = Duration::from_secs(5);

/// How long a connection has been of no use to a probe. A clone is the same
/// time.
#[derive(Clone, Debug, Default)]
pub struct Quiet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: Notify,
    misused: AtomicBool,
}

impl Quiet {
    /// A request has begun. One that is not for health shows that this is no
    /// probe, and that it should make way for one.
    pub fn interrupt(&self, health: bool) {
        if !health {
            self.0.misused.store(true, Ordering::Relaxed);
        }
        self.0.asked.notify_one();
    }

    /// Returns when it has lasted for [`QUIET_MAX`], or at once for a connection
    /// that is no probe's.
    pub async fn lasted(&self) {
        while timeout(QUIET_MAX, self.0.asked.notified()).await.is_ok() {
            if self.0.misused.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn probe_that_asks_in_time_stays() {
        let quiet = Quiet::default();
        let mut lasted = pin!(quiet.lasted());
        for _ in 0..3 {
            tokio::select! {
                () = lasted.as_mut() => panic!("it asked in time"),
                () = sleep(QUIET_MAX / 2) => quiet.interrupt(true),
            }
        }
        advance(QUIET_MAX).await;
        lasted.await;
    }

    #[tokio::test(start_paused = true)]
    async fn anybody_else_makes_way_at_once() {
        let quiet = Quiet::default();
        quiet.interrupt(true);
        quiet.interrupt(false);
        let lasted = timeout(Duration::from_millis(1), quiet.lasted()).await;
        assert!(lasted.is_ok());
    }
}
