//! When a call is made again: how often, after how long, and when not at all.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use crate::client::error::Pushback;

/// Tokens are counted in tenths.
const TOKENS_MAX: u32 = 100 * TOKEN;
const TOKEN: u32 = 10;
const SUCCESS: u32 = 1;

/// How often and after how long a call that met UNAVAILABLE is made again. The
/// default is what `proto/nanokv/v1/service_config.json` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Attempts in all, the first one included. 1: none is made again.
    pub attempts_max: u32,
    /// Before the second attempt, a fifth more or less at random.
    pub backoff: Duration,
    /// What the wait grows to at most, doubling each time.
    pub backoff_max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            backoff: Duration::from_millis(200),
            backoff_max: Duration::from_secs(2),
        }
    }
}

/// The waits of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    policy: Policy,
    attempts_made: u32,
    next: Duration,
}

impl Backoff {
    /// Before the first attempt.
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            attempts_made: 0,
            next: policy.backoff.min(policy.backoff_max),
        }
    }

    /// After an attempt that met UNAVAILABLE: how long to wait for the next, or
    /// nothing when there should be none.
    pub(crate) fn wait(&mut self, pushback: Pushback) -> Option<Duration> {
        self.attempts_made = self.attempts_made.saturating_add(1);
        if self.attempts_made >= self.policy.attempts_max {
            return None;
        }
        match pushback {
            Pushback::Never => None,
            Pushback::After(delay) => {
                // As gRPC says: what the server asked for begins the row anew.
                self.next = self.policy.backoff.min(self.policy.backoff_max);
                Some(delay)
            }
            Pushback::Unsaid => {
                let wait = self.next.mul_f64(0.8 + 0.4 * fastrand::f64());
                self.next = self.next.saturating_mul(2).min(self.policy.backoff_max);
                Some(wait)
            }
        }
    }
}

/// Stops the retries of all calls of a client while most of them fail, so that
/// they do not hold a server down: of 100 tokens each UNAVAILABLE takes one,
/// each answer gives back a tenth, and at 50 or fewer nothing is made again.
#[derive(Debug)]
pub(crate) struct Throttle(AtomicU32);

impl Throttle {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(TOKENS_MAX))
    }

    /// A call was answered.
    pub(crate) fn answered(&self) {
        let add = |tokens: u32| Some(tokens.saturating_add(SUCCESS).min(TOKENS_MAX));
        let _ = self.0.fetch_update(Relaxed, Relaxed, add);
    }

    /// A call met UNAVAILABLE; whether it may be made again.
    pub(crate) fn failed(&self) -> bool {
        let take = |tokens: u32| Some(tokens.saturating_sub(TOKEN));
        let before = self.0.fetch_update(Relaxed, Relaxed, take);
        let left = before.unwrap_or_default().saturating_sub(TOKEN);
        left > TOKENS_MAX / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_attempts() {
        let policy = Policy {
            attempts_max: 7,
            ..Policy::default()
        };
        let mut backoff = Backoff::new(policy);
        for millis in [200, 400, 800, 1600, 2000, 2000] {
            let wait = backoff.wait(Pushback::Unsaid).unwrap();
            let middle = Duration::from_millis(millis);
            assert!(
                wait >= middle.mul_f64(0.8) && wait <= middle.mul_f64(1.2),
                "{wait:?} for {middle:?}"
            );
        }
        assert_eq!(backoff.wait(Pushback::Unsaid), None);
    }

    #[test]
    fn waits_are_not_all_alike() {
        let waits: Vec<_> = (0..20)
            .map(|_| Backoff::new(Policy::default()).wait(Pushback::Unsaid))
            .collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }

    #[test]
    fn what_the_server_says_counts_instead() {
        let mut backoff = Backoff::new(Policy::default());
        let said = Duration::from_secs(7);
        assert_eq!(backoff.wait(Pushback::After(said)), Some(said));
        assert_eq!(backoff.wait(Pushback::Never), None);
    }

    #[test]
    fn the_default_is_what_the_service_config_says() {
        let config = include_str!("../../proto/nanokv/v1/service_config.json");
        let policy = Policy::default();
        for said in [
            format!("\"maxAttempts\": {}", policy.attempts_max),
            format!("\"initialBackoff\": \"{}s\"", policy.backoff.as_secs_f64()),
            format!("\"maxBackoff\": \"{}s\"", policy.backoff_max.as_secs()),
            "\"backoffMultiplier\": 2".to_owned(),
            format!("\"maxTokens\": {}", TOKENS_MAX / TOKEN),
            "\"tokenRatio\": 0.1".to_owned(),
        ] {
            assert!(config.contains(&said), "{said}");
        }
    }

    #[test]
    fn nothing_is_made_again_while_most_calls_fail() {
        let throttle = Throttle::new();
        for _ in 0..49 {
            assert!(throttle.failed());
        }
        assert!(!throttle.failed(), "50 tokens are left");
        for _ in 0..20 {
            throttle.answered();
        }
        assert!(throttle.failed(), "51 tokens are left");
    }
}
