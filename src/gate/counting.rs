//! Counting the calls that pass a gate, and what it tells of itself.

use std::sync::Arc;

use crate::{
    gate::{
        call::{Gate, Inner, split},
        kind::Kind,
        refusal::Refusal,
        state::Phase,
        tally::{Metered, Tallies, Tally},
    },
    model::figure::Figure,
};

/// Where one worker counts, and where all do.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    all: Tallies,
    own: Arc<Tally>,
}

impl Gate {
    /// The same gate, counting calls.
    #[must_use]
    pub fn counting(&self) -> Self {
        let all = Tallies::new(self.inner.wire.rpcs);
        self.with(all)
    }

    /// The same gate for a worker, which counts for itself if calls are counted.
    #[must_use]
    pub fn of_worker(&self) -> Self {
        let all = self
            .inner
            .counted
            .as_ref()
            .map(|counted| counted.all.clone());
        all.map_or_else(|| self.clone(), |all| self.with(all))
    }

    fn with(&self, all: Tallies) -> Self {
        let own = all.worker();
        let inner = self
            .inner
            .with(|inner| inner.counted = Some(Counted { all, own }));
        Self {
            inner,
            ..self.clone()
        }
    }

    /// What is under way, what calls came to, and what phase the server is in.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let Inner {
            config,
            load,
            room,
            state,
            counted,
            ..
        } = &*self.inner;
        let mut figures = vec![
            Figure::gauge(
                "nanokv_ready",
                "1 while calls are answered and the server was not asked to stop",
                u8::from(state.get() == Phase::Ready),
            ),
            Figure::gauge(
                "nanokv_calls_in_flight",
                "Calls and lists of pipelines under way, health and watches apart",
                load.calls(),
            ),
            Figure::gauge(
                "nanokv_calls_in_flight_max",
                "How many of them may be",
                config.calls_in_flight_max,
            ),
            Figure::gauge(
                "nanokv_in_flight_bytes",
                "Bytes of requests and replies on their way, replies of watches apart",
                load.bytes(),
            ),
            Figure::gauge(
                "nanokv_in_flight_max_bytes",
                "How many of them may be",
                config.bytes_in_flight_max,
            ),
            Figure::gauge(
                "nanokv_watch_in_flight_bytes",
                "Bytes of replies of watches on their way",
                room.bytes(),
            ),
            Figure::gauge(
                "nanokv_watch_in_flight_max_bytes",
                "How many of them may be",
                config.watch_bytes_in_flight_max,
            ),
        ];
        figures.extend(counted.iter().flat_map(|counted| counted.all.figures()));
        figures
    }

    /// A call that begins now, if calls are counted.
    pub(super) fn count(&self, path: &str, kind: Kind) -> Option<Metered> {
        let counted = self.inner.counted.as_ref()?;
        let (service, method) = split(path);
        let is_timed = !kind.may_go_on() && kind != Kind::Stream;
        Some(counted.all.begin(service, method, is_timed))
    }

    /// Counts a list of a pipeline, or that it was refused.
    pub(super) fn count_list(&self, refused: Option<&Refusal>) {
        match (self.tally(), refused) {
            (None, _) => {}
            (Some(tally), None) => tally.list(),
            (Some(tally), Some(refusal)) => tally.refuse_by(self.refusal(refusal).headers()),
        }
    }

    /// Where this worker counts; `None`: nobody does.
    #[must_use]
    pub fn tally(&self) -> Option<&Arc<Tally>> {
        self.inner.counted.as_ref().map(|counted| &counted.own)
    }
}
