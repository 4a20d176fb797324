//! The calls of `KvService`, in three moves each: decode, ask the engine, reply.

use prost::Message;
use tonic::{Request, Response, Status, Streaming, codegen::tokio_stream};

use crate::{
    engine::{Engine, ListQuery},
    gate::{opening::Opening, refusal::Refusal},
    grpc::{
        failure::Failure,
        status,
        wire::{page_token, request, response},
    },
    model::{
        error::Error,
        limits::Limits,
        mutation::Mutation,
        operation::{Applied, Operation, Outcome},
    },
    proto::{self, kv_service_server::KvService},
};

/// How many bytes of a Batch's reply are set aside for each operation, for what
/// it answers beside an entry: numbers and times, or a failure.
pub const RESULT_BYTES_MAX: usize = 384;

/// The service on an engine.
#[derive(Debug)]
pub struct Kv<E> {
    opening: Opening<E>,
    limits: Limits,
}

impl<E: Engine> Kv<E> {
    /// The service on the engine that `opening` holds as soon as it is open.
    #[must_use]
    pub const fn new(opening: Opening<E>, limits: Limits) -> Self {
        Self { opening, limits }
    }

    fn engine(&self) -> Result<&E, Status> {
        self.opening
            .engine()
            .map_err(|refusal: Refusal| Failure::from(&refusal).into())
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Status> {
        let applied = self.engine()?.mutate(mutation).await;
        applied.map_err(|error| status::of_key(&error, mutation.key))
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
        let applied = self.mutate(mutation).await?;
        Ok(Response::new(response::set(applied)))
    }

    async fn delete(
        &self,
        request: Request<proto::DeleteRequest>,
    ) -> Result<Response<proto::DeleteResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::delete(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation).await?;
        Ok(Response::new(response::delete(applied)))
    }

    async fn increment(
        &self,
        request: Request<proto::IncrementRequest>,
    ) -> Result<Response<proto::IncrementResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::increment(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation).await?;
        Ok(Response::new(response::increment(&applied)))
    }

    async fn touch(
        &self,
        request: Request<proto::TouchRequest>,
    ) -> Result<Response<proto::TouchResponse>, Status> {
        let request = request.into_inner();
        let mutation = request::touch(&request, &self.limits).map_err(refused)?;
        let applied = self.mutate(mutation).await?;
        Ok(Response::new(response::touch(applied)))
    }

    async fn batch(
        &self,
        request: Request<proto::BatchRequest>,
    ) -> Result<Response<proto::BatchResponse>, Status> {
        let request = request.into_inner();
        let batch = Batch::decode(&request, &self.limits).map_err(refused)?;
        let answers = self
            .engine()?
            .batch(&batch.operations, batch.reply_bytes_max)
            .await;
        Ok(Response::new(batch.reply(answers)))
    }

    async fn list(
        &self,
        request: Request<proto::ListRequest>,
    ) -> Result<Response<proto::ListResponse>, Status> {
        let list = request::list(request.into_inner(), &self.limits).map_err(refused)?;
        let reply = list_page(self.engine()?, &list, &self.limits).await;
        Ok(Response::new(reply.map_err(refused)?))
    }

    async fn transact(
        &self,
        _: Request<proto::TransactRequest>,
    ) -> Result<Response<proto::TransactResponse>, Status> {
        Err(unsupported("Transact"))
    }

    async fn delete_range(
        &self,
        _: Request<proto::DeleteRangeRequest>,
    ) -> Result<Response<proto::DeleteRangeResponse>, Status> {
        Err(unsupported("DeleteRange"))
    }

    type WatchStream = tokio_stream::Empty<Result<proto::WatchResponse, Status>>;

    async fn watch(
        &self,
        _: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(unsupported("Watch"))
    }

    type PipelineStream = tokio_stream::Empty<Result<proto::PipelineResponse, Status>>;

    async fn pipeline(
        &self,
        _: Request<Streaming<proto::PipelineRequest>>,
    ) -> Result<Response<Self::PipelineStream>, Status> {
        Err(unsupported("Pipeline"))
    }
}

/// A Batch that was decoded: what is asked of the engine, and what is answered
/// without it.
struct Batch<'a> {
    /// One for each operation: its kind, and the failure of one that broke a
    /// rule.
    slots: Vec<(&'static str, Option<proto::OperationResult>)>,
    /// Those without a failure, in the same order.
    operations: Vec<Operation<'a>>,
    /// What is left for entries.
    reply_bytes_max: usize,
}

impl<'a> Batch<'a> {
    fn decode(request: &'a proto::BatchRequest, limits: &Limits) -> Result<Self, Error> {
        request::batch(request, limits)?;
        let mut batch = Self {
            slots: Vec::with_capacity(request.operations.len()),
            operations: Vec::with_capacity(request.operations.len()),
            reply_bytes_max: limits.reply_bytes_max,
        };
        for given in &request.operations {
            let kind = given.kind.as_ref().map_or("kind", request::kind_name);
            let (failed, bytes) = match request::operation(given, limits) {
                Ok(operation) => {
                    batch.operations.push(operation);
                    (None, RESULT_BYTES_MAX)
                }
                Err(error) => {
                    let failed = response::failed(Failure::from(&error));
                    let bytes = framed_bytes(&failed);
                    (Some(failed), bytes)
                }
            };
            batch.slots.push((kind, failed));
            batch.reply_bytes_max = batch.reply_bytes_max.saturating_sub(bytes);
        }
        Ok(batch)
    }

    fn reply(self, answers: Vec<Result<Outcome, Error>>) -> proto::BatchResponse {
        // An engine answers each operation, so no slot is left out.
        let mut answers = self.operations.iter().zip(answers);
        let results = self
            .slots
            .into_iter()
            .filter_map(|(kind, failed)| {
                failed.or_else(|| {
                    let (operation, answer) = answers.next()?;
                    Some(match answer {
                        Ok(outcome) => response::result(operation, outcome),
                        Err(error) => {
                            let error = request::within(error, kind);
                            response::failed(Failure::from(&error))
                        }
                    })
                })
            })
            .collect();
        proto::BatchResponse { results }
    }
}

async fn list_page<E: Engine>(
    engine: &E,
    list: &request::List,
    limits: &Limits,
) -> Result<proto::ListResponse, Error> {
    let store_id = engine.describe().store_id;
    let listing = page_token::Listing {
        store_id: &store_id,
        range: &list.range,
        omit_value: list.omit_value,
    };
    let position = match list.page_token.as_str() {
        "" => None,
        token => Some(listing.position(token)?),
    };
    let token_bytes_max = page_token::bytes_max(limits.key_bytes_max);
    let page = engine
        .list(ListQuery {
            range: &list.range,
            after: position.as_ref().map(|position| position.key.as_str()),
            entries_max: list.entries_max,
            reply_bytes_max: limits.reply_bytes_max.saturating_sub(token_bytes_max),
            omit_value: list.omit_value,
        })
        .await?;
    // The version from before the first page goes along with the token.
    let version = position.map_or(page.version, |position| position.version);
    // Where more may follow, there is an entry to go on after.
    let last = page.entries.last().filter(|_| page.more);
    let next_page_token =
        last.map_or_else(String::new, |entry| listing.token(version, entry.key()));
    Ok(proto::ListResponse {
        entries: page.entries.into_iter().map(response::entry).collect(),
        next_page_token,
        version: version.get(),
    })
}

/// The bytes of a result inside a reply: itself, its tag and its length.
fn framed_bytes(result: &proto::OperationResult) -> usize {
    let bytes = result.encoded_len();
    1 + prost::length_delimiter_len(bytes) + bytes
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: Error) -> Status {
    Failure::from(&error).into()
}

fn unsupported(capability: &'static str) -> Status {
    refused(Error::Unsupported { capability })
}
