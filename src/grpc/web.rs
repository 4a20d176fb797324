//! gRPC-Web: what a browser can send and read, made gRPC on its way in and made
//! that again on its way out. It passes the same gate to the same services.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::{Status, body::Body as Generated};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service};

use crate::{
    calls::failure::Failure,
    gate::{
        answer::{Answer, Reply},
        call::{Gate, Peer},
        request::RequestBody,
    },
    grpc::hot::Body,
};

/// An answer to come, in gRPC-Web.
pub type Answering = Pin<Box<dyn Future<Output = Response<Generated>> + Send>>;

/// The gate and the services behind it, for one call.
struct Passing<S> {
    gate: Gate,
    services: S,
    peer: Peer,
    // Why it is not even tried.
    failure: Option<Failure>,
}

/// A call that is refused behind the gate, as others are: counted, and held to rates.
struct Refusing(Option<Response<Body>>);

type Refused = Ready<Result<Response<Body>, Infallible>>;

/// Answers a call in gRPC-Web; with a `failure`, by that.
pub fn call<S>(
    gate: Gate,
    services: S,
    peer: Peer,
    failure: Option<Failure>,
    request: Request<Incoming>,
) -> Answering
where
    S: Service<Request<RequestBody<Generated>>, Response = Response<Body>, Error = Infallible>,
    S: Send + 'static,
    S::Future: Send + Unpin,
{
    let mut web = GrpcWebLayer::new().layer(Passing {
        gate,
        services,
        peer,
        failure,
    });
    let call = web.call(request);
    Box::pin(async move {
        match call.await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    })
}

impl<B> Service<Request<RequestBody<B>>> for Refusing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Refused;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<RequestBody<B>>) -> Refused {
        ready(Ok(self.0.take().unwrap_or_default()))
    }
}

impl<S> Service<Request<Generated>> for Passing<S>
where
    S: Service<Request<RequestBody<Generated>>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Reply<Body>;
    type Error = Infallible;
    type Future = Either<Answer<S::Future, Body>, Answer<Refused, Body>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Generated>) -> Self::Future {
        match self.failure.take() {
            None => Either::Left(self.gate.call(self.peer, &mut self.services, request)),
            Some(failure) => {
                let refused = Status::from(failure).into_http();
                let mut refusing = Refusing(Some(refused));
                Either::Right(self.gate.call(self.peer, &mut refusing, request))
            }
        }
    }
}
