//! How many connections there are, and which may do what.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    gate::{call::HealthOnly, load::wide},
    model::figure::{Figure, Value},
    serve::config::Config,
};

/// The seats of a server. A clone is the same seats.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ordinary_max: usize,
    reserved_max: usize,
    reserved_for: HealthOnly,
    taken: watch::Sender<Taken>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    ordinary: usize,
    reserved: usize,
    /// Given out from the start on.
    given: u64,
    /// Refused, because there was none.
    refused: u64,
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
        let connections_max = wide(config.connections_max);
        Self(Arc::new(Shared {
            ordinary_max: config.connections_max,
            reserved_max: config.health_connections_reserved,
            reserved_for: HealthOnly::ConnectionsFull { connections_max },
            taken: watch::Sender::default(),
        }))
    }

    /// Those of a port for health alone: as many as are reserved on the other,
    /// and apart from them, so that a crowd there takes none here.
    #[must_use]
    pub fn of_health_port(config: &Config) -> Self {
        Self(Arc::new(Shared {
            ordinary_max: 0,
            reserved_max: config.health_connections_reserved,
            reserved_for: HealthOnly::Port,
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
            ..
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
            if seat.is_some() {
                taken.given += 1;
            } else {
                taken.refused += 1;
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

    /// How many connections there are and were.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let taken = *self.0.taken.borrow();
        let number = |count| Value::Gauge(u64::try_from(count).unwrap_or(u64::MAX));
        vec![
            Figure::labelled(
                "nanokv_connections",
                "Connections, and those above the limit that are answered for health alone",
                "kind",
                [
                    ("ordinary", number(taken.ordinary)),
                    ("health", number(taken.reserved)),
                ],
            ),
            Figure::gauge(
                "nanokv_connections_max",
                "How many ordinary ones may be",
                self.0.ordinary_max,
            ),
            Figure::counter(
                "nanokv_connections_accepted",
                "Connections that were taken",
                taken.given,
            ),
            Figure::counter(
                "nanokv_connections_closed_at_once",
                "Connections that were closed at once, because there was no place",
                taken.refused,
            ),
        ]
    }

    /// Ordinary seats that are taken.
    #[must_use]
    pub fn ordinary(&self) -> usize {
        self.0.taken.borrow().ordinary
    }
}

impl Seat {
    /// Why this seat is for health alone, if it is.
    #[must_use]
    pub fn health_only(&self) -> Option<HealthOnly> {
        self.reserved.then_some(self.seats.0.reserved_for)
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
        let full = HealthOnly::ConnectionsFull { connections_max: 1 };
        assert_eq!(
            (first.health_only(), second.health_only()),
            (None, Some(full))
        );
        assert!(seats.take(true).is_none());
        drop(first);
        assert_eq!(seats.take(true).unwrap().health_only(), None);
    }

    #[test]
    fn while_stopping_all_seats_are_for_health() {
        let full = HealthOnly::ConnectionsFull { connections_max: 1 };
        assert_eq!(seats().take(false).unwrap().health_only(), Some(full));
    }

    #[test]
    fn a_port_for_health_has_seats_for_nothing_else() {
        let seats = Seats::of_health_port(&Config {
            health_connections_reserved: 1,
            ..Config::default()
        });
        let seat = seats.take(true).unwrap();
        assert_eq!(seat.health_only(), Some(HealthOnly::Port));
        assert!(seats.take(true).is_none());
    }
}
