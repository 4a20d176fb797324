//! What came of the calls of a run, as far as it has been counted.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::{client::error::Error, load::mix::Kind};

/// Latencies are kept in nanoseconds to three digits, up to this one.
const LATENCY_MAX: Duration = Duration::from_mins(10);
const DIGITS: u8 = 3;

/// What calls are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A call of its own.
    One(Kind),
    /// A Batch.
    Batch,
    /// A list of a Pipeline.
    Pipeline,
}

/// What came of one call.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Operations that were carried out.
    pub operations: u64,
    /// Reads of them that found nothing.
    pub missed: u64,
    /// Why operations failed, and how many.
    pub failed: Vec<(String, u64)>,
}

/// What came of calls.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Latencies of calls that were answered, in nanoseconds.
    pub latencies: BTreeMap<Label, Histogram<u64>>,
    /// Operations that were carried out.
    pub operations: u64,
    /// Reads of them that found nothing.
    pub missed: u64,
    /// Operations that failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// When the last of them ended.
    pub last: Option<Instant>,
}

impl Label {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One(kind) => kind.name(),
            Self::Batch => "batch",
            Self::Pipeline => "pipeline",
        }
    }
}

impl Outcome {
    /// Nothing of `operations` was carried out.
    #[must_use]
    pub fn refused(error: &Error, operations: u64) -> Self {
        let reason = match error.reason() {
            Some(reason) => reason.to_string(),
            None => format!("{:?}", error.code()),
        };
        Self {
            failed: vec![(reason, operations)],
            ..Self::default()
        }
    }
}

impl Tally {
    /// Counts a call that has ended at `now`. One of which nothing was carried
    /// out has no latency: a quick refusal would flatter.
    pub fn count(&mut self, label: Label, latency: Duration, outcome: Outcome, now: Instant) {
        self.last = self.last.max(Some(now));
        self.operations += outcome.operations;
        self.missed += outcome.missed;
        let all_failed = outcome.operations == 0 && !outcome.failed.is_empty();
        for (reason, times) in outcome.failed {
            *self.failed.entry(reason).or_default() += times;
        }
        if !all_failed {
            let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            let latencies = self.latencies.entry(label).or_insert_with(histogram);
            latencies.saturating_record(nanos);
        }
    }

    /// What was counted since the last time.
    #[must_use]
    pub fn taken(&mut self) -> Self {
        let taken = self.clone();
        for latencies in self.latencies.values_mut() {
            latencies.reset();
        }
        self.operations = 0;
        self.missed = 0;
        self.failed.clear();
        taken
    }

    /// Counts what another has counted.
    pub fn add(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        self.operations += other.operations;
        self.missed += other.missed;
        for (reason, times) in &other.failed {
            *self.failed.entry(reason.clone()).or_default() += times;
        }
        for (label, latencies) in &other.latencies {
            // Of the same bounds, so it cannot fail.
            let _ = self
                .latencies
                .entry(*label)
                .or_insert_with(histogram)
                .add(latencies);
        }
    }

    /// The latencies of all calls together.
    #[must_use]
    pub fn all_latencies(&self) -> Histogram<u64> {
        let mut all = histogram();
        for latencies in self.latencies.values() {
            // Of the same bounds, so it cannot fail.
            let _ = all.add(latencies);
        }
        all
    }

    /// Operations that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

#[expect(clippy::expect_used, reason = "the bounds are constants")]
fn histogram() -> Histogram<u64> {
    let max = u64::try_from(LATENCY_MAX.as_nanos()).expect("ten minutes");
    Histogram::new_with_bounds(1, max, DIGITS).expect("sound bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(operations: u64) -> Outcome {
        Outcome {
            operations,
            ..Outcome::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_and_added_elsewhere_is_counted_once() {
        let get = Label::One(Kind::Get);
        let (mut tally, mut whole) = (Tally::default(), Tally::default());
        for millis in [1, 2, 3] {
            let outcome = Outcome {
                missed: 1,
                ..done(1)
            };
            tally.count(get, Duration::from_millis(millis), outcome, Instant::now());
            whole.add(&tally.taken());
        }
        whole.add(&tally.taken());
        assert_eq!((whole.operations, whole.missed), (3, 3));
        let latencies = whole.all_latencies();
        assert_eq!(latencies.len(), 3);
        assert!(latencies.max().abs_diff(3_000_000) < 3000);
        assert!(
            latencies
                .value_at_quantile(0.5)
                .abs_diff(Duration::from_millis(2).as_nanos().try_into().unwrap())
                < 3000
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_failed_has_a_reason_and_no_latency() {
        let mut tally = Tally::default();
        let now = Instant::now();
        let refused = Outcome::refused(&Error::deadline(), 64);
        tally.count(Label::Batch, Duration::ZERO, refused, now);
        let partly = Outcome {
            failed: vec![("MEMORY_FULL".to_owned(), 4)],
            ..done(60)
        };
        tally.count(Label::Batch, Duration::from_millis(1), partly, now);
        let reasons: Vec<_> = tally.failed.iter().map(|(r, n)| (r.as_str(), *n)).collect();
        assert_eq!(reasons, [("DEADLINE_EXCEEDED", 64), ("MEMORY_FULL", 4)]);
        assert_eq!((tally.operations, tally.failures()), (60, 68));
        assert_eq!(tally.all_latencies().len(), 1);
    }
}
