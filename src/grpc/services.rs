//! Which service answers a call: `KvService` at once, all others through a
//! router, which costs more than most calls of the store.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{
    body::Body,
    codegen::{BoxFuture, StdError},
    service::Routes,
};
use tower::Service;

use crate::{
    engine::Engine,
    grpc::kv::Kv,
    proto::kv_service_server::{self, KvServiceServer},
};

/// Every service of this server. A clone is the same services.
#[derive(Debug)]
pub struct Services<E> {
    pub(super) kv: KvServiceServer<Kv<E>>,
    pub(super) others: Routes,
}

impl<E> Clone for Services<E> {
    fn clone(&self) -> Self {
        Self {
            kv: self.kv.clone(),
            others: self.others.clone(),
        }
    }
}

impl<E, B> Service<Request<B>> for Services<E>
where
    E: Engine,
    B: http_body::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|rest| rest.split_once('/'));
        match service {
            Some((kv_service_server::SERVICE_NAME, _)) => self.kv.call(request),
            _ => Box::pin(self.others.call(request)),
        }
    }
}
