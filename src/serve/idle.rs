//! When a connection over HTTP/1.1 on which nothing is asked is given up.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time;

use crate::serve::turns::Wait;

/// When something was asked last on a connection. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Mutex<Option<time::Instant>>>);

/// The timer by which hyper waits for the head of a request. It goes off only
/// when nothing was answered ahead of hyper for as long either.
#[derive(Clone, Debug)]
pub struct Idle {
    wait: Duration,
    asked: Asked,
}

/// One wait of it.
#[derive(Debug)]
struct Waiting {
    wait: Wait,
    idle: Idle,
}

impl Asked {
    /// It is now.
    pub fn note(&self) {
        *self.0.lock() = Some(time::Instant::now());
    }

    /// When that was; `None`: never.
    #[must_use]
    pub fn last(&self) -> Option<time::Instant> {
        *self.0.lock()
    }
}

impl Idle {
    /// Goes off so long after the last that was noted in `asked`.
    #[must_use]
    pub const fn new(wait: Duration, asked: Asked) -> Self {
        Self { wait, asked }
    }
}

impl Timer for Idle {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting {
            wait: Wait::until(deadline.into()),
            idle: self.clone(),
        })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { wait, idle } = self.get_mut();
        loop {
            ready!(Pin::new(&mut *wait).poll(context));
            match idle.asked.last().map(|last| last + idle.wait) {
                Some(later) if later > wait.deadline() => wait.reset(later),
                _ => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;

    const WAIT: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_so_long_after_what_was_asked_last() {
        let (began, asked) = (Instant::now(), Asked::default());
        let idle = Idle::new(WAIT, asked.clone());
        let waiting = tokio::spawn(idle.sleep(WAIT));
        tokio::task::yield_now().await;
        advance(WAIT / 2).await;
        asked.note();
        waiting.await.unwrap();
        assert_eq!(began.elapsed(), WAIT * 3 / 2);
        Idle::new(WAIT, Asked::default()).sleep(WAIT).await;
        assert_eq!(began.elapsed(), WAIT * 5 / 2);
    }
}
