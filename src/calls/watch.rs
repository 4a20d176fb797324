//! Watches: what the engine tells, as replies, until the server stops.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio_stream::Stream;

use crate::{
    calls::{
        failure::Failure,
        guard::{Guard, Stopping},
        wire::watch,
    },
    engine::{Engine, WatchItem, WatchQuery},
    gate::{
        access::caller::Caller,
        places::{Places, Taken},
        refusal::Refusal,
        state::State,
    },
    model::{error::Error, range::Range, version::Version},
    proto,
};

/// The places for watches. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Watches {
    state: State,
    places: Places,
    ranges_bytes: Places,
}

/// How many watches there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Watches at once.
    pub watchers_max: usize,
    /// Bytes of the ranges of all watches.
    pub ranges_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            watchers_max: 10_000,
            ranges_bytes_max: 16 << 20,
        }
    }
}

/// One watch. Ends with `UNAVAILABLE` when the server stops, and with what the
/// engine says.
#[derive(Debug)]
pub struct Watching<S> {
    told: Pin<Box<S>>,
    stopping: Stopping,
    /// All events up to here were sent.
    resume: Option<Version>,
    is_ended: bool,
    /// Where callers say who they are.
    guard: Option<Box<Guard>>,
    _places: [Taken; 2],
}

impl Watches {
    /// As many as `limits` allow, while the server is not stopping.
    #[must_use]
    pub fn new(state: State, limits: Limits) -> Self {
        Self {
            state,
            places: Places::new(limits.watchers_max),
            ranges_bytes: Places::new(limits.ranges_bytes_max),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.count()
    }

    /// How many there may be.
    #[must_use]
    pub const fn count_max(&self) -> usize {
        self.places.max()
    }

    /// Begins a watch.
    ///
    /// # Errors
    /// [`Refusal::Watchers`] or [`Refusal::WatchRanges`] when there are too
    /// many, and what the engine refuses.
    pub async fn begin<E: Engine>(
        &self,
        engine: &E,
        query: WatchQuery,
        caller: &Caller,
    ) -> Result<Watching<E::Watch>, Failure> {
        let guard = Guard::new(caller, &query.ranges);
        let places = self.enter(&query.ranges)?;
        let told = engine.watch(query).await;
        Ok(Watching {
            told: Box::pin(told?),
            stopping: Stopping::new(&self.state),
            resume: None,
            is_ended: false,
            guard,
            _places: places,
        })
    }

    fn enter(&self, ranges: &[Range]) -> Result<[Taken; 2], Refusal> {
        let none = |watchers_max| Refusal::Watchers { watchers_max };
        let place = self.places.take(1, none)?;
        let bytes = ranges.iter().map(Range::bytes).sum();
        let none = |watch_ranges_bytes_max| Refusal::WatchRanges {
            watch_ranges_bytes_max,
        };
        Ok([place, self.ranges_bytes.take(bytes, none)?])
    }
}

impl<S> Watching<S> {
    fn end(&mut self, failure: Failure) -> Failure {
        self.is_ended = true;
        failure
    }
}

impl<S: Stream<Item = Result<WatchItem, Error>>> Stream for Watching<S> {
    type Item = Result<proto::WatchResponse, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watching = self.get_mut();
        if watching.is_ended {
            return Poll::Ready(None);
        }
        // First, so that a watch with much to tell ends as promptly.
        if watching.stopping.is_so(context) {
            let resume = watching.resume.map_or(0, Version::get);
            let draining = Failure::from(&Refusal::Draining).with("resume_version", &resume);
            return Poll::Ready(Some(Err(watching.end(draining))));
        }
        let may_not = watching.guard.as_mut().and_then(|it| it.poll_end(context));
        if let Some(failure) = may_not {
            let resume = watching.resume.map_or(0, Version::get);
            let failure = failure.with("resume_version", &resume);
            return Poll::Ready(Some(Err(watching.end(failure))));
        }
        let told = std::task::ready!(watching.told.as_mut().poll_next(context));
        Poll::Ready(told.map(|told| match told {
            Ok(item) => {
                watching.resume = item.resume;
                Ok(watch::reply(item))
            }
            Err(error) => Err(watching.end(Failure::from(&error))),
        }))
    }
}
