//! A Pipeline: lists go in, answers come out, at the pace of the test.

use nanokv::proto::{self as pb, operation_result::Kind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use crate::support::{call::message, kv::Kv, refusal::Refusal, requests::Slot};

/// Lists that may wait to be sent.
const WAITING_MAX: usize = 1024;

/// An open pipeline.
pub(crate) struct Pipeline {
    lists: Option<mpsc::Sender<pb::PipelineRequest>>,
    answers: Streaming<pb::PipelineResponse>,
}

/// The answer to one list.
#[derive(Debug)]
pub(crate) struct ListAnswer {
    pub(crate) id: i64,
    results: Vec<pb::OperationResult>,
    failure: Option<pb::Failure>,
}

impl Kv {
    /// Opens a pipeline.
    pub(crate) async fn pipeline(&self) -> Pipeline {
        self.pipeline_with(|_| {}).await
    }

    /// Opens one with other headers.
    pub(crate) async fn pipeline_with(
        &self,
        change: impl FnOnce(&mut Request<ReceiverStream<pb::PipelineRequest>>),
    ) -> Pipeline {
        let (lists, waiting) = mpsc::channel(WAITING_MAX);
        let mut request = Request::new(ReceiverStream::new(waiting));
        change(&mut request);
        let answers = message(self.client().pipeline(request).await);
        Pipeline {
            lists: Some(lists),
            answers: answers.unwrap_or_else(|status| panic!("refused: {status:?}")),
        }
    }
}

impl Pipeline {
    /// Sends a list.
    pub(crate) async fn send(&self, id: i64, operations: impl IntoIterator<Item = pb::Operation>) {
        let operations = operations.into_iter().collect();
        let lists = self.lists.as_ref().expect("not half-closed");
        let sent = lists.send(pb::PipelineRequest { id, operations }).await;
        sent.expect("the stream is still there");
    }

    /// Says that no more lists follow.
    pub(crate) fn half_close(&mut self) {
        self.lists = None;
    }

    /// The next answer; `None`: the stream has ended with OK.
    pub(crate) async fn next(&mut self) -> Result<Option<ListAnswer>, Status> {
        let answer = self.answers.message().await?;
        Ok(answer.map(|answer| ListAnswer {
            id: answer.id,
            results: answer.results,
            failure: answer.failure,
        }))
    }

    /// The next answer, which must come.
    pub(crate) async fn answer(&mut self) -> ListAnswer {
        let answer = self.next().await;
        let answer = answer.unwrap_or_else(|status| panic!("ended: {status:?}"));
        answer.expect("an answer, not the end")
    }

    /// Must end with an error, at once.
    pub(crate) async fn ended(&mut self) -> Refusal {
        match self.next().await {
            Err(status) => Refusal::from(status),
            Ok(answer) => panic!("an error expected, got {answer:?}"),
        }
    }
}

impl ListAnswer {
    /// The results, which must be there.
    pub(crate) fn slots(self) -> Vec<Slot> {
        assert_eq!(self.failure, None);
        let kinds = self.results.into_iter().map(|result| result.kind);
        kinds
            .map(|kind: Option<Kind>| Slot(kind.expect("always set")))
            .collect()
    }

    /// The failure, which must be all there is.
    pub(crate) fn refused(self) -> Refusal {
        assert_eq!(self.results, []);
        Refusal::from(self.failure.expect("a failure"))
    }
}
