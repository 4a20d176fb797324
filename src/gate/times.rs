//! How long calls of one sort took, counted without waiting for anybody.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::model::figure::{Histogram, place};

/// Where calls are told apart by how long they took.
const BOUNDS: &[Duration] = &[
    Duration::from_micros(10),
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];
const PLACES: usize = BOUNDS.len() + 1;

/// How often which time was taken.
#[derive(Debug)]
pub struct Times {
    by_time: [AtomicU64; PLACES],
    nanos: AtomicU64,
}

impl Times {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by_time: [const { AtomicU64::new(0) }; PLACES],
            nanos: AtomicU64::new(0),
        }
    }

    /// One more.
    pub fn record(&self, took: Duration) {
        if let Some(count) = self.by_time.get(place(BOUNDS, took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// All of `several` together.
    #[must_use]
    pub fn together<'a>(several: impl Iterator<Item = &'a Self>) -> Histogram {
        let mut histogram = Histogram::new(BOUNDS);
        for times in several {
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            histogram.add(&Histogram {
                bounds: BOUNDS,
                counts: times.by_time.iter().map(read).collect(),
                sum: Duration::from_nanos(read(&times.nanos)),
            });
        }
        histogram
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_several_are_put_together() {
        let several = [Times::new(), Times::new()];
        for times in &several {
            times.record(Duration::from_micros(10));
            times.record(Duration::from_secs(6));
        }
        let histogram = Times::together(several.iter());
        assert_eq!(histogram.counts.first(), Some(&2));
        assert_eq!(histogram.counts.last(), Some(&2));
        assert_eq!(histogram.sum, Duration::from_micros(12_000_020));
    }
}
