//! The answers of one pipeline on their way out.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::AbortHandle,
};
use tokio_stream::Stream;
use tonic::Status;

use crate::{
    calls::failure::Failure,
    gate::{load::Share, places::Taken, refusal::Refusal},
    grpc::pipeline::codec::Reply,
};

/// What the reader has to say next.
#[derive(Debug)]
pub(super) enum Answer {
    /// The answer to a list, and what it is counted on until it goes out.
    List {
        reply: Reply,
        _share: Option<Share>,
        _room: Option<OwnedSemaphorePermit>,
    },
    /// That was all.
    End(Result<(), Status>),
}

/// The answers of one pipeline, in the order of its lists. When it is dropped,
/// no more lists are read.
#[derive(Debug)]
pub struct Answers {
    next: mpsc::Receiver<Answer>,
    reader: AbortHandle,
    is_ended: bool,
    _place: Taken,
}

impl Answers {
    pub(super) const fn new(
        next: mpsc::Receiver<Answer>,
        reader: AbortHandle,
        place: Taken,
    ) -> Self {
        Self {
            next,
            reader,
            is_ended: false,
            _place: place,
        }
    }

    fn end(&mut self, end: Result<(), Status>) -> Option<Status> {
        self.is_ended = true;
        end.err()
    }
}

impl Stream for Answers {
    type Item = Result<Reply, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let answers = self.get_mut();
        if answers.is_ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match std::task::ready!(answers.next.poll_recv(context)) {
            Some(Answer::List { reply, .. }) => Some(Ok(reply)),
            Some(Answer::End(end)) => answers.end(end).map(Err),
            // A reader that does not say how it ended has panicked.
            None => {
                let panicked = Failure::from(&Refusal::Panicked);
                answers.end(Err(panicked.into())).map(Err)
            }
        })
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;
    use tokio_stream::StreamExt;
    use tonic::Code;

    use super::*;
    use crate::gate::places::Places;
    use crate::{
        gate::{access::caller::Caller, each::Each},
        proto,
    };

    fn answers() -> (mpsc::Sender<Answer>, Answers, AbortHandle) {
        let (sender, receiver) = mpsc::channel(4);
        let reader = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let place = Places::new(1).take(1, |_| ()).unwrap();
        let answers = Answers::new(receiver, reader.clone(), place);
        (sender, answers, reader)
    }

    #[tokio::test]
    async fn an_answer_counts_until_it_goes_out() {
        let (sender, mut answers, _reader) = answers();
        let (each, room) = (Each::default(), Arc::new(Semaphore::new(10)));
        for id in 1..=2 {
            let answer = Answer::List {
                reply: Reply::Decoded(proto::PipelineResponse {
                    id,
                    ..Default::default()
                }),
                _share: each.enter(&Caller::anyone(), 100, 0).ok(),
                _room: Arc::clone(&room).try_acquire_many_owned(4).ok(),
            };
            sender.send(answer).await.unwrap();
        }
        assert_eq!(room.available_permits(), 2);
        for id in 1..=2 {
            let reply = answers.next().await.unwrap().unwrap();
            assert_eq!(reply.decoded().unwrap().id, id);
            assert_eq!(room.available_permits(), if id == 1 { 6 } else { 10 });
        }
    }

    #[tokio::test]
    async fn a_reader_that_says_how_it_ended_is_believed() {
        for (end, code) in [
            (Ok(()), None),
            (Err(Status::aborted("")), Some(Code::Aborted)),
        ] {
            let (sender, mut answers, _reader) = answers();
            sender.send(Answer::End(end)).await.unwrap();
            let status = answers.next().await.map(Result::unwrap_err);
            assert_eq!(status.map(|status| status.code()), code);
            assert!(answers.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_without_a_word_has_a_fault() {
        let (sender, mut answers, _reader) = answers();
        drop(sender);
        let status = answers.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(answers.next().await.is_none());
    }

    #[tokio::test]
    async fn nobody_reads_on_for_answers_that_are_dropped() {
        let (sender, answers, reader) = answers();
        drop((sender, answers));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(reader.is_finished());
    }
}
