//! The way of one call through the gate.

use std::{
    convert::Infallible,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use tonic::{body::Body, codegen::StdError as BoxError};
use tower::Service;

use crate::gate::{
    access::{Access, caller::Caller, session::Session},
    answer::{Answer, AnswerBody, Passing, Reply, Way},
    config::Config,
    counting::Counted,
    each::Each,
    framing::Framing,
    kind::Kind,
    load::{Load, Share},
    rate::{meter::Meter, meters::Meters},
    refusal::Refusal,
    reply::{Deadline, Ending, ReplyBody},
    request::{Arrival, HEALTH_REQUEST_BYTES_MAX, RequestBody},
    room::Room,
    said::Said,
    state::{Phase, State},
    tally::{Metered, Rpc},
    trace::{self, Trace},
};

const CONTENT_TYPE: &str = "application/grpc";
const WEB_CONTENT_TYPES: [&str; 4] = [
    "application/grpc-web+proto",
    "application/grpc-web",
    "application/grpc-web-text+proto",
    "application/grpc-web-text",
];

/// What every call passes. A clone is the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) inner: Arc<Inner>,
    /// Who is on the other end; `None`: nobody is asked.
    pub(super) session: Option<Arc<Session>>,
    /// Where those count who are nobody that is known; `None`: they do not.
    pub(super) meter: Option<Arc<Meter>>,
    /// Where calls come from, if changes are told in the log.
    pub(super) audited: Option<Arc<SocketAddr>>,
}

#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) config: Config,
    pub(super) load: Load,
    /// For the replies of watches, apart from all others.
    pub(super) room: Room,
    pub(super) state: State,
    pub(super) wire: Wire,
    /// Where callers are held to their rates; `None`: they are to none.
    pub(super) meters: Option<Meters>,
    /// Where calls are counted; `None`: they are not.
    pub(super) counted: Option<Counted>,
}

/// What the gate has to be told of the wire behind it.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The whole answer to a call that is refused.
    pub refuse: fn(&Refusal) -> Response<Body>,
    /// What the reply of a stream tells last when it is refused on its way; `None`:
    /// that is told in its trailers.
    pub last: fn(&Refusal) -> Option<Bytes>,
    /// What the calls of a service are, by its full name, and a method of it.
    pub kind: fn(&str, &str) -> Kind,
    /// The rpcs that are counted apart, those that are called most first.
    pub rpcs: &'static [Rpc],
    /// What a path is called in the log, where no key may stand.
    pub name: fn(&str) -> &str,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where from.
    pub address: SocketAddr,
    /// Why health alone is answered, where it is.
    pub health_only: Option<HealthOnly>,
}

/// Why a connection is for health alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthOnly {
    /// It is above `connections_max`.
    ConnectionsFull {
        /// The limit.
        connections_max: u64,
    },
    /// Its port is.
    Port,
}

impl Inner {
    /// The same with a change.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        let mut inner = self.clone();
        change(&mut inner);
        Arc::new(inner)
    }
}

impl Gate {
    /// A gate that holds calls to `config`, while the server is in `state`.
    #[must_use]
    pub fn new(config: Config, state: State, wire: Wire) -> Self {
        let load = Load::new(&config);
        let room = Room::new(config.watch_bytes_in_flight_max);
        let inner = Arc::new(Inner {
            config,
            load,
            room,
            state,
            wire,
            meters: None,
            counted: None,
        });
        Self {
            inner,
            session: None,
            meter: None,
            audited: None,
        }
    }

    /// The same, that holds callers to their rates.
    #[must_use]
    pub fn with_meters(self, meters: Meters) -> Self {
        let inner = self.inner.with(|inner| inner.meters = Some(meters));
        Self { inner, ..self }
    }

    /// The same, that asks callers who they are.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Self {
            session: Some(Arc::new(Session::new(access, None))),
            ..self
        }
    }

    /// The same for one connection from `address`, whose client has a
    /// certificate of these names, if any.
    #[must_use]
    pub fn of_connection(&self, address: SocketAddr, certificate: Option<Arc<[String]>>) -> Self {
        let session = self.session.as_ref();
        Self {
            inner: Arc::clone(&self.inner),
            session: session.map(|session| Arc::new(session.beside(certificate))),
            meter: self
                .inner
                .meters
                .as_ref()
                .and_then(|meters| meters.of_address(address.ip())),
            audited: self.config().audit.then(|| Arc::new(address)),
        }
    }

    /// A gate to another wire, which counts together with this one and asks the
    /// same callers who they are.
    #[must_use]
    pub fn beside(&self, wire: Wire) -> Self {
        let inner = self.inner.with(|inner| {
            inner.wire = wire;
            // Not by rpc: it has none.
            inner.counted = None;
        });
        Self {
            inner,
            ..self.clone()
        }
    }

    /// The state of the server.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.inner.state
    }

    /// What a call of this path is.
    #[must_use]
    pub fn kind(&self, path: &str) -> Kind {
        let (service, method) = split(path);
        (self.inner.wire.kind)(service, method)
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
        S::Future: Unpin,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
        R: AnswerBody,
    {
        let kind = self.kind(request.uri().path());
        self.call_as(kind, peer, services, request)
    }

    /// As [`Self::call`], for a call that is of another kind than its path says.
    pub fn call_as<S, B, R>(
        &self,
        kind: Kind,
        peer: Peer,
        services: &mut S,
        request: Request<B>,
    ) -> Answer<S::Future, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = Infallible>,
        S::Future: Unpin,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
        R: AnswerBody,
    {
        let trace = Trace::begin(&request, self.inner.wire.name, peer.address);
        let begin = || self.begin(&trace, kind, peer, services, request);
        let way = trace.span().in_scope(begin);
        Answer::new(way, trace)
    }

    fn begin<S, B, R>(
        &self,
        trace: &Trace,
        kind: Kind,
        peer: Peer,
        services: &mut S,
        mut request: Request<B>,
    ) -> Way<S::Future, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = Infallible>,
        S::Future: Unpin,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
        R: AnswerBody,
    {
        let counted = self.count(request.uri().path(), kind);
        let said = Said::of(request.headers());
        let admitted = self.admit(peer, kind);
        let checked = admitted.and_then(|share| {
            let caller = self.caller(peer, kind, request.headers())?;
            trace.identify(&caller);
            let meter = self.meter(&caller, kind);
            if let Some(meter) = meter {
                meter.enter()?;
            }
            let share = share.paid_by(meter);
            Ok((share, caller, said.wait?))
        });
        let (share, who, wait) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return Way::Answered(self.refuse(&refusal, counted)),
        };
        let deadline = Deadline::new(wait);
        if kind == Kind::Pipeline {
            let each = Each::new(self.inner.load.clone(), deadline.at());
            request.extensions_mut().insert(each.at(self.clone()));
        }
        let arrival = self.arrival(kind, self.meter(&who, kind));
        let request = request.map(|body| RequestBody::new(body, arrival, who, said.names_encoding));
        let cut = request.body().cut();
        let called = catch_unwind(AssertUnwindSafe(|| {
            let mut call = services.call(request);
            // Most are answered by then. Whoever waits for it polls again.
            let polled = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
            (call, polled)
        }));
        let Ok((call, polled)) = called else {
            return Way::Answered(self.refuse(&Refusal::Panicked, counted));
        };
        match polled {
            Poll::Ready(Ok(response)) if response.body().is_well() => {
                if let (Some(tally), Some(call)) = (self.tally(), counted) {
                    tally.end_well(call);
                }
                Way::Answered(response.map(|body| ReplyBody::new(body, share, None)))
            }
            polled => Passing {
                call,
                share,
                ending: Ending {
                    deadline,
                    cut,
                    compressed: said.compressed,
                    gate: self.clone(),
                    counted,
                },
                kind,
            }
            .begun(polled),
        }
    }

    /// Whether callers are asked who they are.
    #[must_use]
    pub const fn asks_who(&self) -> bool {
        self.session.is_some()
    }

    /// Whether calls of `peer` pass without being looked at one by one: nobody
    /// is asked who they are, held to a rate, or told of.
    #[must_use]
    pub fn is_open(&self, peer: Peer) -> bool {
        peer.health_only.is_none()
            && self.session.is_none()
            && self.meter.is_none()
            && !trace::is_told()
    }

    /// Lets a call of an open gate in, and counts it until this is dropped;
    /// `None`: it is to be refused.
    #[must_use]
    pub fn enter(&self) -> Option<Share> {
        self.inner.load.enter().ok()
    }

    fn admit(&self, peer: Peer, kind: Kind) -> Result<Share, Refusal> {
        let Inner { load, state, .. } = &*self.inner;
        if kind.is_health() {
            return Ok(load.uncounted());
        }
        match peer.health_only {
            Some(HealthOnly::Port) => Err(Refusal::HealthOnly),
            Some(_) if state.get() >= Phase::Stopping => Err(Refusal::Draining),
            Some(HealthOnly::ConnectionsFull { connections_max }) => {
                Err(Refusal::ConnectionsFull { connections_max })
            }
            None => load.enter(),
        }
    }

    fn caller(&self, peer: Peer, kind: Kind, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let caller = match &self.session {
            None => Caller::anyone(),
            Some(_) if kind.is_health() || kind == Kind::Public => Caller::nobody(),
            Some(session) => session.caller(peer.address.ip(), headers)?,
        };
        Ok(caller.audited_at(self.audited.as_ref()))
    }

    /// Where it counts what a call of `caller` moves. Probes are never counted.
    fn meter<'a>(&'a self, caller: &'a Caller, kind: Kind) -> Option<&'a Arc<Meter>> {
        if kind.is_health() {
            return None;
        }
        caller.meter(self.meter.as_ref())
    }

    fn arrival(&self, kind: Kind, meter: Option<&Arc<Meter>>) -> Arrival {
        let Inner { config, load, .. } = &*self.inner;
        let read_ms_max = config.request_read_ms_max;
        // The messages of a pipeline are paid for one by one.
        let meter = meter.filter(|_| kind != Kind::Pipeline);
        let share = load.uncounted().paid_by(meter);
        match kind {
            Kind::Health | Kind::HealthWatch => Arrival::Health {
                bytes_left: HEALTH_REQUEST_BYTES_MAX,
                read_ms_max,
            },
            Kind::Stream | Kind::Pipeline => Arrival::Stream {
                share,
                framing: Framing::default(),
            },
            Kind::Ordinary | Kind::Public | Kind::Watch => Arrival::Message { share, read_ms_max },
        }
    }

    /// What this gate holds calls to.
    pub(super) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The whole answer to a call that is refused.
    pub(super) fn refusal(&self, refusal: &Refusal) -> Response<Body> {
        (self.inner.wire.refuse)(refusal)
    }

    pub(super) fn last(&self, refusal: &Refusal) -> Option<Bytes> {
        (self.inner.wire.last)(refusal)
    }

    pub(super) fn refuse<R: AnswerBody>(
        &self,
        refusal: &Refusal,
        counted: Option<Metered>,
    ) -> Reply<R> {
        let response = self.refusal(refusal);
        if let (Some(tally), Some(call)) = (self.tally(), counted) {
            tally.end(call, response.headers());
        }
        self.uncounted(response)
    }

    /// An answer that is not held to anything any more.
    #[must_use]
    pub fn uncounted<R: AnswerBody>(&self, response: Response<Body>) -> Reply<R> {
        response.map(|body| ReplyBody::new(body.into(), self.inner.load.uncounted(), None))
    }
}

/// Whether a request is gRPC: whatever is not goes to another wire.
#[must_use]
pub fn speaks_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    request.method() == Method::POST
        && content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value.strip_prefix(CONTENT_TYPE).is_some_and(|rest| {
                    let rest = rest.strip_prefix("+proto").unwrap_or(rest);
                    rest.is_empty() || rest.starts_with(';')
                })
            })
}

/// Whether a request is gRPC-Web, in one of its forms.
#[must_use]
pub fn speaks_grpc_web<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    request.method() == Method::POST
        && content_type.is_some_and(|value| WEB_CONTENT_TYPES.iter().any(|it| value == it))
}

/// The service and the method that a path names; a path of one word names a
/// service alone.
pub(super) fn split(path: &str) -> (&str, &str) {
    let rest = path.strip_prefix('/').unwrap_or(path);
    // Byte by byte: it is short, and a search is made for what is long.
    let at = rest.bytes().position(|byte| byte == b'/');
    at.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?)))
        .unwrap_or((rest, ""))
}

#[cfg(test)]
mod tests;
