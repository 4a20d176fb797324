//! Letting in the messages of one stream, each as a call of its own.

use tokio::time::Instant;

use crate::gate::{
    config::Config,
    load::{Load, Share},
    refusal::Refusal,
};

/// Given along with a request whose messages are calls of their own: a stream
/// that is idle is none.
#[derive(Clone, Debug)]
pub struct Each {
    load: Load,
    deadline: Option<Instant>,
}

impl Each {
    /// Counts messages on `load`, on a stream that ends at `deadline`.
    #[must_use]
    pub const fn new(load: Load, deadline: Option<Instant>) -> Self {
        Self { load, deadline }
    }

    /// Lets one message in that holds `bytes`, and counts it until it is
    /// dropped.
    ///
    /// # Errors
    /// [`Refusal::CallsInFlight`] or [`Refusal::BytesInFlight`] at the limit.
    pub fn enter(&self, bytes: usize) -> Result<Share, Refusal> {
        let mut share = self.load.enter()?;
        share.receive(bytes)?;
        Ok(share)
    }

    /// When the caller of the stream stops waiting.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Default for Each {
    /// For a stream that no gate has let in: on its own.
    fn default() -> Self {
        Self::new(Load::new(&Config::default()), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_call_until_it_is_dropped() {
        let load = Load::new(&Config {
            calls_in_flight_max: 2,
            bytes_in_flight_max: 100,
            ..Config::default()
        });
        let each = Each::new(load.clone(), None);
        assert_eq!(load.calls(), 0, "the stream itself is none");
        let first = each.enter(60).unwrap();
        assert!(matches!(
            each.enter(60),
            Err(Refusal::BytesInFlight {
                bytes_in_flight_max: 100
            })
        ));
        assert_eq!((load.calls(), load.bytes()), (1, 60));
        let second = each.enter(40).unwrap();
        assert!(matches!(
            each.clone().enter(0),
            Err(Refusal::BytesInFlight { .. } | Refusal::CallsInFlight { .. })
        ));
        drop((first, second));
        assert_eq!((load.calls(), load.bytes()), (0, 0));
    }
}
