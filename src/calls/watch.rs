//! Watches: what the engine tells, as replies, until the server stops.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Stream;

use crate::{
    calls::{
        failure::Failure,
        guard::{Guard, Stopping},
        wire::watch,
    },
    engine::{Engine, WatchItem, WatchQuery},
    gate::{access::caller::Caller, load::wide, refusal::Refusal, state::State},
    model::{error::Error, range::Range, version::Version},
    proto,
};

/// The places for watches. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Watches {
    state: State,
    places: Arc<Semaphore>,
    ranges_bytes: Arc<Semaphore>,
    limits: Limits,
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
    _places: [OwnedSemaphorePermit; 2],
}

impl Watches {
    /// As many as `limits` allow, while the server is not stopping.
    #[must_use]
    pub fn new(state: State, limits: Limits) -> Self {
        let places = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self {
            state,
            places: places(limits.watchers_max),
            ranges_bytes: places(limits.ranges_bytes_max),
            limits,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let places = self.limits.watchers_max.min(Semaphore::MAX_PERMITS);
        places.saturating_sub(self.places.available_permits())
    }

    /// How many there may be.
    #[must_use]
    pub const fn count_max(&self) -> usize {
        self.limits.watchers_max
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

    fn enter(&self, ranges: &[Range]) -> Result<[OwnedSemaphorePermit; 2], Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Refusal::Watchers {
            watchers_max: wide(self.limits.watchers_max),
        })?;
        let bytes = ranges.iter().map(Range::bytes).sum::<usize>();
        // What does not fit is more than there can be.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&self.ranges_bytes).try_acquire_many_owned(bytes);
        let bytes = bytes.map_err(|_| Refusal::WatchRanges {
            watch_ranges_bytes_max: wide(self.limits.ranges_bytes_max),
        })?;
        Ok([place, bytes])
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
