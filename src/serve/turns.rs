//! The time as hyper is told it on one connection. hyper asks for each frame what
//! time it is and whether a wait is over; here the clock is asked once a turn of
//! the connection, and a wait when it is over.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// The turns of one connection. A clone is the same turns.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// When the connection began.
    began: time::Instant,
    /// When its last turn did, in nanoseconds after that: there is room for 584
    /// years.
    turn_ns: AtomicU64,
}

/// A wait that costs next to nothing to be polled before it is over.
#[derive(Debug)]
pub struct Wait {
    timer: Pin<Box<time::Sleep>>,
    /// Who is woken when it is over; `None`: nobody yet.
    waker: Option<Waker>,
}

impl Turns {
    /// Those of a connection that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            began: time::Instant::now(),
            turn_ns: AtomicU64::new(0),
        }))
    }

    /// A turn begins.
    pub fn begin(&self) {
        let elapsed = self.0.began.elapsed().as_nanos();
        let turn_ns = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.0.turn_ns.store(turn_ns, Ordering::Relaxed);
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for Turns {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait::until(deadline.into()))
    }

    fn now(&self) -> Instant {
        let turn = Duration::from_nanos(self.0.turn_ns.load(Ordering::Relaxed));
        (self.0.began + turn).into_std()
    }
}

impl Wait {
    /// A wait until then.
    #[must_use]
    pub fn until(deadline: time::Instant) -> Self {
        Self {
            timer: Box::pin(time::sleep_until(deadline)),
            waker: None,
        }
    }

    /// When it is over.
    #[must_use]
    pub fn deadline(&self) -> time::Instant {
        self.timer.deadline()
    }

    /// Lets it last until then.
    pub fn reset(&mut self, deadline: time::Instant) {
        self.timer.as_mut().reset(deadline);
        // Nobody is woken by what was waited for before.
        self.waker = None;
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { timer, waker } = &mut *self;
        let is_known = |waker: &Waker| waker.will_wake(context.waker());
        if !timer.is_elapsed() && waker.as_ref().is_some_and(is_known) {
            return Poll::Pending;
        }
        *waker = Some(context.waker().clone());
        timer.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_time_is_that_of_the_turn() {
        let began = time::Instant::now().into_std();
        let turns = Turns::new();
        advance(SECOND).await;
        assert_eq!(turns.now(), began);
        turns.begin();
        assert_eq!(turns.now(), began + SECOND);
        let (wait, until) = (turns.sleep(SECOND), time::Instant::now() + SECOND);
        wait.await;
        assert_eq!(time::Instant::now(), until);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_wakes_whoever_polled_it_last_and_can_last_longer() {
        let began = time::Instant::now();
        let mut wait = Wait::until(began + SECOND);
        let mut nobody = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(Pin::new(&mut wait).poll(&mut nobody).is_pending());
        }
        assert!(timeout(SECOND / 2, &mut wait).await.is_err());
        wait.reset(began + SECOND * 3);
        assert_eq!(wait.deadline(), began + SECOND * 3);
        tokio::spawn(wait).await.unwrap();
        assert_eq!(began.elapsed(), SECOND * 3);
    }
}
