//! Streams that keep some lists of a Pipeline under way.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    select,
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    client::error::Error,
    load::{
        connection::Connection,
        plan::Plan,
        source::Source,
        tally::{Label, Outcome, Tally},
        unary::{operations, outcome_of},
    },
    proto as pb,
};

/// How long to wait before another stream is opened.
const REOPEN_AFTER: Duration = Duration::from_millis(100);

/// A stream that keeps some lists under way.
#[derive(Debug)]
pub(super) struct Piper {
    /// Where.
    pub(super) connection: Connection,
    /// What.
    pub(super) source: Source,
    /// Operations of each list.
    pub(super) operations: usize,
    /// Lists that are under way at once.
    pub(super) lists_in_flight: usize,
    /// How long each may take.
    pub(super) call_timeout: Duration,
}

/// What a stream shares between the part that sends and the part that reads.
#[derive(Debug)]
struct Flight {
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
    /// When each list that is under way was to begin, in the order in which
    /// they are answered.
    lists: Mutex<VecDeque<Instant>>,
    room: Semaphore,
    operations: u64,
}

impl Piper {
    /// Sends its lists until the plan has no more. Opens another stream when
    /// one has ended.
    pub(super) async fn work(mut self, plan: Arc<Plan>, tally: Arc<Mutex<Tally>>) {
        let flight = Flight {
            plan,
            tally,
            lists: Mutex::new(VecDeque::new()),
            room: Semaphore::new(self.lists_in_flight),
            operations: operations(self.operations),
        };
        let mut first = None;
        // A list that is known to be there: else a stream that cannot be opened
        // would be opened again and again without anything to send.
        while let Some(intended) = match first.take() {
            Some(intended) => Some(intended),
            None => flight.plan.next().await,
        } {
            let (lists, sent) = mpsc::channel(self.lists_in_flight);
            let opened = timeout(self.call_timeout, async {
                let mut stub = self.connection.stub().await?;
                let answers = stub.pipeline(ReceiverStream::new(sent)).await;
                Ok::<_, Error>(answers?.into_inner())
            });
            let error = match opened.await {
                Ok(Ok(mut answers)) => {
                    let error = self.exchange(&flight, intended, lists, &mut answers).await;
                    let Some(error) = error else { return };
                    error
                }
                Ok(Err(error)) => {
                    flight.lists.lock().push_back(intended);
                    error
                }
                Err(_) => {
                    flight.lists.lock().push_back(intended);
                    Error::deadline()
                }
            };
            flight.lost(&error);
            sleep(REOPEN_AFTER).await;
            let all = self
                .lists_in_flight
                .saturating_sub(flight.room.available_permits());
            flight.room.add_permits(all);
        }
    }

    /// Sends and reads until there is no more, or why the stream has ended.
    async fn exchange(
        &mut self,
        flight: &Flight,
        first: Instant,
        lists: mpsc::Sender<pb::PipelineRequest>,
        answers: &mut Streaming<pb::PipelineResponse>,
    ) -> Option<Error> {
        let call_timeout = self.call_timeout;
        let send = async {
            self.send(flight, first, lists).await;
            // The answers say when it is over.
            pending::<()>().await;
        };
        select! {
            () = send => None,
            ended = read(flight, answers, call_timeout) => ended,
        }
    }

    async fn send(
        &mut self,
        flight: &Flight,
        first: Instant,
        lists: mpsc::Sender<pb::PipelineRequest>,
    ) {
        let mut next = Some(first);
        // Room first: a list begins when there is some, or counts from before.
        while let Ok(room) = flight.room.acquire().await {
            let intended = match next.take() {
                Some(first) => first,
                None => match flight.plan.next().await {
                    Some(intended) => intended,
                    None => return,
                },
            };
            room.forget();
            let list = pb::PipelineRequest {
                id: 0,
                operations: self.source.operations(self.operations),
            };
            flight.lists.lock().push_back(intended);
            if lists.send(list).await.is_err() {
                return;
            }
        }
    }
}

/// Reads answers until there is none left, or why it cannot go on.
async fn read(
    flight: &Flight,
    answers: &mut Streaming<pb::PipelineResponse>,
    call_timeout: Duration,
) -> Option<Error> {
    loop {
        match timeout(call_timeout, answers.message()).await {
            Ok(Ok(Some(answer))) => flight.answered(answer),
            Ok(Ok(None)) if flight.lists.lock().is_empty() => return None,
            Ok(Ok(None)) => return Some(Error::answer("a stream has ended too early")),
            Ok(Err(status)) => return Some(Error::from(status)),
            // Nobody has asked for anything.
            Err(_) if flight.lists.lock().is_empty() => {}
            Err(_) => return Some(Error::deadline()),
        }
    }
}

impl Flight {
    fn answered(&self, answer: pb::PipelineResponse) {
        let outcome = match answer.failure {
            Some(failure) => Outcome::refused(&Error::from(failure), self.operations),
            None => outcome_of(&answer.results),
        };
        if let Some(intended) = self.lists.lock().pop_front() {
            self.room.add_permits(1);
            self.count(intended, outcome);
        }
    }

    /// Nothing is heard any more of what is under way.
    fn lost(&self, error: &Error) {
        let lists = std::mem::take(&mut *self.lists.lock());
        for intended in lists {
            self.count(intended, Outcome::refused(error, self.operations));
        }
    }

    fn count(&self, intended: Instant, outcome: Outcome) {
        if self.plan.counts(intended) {
            let now = Instant::now();
            let latency = now.saturating_duration_since(intended);
            let mut tally = self.tally.lock();
            tally.count(Label::Pipeline, latency, outcome, now);
        }
    }
}
