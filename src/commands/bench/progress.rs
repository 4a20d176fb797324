//! What the line on the terminal tells of a run.

use std::time::Duration;

use crate::{
    commands::bench::form::{latency, quantile},
    load::report::{Sight, per_second},
};

/// What a line tells of a sight.
pub(super) fn words(sight: &Sight) -> String {
    match sight {
        Sight::Prefill { stored, keys } => format!("{stored} of {keys} keys are stored"),
        Sight::Calls {
            tally,
            since,
            progress,
            failures,
        } => {
            let latencies = tally.all_latencies();
            let part = progress.map_or(String::new(), |part| format!("{:3.0} %  ", part * 100.0));
            let at = |of| latency(Duration::from_nanos(quantile(&latencies, of)));
            format!(
                "{part}{:.0} operations/s  p50 {}  p99 {}  {failures} failed",
                per_second(tally.operations, *since),
                at(0.5),
                at(0.99),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::load::{
        mix::Kind,
        tally::{Label, Outcome, Tally},
    };

    #[test]
    fn a_line_tells_what_happened_since_the_last_one() {
        let mut tally = Tally::default();
        for _ in 0..50 {
            let outcome = Outcome {
                operations: 1,
                ..Outcome::default()
            };
            let get = Label::One(Kind::Get);
            tally.count(get, Duration::from_micros(250), outcome, Instant::now());
        }
        let sight = Sight::Calls {
            tally: Box::new(tally),
            since: Duration::from_millis(500),
            progress: Some(0.25),
            failures: 3,
        };
        assert_eq!(
            words(&sight),
            " 25 %  100 operations/s  p50 250 us  p99 250 us  3 failed"
        );
    }
}
