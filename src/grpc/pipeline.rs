//! Pipelines: lists of operations come in on a stream, and their answers go out
//! in the same order.
//!
//! A task of its own reads the lists and carries them out, so that it goes on
//! while the client is busy sending. It has so many places for lists, and so
//! many bytes for their answers; when it has none left it does not read, and
//! HTTP/2 makes the client wait.

mod answers;
mod codec;
mod held;
mod reader;
mod work;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::Stream;
use tonic::{Request, Status};

use crate::{
    calls::{failure::Failure, store::Store},
    engine::Engine,
    gate::{places::Places, refusal::Refusal, state::State},
    grpc::pipeline::{reader::Reader, work::Work},
};

pub use crate::grpc::pipeline::{
    answers::Answers,
    codec::{Codec, List, Reply},
};

/// What the reply to a list has that the reply to a Batch has not: its id.
pub(super) const ID_BYTES_MAX: usize = 11;

/// The places for pipelines. A clone is the same places.
#[derive(Clone, Debug)]
pub struct Pipelines {
    state: State,
    places: Places,
}

impl Pipelines {
    /// At most `pipelines_max` at once, until the server stops.
    #[must_use]
    pub fn new(state: State, pipelines_max: usize) -> Self {
        Self {
            state,
            places: Places::new(pipelines_max),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.count()
    }

    /// Begins a pipeline on `store`, as its caller asks it.
    ///
    /// # Errors
    /// [`Refusal::Opening`], and [`Refusal::Pipelines`] when there are too many.
    pub fn begin<E, S>(&self, store: &Store<E>, request: Request<S>) -> Result<Answers, Status>
    where
        E: Engine,
        S: Stream<Item = Result<List, Status>> + Unpin + Send + 'static,
    {
        store.engine()?;
        let limits = *store.limits();
        let none = |pipelines_max| Failure::from(&Refusal::Pipelines { pipelines_max });
        let place = self.places.take(1, none)?;
        let (_, mut extensions, lists) = request.into_parts();
        let (sender, answers) = mpsc::channel(limits.pipeline_lists_in_flight_max);
        let reader = Reader {
            lists,
            work: Work {
                caller: store.caller().clone(),
                opening: store.opening().clone(),
                limits,
                each: extensions.remove().unwrap_or_default(),
                room: Arc::new(Semaphore::new(limits.reply_bytes_max)),
            },
            answers: sender,
            state: self.state.clone(),
        };
        Ok(Answers::new(
            answers,
            tokio::spawn(reader.run()).abort_handle(),
            place,
        ))
    }
}
