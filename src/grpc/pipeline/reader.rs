//! Reads the lists of one pipeline, one after the other.

use std::pin::pin;

use prost::Message;
use tokio::{sync::mpsc, time::timeout_at};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use crate::{
    engine::Engine,
    gate::{
        refusal::Refusal,
        state::{Phase, State},
    },
    grpc::{
        failure::Failure,
        pipeline::{answers::Answer, work::Work},
    },
    proto,
};

/// After so many operations others on this thread get their turn.
const TURN_OPERATIONS: usize = 1024;

/// What a connection may have received of a stream that is not read.
const WINDOW_BYTES: usize = 1 << 20;

/// What a pipeline is read with.
#[derive(Debug)]
pub(super) struct Reader<E, S> {
    pub(super) lists: S,
    pub(super) work: Work<E>,
    /// Has a place for each list in flight.
    pub(super) answers: mpsc::Sender<Answer>,
    pub(super) state: State,
}

impl<E, S> Reader<E, S>
where
    E: Engine,
    S: Stream<Item = Result<proto::PipelineRequest, Status>> + Unpin,
{
    /// Until the stream of lists ends, one way or another.
    pub(super) async fn run(mut self) {
        let end = match self.work.each.deadline() {
            Some(at) => timeout_at(at, self.read())
                .await
                .unwrap_or_else(|_| Err(ended(Refusal::Deadline))),
            None => self.read().await,
        };
        // Refused only when nobody waits for it any more.
        let _ = self.answers.send(Answer::End(end)).await;
    }

    async fn read(&mut self) -> Result<(), Status> {
        let state = self.state.clone();
        let mut stopping = pin!(state.reached(Phase::Stopping));
        // What has arrived by the time that the server stops is no more.
        let mut bytes_left = WINDOW_BYTES + self.work.limits.message_bytes_max;
        let mut turn = 0;
        loop {
            let Ok(place) = self.answers.clone().reserve_owned().await else {
                return Ok(());
            };
            let next = tokio::select! {
                // What has arrived is answered first.
                biased;
                next = self.lists.next() => next,
                () = stopping.as_mut() => return Err(ended(Refusal::Draining)),
            };
            let Some(list) = next.transpose()? else {
                return Ok(());
            };
            if state.get() >= Phase::Stopping {
                bytes_left = bytes_left
                    .checked_sub(list.encoded_len())
                    .ok_or_else(|| ended(Refusal::Draining))?;
            }
            turn += list.operations.len() + 1;
            place.send(self.work.answer(list).await);
            if turn >= TURN_OPERATIONS {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }
}

fn ended(refusal: Refusal) -> Status {
    Failure::from(refusal).into()
}
