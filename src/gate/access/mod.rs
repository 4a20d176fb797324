//! Who calls, and what they may do: the one place that says no for it. Knows
//! headers, keys and rights, and no wire.

pub mod caller;
pub mod digest;
pub mod failed;
pub mod identity;
pub mod roster;
pub mod session;

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{
    gate::{
        access::{failed::FailedLogins, roster::Roster},
        config::Config,
        rate::{meter::Now, meters::Meters},
    },
    model::time::UnixMillis,
};

/// Who may do what, as it is now. A clone is the same access.
#[derive(Clone)]
pub struct Access(Arc<Shared>);

struct Shared {
    roster: watch::Receiver<Arc<Roster>>,
    meters: Meters,
    now: Now,
    failed: FailedLogins,
}

impl Access {
    /// As `roster` says, held to `config`, where each is counted on `meters`.
    #[must_use]
    pub fn new(
        roster: watch::Receiver<Arc<Roster>>,
        config: &Config,
        meters: Meters,
        now: Now,
    ) -> Self {
        Self(Arc::new(Shared {
            roster,
            meters,
            now,
            failed: FailedLogins::new(config.failed_logins_per_minute_max),
        }))
    }

    fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.0.roster.borrow())
    }

    fn now(&self) -> UnixMillis {
        (self.0.now)()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").finish_non_exhaustive()
    }
}
