//! The calls of `KvService`, in three moves each: decode, ask the engine, reply.

pub(super) mod batch;
mod list;
mod transact;

use tonic::{Request, Response, Status, Streaming};

use crate::{
    engine::Engine,
    gate::{opening::Opening, refusal::Refusal},
    grpc::{
        failure::Failure,
        kv::{batch::Batch, transact::Transact},
        pipeline::{Answers, Pipelines},
        status,
        watch::{Watches, Watching},
        wire::{once, request, response, watch},
    },
    model::{
        error::{Error, Invalid},
        limits::Limits,
        mutation::Mutation,
        once::Content,
        operation::Applied,
    },
    proto::{self, kv_service_server::KvService},
};

/// The service on an engine.
#[derive(Debug)]
pub struct Kv<E> {
    opening: Opening<E>,
    pipelines: Pipelines,
    watches: Watches,
    limits: Limits,
}

impl<E: Engine> Kv<E> {
    /// The service on the engine that `opening` holds as soon as it is open.
    #[must_use]
    pub const fn new(
        opening: Opening<E>,
        pipelines: Pipelines,
        watches: Watches,
        limits: Limits,
    ) -> Self {
        Self {
            opening,
            pipelines,
            watches,
            limits,
        }
    }

    /// What one call may carry.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The engine, as soon as it is open.
    pub(super) fn engine(&self) -> Result<&E, Status> {
        self.opening
            .engine()
            .map_err(|refusal: Refusal| Failure::from(&refusal).into())
    }

    async fn mutate(&self, mutation: Mutation<'_>, request_id: &str) -> Result<Applied, Status> {
        let once = once::of(request_id, || Content::of_mutation(&mutation));
        let engine = self.engine()?;
        let applied = match once.map_err(invalid)? {
            None => engine.mutate(mutation).await,
            Some(once) => engine.mutate_once(once, mutation, usize::MAX).await,
        };
        applied.map_err(|error| status::of_key(&error, mutation.key).into())
    }
}

#[tonic::async_trait]
impl<E: Engine> KvService for Kv<E> {
    async fn get(
        &self,
        request: Request<proto::GetRequest>,
    ) -> Result<Response<proto::GetResponse>, Status> {
        let request = request.into_inner();
        let read = request::get(&request, &self.limits).map_err(refused)?;
        let found = self.engine()?.get(read).await;
        let found = found.map_err(|error| status::of_key(&error, read.key))?;
        Ok(Response::new(response::get(found)))
    }

    async fn set(
        &self,
        request: Request<proto::SetRequest>,
    ) -> Result<Response<proto::SetResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::set(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation, &request.request_id).await?;
        Ok(Response::new(response::set(applied)))
    }

    async fn delete(
        &self,
        request: Request<proto::DeleteRequest>,
    ) -> Result<Response<proto::DeleteResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::delete(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation, &request.request_id).await?;
        Ok(Response::new(response::delete(applied)))
    }

    async fn increment(
        &self,
        request: Request<proto::IncrementRequest>,
    ) -> Result<Response<proto::IncrementResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::increment(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation, &request.request_id).await?;
        Ok(Response::new(response::increment(&applied)))
    }

    async fn touch(
        &self,
        request: Request<proto::TouchRequest>,
    ) -> Result<Response<proto::TouchResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::touch(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation, &request.request_id).await?;
        Ok(Response::new(response::touch(applied)))
    }

    async fn batch(
        &self,
        request: Request<proto::BatchRequest>,
    ) -> Result<Response<proto::BatchResponse>, Status> {
        let request = request.into_inner();
        let batch = Batch::decode(&request.operations, &self.limits).map_err(refused)?;
        let answers = batch.run(self.engine()?).await;
        let results = batch.reply(answers);
        Ok(Response::new(proto::BatchResponse { results }))
    }

    async fn list(
        &self,
        request: Request<proto::ListRequest>,
    ) -> Result<Response<proto::ListResponse>, Status> {
        let list = request::list(request.into_inner(), &self.limits).map_err(refused)?;
        let reply = list::page(self.engine()?, &list, &self.limits).await;
        Ok(Response::new(reply.map_err(refused)?))
    }

    async fn transact(
        &self,
        request: Request<proto::TransactRequest>,
    ) -> Result<Response<proto::TransactResponse>, Status> {
        let request = request.into_inner();
        let transact = Transact::decode(&request, &self.limits)?;
        Ok(Response::new(transact.run(self.engine()?).await?))
    }

    async fn delete_range(
        &self,
        request: Request<proto::DeleteRangeRequest>,
    ) -> Result<Response<proto::DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        let range = request::delete_range(&request, &self.limits).map_err(refused)?;
        let once = once::of(&request.request_id, || Content::of_delete_range(&range));
        let (engine, entries_max) = (self.engine()?, self.limits.delete_range_entries_max);
        let deleted = match once.map_err(invalid)? {
            None => engine.delete_range(&range, entries_max).await,
            Some(once) => engine.delete_range_once(once, &range, entries_max).await,
        };
        let deleted = deleted.map_err(refused)?;
        Ok(Response::new(response::delete_range(deleted)))
    }

    type WatchStream = Watching<E::Watch>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let query = watch::query(request.into_inner(), &self.limits).map_err(refused)?;
        let watching = self.watches.begin(self.engine()?, query).await;
        Ok(Response::new(watching?))
    }

    type PipelineStream = Answers;

    async fn pipeline(
        &self,
        request: Request<Streaming<proto::PipelineRequest>>,
    ) -> Result<Response<Self::PipelineStream>, Status> {
        let opening = self.opening.clone();
        let answers = self.pipelines.begin(opening, request, self.limits);
        Ok(Response::new(answers?))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: Error) -> Status {
    Failure::from(&error).into()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(invalid: Invalid) -> Status {
    Failure::from(&invalid).into()
}

#[cfg(test)]
mod tests;
