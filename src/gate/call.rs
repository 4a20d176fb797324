//! The way of one call through the gate.

use std::{
    convert::Infallible,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tower::Service;
use tracing::Instrument;

use crate::gate::{
    config::Config,
    framing::Framing,
    load::{Load, Share},
    refusal::Refusal,
    reply::{Ending, ReplyBody},
    request::{Arrival, Cut, HEALTH_REQUEST_BYTES_MAX, RequestBody},
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
    /// Whether calls of this service, by its full name, are always let in.
    pub is_health: fn(&str) -> bool,
    /// Whether the request of this method of a service is a stream, which may
    /// take its time.
    pub is_stream: fn(&str, &str) -> bool,
    /// Whether the reply of this method of a service is a stream that may go on
    /// for ever. It has limits of its own, and is no call in flight any more
    /// when its reply begins.
    pub is_lasting: fn(&str, &str) -> bool,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where from.
    pub address: SocketAddr,
    /// `connections_max`, on a connection above it: health alone is answered.
    pub health_only: Option<u64>,
}

/// What is sent back.
pub type Reply = Response<ReplyBody<Body>>;

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

    /// Whether a call of this path is about health, which is always let in.
    #[must_use]
    pub fn is_health(&self, path: &str) -> bool {
        (self.0.wire.is_health)(split(path).0)
    }

    /// Whether the reply to a call of this path may go on for ever.
    #[must_use]
    pub fn is_lasting(&self, path: &str) -> bool {
        let (service, method) = split(path);
        (self.0.wire.is_lasting)(service, method)
    }

    /// Lets a call through to `routes`, or refuses it. Never fails: a refusal
    /// is an answer.
    pub async fn call<S, B>(self, peer: Peer, routes: S, request: Request<B>) -> Reply
    where
        S: Service<Request<RequestBody<B>>, Response = Response<Body>, Error = Infallible>,
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let trace = Trace::begin(&request, peer.address);
        let reply = self
            .answer(peer, routes, request)
            .instrument(trace.span())
            .await;
        trace.end(&reply);
        reply
    }

    async fn answer<S, B>(&self, peer: Peer, routes: S, request: Request<B>) -> Reply
    where
        S: Service<Request<RequestBody<B>>, Response = Response<Body>, Error = Infallible>,
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        if let Some(status) = no_grpc(&request) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            return self.uncounted(response);
        }
        let admitted = self.admit(peer, request.uri().path());
        let deadline = timeout::of(request.headers());
        let (share, wait) = match (admitted, deadline) {
            (Ok(share), Ok(wait)) => (share, wait),
            (Err(refusal), _) | (Ok(_), Err(refusal)) => return self.refuse(&refusal),
        };
        let is_lasting = self.is_lasting(request.uri().path());
        let ending = self.ending(request.headers(), wait);
        let passing = self.pass(routes, request, &ending);
        let passed = match ending.deadline {
            Some(at) => match timeout_at(at, passing).await {
                Ok(passed) => passed,
                Err(_) => Err(Refusal::Deadline),
            },
            None => passing.await,
        };
        match passed {
            Ok(response) if is_lasting => {
                response.map(|body| ReplyBody::lasting(body, share.settled(), ending))
            }
            Ok(response) => response.map(|body| ReplyBody::new(body, share, Some(ending))),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn admit(&self, peer: Peer, path: &str) -> Result<Share, Refusal> {
        let Inner { load, state, .. } = &*self.0;
        if self.is_health(path) {
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

    async fn pass<S, B>(
        &self,
        mut routes: S,
        request: Request<B>,
        ending: &Ending,
    ) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<Body>, Error = Infallible>,
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let arrival = self.arrival(request.uri().path());
        let request = request.map(|body| RequestBody::new(body, arrival, ending.cut.clone()));
        let response = unpanicked(routes.call(request)).await?;
        match ending.refusal(response.headers()) {
            Some(refusal) => Err(refusal),
            None => Ok(response),
        }
    }

    fn ending(&self, headers: &HeaderMap, wait: Option<Duration>) -> Ending {
        let encoding = headers.get(&ENCODING);
        Ending {
            deadline: wait.map(|wait| Instant::now() + wait),
            cut: Cut::default(),
            compressed: encoding.is_some_and(|encoding| encoding != "identity"),
            config: self.0.config,
            refuse: self.0.wire.refuse,
        }
    }

    fn arrival(&self, path: &str) -> Arrival {
        let Inner {
            config, load, wire, ..
        } = &*self.0;
        let (service, method) = split(path);
        let read_ms_max = config.request_read_ms_max;
        if (wire.is_health)(service) {
            return Arrival::Health {
                bytes_left: HEALTH_REQUEST_BYTES_MAX,
                read_ms_max,
            };
        }
        let share = load.uncounted();
        if (wire.is_stream)(service, method) {
            let framing = Framing::default();
            return Arrival::Stream { share, framing };
        }
        Arrival::Message { share, read_ms_max }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        self.uncounted((self.0.wire.refuse)(refusal))
    }

    fn uncounted(&self, response: Response<Body>) -> Reply {
        response.map(|body| ReplyBody::new(body, self.0.load.uncounted(), None))
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

/// What `call` gives, or that it panicked: a fault in one call is not to take
/// the others of its connection with it.
async fn unpanicked<F, T>(call: F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Infallible>>,
{
    let mut call = pin!(call);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(answer))) => Poll::Ready(Ok(answer)),
            Ok(Poll::Ready(Err(never))) => match never {},
            Err(_) => Poll::Ready(Err(Refusal::Panicked)),
        }
    })
    .await
}

#[cfg(test)]
mod tests;
