//! Whose meter is whose: one for each identity, and one for each address of
//! those who are not asked who they are.

use std::{collections::HashMap, fmt, hash::Hash, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::gate::{
    access::failed::network,
    rate::{
        Rates,
        meter::{Meter, Now},
    },
};

/// Addresses that have meters of their own; all others have one together.
const ADDRESSES_MAX: usize = 16_384;

/// The meters of a server. A clone is the same meters.
#[derive(Clone)]
pub struct Meters(Arc<Shared>);

struct Shared {
    usual: Rates,
    now: Now,
    by_identity: Mutex<HashMap<String, Arc<Meter>>>,
    by_address: Mutex<HashMap<IpAddr, Arc<Meter>>>,
    others: Arc<Meter>,
}

impl Meters {
    /// Holds whom nothing else is said of to `usual`.
    #[must_use]
    pub fn new(usual: Rates, now: Now) -> Self {
        Self(Arc::new(Shared {
            usual,
            others: Arc::new(Meter::new(usual, Arc::clone(&now))),
            now,
            by_identity: Mutex::default(),
            by_address: Mutex::default(),
        }))
    }

    /// What holds where nothing else is said.
    #[must_use]
    pub fn usual(&self) -> Rates {
        self.0.usual
    }

    /// The meter of whoever has this name, held to `rates` from now on; `None`:
    /// to none. `identities_max` are kept, if no more than that are in use.
    #[must_use]
    pub fn of_identity(
        &self,
        name: &str,
        rates: Rates,
        identities_max: usize,
    ) -> Option<Arc<Meter>> {
        if rates.is_none() {
            return None;
        }
        let mut meters = self.0.by_identity.lock();
        if let Some(meter) = meters.get(name) {
            meter.set(rates);
            return Some(Arc::clone(meter));
        }
        make_room(&mut meters, identities_max);
        let meter = Arc::new(Meter::new(rates, Arc::clone(&self.0.now)));
        meters.insert(name.to_owned(), Arc::clone(&meter));
        Some(meter)
    }

    /// The meter of whoever calls from `address` and is not asked who they are;
    /// `None`: they may have what they like.
    #[must_use]
    pub fn of_address(&self, address: IpAddr) -> Option<Arc<Meter>> {
        if self.0.usual.is_none() {
            return None;
        }
        let network = network(address);
        let mut meters = self.0.by_address.lock();
        if let Some(meter) = meters.get(&network) {
            return Some(Arc::clone(meter));
        }
        make_room(&mut meters, ADDRESSES_MAX);
        if meters.len() >= ADDRESSES_MAX {
            return Some(Arc::clone(&self.0.others));
        }
        let meter = Arc::new(Meter::new(self.0.usual, Arc::clone(&self.0.now)));
        meters.insert(network, Arc::clone(&meter));
        Some(meter)
    }
}

/// Forgets those that nobody uses, and that say nothing.
fn make_room<K: Eq + Hash>(meters: &mut HashMap<K, Arc<Meter>>, meters_max: usize) {
    if meters.len() >= meters_max {
        meters.retain(|_, meter| Arc::strong_count(meter) > 1 || !meter.is_idle());
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Meters")
            .field("usual", &self.0.usual)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::{
        clock::{Clock as _, held::HeldClock},
        time::UnixMillis,
    };

    const ONE: Rates = Rates {
        calls_per_second_max: 1,
        bytes_per_second_max: 0,
    };

    fn meters(usual: Rates) -> (Meters, HeldClock) {
        let clock = HeldClock::at(UnixMillis::new(1_700_000_000_000));
        let now = clock.clone();
        (Meters::new(usual, Arc::new(move || now.now())), clock)
    }

    fn address(number: usize) -> IpAddr {
        Ipv4Addr::from(u32::try_from(number).unwrap()).into()
    }

    #[test]
    fn who_has_no_limit_has_no_meter() {
        let (meters, _clock) = meters(Rates::default());
        assert!(meters.of_address(address(1)).is_none());
        assert!(meters.of_identity("a", Rates::default(), 9).is_none());
        assert!(meters.of_identity("a", ONE, 9).is_some());
    }

    #[test]
    fn a_name_keeps_its_meter_and_others_have_their_own() {
        let (meters, _clock) = meters(Rates::default());
        let of = |name| meters.of_identity(name, ONE, 9).unwrap();
        of("a").enter().unwrap();
        assert!(of("a").enter().is_err());
        of("b").enter().unwrap();
        let two = Rates {
            calls_per_second_max: 2,
            ..ONE
        };
        let before = of("a");
        let now = meters.of_identity("a", two, 9).unwrap();
        assert_eq!(before.rates(), two, "who has it already is held to it too");
        now.enter().unwrap();
    }

    #[test]
    fn addresses_that_are_too_many_have_one_together_and_idle_ones_are_forgotten() {
        let (meters, clock) = meters(ONE);
        let of = |number| meters.of_address(address(number)).unwrap();
        for number in 0..ADDRESSES_MAX {
            of(number).enter().unwrap();
        }
        of(ADDRESSES_MAX).enter().unwrap();
        assert!(of(ADDRESSES_MAX + 1).enter().is_err(), "they share one");
        assert!(of(0).enter().is_err(), "who has called is not forgotten");
        clock.advance(1000);
        of(ADDRESSES_MAX + 1).enter().unwrap();
        assert_eq!(meters.0.by_address.lock().len(), 1);
    }
}
