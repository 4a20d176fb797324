//! The calls of `KvService`, in three moves each: decode, ask the engine, reply.

use tokio_stream::{Stream, StreamExt, adapters::Map};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    calls::{failure::Failure, store::Store, watch::Watching},
    engine::Engine,
    grpc::{
        asked,
        pipeline::{Answers, List, Pipelines, Reply},
    },
    model::{figure::Figure, limits::Limits},
    proto::{self, kv_service_server::KvService},
};

type Answered = Result<proto::PipelineResponse, Status>;
type Told = Result<proto::WatchResponse, Failure>;

/// The service on a store.
#[derive(Debug)]
pub struct Kv<E> {
    store: Store<E>,
    pipelines: Pipelines,
}

impl<E: Engine> Kv<E> {
    /// The service on `store`.
    #[must_use]
    pub const fn new(store: Store<E>, pipelines: Pipelines) -> Self {
        Self { store, pipelines }
    }

    /// The store that it is a wire to.
    pub(super) const fn store(&self) -> &Store<E> {
        &self.store
    }

    /// The figures of the streams, and of the store.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = self.store.figures();
        figures.push(Figure::gauge(
            "nanokv_pipelines",
            "Pipelines under way",
            self.pipelines.count(),
        ));
        figures
    }

    /// The answers to lists that come as they are.
    pub(super) fn begin_pipeline<S>(&self, lists: Request<S>) -> Result<Answers, Status>
    where
        S: Stream<Item = Result<List, Status>> + Unpin + Send + 'static,
    {
        let store = asked(&self.store, &lists);
        self.pipelines.begin(&store, lists)
    }

    /// What one call may carry.
    pub(super) fn limits(&self) -> &Limits {
        self.store.limits()
    }

    /// The engine, as soon as it is open.
    pub(super) fn engine(&self) -> Result<&E, Failure> {
        self.store.engine()
    }
}

#[tonic::async_trait]
impl<E: Engine> KvService for Kv<E> {
    async fn get(
        &self,
        request: Request<proto::GetRequest>,
    ) -> Result<Response<proto::GetResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request).get(request.get_ref()).await?,
        ))
    }

    async fn set(
        &self,
        request: Request<proto::SetRequest>,
    ) -> Result<Response<proto::SetResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request).set(request.get_ref()).await?,
        ))
    }

    async fn delete(
        &self,
        request: Request<proto::DeleteRequest>,
    ) -> Result<Response<proto::DeleteResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .delete(request.get_ref())
                .await?,
        ))
    }

    async fn increment(
        &self,
        request: Request<proto::IncrementRequest>,
    ) -> Result<Response<proto::IncrementResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .increment(request.get_ref())
                .await?,
        ))
    }

    async fn touch(
        &self,
        request: Request<proto::TouchRequest>,
    ) -> Result<Response<proto::TouchResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .touch(request.get_ref())
                .await?,
        ))
    }

    async fn batch(
        &self,
        request: Request<proto::BatchRequest>,
    ) -> Result<Response<proto::BatchResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .batch(request.get_ref())
                .await?,
        ))
    }

    async fn list(
        &self,
        request: Request<proto::ListRequest>,
    ) -> Result<Response<proto::ListResponse>, Status> {
        let store = asked(&self.store, &request);
        Ok(Response::new(store.list(request.into_inner()).await?))
    }

    async fn transact(
        &self,
        request: Request<proto::TransactRequest>,
    ) -> Result<Response<proto::TransactResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .transact(request.get_ref())
                .await?,
        ))
    }

    async fn delete_range(
        &self,
        request: Request<proto::DeleteRangeRequest>,
    ) -> Result<Response<proto::DeleteRangeResponse>, Status> {
        Ok(Response::new(
            asked(&self.store, &request)
                .delete_range(request.get_ref())
                .await?,
        ))
    }

    type WatchStream = Map<Watching<E::Watch>, fn(Told) -> Result<proto::WatchResponse, Status>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let store = asked(&self.store, &request);
        let watching = store.watch(request.into_inner()).await?;
        Ok(Response::new(watching.map(|told| told.map_err(Into::into))))
    }

    type PipelineStream = Map<Answers, fn(Result<Reply, Status>) -> Answered>;

    async fn pipeline(
        &self,
        request: Request<Streaming<proto::PipelineRequest>>,
    ) -> Result<Response<Self::PipelineStream>, Status> {
        let lists = request.map(|lists| lists.map(|list| list.map(List::Decoded)));
        let answers = self.begin_pipeline(lists)?;
        Ok(Response::new(answers.map(|reply| reply?.decoded())))
    }
}

#[cfg(test)]
mod tests;
