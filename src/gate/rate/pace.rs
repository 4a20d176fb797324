//! A stream that goes no faster than its caller may.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep};

use crate::gate::rate::meter::Meter;

/// Holds up a stream while bytes are to be paid for.
#[derive(Debug)]
pub struct Pace {
    meter: Arc<Meter>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// For a stream whose bytes count on `meter`.
    #[must_use]
    pub const fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            waiting: None,
        }
    }

    /// Waits until all that has moved is paid for.
    pub fn poll_paid(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(context));
                self.waiting = None;
            }
            let Some(wait) = self.meter.owes() else {
                return Poll::Ready(());
            };
            self.waiting = Some(Box::pin(sleep(wait)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{Duration, Instant, timeout};

    use super::*;
    use crate::{gate::rate::Rates, model::time::UnixMillis};

    /// On a clock that goes as the one of the runtime, which goes on by itself
    /// when everybody waits.
    fn meter() -> Arc<Meter> {
        let began = Instant::now();
        let rates = Rates {
            bytes_per_second_max: 1000,
            ..Rates::default()
        };
        let since = move || u64::try_from(began.elapsed().as_millis()).unwrap();
        Arc::new(Meter::new(
            rates,
            Arc::new(move || UnixMillis::new(1_700_000_000_000 + since())),
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_as_fast_as_its_caller_may() {
        let (meter, began) = (meter(), Instant::now());
        let mut pace = Pace::new(Arc::clone(&meter));
        for _ in 0..10 {
            poll_fn(|context| pace.poll_paid(context)).await;
            meter.charge(1000);
        }
        // The first second was saved up.
        assert_eq!(began.elapsed().as_millis() / 10, 800, "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_by_others_meanwhile_is_waited_for_too() {
        let meter = meter();
        let mut pace = Pace::new(Arc::clone(&meter));
        meter.charge(1500);
        let mut paid = std::pin::pin!(poll_fn(|context| pace.poll_paid(context)));
        assert!(
            timeout(Duration::from_millis(400), paid.as_mut())
                .await
                .is_err()
        );
        meter.charge(500);
        assert!(
            timeout(Duration::from_millis(400), paid.as_mut())
                .await
                .is_err()
        );
        paid.await;
        assert_eq!(meter.owes(), None);
    }
}
