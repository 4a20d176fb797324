//! Which service answers a call: `KvService` at once, all others through a
//! router, which costs more than most calls of the store.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
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

/// What a message may be encoded as: only without it none is.
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

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
        if (!caller.is_anyone() || caller.audited().is_some())
            && let Some(refused) = identified(&mut request, &caller)
        {
            return Answering(Way::Answered(Some(refused)));
        }
        let path = request.uri().path();
        let rest = path.strip_prefix('/');
        let rest = rest.and_then(|rest| rest.strip_prefix(kv_service_server::SERVICE_NAME));
        let Some(method) = rest.and_then(|rest| rest.strip_prefix('/')) else {
            return Answering(Way::Generated(Box::pin(each.others.clone().call(request))));
        };
        let hot = match request.body().whole() {
            Some(framed) if each.hot && !request.headers().contains_key(&ENCODING) => {
                hot::call(&each.kv, &caller, method, framed)
            }
            Some(_) | None => Hot::No,
        };
        if each.hot && method == "Pipeline" {
            let answer = hot::pipeline(&each.kv, request);
            return Answering(Way::Generated(Box::pin(answer)));
        }
        Answering(match hot {
            Hot::Answered(response) => Way::Answered(Some(response)),
            Hot::Waiting(waiting) => Way::Hot(waiting),
            Hot::No => Way::Generated(each.generated.clone().call(request)),
        })
    }
}

/// Lets whoever answers know the caller, or refuses what no right covers.
fn identified<B>(request: &mut Request<RequestBody<B>>, caller: &Caller) -> Option<Response<Body>> {
    let path = request.uri().path().strip_prefix('/');
    let (service, method) = path.and_then(|path| path.split_once('/'))?;
    // Health is let in before anybody is asked.
    if !caller.is_anyone()
        && service != health_server::SERVICE_NAME
        && let Err(denied) = rpc::permit(caller, service, method)
    {
        return Some(Status::from(denied).into_http());
    }
    request.extensions_mut().insert(caller.clone());
    None
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
