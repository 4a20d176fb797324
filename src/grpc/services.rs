//! Which service answers a call: `KvService` at once, all others through a
//! router, which costs more than most calls of the store.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{
    body::Body as Generated,
    codegen::{BoxFuture, StdError},
    service::Routes,
};
use tower::Service;

use crate::{
    engine::Engine,
    gate::request::RequestBody,
    grpc::{
        hot::{self, Body, Hot},
        kv::Kv,
    },
    proto::kv_service_server::{self, KvServiceServer},
};

/// Every service of this server. A clone is the same services.
#[derive(Debug)]
pub struct Services<E> {
    pub(super) kv: Arc<Kv<E>>,
    pub(super) generated: KvServiceServer<Kv<E>>,
    pub(super) others: Routes,
    pub(super) hot: bool,
}

impl<E> Services<E> {
    /// The same with the generated service for every call: what the hot path
    /// must not differ from.
    #[must_use]
    pub fn generated_only(mut self) -> Self {
        self.hot = false;
        self
    }
}

impl<E> Clone for Services<E> {
    fn clone(&self) -> Self {
        Self {
            kv: Arc::clone(&self.kv),
            generated: self.generated.clone(),
            others: self.others.clone(),
            hot: self.hot,
        }
    }
}

impl<E, B> Service<Request<RequestBody<B>>> for Services<E>
where
    E: Engine,
    B: http_body::Body<Data = Bytes, Error: Into<StdError> + Send> + Unpin + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<B>>) -> Answering {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|rest| rest.split_once('/'));
        let Some((kv_service_server::SERVICE_NAME, method)) = service else {
            return Answering(Way::Generated(Box::pin(self.others.call(request))));
        };
        let hot = match request.body().whole() {
            Some(framed) if self.hot => hot::call(&self.kv, method, framed),
            Some(_) | None => Hot::No,
        };
        Answering(match hot {
            Hot::Answered(response) => Way::Answered(Some(response)),
            Hot::Waiting(waiting) => Way::Hot(waiting),
            Hot::No => Way::Generated(self.generated.call(request)),
        })
    }
}

/// An answer, now or later.
pub struct Answering(Way);

enum Way {
    Answered(Option<Response<Body>>),
    Hot(hot::Waiting),
    Generated(BoxFuture<Response<Generated>, Infallible>),
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Way::Answered(response) => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            // None only before it has waited.
            Way::Hot(waiting) => match ready!(waiting.as_mut().poll(context)) {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            Way::Generated(answer) => {
                let response = ready!(answer.as_mut().poll(context))?;
                Poll::Ready(Ok(response.map(Body::from)))
            }
        }
    }
}
