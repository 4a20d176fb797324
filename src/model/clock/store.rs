//! The clock of a real store: the wall clock when it was made, and elapsed
//! time from then on.
//!
//! A wall clock that is set forward kills no key, and one that stands still
//! keeps no dead one: what counts is elapsed time. It is slewed towards the
//! wall clock by 500 ppm at most, as NTP slews, and stepped, forward only,
//! after the machine was suspended for more than ten seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering, fence},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::model::{clock::Clock, time::UnixMillis};

const SLEW_PPM_MAX: i64 = 500;
const SUSPENDED_US_MIN: i64 = 10_000_000;
const DISCIPLINE_EVERY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Elapsed time since an anchor of wall time. See the module.
#[derive(Clone, Debug)]
pub struct StoreClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    origin: Instant,
    // A sequence lock: odd while the three below are being written.
    sequence: AtomicU64,
    anchor_us: AtomicI64,
    elapsed_us: AtomicI64,
    slew_ppm: AtomicI64,
}

/// At `elapsed_us` it was `anchor_us`; since then time runs `slew_ppm` faster
/// than elapsed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    anchor_us: i64,
    elapsed_us: i64,
    slew_ppm: i64,
}

impl Line {
    fn at(self, elapsed_us: i64) -> i64 {
        let since = elapsed_us.saturating_sub(self.elapsed_us);
        self.anchor_us + since + since.saturating_mul(self.slew_ppm) / 1_000_000
    }

    /// The line from `elapsed_us` on, given the wall clock and how long the
    /// machine was suspended since the last time; and by how much it steps.
    fn next(self, elapsed_us: i64, wall_us: i64, suspended_us: i64) -> (Self, i64) {
        let now = self.at(elapsed_us);
        let behind = wall_us.saturating_sub(now);
        let step = if suspended_us > SUSPENDED_US_MIN {
            behind.clamp(0, suspended_us)
        } else {
            0
        };
        // Aims to be right a second from now: as many ppm as microseconds.
        let slew_ppm = (behind - step).clamp(-SLEW_PPM_MAX, SLEW_PPM_MAX);
        (
            Self {
                anchor_us: now + step,
                elapsed_us,
                slew_ppm,
            },
            step,
        )
    }
}

impl StoreClock {
    /// A clock that is the wall clock now, or `not_before` if that is later.
    #[must_use]
    pub fn new(not_before: UnixMillis) -> Self {
        let floor = i64::try_from(not_before.get())
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        Self(Arc::new(Shared {
            origin: instant_now(),
            sequence: AtomicU64::new(0),
            anchor_us: AtomicI64::new(wall_us().max(floor)),
            elapsed_us: AtomicI64::new(0),
            slew_ppm: AtomicI64::new(0),
        }))
    }

    /// Keeps it near the wall clock; never returns. To be run once, beside the
    /// store.
    pub async fn discipline(self) {
        let mut suspended_before = suspended_us();
        loop {
            tokio::time::sleep(DISCIPLINE_EVERY).await;
            let suspended = suspended_us();
            let wall_us = wall_us();
            // Last: who reads the line of before beyond this can be ahead of the next.
            let elapsed_us = self.0.elapsed();
            let suspended_us = suspended.saturating_sub(suspended_before);
            let (line, step_us) = self.0.line().next(elapsed_us, wall_us, suspended_us);
            self.0.draw(line);
            suspended_before = suspended;
            if step_us > 0 {
                tracing::warn!(
                    step_ms = step_us / 1000,
                    "clock stepped: the machine was suspended"
                );
            }
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.0.line().at(self.0.elapsed())
    }
}

impl Clock for StoreClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(u64::try_from(self.now_us() / 1000).unwrap_or(0))
    }

    fn not_before(&self, time: UnixMillis) {
        let time_us = i64::try_from(time.get()).unwrap_or(i64::MAX);
        let time_us = time_us.saturating_mul(1000);
        let elapsed_us = self.0.elapsed();
        let line = self.0.line();
        if line.at(elapsed_us) < time_us {
            self.0.draw(Line {
                anchor_us: time_us,
                elapsed_us,
                ..line
            });
        }
    }

    async fn sleep_until(&self, time: UnixMillis) {
        loop {
            let millis = time.since(self.now());
            if millis == 0 {
                return;
            }
            // Not longer, since the clock may be slewed or stepped meanwhile.
            tokio::time::sleep(Duration::from_millis(millis.min(1000))).await;
        }
    }

    async fn pause(&self) {
        tokio::time::sleep(PAUSE).await;
    }
}

impl Shared {
    fn elapsed(&self) -> i64 {
        let elapsed = instant_now().duration_since(self.origin);
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }

    fn line(&self) -> Line {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let line = Line {
                anchor_us: self.anchor_us.load(Ordering::Relaxed),
                elapsed_us: self.elapsed_us.load(Ordering::Relaxed),
                slew_ppm: self.slew_ppm.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return line;
            }
            std::hint::spin_loop();
        }
    }

    /// Only [`StoreClock::discipline`] writes, and it runs once; before it
    /// [`Clock::not_before`].
    fn draw(&self, line: Line) {
        self.sequence.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.anchor_us.store(line.anchor_us, Ordering::Relaxed);
        self.elapsed_us.store(line.elapsed_us, Ordering::Relaxed);
        self.slew_ppm.store(line.slew_ppm, Ordering::Relaxed);
        self.sequence.fetch_add(1, Ordering::Release);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn instant_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_us() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// How long this machine has been suspended since it was started.
#[cfg(target_os = "linux")]
fn suspended_us() -> i64 {
    use rustix::time::{ClockId, clock_gettime};
    let micros = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(time.tv_nsec / 1000)
    };
    micros(ClockId::Boottime)
        .saturating_sub(micros(ClockId::Monotonic))
        .max(0)
}

/// Elsewhere the slew alone has to do.
#[cfg(not(target_os = "linux"))]
fn suspended_us() -> i64 {
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn line(anchor_us: i64) -> Line {
        Line {
            anchor_us,
            elapsed_us: 0,
            slew_ppm: 0,
        }
    }

    #[test]
    fn a_wall_clock_set_forward_moves_it_by_500_ppm_at_most() {
        let (next, step) = line(0).next(SECOND, 3600 * SECOND, 0);
        assert_eq!(step, 0);
        assert_eq!(next.at(2 * SECOND), 2 * SECOND + 500);
    }

    #[test]
    fn a_wall_clock_set_back_slows_it_and_never_turns_it_back() {
        let (next, step) = line(0).next(SECOND, -3600 * SECOND, 0);
        assert_eq!(step, 0);
        assert_eq!(next.at(SECOND), SECOND);
        assert_eq!(next.at(2 * SECOND), 2 * SECOND - 500);
    }

    #[test]
    fn a_suspended_machine_steps_it_forward_by_what_it_missed() {
        let (next, step) = line(0).next(SECOND, 61 * SECOND, 60 * SECOND);
        assert_eq!(step, 60 * SECOND);
        assert_eq!(next.at(SECOND), 61 * SECOND);
    }

    #[test]
    fn it_moves_on_to_a_time_that_a_store_has_seen() {
        let clock = StoreClock::new(UnixMillis::default());
        let seen = clock.now().plus(3_600_000);
        clock.not_before(seen);
        assert!(clock.now() >= seen);
        clock.not_before(UnixMillis::new(1));
        assert!(clock.now() >= seen);
    }

    #[test]
    fn a_small_error_is_gone_after_a_second() {
        let (next, _) = line(0).next(SECOND, SECOND + 300, 0);
        assert_eq!(next.at(2 * SECOND), 2 * SECOND + 300);
    }

    proptest! {
        #[test]
        fn it_never_goes_back(readings in prop::collection::vec(
            (1..5 * SECOND, -100 * SECOND..100 * SECOND, 0..30 * SECOND), 1..50,
        )) {
            let (mut line, mut elapsed, mut wall, mut last) = (line(0), 0, 0, 0);
            for (passed, jump, suspended) in readings {
                elapsed += passed;
                wall += passed + jump;
                prop_assert!(line.at(elapsed) >= last);
                (line, _) = line.next(elapsed, wall, suspended);
                prop_assert!(line.at(elapsed) >= last);
                last = line.at(elapsed);
            }
        }
    }
}
