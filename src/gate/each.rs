//! Letting in the messages of one stream, each as a call of its own.

use tokio::time::Instant;

use crate::gate::{
    access::caller::Caller,
    call::Gate,
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
    /// Where they are counted.
    gate: Option<Gate>,
}

impl Each {
    /// Counts messages on `load`, on a stream that ends at `deadline`.
    #[must_use]
    pub const fn new(load: Load, deadline: Option<Instant>) -> Self {
        Self {
            load,
            deadline,
            gate: None,
        }
    }

    /// Counts messages, and those that are refused, where `gate` counts calls.
    #[must_use]
    pub fn at(self, gate: Gate) -> Self {
        Self {
            gate: Some(gate),
            ..self
        }
    }

    /// Lets one message of `caller` in that holds `bytes`, and counts it until
    /// it is dropped. That `sent` bytes have come with it is to be paid for in any case.
    ///
    /// # Errors
    /// [`Refusal::CallsInFlight`] or [`Refusal::BytesInFlight`] at the limit,
    /// [`Refusal::RateLimited`] at the one of the caller.
    pub fn enter(&self, caller: &Caller, bytes: usize, sent: usize) -> Result<Share, Refusal> {
        let address = self.gate.as_ref().and_then(|gate| gate.meter.as_ref());
        let meter = caller.meter(address);
        let entered = self.load.enter().and_then(|mut share| {
            if let Some(meter) = meter {
                meter.enter()?;
            }
            share.receive(bytes)?;
            Ok(share.paid_by(meter))
        });
        if let Some(meter) = meter {
            meter.charge(sent);
        }
        if let Some(gate) = &self.gate {
            gate.count_list(entered.as_ref().err());
        }
        entered
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
        let (each, anyone) = (Each::new(load.clone(), None), Caller::anyone());
        assert_eq!(load.calls(), 0, "the stream itself is none");
        let first = each.enter(&anyone, 60, 0).unwrap();
        assert!(matches!(
            each.enter(&anyone, 60, 0),
            Err(Refusal::BytesInFlight {
                bytes_in_flight_max: 100
            })
        ));
        assert_eq!((load.calls(), load.bytes()), (1, 60));
        let second = each.enter(&anyone, 40, 0).unwrap();
        assert!(matches!(
            each.clone().enter(&anyone, 0, 0),
            Err(Refusal::BytesInFlight { .. } | Refusal::CallsInFlight { .. })
        ));
        drop((first, second));
        assert_eq!((load.calls(), load.bytes()), (0, 0));
    }
}
