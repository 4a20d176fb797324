//! Reads the lists of one pipeline, one after the other.

use tokio::{sync::mpsc, time::timeout_at};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use crate::{
    calls::failure::Failure,
    engine::Engine,
    gate::{
        refusal::Refusal,
        state::{Phase, State},
    },
    grpc::pipeline::{answers::Answer, codec::List, work::Work},
};

/// After so many operations others on this thread get their turn.
const TURN_OPERATIONS: usize = 1024;

/// What a connection may have received of a stream that is not read.
const WINDOW_BYTES: usize = 256 << 10;

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
    S: Stream<Item = Result<List, Status>> + Unpin,
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
                () = stopped(&self.state) => return Err(ended(Refusal::Draining)),
            };
            let Some(list) = next.transpose()? else {
                return Ok(());
            };
            if self.state.get() >= Phase::Stopping {
                bytes_left = bytes_left
                    .checked_sub(list.encoded_len())
                    .ok_or_else(|| ended(Refusal::Draining))?;
            }
            let (answer, operations) = self.work.answer(list).await?;
            place.send(answer);
            turn += operations + 1;
            if turn >= TURN_OPERATIONS {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// When the server stops, and what had arrived by then had its turn to be read.
async fn stopped(state: &State) {
    state.reached(Phase::Stopping).await;
    tokio::task::yield_now().await;
}

fn ended(refusal: Refusal) -> Status {
    Failure::from(refusal).into()
}

#[cfg(test)]
mod tests {
    use std::{iter, pin::pin, sync::Arc, time::Duration};

    use tokio::{sync::Semaphore, time::Instant};
    use tonic::Code;

    use super::*;
    use crate::{
        engine::memory::{self, Memory},
        gate::{access::caller::Caller, config::Config, each::Each, load::Load, opening::Opening},
        model::{clock::held::HeldClock, limits::Limits, time::UnixMillis},
        proto,
    };

    /// A reader of lists that are all there, and what it says.
    fn reader<S: Stream<Item = proto::PipelineRequest> + Unpin>(
        lists: S,
        state: State,
        deadline: Option<Instant>,
    ) -> (impl Future<Output = ()>, mpsc::Receiver<Answer>) {
        let clock = HeldClock::at(UnixMillis::new(1_700_000_000_000));
        let opening = Opening::new();
        opening.fill(Memory::open(memory::Config::default(), clock));
        let (limits, load) = (Limits::default(), Load::new(&Config::default()));
        let (answers, said) = mpsc::channel(limits.pipeline_lists_in_flight_max);
        let reader = Reader {
            lists: lists.map(|list| Ok(List::Decoded(list))),
            work: Work {
                opening,
                limits,
                caller: Caller::anyone(),
                each: Each::new(load, deadline),
                room: Arc::new(Semaphore::new(limits.reply_bytes_max)),
            },
            answers,
            state,
        };
        (reader.run(), said)
    }

    /// A list of about so many bytes.
    fn list(bytes: usize) -> proto::PipelineRequest {
        let get = proto::GetRequest {
            key: "k".repeat(bytes),
            omit_value: false,
        };
        proto::PipelineRequest {
            id: 1,
            operations: vec![proto::Operation {
                kind: Some(proto::operation::Kind::Get(get)),
            }],
        }
    }

    /// How many lists were answered, and how it ended.
    async fn rest(mut said: mpsc::Receiver<Answer>) -> (usize, Option<Code>) {
        let mut answered = 0;
        loop {
            match said.recv().await.expect("an end") {
                Answer::List { .. } => {
                    answered += 1;
                    assert!(answered < 10_000, "no end");
                }
                Answer::End(end) => return (answered, end.err().map(|status| status.code())),
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_stops_answers_no_more_than_can_have_arrived() {
        let state = State::new();
        state.set(Phase::Stopping);
        let for_ever = tokio_stream::iter(iter::repeat_with(|| list(1000)));
        let (run, said) = reader(for_ever, state, None);
        let ((), (answered, end)) = tokio::join!(run, rest(said));
        assert_eq!(end, Some(Code::Unavailable));
        assert!((4300..4600).contains(&answered), "{answered}");
    }

    #[tokio::test]
    async fn what_is_there_is_answered_before_the_end() {
        let state = State::new();
        state.set(Phase::Stopping);
        let some = tokio_stream::iter((0..100).map(|_| list(10)));
        let (run, said) = reader(some.chain(tokio_stream::pending()), state, None);
        let ((), rest) = tokio::join!(run, rest(said));
        assert_eq!(rest, (100, Some(Code::Unavailable)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_also_what_nobody_reads() {
        let deadline = Instant::now() + Duration::from_secs(1);
        let for_ever = tokio_stream::iter(iter::repeat_with(|| list(10)));
        let (run, said) = reader(for_ever, State::new(), Some(deadline));
        let reading = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            rest(said).await
        });
        run.await;
        assert_eq!(reading.await.unwrap(), (16, Some(Code::DeadlineExceeded)));
    }

    #[tokio::test]
    async fn others_on_the_thread_get_their_turn() {
        let full = proto::PipelineRequest {
            operations: std::iter::repeat_n(list(1).operations, 1024)
                .flatten()
                .collect(),
            ..list(1)
        };
        let for_ever = tokio_stream::iter(iter::repeat(full));
        let (run, mut said) = reader(for_ever, State::new(), None);
        let mut run = pin!(run);
        for _ in 0..10 {
            std::future::poll_fn(|context| {
                assert!(run.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            let mut answered = 0;
            while said.try_recv().is_ok() {
                answered += 1;
            }
            assert_eq!(answered, 1, "at a time");
        }
    }
}
