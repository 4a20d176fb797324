//! The way of one call through the gate.

use std::{
    convert::Infallible,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use tonic::{body::Body, codegen::StdError as BoxError};
use tower::Service;

use crate::gate::{
    config::Config,
    each::Each,
    framing::Framing,
    load::{Load, Share},
    refusal::Refusal,
    reply::{Deadline, Ending, ReplyBody},
    request::{Arrival, HEALTH_REQUEST_BYTES_MAX, RequestBody},
    state::{Phase, State},
    timeout,
    trace::Trace,
};

const CONTENT_TYPE: &str = "application/grpc";
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What every call passes. A clone is the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    load: Load,
    state: State,
    wire: Wire,
}

/// What the gate has to be told of the wire behind it.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The whole answer to a call that is refused.
    pub refuse: fn(&Refusal) -> Response<Body>,
    /// What the calls of a service are, by its full name, and a method of it.
    pub kind: fn(&str, &str) -> Kind,
}

/// How calls of a method are let in and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One message, and a reply that ends by itself.
    Ordinary,
    /// About health: always let in.
    Health,
    /// About health, and its reply may go on for ever.
    HealthWatch,
    /// The request is a stream, which may take its time.
    Stream,
    /// The reply is a stream that may go on for ever. It has limits of its own,
    /// and is no call in flight any more when it begins.
    Watch,
    /// A stream whose messages are calls in flight, each for itself; it is
    /// none. It finds an [`Each`] in the extensions of its request.
    Pipeline,
}

impl Kind {
    /// Whether it is about health.
    #[must_use]
    pub const fn is_health(self) -> bool {
        matches!(self, Self::Health | Self::HealthWatch)
    }

    /// Whether its reply is not waited for when the server stops.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::Watch | Self::HealthWatch)
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where from.
    pub address: SocketAddr,
    /// `connections_max`, on a connection above it: health alone is answered.
    pub health_only: Option<u64>,
}

/// The answer to a call. It is small, since it is moved to a task of its own:
/// the request is not in it.
#[derive(Debug)]
pub struct Answer<F, R> {
    way: Option<Way<F, R>>,
    trace: Trace,
}

#[derive(Debug)]
enum Way<F, R> {
    // Rare, and larger than the other.
    Refused(Box<Reply<R>>),
    Passing(Passing<F>),
}

/// A call that was let through.
#[derive(Debug)]
struct Passing<F> {
    call: F,
    share: Share,
    ending: Ending,
    is_lasting: bool,
}

impl<F, R> Future for Answer<F, R>
where
    F: Future<Output = Result<Response<R>, Infallible>> + Unpin,
    R: From<Body> + Unpin,
{
    type Output = Result<Reply<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { way, trace } = self.get_mut();
        let reply = match way.take() {
            Some(Way::Refused(reply)) => *reply,
            Some(Way::Passing(mut passing)) => {
                let polled = trace.span().in_scope(|| passing.poll(context));
                let Poll::Ready(passed) = polled else {
                    *way = Some(Way::Passing(passing));
                    return Poll::Pending;
                };
                passing.reply(passed)
            }
            // Only after it was ready, when nobody asks.
            None => return Poll::Pending,
        };
        trace.end(&reply);
        Poll::Ready(Ok(reply))
    }
}

impl<F> Passing<F> {
    /// A fault in one call is not to take the others of its connection with
    /// it: panics end here.
    fn poll<R>(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<R>, Refusal>>
    where
        F: Future<Output = Result<Response<R>, Infallible>> + Unpin,
    {
        let call = AssertUnwindSafe(|| Pin::new(&mut self.call).poll(context));
        match catch_unwind(call) {
            Ok(Poll::Ready(Ok(response))) => {
                Poll::Ready(match self.ending.refusal(response.headers()) {
                    Some(refusal) => Err(refusal),
                    None => Ok(response),
                })
            }
            Ok(Poll::Ready(Err(never))) => match never {},
            Ok(Poll::Pending) if self.ending.deadline.has_passed(context) => {
                Poll::Ready(Err(Refusal::Deadline))
            }
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(Refusal::Panicked)),
        }
    }

    fn reply<R: From<Body>>(self, passed: Result<Response<R>, Refusal>) -> Reply<R> {
        match passed {
            Ok(response) if self.is_lasting => {
                response.map(|body| ReplyBody::lasting(body, self.share.settled(), self.ending))
            }
            Ok(response) => {
                response.map(|body| ReplyBody::new(body, self.share, Some(self.ending)))
            }
            Err(refusal) => self.ending.gate.refuse(&refusal),
        }
    }
}

/// What is sent back.
pub type Reply<R> = Response<ReplyBody<R>>;

impl Gate {
    /// A gate that holds calls to `config`, while the server is in `state`.
    #[must_use]
    pub fn new(config: Config, state: State, wire: Wire) -> Self {
        let load = Load::new(&config);
        Self(Arc::new(Inner {
            config,
            load,
            state,
            wire,
        }))
    }

    /// The state of the server.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.0.state
    }

    /// What a call of this path is.
    #[must_use]
    pub fn kind(&self, path: &str) -> Kind {
        let (service, method) = split(path);
        (self.0.wire.kind)(service, method)
    }

    /// Lets a call through to `services`, or refuses it. Never fails: a refusal
    /// is an answer.
    pub fn call<S, B, R>(
        &self,
        peer: Peer,
        services: &mut S,
        request: Request<B>,
    ) -> Answer<S::Future, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = Infallible>,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
        R: From<Body>,
    {
        let trace = Trace::begin(&request, peer.address);
        let way = match trace
            .span()
            .in_scope(|| self.begin(peer, services, request))
        {
            Ok(passing) => Way::Passing(passing),
            Err(reply) => Way::Refused(reply),
        };
        Answer {
            way: Some(way),
            trace,
        }
    }

    fn begin<S, B, R>(
        &self,
        peer: Peer,
        services: &mut S,
        mut request: Request<B>,
    ) -> Result<Passing<S::Future>, Box<Reply<R>>>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = Infallible>,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
        R: From<Body>,
    {
        if let Some(status) = no_grpc(&request) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            return Err(Box::new(self.uncounted(response)));
        }
        let kind = self.kind(request.uri().path());
        let admitted = self.admit(peer, kind);
        let wait = timeout::of(request.headers());
        let (share, wait) = match (admitted, wait) {
            (Ok(share), Ok(wait)) => (share, wait),
            (Err(refusal), _) | (Ok(_), Err(refusal)) => {
                return Err(Box::new(self.refuse(&refusal)));
            }
        };
        let encoding = request.headers().get(&ENCODING);
        let compressed = encoding.is_some_and(|encoding| encoding != "identity");
        let deadline = Deadline::new(wait);
        if kind == Kind::Pipeline {
            let each = Each::new(self.0.load.clone(), deadline.at());
            request.extensions_mut().insert(each);
        }
        let arrival = self.arrival(kind);
        let request = request.map(|body| RequestBody::new(body, arrival));
        let ending = Ending {
            deadline,
            cut: request.body().cut(),
            compressed,
            gate: self.clone(),
        };
        match catch_unwind(AssertUnwindSafe(|| services.call(request))) {
            Ok(call) => Ok(Passing {
                call,
                share,
                ending,
                is_lasting: kind.is_lasting() || kind == Kind::Pipeline,
            }),
            Err(_) => Err(Box::new(self.refuse(&Refusal::Panicked))),
        }
    }

    fn admit(&self, peer: Peer, kind: Kind) -> Result<Share, Refusal> {
        let Inner { load, state, .. } = &*self.0;
        if kind.is_health() {
            return Ok(load.uncounted());
        }
        if state.get() >= Phase::Stopping && peer.health_only.is_some() {
            return Err(Refusal::Draining);
        }
        if let Some(connections_max) = peer.health_only {
            return Err(Refusal::ConnectionsFull { connections_max });
        }
        load.enter()
    }

    fn arrival(&self, kind: Kind) -> Arrival {
        let Inner { config, load, .. } = &*self.0;
        let read_ms_max = config.request_read_ms_max;
        let share = load.uncounted();
        match kind {
            Kind::Health | Kind::HealthWatch => Arrival::Health {
                bytes_left: HEALTH_REQUEST_BYTES_MAX,
                read_ms_max,
            },
            Kind::Stream | Kind::Pipeline => Arrival::Stream {
                share,
                framing: Framing::default(),
            },
            Kind::Ordinary | Kind::Watch => Arrival::Message { share, read_ms_max },
        }
    }

    /// What this gate holds calls to.
    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The whole answer to a call that is refused.
    pub(super) fn refusal(&self, refusal: &Refusal) -> Response<Body> {
        (self.0.wire.refuse)(refusal)
    }

    fn refuse<R: From<Body>>(&self, refusal: &Refusal) -> Reply<R> {
        self.uncounted(self.refusal(refusal))
    }

    fn uncounted<R: From<Body>>(&self, response: Response<Body>) -> Reply<R> {
        response.map(|body| ReplyBody::new(body.into(), self.0.load.uncounted(), None))
    }
}

/// What is wrong with a request that is no gRPC at all.
fn no_grpc<B>(request: &Request<B>) -> Option<StatusCode> {
    if request.method() != Method::POST {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let spoken = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.strip_prefix(CONTENT_TYPE).is_some_and(|rest| {
                let rest = rest.strip_prefix("+proto").unwrap_or(rest);
                rest.is_empty() || rest.starts_with(';')
            })
        });
    (!spoken).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// The service and the method that a path names; both empty when it names none.
fn split(path: &str) -> (&str, &str) {
    path.strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
