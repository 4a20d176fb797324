//! When a connection over HTTP/1.1 on which nothing is asked is given up, as long
//! as hyper does not tell.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::serve::{config::Config, turns::Wait};

/// Waits for what is asked on one connection.
#[derive(Debug)]
pub struct Idle {
    wait: Wait,
    wait_max: Duration,
    has_asked: bool,
}

/// Nothing was asked for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// Ever.
    FromTheFirst,
    /// Since something was.
    SinceTheLast,
}

impl Idle {
    /// On a connection that begins now.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let first = Duration::from_millis(config.handshake_ms_max);
        Self {
            wait: Wait::until(Instant::now() + first),
            wait_max: Duration::from_millis(config.http1_idle_ms_max),
            has_asked: false,
        }
    }

    /// Whether something was asked before the last look.
    #[must_use]
    pub const fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// Ready when nothing has been asked for too long; `last` is when something
    /// was, if ever.
    pub fn poll_silent(
        &mut self,
        last: Option<Instant>,
        context: &mut Context<'_>,
    ) -> Poll<Silent> {
        let until = last.map(|last| last + self.wait_max);
        if let Some(until) = until.filter(|_| !self.has_asked) {
            self.has_asked = true;
            self.wait.reset(until);
        }
        loop {
            if Pin::new(&mut self.wait).poll(context).is_pending() {
                return Poll::Pending;
            }
            match until {
                None => return Poll::Ready(Silent::FromTheFirst),
                Some(until) if until <= self.wait.deadline() => {
                    return Poll::Ready(Silent::SinceTheLast);
                }
                Some(until) => self.wait.reset(until),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    async fn silent(idle: &mut Idle, last: Option<Instant>) -> Silent {
        poll_fn(|context| idle.poll_silent(last, context)).await
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_so_long_after_what_was_asked_last() {
        for (first_ms, idle_ms) in [(1000, 60_000), (60_000, 1000)] {
            let config = Config {
                handshake_ms_max: first_ms,
                http1_idle_ms_max: idle_ms,
                ..Config::default()
            };
            let began = Instant::now();
            let mut idle = Idle::new(&config);
            assert_eq!(silent(&mut idle, None).await, Silent::FromTheFirst);
            assert_eq!(began.elapsed(), Duration::from_millis(first_ms));
            let mut idle = Idle::new(&config);
            advance(Duration::from_millis(500)).await;
            let last = Instant::now();
            for _ in 0..3 {
                let now = Some(Instant::now());
                let polled = poll_fn(|context| Poll::Ready(idle.poll_silent(now, context)));
                assert!(polled.await.is_pending());
                advance(Duration::from_millis(idle_ms - 1)).await;
            }
            let last = last + Duration::from_millis((idle_ms - 1) * 2);
            assert_eq!(silent(&mut idle, Some(last)).await, Silent::SinceTheLast);
            assert_eq!(last.elapsed(), Duration::from_millis(idle_ms));
        }
    }
}
