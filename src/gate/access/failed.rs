//! How often callers of one address may fail to say who they are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::gate::refusal::Refusal;

/// Addresses that are counted one by one; all others count together.
const ADDRESSES_MAX: usize = 4096;

const MINUTE: Duration = Duration::from_mins(1);

/// Failed logins, by the address that they come from: each goes on so many a
/// minute, and may have so many at once.
#[derive(Debug)]
pub struct FailedLogins {
    per_minute_max: u32,
    counted: Mutex<Counted>,
}

/// By address, when all that has failed is made up for.
#[derive(Debug, Default)]
struct Counted {
    of: HashMap<IpAddr, Instant>,
    others: Option<Instant>,
}

impl FailedLogins {
    /// At most so many a minute from one address.
    #[must_use]
    pub fn new(per_minute_max: u32) -> Self {
        Self {
            per_minute_max: per_minute_max.max(1),
            counted: Mutex::default(),
        }
    }

    /// Whether one may be tried from `address`.
    ///
    /// # Errors
    /// [`Refusal::FailedLogins`].
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let counted = self.counted.lock();
        let Some(until) = counted.of(network(address)) else {
            return Ok(());
        };
        let wait = until.saturating_duration_since(Instant::now());
        // One more must fit.
        let fits = MINUTE.saturating_sub(self.each());
        let too_long = wait.saturating_sub(fits);
        if too_long.is_zero() {
            return Ok(());
        }
        Err(Refusal::FailedLogins {
            failed_logins_per_minute_max: u64::from(self.per_minute_max),
            retry_ms: u32::try_from(too_long.as_millis() + 1).unwrap_or(u32::MAX),
        })
    }

    /// Counts one from `address`.
    pub fn count(&self, address: IpAddr) {
        let (now, each) = (Instant::now(), self.each());
        let mut counted = self.counted.lock();
        let network = network(address);
        if counted.of.len() >= ADDRESSES_MAX && !counted.of.contains_key(&network) {
            counted.of.retain(|_, until| *until > now);
        }
        let until = if counted.of.len() < ADDRESSES_MAX || counted.of.contains_key(&network) {
            counted.of.entry(network).or_insert(now)
        } else {
            counted.others.get_or_insert(now)
        };
        *until = (*until).max(now) + each;
    }

    fn each(&self) -> Duration {
        MINUTE / self.per_minute_max
    }
}

impl Counted {
    fn of(&self, network: IpAddr) -> Option<Instant> {
        match self.of.get(&network) {
            Some(until) => Some(*until),
            None if self.of.len() >= ADDRESSES_MAX => self.others,
            None => None,
        }
    }
}

/// What one caller has for its own: of IPv6 the first 64 bits.
pub(in crate::gate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_may_fail_at_once_and_then_one_at_a_time() {
        let failed = FailedLogins::new(6);
        for _ in 0..6 {
            failed.check(address(1)).unwrap();
            failed.count(address(1));
        }
        let Err(Refusal::FailedLogins { retry_ms, .. }) = failed.check(address(1)) else {
            panic!("one too many");
        };
        assert!(failed.check(address(2)).is_ok(), "another address");
        assert!((9_000..=10_001).contains(&retry_ms), "{retry_ms}");
        advance(Duration::from_millis(retry_ms.into())).await;
        failed.check(address(1)).unwrap();
        failed.count(address(1));
        assert!(failed.check(address(1)).is_err());
        advance(MINUTE).await;
        failed.check(address(1)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_are_too_many_count_together_and_are_forgotten() {
        let failed = FailedLogins::new(2);
        let most = u32::try_from(ADDRESSES_MAX).unwrap();
        for number in 0..most + 2 {
            failed.check(address(number)).unwrap();
            failed.count(address(number));
        }
        assert!(failed.check(address(most + 9)).is_err());
        assert!(failed.check(address(0)).is_ok());
        assert_eq!(failed.counted.lock().of.len(), ADDRESSES_MAX);
        advance(2 * MINUTE).await;
        failed.count(address(most + 9));
        assert_eq!(failed.counted.lock().of.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:1.2.3.4"), of("1.2.3.4"));
    }
}
