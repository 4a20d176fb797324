//! Connections above `connections_max`: for probes, which come, ask and go.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

/// How long such a connection may be without a new request.
pub const QUIET_MAX: Duration = Duration::from_secs(5);

/// The time since the last request of a connection began. A clone is the same
/// time.
#[derive(Clone, Debug, Default)]
pub struct Quiet(Arc<Notify>);

impl Quiet {
    /// A request has begun.
    pub fn interrupt(&self) {
        self.0.notify_one();
    }

    /// Returns when it has lasted for [`QUIET_MAX`].
    pub async fn lasted(&self) {
        while timeout(QUIET_MAX, self.0.notified()).await.is_ok() {}
    }
}
