//! When each call of a run is to begin.
//!
//! Closed loop: a stream's next call begins when its last one is answered.
//! Fixed rate: the k-th call is to begin k intervals after the start, whether
//! the server has answered or not. Its latency counts from that moment, also
//! when all streams were waiting and it began later; else a server that stalls
//! would hide all the calls that nobody could make meanwhile (Gil Tene's
//! "coordinated omission").

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use crate::load::config::Extent;

/// How close to its moment a call is waited for without a timer: those of tokio
/// are a millisecond wide.
const FINE: Duration = Duration::from_millis(2);

/// When each call of a run is to begin. Shared by all its streams.
#[derive(Debug)]
pub struct Plan {
    start: Instant,
    measured_from: Instant,
    end: Option<Instant>,
    rate: Option<u64>,
    limit: u64,
    fine: Duration,
    taken: AtomicU64,
    begun: AtomicU64,
}

impl Plan {
    /// A run that begins at `start`, at `rate` calls a second or in a closed
    /// loop.
    #[must_use]
    pub fn new(start: Instant, warm_up: Duration, extent: Extent, rate: Option<u64>) -> Self {
        let measured_from = start + warm_up;
        let of_warm_up = rate.map_or(0, |rate| calls_within(warm_up, rate));
        let (end, limit) = match (extent, rate) {
            (Extent::For(time), None) => (Some(measured_from + time), u64::MAX),
            (Extent::For(time), Some(rate)) => (
                Some(measured_from + time),
                calls_within(warm_up + time, rate),
            ),
            (Extent::Calls(calls), _) => (None, of_warm_up.saturating_add(calls)),
        };
        Self {
            start,
            measured_from,
            end,
            rate,
            limit,
            fine: FINE,
            taken: AtomicU64::new(0),
            begun: AtomicU64::new(0),
        }
    }

    /// Waits until a stream that is free may make a call: the moment from which
    /// its latency counts. None when there are no more.
    pub async fn next(&self) -> Option<Instant> {
        let intended = self.take(Instant::now())?;
        loop {
            let left = intended.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(intended);
            }
            if left > self.fine {
                sleep_until(intended - self.fine).await;
            } else {
                yield_now().await;
            }
        }
    }

    /// Whether a call that was to begin then is counted: it is not part of the
    /// warm-up.
    #[must_use]
    pub fn counts(&self, intended: Instant) -> bool {
        intended >= self.measured_from
    }

    /// When the first counted call was to begin.
    #[must_use]
    pub fn measured_from(&self) -> Instant {
        self.measured_from
    }

    /// How much of it is over, of 1; of a number of calls by their number.
    #[must_use]
    pub fn progress(&self, now: Instant) -> Option<f64> {
        let passed = now.saturating_duration_since(self.start).as_secs_f64();
        let whole = self.end?.saturating_duration_since(self.start);
        Some((passed / whole.as_secs_f64()).min(1.0))
    }

    /// Calls that should have begun by the end and did not, because all streams
    /// were waiting for answers.
    #[must_use]
    pub fn not_begun(&self) -> u64 {
        match self.rate {
            Some(_) => self.limit.saturating_sub(self.begun.load(Relaxed)),
            None => 0,
        }
    }

    /// The call that a stream which is free at `now` makes next: the moment at
    /// which it is, or was, to begin.
    fn take(&self, now: Instant) -> Option<Instant> {
        if self.end.is_some_and(|end| now >= end) {
            return None;
        }
        let intended = match self.rate {
            Some(rate) => self.start + interval(self.ticket()?, rate),
            None if self.end.is_some() || now < self.measured_from => now,
            None => {
                self.ticket()?;
                now
            }
        };
        self.begun.fetch_add(1, Relaxed);
        Some(intended)
    }

    fn ticket(&self) -> Option<u64> {
        let ticket = self.taken.fetch_add(1, Relaxed);
        (ticket < self.limit).then_some(ticket)
    }
}

/// From the first call to the `calls`-th after it.
fn interval(calls: u64, rate: u64) -> Duration {
    let rate = rate.max(1);
    let nanos = u128::from(calls % rate) * 1_000_000_000 / u128::from(rate);
    Duration::from_secs(calls / rate) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// Calls whose moments lie within so long from the start.
fn calls_within(time: Duration, rate: u64) -> u64 {
    let calls = (time.as_nanos() * u128::from(rate)).div_ceil(1_000_000_000);
    u64::try_from(calls).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Waits by timers alone, which a held clock can serve.
    fn held(start: Instant, warm_up: Duration, extent: Extent, rate: Option<u64>) -> Plan {
        Plan {
            fine: Duration::ZERO,
            ..Plan::new(start, warm_up, extent, rate)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_a_fixed_rate_a_late_call_counts_from_when_it_was_to_begin() {
        let start = Instant::now();
        let plan = held(start, Duration::ZERO, Extent::For(SECOND), Some(10));
        let at = |millis| start + Duration::from_millis(millis);
        // Every 100 ms one; the stream is away from 200 to 750.
        for expected in [0, 100, 200] {
            assert_eq!(plan.next().await, Some(at(expected)));
            assert_eq!(Instant::now(), at(expected), "it was waited for");
        }
        tokio::time::advance(Duration::from_millis(550)).await;
        for late in [300, 400, 500, 600, 700] {
            assert_eq!(plan.next().await, Some(at(late)));
            assert_eq!(Instant::now(), at(750), "nothing is waited for");
        }
        assert_eq!(plan.next().await, Some(at(800)));
        assert_eq!(Instant::now(), at(800));
        assert_eq!(plan.next().await, Some(at(900)));
        assert_eq!(plan.next().await, None);
        assert_eq!(plan.not_begun(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_nobody_could_begin_before_the_end_are_told() {
        let plan = held(
            Instant::now(),
            Duration::ZERO,
            Extent::For(SECOND),
            Some(10),
        );
        assert!(plan.next().await.is_some());
        tokio::time::advance(2 * SECOND).await;
        assert_eq!(plan.next().await, None);
        assert_eq!(plan.not_begun(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_warm_up_is_made_and_not_counted() {
        let start = Instant::now();
        let plan = held(start, SECOND, Extent::Calls(3), Some(10));
        let (mut made, mut counted) = (0, 0);
        while let Some(intended) = plan.next().await {
            made += 1;
            counted += u32::from(plan.counts(intended));
        }
        assert_eq!((made, counted), (13, 3));
        assert_eq!(Instant::now(), start + Duration::from_millis(1200));
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_closed_loop_a_call_begins_when_a_stream_is_free() {
        let start = Instant::now();
        let plan = held(start, SECOND, Extent::Calls(2), None);
        assert_eq!(plan.next().await, Some(start), "of the warm-up");
        tokio::time::advance(5 * SECOND).await;
        for _ in 0..2 {
            let now = Instant::now();
            assert_eq!(plan.next().await, Some(now));
            assert!(plan.counts(now));
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(plan.next().await, None);
        assert_eq!(plan.not_begun(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_is_over_ends_a_closed_loop() {
        let plan = held(Instant::now(), SECOND, Extent::For(SECOND), None);
        assert!(plan.next().await.is_some());
        tokio::time::advance(2 * SECOND).await;
        assert_eq!(plan.next().await, None);
    }

    #[test]
    fn intervals_do_not_drift() {
        assert_eq!(interval(3, 3), SECOND);
        assert_eq!(interval(3_000_000_000, 3_000_000_000), SECOND);
        assert_eq!(interval(1, 3), Duration::from_nanos(333_333_333));
        assert_eq!(interval(7 * 86_400 * 3, 3), 7 * 86_400 * SECOND);
        assert_eq!(calls_within(SECOND, 3), 3);
        assert_eq!(calls_within(Duration::from_millis(1001), 1000), 1001);
    }
}
