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
    Status,
    body::Body as Generated,
    codegen::{BoxFuture, StdError},
    service::Routes,
};
use tonic_health::pb::health_server;
use tower::Service;

use crate::{
    calls::store::Store,
    engine::Engine,
    gate::{access::caller::Caller, request::RequestBody},
    grpc::{
        hot::{self, Body, Hot},
        kv::Kv,
        rpc,
    },
    model::figure::Figure,
    proto::kv_service_server::{self, KvServiceServer},
};

/// Every service of this server. A clone is the same services.
#[derive(Debug)]
pub struct Services<E>(Arc<Each<E>>);

/// Each of them.
#[derive(Debug)]
pub(super) struct Each<E> {
    pub(super) kv: Arc<Kv<E>>,
    pub(super) generated: KvServiceServer<Kv<E>>,
    pub(super) others: Routes,
    pub(super) hot: bool,
}

impl<E: Engine> Services<E> {
    pub(super) fn new(each: Each<E>) -> Self {
        Self(Arc::new(each))
    }

    /// The store that they are a wire to, for another wire.
    #[must_use]
    pub fn store(&self) -> Store<E> {
        self.0.kv.store().clone()
    }

    /// What the store and the streams on it tell of themselves.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        self.0.kv.figures()
    }
}

impl<E> Services<E> {
    /// The same with the generated service for every call: what the hot path
    /// must not differ from.
    #[must_use]
    pub fn generated_only(self) -> Self {
        let Each {
            kv,
            generated,
            others,
            hot: _,
        } = &*self.0;
        Self(Arc::new(Each {
            kv: Arc::clone(kv),
            generated: generated.clone(),
            others: others.clone(),
            hot: false,
        }))
    }
}

impl<E> Clone for Services<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
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

    fn call(&mut self, mut request: Request<RequestBody<B>>) -> Answering {
        let each = &*self.0;
        let caller = request.body().caller().clone();
        if !caller.is_anyone()
            && let Some(refused) = refused(request.uri().path(), &caller)
        {
            return Answering(Way::Answered(Some(refused)));
        }
        let path = request.uri().path();
        let rest = path.strip_prefix('/');
        let rest = rest.and_then(|rest| rest.strip_prefix(kv_service_server::SERVICE_NAME));
        let Some(method) = rest.and_then(|rest| rest.strip_prefix('/')) else {
            tell(&mut request, caller);
            return Answering(Way::Generated(Box::pin(each.others.clone().call(request))));
        };
        let hot = match request.body().whole() {
            Some(framed) if each.hot => hot::call(&each.kv, &caller, method, framed),
            Some(_) | None => Hot::No,
        };
        let is_pipeline = each.hot && method == "Pipeline";
        Answering(match hot {
            Hot::Answered(response) => Way::Answered(Some(response)),
            Hot::Waiting(waiting) => Way::Hot(waiting),
            Hot::No => {
                tell(&mut request, caller);
                Way::Generated(if is_pipeline {
                    Box::pin(hot::pipeline(&each.kv, request))
                } else {
                    each.generated.clone().call(request)
                })
            }
        })
    }
}

/// The answer to a caller whose rights do not cover this path.
fn refused(path: &str, caller: &Caller) -> Option<Response<Body>> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    // Health is let in before anybody is asked.
    if service == health_server::SERVICE_NAME {
        return None;
    }
    let denied = rpc::permit(caller, service, method).err()?;
    Some(Status::from(denied).into_http())
}

/// Lets the generated services know the caller, where that is anybody to them.
fn tell<B>(request: &mut Request<B>, caller: Caller) {
    if !caller.is_anyone() || caller.audited().is_some() {
        request.extensions_mut().insert(caller);
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
