//! What a run came to.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::load::tally::Tally;

/// What a run came to, without its warm-up.
#[derive(Clone, Debug)]
pub struct Report {
    /// All that was counted.
    pub tally: Tally,
    /// From when the first call was to begin to the end of the last one.
    pub elapsed: Duration,
    /// Calls of a fixed rate that should have begun by the end and did not,
    /// because all streams were waiting for answers.
    pub not_begun: u64,
    /// Whether it was ended by a signal.
    pub interrupted: bool,
}

/// What there is to see while a run goes on.
#[derive(Clone, Debug)]
pub enum Sight {
    /// Keys are stored.
    Prefill {
        /// So many are.
        stored: u64,
        /// So many are to be.
        keys: u64,
    },
    /// Calls are made.
    Calls {
        /// What came of those that ended since the last time, warm-up left out.
        tally: Box<Tally>,
        /// Since when that is.
        since: Duration,
        /// How much is over, of 1, when that is known.
        progress: Option<f64>,
        /// Operations that failed until now.
        failures: u64,
    },
}

impl Report {
    /// Calls of which something was carried out.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.tally.latencies.values().map(Histogram::len).sum()
    }
}

/// So many in so long, a second.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "exact below 2^53, and nobody counts so far"
)]
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        return 0.0;
    }
    count as f64 / elapsed.as_secs_f64()
}
