//! How many connections there are, and which may do what.

use std::sync::Arc;

use tokio::sync::watch;

use crate::serve::config::Config;

/// The seats of a server. A clone is the same seats.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ordinary_max: usize,
    reserved_max: usize,
    taken: watch::Sender<Taken>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    ordinary: usize,
    reserved: usize,
}

/// A place for one connection, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    reserved: bool,
}

impl Seats {
    /// As many as `config` says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(Shared {
            ordinary_max: config.connections_max,
            reserved_max: config.health_connections_reserved,
            taken: watch::Sender::default(),
        }))
    }

    /// A seat, if one is free: an ordinary one where `ordinary` ones are still
    /// given out, else one that is reserved for health.
    #[must_use]
    pub fn take(&self, ordinary: bool) -> Option<Seat> {
        let Shared {
            ordinary_max,
            reserved_max,
            taken,
        } = &*self.0;
        let mut seat = None;
        taken.send_if_modified(|taken| {
            if ordinary && taken.ordinary < *ordinary_max {
                taken.ordinary += 1;
                seat = Some(false);
            } else if taken.reserved < *reserved_max {
                taken.reserved += 1;
                seat = Some(true);
            }
            seat.is_some()
        });
        seat.map(|reserved| Seat {
            seats: self.clone(),
            reserved,
        })
    }

    /// Returns when no ordinary seat is taken.
    pub async fn emptied(&self) {
        let mut taken = self.0.taken.subscribe();
        // An error means that the sender is gone, and `self` holds it.
        let _ = taken.wait_for(|taken| taken.ordinary == 0).await;
    }

    /// Ordinary seats that are taken.
    #[must_use]
    pub fn ordinary(&self) -> usize {
        self.0.taken.borrow().ordinary
    }
}

impl Seat {
    /// `connections_max`, if this seat is for health alone.
    #[must_use]
    pub fn health_only(&self) -> Option<u64> {
        let limit = u64::try_from(self.seats.0.ordinary_max).unwrap_or(u64::MAX);
        self.reserved.then_some(limit)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.0.taken.send_modify(|taken| {
            if self.reserved {
                taken.reserved -= 1;
            } else {
                taken.ordinary -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats() -> Seats {
        Seats::new(&Config {
            connections_max: 1,
            health_connections_reserved: 1,
            ..Config::default()
        })
    }

    #[test]
    fn above_the_limit_seats_are_for_health_and_then_there_is_none() {
        let seats = seats();
        let first = seats.take(true).unwrap();
        let second = seats.take(true).unwrap();
        assert_eq!((first.health_only(), second.health_only()), (None, Some(1)));
        assert!(seats.take(true).is_none());
        drop(first);
        assert_eq!(seats.take(true).unwrap().health_only(), None);
    }

    #[test]
    fn while_stopping_all_seats_are_for_health() {
        assert_eq!(seats().take(false).unwrap().health_only(), Some(1));
    }
}
