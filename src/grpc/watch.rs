//! Watches: what the engine tells, as replies, until the server stops.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::Status;

use crate::{
    engine::{Engine, WatchItem, WatchQuery},
    gate::{
        refusal::Refusal,
        state::{Phase, State},
    },
    grpc::{failure::Failure, wire::watch},
    model::{error::Error, version::Version},
    proto,
};

/// The places for watches. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Watches {
    state: State,
    places: Arc<Semaphore>,
    watchers_max: usize,
}

/// One watch. Ends with `UNAVAILABLE` when the server stops, and with what the
/// engine says.
#[derive(Debug)]
pub struct Watching<S> {
    told: Pin<Box<S>>,
    phases: WatchStream<Phase>,
    /// All events up to here were sent.
    resume: Option<Version>,
    is_ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Watches {
    /// At most `watchers_max` at once, while the server is not stopping.
    #[must_use]
    pub fn new(state: State, watchers_max: usize) -> Self {
        Self {
            state,
            places: Arc::new(Semaphore::new(watchers_max.min(Semaphore::MAX_PERMITS))),
            watchers_max,
        }
    }

    /// Begins a watch.
    ///
    /// # Errors
    /// [`Refusal::Watchers`] when there are too many, and what the engine
    /// refuses.
    pub async fn begin<E: Engine>(
        &self,
        engine: &E,
        query: WatchQuery,
    ) -> Result<Watching<E::Watch>, Failure> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let watchers_max = u64::try_from(self.watchers_max).unwrap_or(u64::MAX);
            Failure::from(&Refusal::Watchers { watchers_max })
        })?;
        let told = engine.watch(query).await;
        Ok(Watching {
            told: Box::pin(told.map_err(|error| Failure::from(&error))?),
            phases: WatchStream::new(self.state.subscribe()),
            resume: None,
            is_ended: false,
            _place: place,
        })
    }
}

impl<S> Watching<S> {
    fn end(&mut self, failure: Failure) -> Status {
        self.is_ended = true;
        failure.into()
    }

    /// Whether the server ends its streams.
    fn is_stopping(&mut self, context: &mut Context<'_>) -> bool {
        while let Poll::Ready(phase) = Pin::new(&mut self.phases).poll_next(context) {
            if phase.is_none_or(|phase| phase == Phase::Stopping) {
                return true;
            }
        }
        false
    }
}

impl<S: Stream<Item = Result<WatchItem, Error>>> Stream for Watching<S> {
    type Item = Result<proto::WatchResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watching = self.get_mut();
        if watching.is_ended {
            return Poll::Ready(None);
        }
        // First, so that a watch with much to tell ends as promptly.
        if watching.is_stopping(context) {
            let resume = watching.resume.map_or(0, Version::get);
            let draining = Failure::from(&Refusal::Draining).with("resume_version", &resume);
            return Poll::Ready(Some(Err(watching.end(draining))));
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
