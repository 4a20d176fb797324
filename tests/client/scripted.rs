//! A server that does what it is told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    future::pending,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use nanokv::proto::{
    self as pb,
    admin_service_server::{AdminService, AdminServiceServer},
    kv_service_server::{KvService, KvServiceServer},
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, service::Routes};

use crate::{line::Line, served::Served};

/// What a call is answered with.
pub(crate) enum Says {
    /// This error.
    No(Status),
    /// Nothing, ever.
    Nothing,
}

/// What happens on one stream of a watch.
#[derive(Default)]
pub(crate) struct Stretch {
    pub(crate) replies: Vec<pb::WatchResponse>,
    /// How it ends; none: not at all.
    pub(crate) end: Option<Status>,
}

/// A clone is the same server.
#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
pub(crate) struct Script {
    /// What calls are answered with, before they are answered as they should.
    pub(crate) says: VecDeque<Says>,
    /// The capabilities that it has.
    pub(crate) capabilities: Vec<String>,
    /// What is told to one watch after the other.
    pub(crate) watches: VecDeque<Stretch>,
    /// The request id of each change, or "" for what carries none, and "read"
    /// for what does not change anything.
    pub(crate) asked: Vec<String>,
    /// Where each watch began.
    pub(crate) began: Vec<Option<pb::watch_request::Start>>,
    /// How many lists of a pipeline are answered before its stream breaks.
    pub(crate) lists_answered: Option<usize>,
    /// By how much the ids of its replies are wrong.
    pub(crate) ids_off_by: i64,
    /// How many lists came, and how many pipelines ended in order.
    pub(crate) lists: usize,
    pub(crate) drained: usize,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    pub(crate) fn says(self, says: impl IntoIterator<Item = Status>) -> Self {
        let says = says.into_iter().map(Says::No);
        self.script().says.extend(says);
        self
    }

    pub(crate) fn keeps_request_ids(self) -> Self {
        let kept = "request_id".to_owned();
        self.script().capabilities.push(kept);
        self
    }

    pub(crate) fn tells(self, replies: Vec<pb::WatchResponse>, end: Option<Status>) -> Self {
        let stretch = Stretch { replies, end };
        self.script().watches.push_back(stretch);
        self
    }

    pub(crate) fn serve(&self) -> Served {
        let kv = KvServiceServer::new(self.clone());
        let admin = AdminServiceServer::new(self.clone());
        Served::routes(Routes::new(kv).add_service(admin))
    }

    /// Served at the end of a line.
    pub(crate) async fn serve_over_line(&self) -> (Served, Line) {
        let served = self.serve();
        let line = Line::to(served.address()).await;
        (served, line)
    }

    async fn answer<T: Default>(&self, asked: &str) -> Result<Response<T>, Status> {
        let says = {
            let mut script = self.script();
            script.asked.push(asked.to_owned());
            script.says.pop_front()
        };
        match says {
            None => Ok(Response::new(T::default())),
            Some(Says::No(status)) => Err(status),
            Some(Says::Nothing) => pending().await,
        }
    }
}

type Told<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl KvService for Scripted {
    async fn get(&self, _: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        self.answer("read").await
    }

    async fn set(
        &self,
        request: Request<pb::SetRequest>,
    ) -> Result<Response<pb::SetResponse>, Status> {
        self.answer(&request.get_ref().request_id).await
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        self.answer(&request.get_ref().request_id).await
    }

    async fn increment(
        &self,
        request: Request<pb::IncrementRequest>,
    ) -> Result<Response<pb::IncrementResponse>, Status> {
        self.answer(&request.get_ref().request_id).await
    }

    async fn touch(
        &self,
        request: Request<pb::TouchRequest>,
    ) -> Result<Response<pb::TouchResponse>, Status> {
        self.answer(&request.get_ref().request_id).await
    }

    async fn batch(
        &self,
        request: Request<pb::BatchRequest>,
    ) -> Result<Response<pb::BatchResponse>, Status> {
        let operations = request.into_inner().operations;
        let ids: Vec<_> = operations.iter().map(request_id).collect();
        self.answer::<()>(&ids.join(" ")).await?;
        let results = operations.iter().map(|_| result()).collect();
        Ok(Response::new(pb::BatchResponse { results }))
    }

    async fn transact(
        &self,
        request: Request<pb::TransactRequest>,
    ) -> Result<Response<pb::TransactResponse>, Status> {
        self.answer(&request.get_ref().request_id).await
    }

    async fn list(
        &self,
        _: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        self.answer("read").await
    }

    /// Removes one entry, with more to come, until it is told otherwise.
    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        self.answer::<()>(&request.get_ref().request_id).await?;
        Ok(Response::new(pb::DeleteRangeResponse {
            deleted_count: Some(1),
            version: 1,
            more: Some(self.script().asked.len() < 3),
        }))
    }

    type WatchStream = Told<pb::WatchResponse>;

    async fn watch(
        &self,
        request: Request<pb::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let stretch = {
            let mut script = self.script();
            script.began.push(request.into_inner().start);
            script.watches.pop_front().unwrap_or_default()
        };
        let replies = tokio_stream::iter(stretch.replies.into_iter().map(Ok));
        Ok(Response::new(match stretch.end {
            Some(end) => Box::pin(replies.chain(tokio_stream::once(Err(end)))),
            None => Box::pin(replies.chain(tokio_stream::pending())),
        }))
    }

    type PipelineStream = Told<pb::PipelineResponse>;

    async fn pipeline(
        &self,
        request: Request<Streaming<pb::PipelineRequest>>,
    ) -> Result<Response<Self::PipelineStream>, Status> {
        let (answers, answered) = mpsc::channel(1);
        tokio::spawn(self.clone().answer_lists(request.into_inner(), answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(answered))))
    }
}

impl Scripted {
    /// An empty list is one that is refused.
    async fn answer_lists(
        self,
        mut lists: Streaming<pb::PipelineRequest>,
        answers: mpsc::Sender<Result<pb::PipelineResponse, Status>>,
    ) {
        while let Ok(Some(list)) = lists.message().await {
            let (number, answered, off) = {
                let mut script = self.script();
                script.lists += 1;
                (script.lists, script.lists_answered, script.ids_off_by)
            };
            if answered.is_some_and(|answered| number > answered) {
                continue;
            }
            let refused = list.operations.is_empty().then(|| pb::Failure {
                code: 3,
                reason: "FIELD_MISSING".to_owned(),
                ..pb::Failure::default()
            });
            let answer = pb::PipelineResponse {
                id: list.id + off,
                results: list.operations.iter().map(|_| result()).collect(),
                failure: refused,
            };
            let _ = answers.send(Ok(answer)).await;
        }
        self.script().drained += 1;
    }
}

#[tonic::async_trait]
impl AdminService for Scripted {
    async fn describe(
        &self,
        _: Request<pb::DescribeRequest>,
    ) -> Result<Response<pb::DescribeResponse>, Status> {
        Ok(Response::new(pb::DescribeResponse {
            capabilities: self.script().capabilities.clone(),
            ..pb::DescribeResponse::default()
        }))
    }

    type BackupStream = Told<pb::BackupResponse>;

    /// One that ends before its end.
    async fn backup(
        &self,
        _: Request<pb::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let part = |data: &'static [u8]| pb::BackupResponse {
            data: data.into(),
            ..pb::BackupResponse::default()
        };
        let parts = [part(b""), part(b"some of it")].map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
    }
}

fn request_id(operation: &pb::Operation) -> &str {
    match &operation.kind {
        Some(pb::operation::Kind::Set(set)) => &set.request_id,
        Some(pb::operation::Kind::Increment(increment)) => &increment.request_id,
        _ => "read",
    }
}

fn result() -> pb::OperationResult {
    let kind = pb::operation_result::Kind::Get(pb::GetResponse::default());
    pb::OperationResult { kind: Some(kind) }
}
