//! What one caller has had lately, held to their rates.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use parking_lot::Mutex;

use crate::{
    gate::{rate::Rates, refusal::Refusal},
    model::time::UnixMillis,
};

/// What time it is, for what is counted by time.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// What is not had is saved up for so long.
const SAVED: Duration = Duration::from_secs(1);

/// Calls and bytes of one caller. A call is let in when there is one left for
/// this moment, and the bytes of those before are paid for: how many a call will
/// move is not known when it begins.
pub struct Meter {
    had: Mutex<Had>,
    now: Now,
}

struct Had {
    rates: Rates,
    /// `None`: they are not limited.
    calls: Option<Calls>,
    last_call: Duration,
    /// When all bytes are paid for that have moved. The library knows nothing
    /// that is paid for afterwards.
    paid_at: Duration,
}

type Calls = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>;

/// The time of this server, as the library asks for it: since the epoch.
#[derive(Clone)]
struct Time(Now);

impl Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis((self.0)().get())
    }
}

impl Meter {
    /// Nothing was had yet.
    #[must_use]
    pub fn new(rates: Rates, now: Now) -> Self {
        Self {
            had: Mutex::new(Had {
                rates,
                calls: calls(rates, &now),
                last_call: Duration::ZERO,
                paid_at: Duration::ZERO,
            }),
            now,
        }
    }

    /// What it holds to.
    #[must_use]
    pub fn rates(&self) -> Rates {
        self.had.lock().rates
    }

    /// Holds to other rates from now on. What is owed stays.
    pub fn set(&self, rates: Rates) {
        let mut had = self.had.lock();
        if had.rates != rates {
            had.rates = rates;
            had.calls = calls(rates, &self.now);
        }
    }

    /// Lets one call in.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] with the time after which one may come.
    pub fn enter(&self) -> Result<(), Refusal> {
        let now = self.since_epoch();
        let mut had = self.had.lock();
        if let Some(wait) = had.owes(now) {
            return Err(Refusal::RateLimited {
                limit: "bytes_per_second_max",
                per_second_max: had.rates.bytes_per_second_max,
                retry_ms: millis(wait),
            });
        }
        if let Some(Err(until)) = had.calls.as_ref().map(Calls::check) {
            return Err(Refusal::RateLimited {
                limit: "calls_per_second_max",
                per_second_max: had.rates.calls_per_second_max,
                retry_ms: millis(until.wait_time_from(now)),
            });
        }
        had.last_call = now;
        Ok(())
    }

    /// Counts bytes that have come or gone.
    pub fn charge(&self, bytes: usize) {
        let now = self.since_epoch();
        let mut had = self.had.lock();
        had.paid_at = had.paid_at.max(now).saturating_add(had.time_of(bytes));
    }

    /// How long until what has moved is paid for; `None`: it is.
    #[must_use]
    pub fn owes(&self) -> Option<Duration> {
        let now = self.since_epoch();
        self.had.lock().owes(now)
    }

    /// Whether it would be the same if it was made anew.
    pub(super) fn is_idle(&self) -> bool {
        let now = self.since_epoch();
        let had = self.had.lock();
        had.last_call.max(had.paid_at).saturating_add(SAVED) <= now
    }

    fn since_epoch(&self) -> Duration {
        Duration::from_millis((self.now)().get())
    }
}

impl Had {
    fn owes(&self, now: Duration) -> Option<Duration> {
        if self.rates.bytes_per_second_max == 0 {
            return None;
        }
        let wait = self.paid_at.saturating_sub(now).saturating_sub(SAVED);
        (!wait.is_zero()).then_some(wait)
    }

    /// In which so many bytes are there again.
    fn time_of(&self, bytes: usize) -> Duration {
        let (bytes, per_second) = (wide(bytes), u128::from(self.rates.bytes_per_second_max));
        let nanos = (bytes * 1_000_000_000).checked_div(per_second).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rates = self.rates();
        let mut meter = formatter.debug_struct("Meter");
        meter.field("rates", &rates).finish_non_exhaustive()
    }
}

fn calls(rates: Rates, now: &Now) -> Option<Calls> {
    let calls = u32::try_from(rates.calls_per_second_max).unwrap_or(u32::MAX);
    let quota = Quota::per_second(NonZeroU32::new(calls)?);
    Some(RateLimiter::direct_with_clock(quota, Time(Arc::clone(now))))
}

/// Rounded up, so that whoever comes then is let in.
fn millis(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000).max(1)).unwrap_or(u32::MAX)
}

fn wide(bytes: usize) -> u128 {
    u128::try_from(bytes).unwrap_or(u128::MAX >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::{Clock as _, held::HeldClock};

    fn meter(calls: u64, bytes: u64) -> (Meter, HeldClock) {
        let clock = HeldClock::at(UnixMillis::new(1_700_000_000_000));
        let rates = Rates {
            calls_per_second_max: calls,
            bytes_per_second_max: bytes,
        };
        let now = clock.clone();
        (Meter::new(rates, Arc::new(move || now.now())), clock)
    }

    fn wait(refused: Result<(), Refusal>) -> (&'static str, u32) {
        match refused {
            Err(Refusal::RateLimited {
                limit, retry_ms, ..
            }) => (limit, retry_ms),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_of_calls_may_come_at_once_and_then_they_are_spread() {
        let (meter, clock) = meter(4, 0);
        for _ in 0..4 {
            meter.enter().unwrap();
        }
        assert_eq!(wait(meter.enter()), ("calls_per_second_max", 250));
        clock.advance(249);
        assert_eq!(wait(meter.enter()), ("calls_per_second_max", 1));
        clock.advance(1);
        meter.enter().unwrap();
        assert!(meter.enter().is_err());
        clock.advance(60_000);
        for _ in 0..4 {
            meter.enter().unwrap();
        }
        assert!(meter.enter().is_err(), "no more than a second is saved up");
    }

    #[test]
    fn bytes_that_have_moved_are_paid_for_before_the_next_call() {
        let (meter, clock) = meter(0, 1000);
        meter.enter().unwrap();
        meter.charge(1000);
        meter.enter().unwrap();
        meter.charge(2500);
        assert_eq!(wait(meter.enter()), ("bytes_per_second_max", 2500));
        assert_eq!(meter.owes(), Some(Duration::from_millis(2500)));
        clock.advance(1000);
        assert_eq!(wait(meter.enter()).1, 1500);
        clock.advance(1500);
        meter.enter().unwrap();
        assert_eq!(meter.owes(), None);
        clock.advance(60_000);
        meter.charge(1001);
        assert_eq!(
            wait(meter.enter()).1,
            1,
            "no more than a second is saved up"
        );
    }

    #[test]
    fn as_many_bytes_as_there_may_be_are_counted_too() {
        let (meter, clock) = meter(0, 1 << 32);
        meter.charge(1 << 33);
        assert_eq!(wait(meter.enter()).1, 1000, "a second was saved up");
        clock.advance(1000);
        meter.enter().unwrap();
    }

    #[test]
    fn a_rate_that_changes_holds_at_once() {
        let (meter, _clock) = meter(1, 0);
        meter.enter().unwrap();
        assert!(meter.enter().is_err());
        meter.set(Rates {
            calls_per_second_max: 3,
            ..Rates::default()
        });
        meter.enter().unwrap();
        meter.set(meter.rates());
        meter.enter().unwrap();
        meter.enter().unwrap();
        assert!(meter.enter().is_err(), "to set the same changes nothing");
        meter.set(Rates::default());
        meter.enter().unwrap();
    }
}
