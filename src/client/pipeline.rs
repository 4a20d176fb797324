//! Lists of operations on a stream, whose answers do not wait for each other.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, IntoFuture},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout_at,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    client::{
        Client,
        attempt::deadline,
        error::Error,
        operation::{Operation, Outcome, outcomes},
    },
    proto as pb,
};

/// A pipeline that is to be opened, by awaiting it.
#[derive(Clone, Debug)]
#[must_use = "nothing is done before it is awaited"]
pub struct PipelineCall {
    client: Client,
    timeout: Option<Duration>,
}

/// A stream of lists. Each list is carried out as a batch is, in the order in
/// which they are sent. When it is dropped, what was sent is still answered.
///
/// A stream that breaks is not opened again: every [`Reply`] that is under way
/// fails, and the caller decides what to send again on another one.
#[derive(Debug)]
pub struct Pipeline {
    client: Client,
    timeout: Option<Duration>,
    lists: mpsc::Sender<pb::PipelineRequest>,
    room: Arc<Semaphore>,
    order: Arc<Mutex<Order>>,
}

/// The answer to one list, to come. Dropped, the list is carried out all the
/// same.
#[must_use = "the answer is in it"]
pub struct Reply(Pin<Box<dyn Future<Output = Answer> + Send>>);

/// One result for each operation.
type Answer = Result<Vec<Result<Outcome, Error>>, Error>;

/// The lists that are under way, first sent first, and why no more can be.
#[derive(Debug, Default)]
struct Order {
    last_id: i64,
    waiting: VecDeque<Waiting>,
    broken: Option<Error>,
}

#[derive(Debug)]
struct Waiting {
    id: i64,
    operations: usize,
    answer: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

impl PipelineCall {
    pub(crate) fn new(client: &Client) -> Self {
        let client = client.clone();
        Self {
            client,
            timeout: None,
        }
    }

    /// How long opening it, sending a list and its answer may take, each,
    /// instead of [`call_timeout`](crate::client::config::Config::call_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn open(self) -> Result<Pipeline, Error> {
        let Self { client, timeout } = self;
        let lists_max = client.config().pipeline_lists_max.max(1);
        let (lists, sent) = mpsc::channel(lists_max);
        let mut stubs = client.stubs();
        let opening = stubs.kv.pipeline(client.request(ReceiverStream::new(sent)));
        let opened = timeout_at(deadline(&client, timeout), opening).await;
        let answers = opened.map_err(|_| Error::deadline())??.into_inner();
        let order = Arc::default();
        tokio::spawn(answer_all(answers, Arc::clone(&order)));
        Ok(Pipeline {
            client,
            timeout,
            lists,
            room: Arc::new(Semaphore::new(lists_max)),
            order,
        })
    }
}

impl IntoFuture for PipelineCall {
    type Output = Result<Pipeline, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

impl Pipeline {
    /// Sends a list, as soon as there is room among those under way
    /// ([`pipeline_lists_max`](crate::client::config::Config::pipeline_lists_max)).
    ///
    /// # Errors
    /// The stream is broken, or there was no room in time.
    pub async fn send(
        &self,
        operations: impl IntoIterator<Item = impl Into<Operation>>,
    ) -> Result<Reply, Error> {
        let operations: Vec<pb::Operation> = operations
            .into_iter()
            .map(|operation| operation.into().into())
            .collect();
        let room = Arc::clone(&self.room).acquire_owned();
        let room = timeout_at(deadline(&self.client, self.timeout), room)
            .await
            .map_err(|_| Error::deadline())?
            .map_err(|_| Error::unavailable("the pipeline is closed", false))?;
        let answer = self.push(operations, room)?;
        let deadline = deadline(&self.client, self.timeout);
        Ok(Reply(Box::pin(async move {
            match timeout_at(deadline, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(broken_off()),
                Err(_) => Err(Error::deadline()),
            }
        })))
    }

    /// Under one lock, so that the order of the answers is that of the stream.
    fn push(
        &self,
        operations: Vec<pb::Operation>,
        room: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Answer>, Error> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = &order.broken {
            return Err(broken.clone());
        }
        order.last_id = order.last_id.wrapping_add(1);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            id: order.last_id,
            operations: operations.len(),
            answer,
            _room: room,
        };
        let id = waiting.id;
        // There is room for as many as may be under way.
        self.lists
            .try_send(pb::PipelineRequest { id, operations })
            .map_err(|_| broken_off())?;
        order.waiting.push_back(waiting);
        Ok(answered)
    }
}

impl Future for Reply {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// Hands out the answers until the stream ends.
async fn answer_all(mut answers: Streaming<pb::PipelineResponse>, order: Arc<Mutex<Order>>) {
    let lock = || order.lock().unwrap_or_else(PoisonError::into_inner);
    let broken = loop {
        let response = match answers.message().await {
            Ok(Some(response)) => response,
            Ok(None) => break broken_off(),
            Err(status) => break Error::from(status),
        };
        let Some(waiting) = lock().waiting.pop_front() else {
            break Error::answer("a reply to no list");
        };
        if waiting.id != response.id {
            let out_of_order = Error::answer("a reply out of order");
            let _ = waiting.answer.send(Err(out_of_order.clone()));
            break out_of_order;
        }
        let _ = waiting.answer.send(answer(response, waiting.operations));
    };
    let waiting = {
        let mut order = lock();
        order.broken = Some(broken.clone());
        mem::take(&mut order.waiting)
    };
    for waiting in waiting {
        let _ = waiting.answer.send(Err(broken.clone()));
    }
}

fn answer(response: pb::PipelineResponse, operations: usize) -> Answer {
    if let Some(failure) = response.failure {
        return Err(Error::from(failure));
    }
    if response.results.len() != operations {
        return Err(Error::answer("not a result for each operation"));
    }
    outcomes(response.results)
}

fn broken_off() -> Error {
    Error::unavailable("the pipeline has ended", true)
}
