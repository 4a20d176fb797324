//! Where requests come in that are not gRPC: through the gate, and to what is
//! under their path.

use std::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BytesMut;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use crate::{
    calls::{failure::Failure, store::Store},
    engine::Engine,
    gate::{
        answer::{Answer, AnswerBody},
        call::{Gate, Peer, Wire},
        kind::Kind,
        load::FRAME_BYTES_FOLLOWED,
        state::State,
    },
    http::{
        Config,
        as_it_is::write_as_it_is,
        body::{self, Request},
        console,
        cors::{Origins, is_preflight},
        date::Date,
        entry, events,
        hosts::Hosts,
        hot::{self, Looked},
        plain::Plain,
        problem,
        query::decoded,
        route::{self, Route},
        several, site,
        tally::{Tallied, Tallies, Tally},
        tutorial,
    },
    model::{figure::Figure, key::Key},
};

/// The way to the store that is not gRPC. A clone is the same way.
#[derive(Clone)]
pub struct Door {
    gate: Gate,
    answers: Arc<dyn Answers>,
    config: Config,
    /// The names by which the requests of this connection may ask.
    hosts: Hosts,
    tallies: Tallies,
    /// Where this worker counts; `None`: nobody does.
    own: Option<Arc<Tally>>,
}

/// What answers requests that were let through.
trait Answers: Send + Sync {
    fn answer(&self, request: Request) -> Answered;

    /// What is under a key, if it is small and can be told at once.
    fn look(&self, key: &str) -> Option<Looked>;
}

/// An answer, now or later. It is small, since it is moved on its way.
enum Answered {
    Now(Option<Box<Response<Body>>>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// Everything that is answered here.
struct Site<E> {
    store: Store<E>,
    state: State,
    config: Config,
}

/// An answer to come, with the body that a connection wants.
pub struct Answering<R> {
    answered: Answered,
    body: PhantomData<fn() -> R>,
}

/// A door as a service, for one request.
struct Asked<'a, R>(&'a dyn Answers, PhantomData<fn() -> R>);

/// A door to `store`, whose requests count together with those of `gate`.
#[must_use]
pub fn door<E: Engine>(gate: &Gate, store: Store<E>, config: Config) -> Door {
    let wire = Wire {
        refuse: problem::refuse,
        last: |refusal| Some(events::failure(&refusal.into()).into()),
        name: route::name,
        rpcs: &[],
        kind: |first, second| match (first, second) {
            ("healthz" | "readyz", "") => Kind::Health,
            ("v1", "watch") => Kind::Watch,
            // Its page asks for a token, and can do nothing without.
            ("console", _) => Kind::Public,
            _ => Kind::Ordinary,
        },
    };
    let site = Arc::new(Site {
        store,
        state: gate.state().clone(),
        config: config.clone(),
    });
    Door {
        gate: gate.beside(wire),
        answers: Arc::new(site),
        hosts: config.http_hosts.clone(),
        config,
        tallies: Tallies::default(),
        own: None,
    }
}

/// A door behind which there is nothing: gRPC alone is spoken.
#[must_use]
pub fn closed(gate: &Gate) -> Door {
    let kind = |_: &str, _: &str| Kind::Ordinary;
    Door {
        gate: gate.beside(Wire {
            refuse: problem::refuse,
            last: |_| None,
            name: route::name,
            kind,
            rpcs: &[],
        }),
        answers: Arc::new(Closed),
        config: Config::default(),
        hosts: Hosts::ANY,
        tallies: Tallies::default(),
        own: None,
    }
}

/// Nothing.
struct Closed;

impl Answers for Closed {
    fn answer(&self, _: Request) -> Answered {
        let failure = problem::unsupported_media("application/grpc");
        Answered::Now(Some(Box::new(problem::respond(&failure))))
    }

    fn look(&self, _: &str) -> Option<Looked> {
        None
    }
}

impl Door {
    /// How a request for this path is let in and counted.
    #[must_use]
    pub fn kind(&self, path: &str) -> Kind {
        self.gate.kind(path)
    }

    /// The same for one connection to `listen`, through TLS or in the clear: see
    /// [`Gate::of_connection`].
    #[must_use]
    pub fn of_connection(
        &self,
        address: SocketAddr,
        listen: IpAddr,
        is_tls: bool,
        certificate: Option<Arc<[String]>>,
    ) -> Self {
        // A page that came by a foreign name has no certificate for it, and no token.
        let hosts = if is_tls || self.gate.asks_who() {
            Hosts::ANY
        } else {
            self.hosts.of_listener(listen)
        };
        Self {
            gate: self.gate.of_connection(address, certificate),
            hosts,
            ..self.clone()
        }
    }

    /// The same for a worker whose other calls pass `gate`: its requests are
    /// counted if those are.
    #[must_use]
    pub fn of_worker(&self, gate: &Gate) -> Self {
        let refusals = gate.tally();
        Self {
            own: refusals.map(|refusals| self.tallies.worker(Arc::clone(refusals))),
            ..self.clone()
        }
    }

    /// What requests came to.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        self.tallies.figures()
    }

    /// The other pages that may ask.
    #[must_use]
    pub const fn origins(&self) -> &Origins {
        &self.config.cors_origins
    }

    /// The names by which requests may ask.
    #[must_use]
    pub const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// A request that begins now, if requests are counted.
    #[must_use]
    pub fn count<B>(&self, request: &mut http::Request<B>) -> Option<Tallied> {
        let tally = self.own.as_ref()?;
        let (method, path) = (request.method(), request.uri().path());
        let route = self.config.route(method, path);
        let tallied = Tallied::begin(tally, method, route);
        if route == Some(Route::Watch) {
            // It begins well, and may be refused later.
            request.extensions_mut().insert(Arc::clone(tally));
        }
        Some(tallied)
    }

    /// What answers plain reads ahead of everything else; `None` where each
    /// request of `peer` has to be looked at, or is told more.
    #[must_use]
    pub fn plain(&self, peer: Peer) -> Option<Plain> {
        let is_open = self.gate.is_open(peer) && self.origins().is_none();
        is_open.then(|| Plain::new(self.clone()))
    }

    /// Answers a plain read, behind what is in `answers`; false where it cannot
    /// be answered at once, and nothing was written.
    pub(super) fn answer(&self, key: &str, date: &mut Date, answers: &mut BytesMut) -> bool {
        let began = self.own.as_ref().map(|tally| (tally, Instant::now()));
        let Some(_share) = self.gate.enter() else {
            return false;
        };
        let status = match self.answers.look(key) {
            Some(Looked::Absent) => {
                body::write(&problem::miss(key), date.now(), answers);
                StatusCode::NOT_FOUND
            }
            Some(Looked::Value(value)) => {
                if write_as_it_is(&value, date.now(), answers).is_err() {
                    return false;
                }
                StatusCode::OK
            }
            None => return false,
        };
        if let Some((tally, began)) = began {
            tally.read(status, began);
        }
        true
    }

    /// Lets a request through, or refuses it.
    pub fn call<R: AnswerBody>(
        &self,
        peer: Peer,
        request: http::Request<Incoming>,
    ) -> Answer<Answering<R>, R> {
        let mut asked = Asked(&*self.answers, PhantomData);
        if is_preflight(&request) {
            // A browser asks it without saying who sits there.
            return self.gate.call_as(Kind::Public, peer, &mut asked, request);
        }
        self.gate.call(peer, &mut asked, request)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Door").finish_non_exhaustive()
    }
}

impl<R: From<Body>> Service<Request> for Asked<'_, R> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Answering<R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering<R> {
        Answering {
            answered: self.0.answer(request),
            body: PhantomData,
        }
    }
}

impl<R: From<Body>> Future for Answering<R> {
    type Output = Result<Response<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().answered {
            Answered::Now(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(R::from))),
                // Only after it was ready, when nobody asks.
                None => Poll::Pending,
            },
            Answered::Later(answer) => {
                let answered = answer.as_mut().poll(context);
                answered.map(|response| Ok(response.map(R::from)))
            }
        }
    }
}

impl<E: Engine> Answers for Arc<Site<E>> {
    fn look(&self, key: &str) -> Option<Looked> {
        let key = Key::new(key, self.store.limits().key_bytes_max).ok()?;
        // What is larger is followed until it has left, as answers of others are.
        hot::look(&self.store, key, FRAME_BYTES_FOLLOWED - 1)
    }

    fn answer(&self, request: Request) -> Answered {
        if let Some(misnamed) = request.extensions().get() {
            let refused = problem::respond(&problem::misnamed(*misnamed));
            return Answered::Now(Some(Box::new(refused)));
        }
        if let Some(answer) = hot::get(&self.store, &request) {
            return Answered::Now(Some(Box::new(answer)));
        }
        let site = Self::clone(self);
        Answered::Later(Box::pin(async move {
            let is_head = request.method() == Method::HEAD;
            let answer = site.take(request).await;
            let answer = answer.unwrap_or_else(|failure| problem::respond(&failure));
            if is_head { body::head(answer) } else { answer }
        }))
    }
}

impl<E: Engine> Site<E> {
    async fn take(&self, request: Request) -> Result<Response<Body>, Failure> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let route = self.config.route(&method, uri.path());
        let route = route.ok_or_else(problem::path_unknown)?;
        let origins = &self.config.cors_origins;
        if method == Method::OPTIONS {
            let mut told = options(route);
            origins.tell_before(&request, route.allow(), told.headers_mut());
            return Ok(told);
        }
        if !method.is_safe() {
            origins.permit(&request)?;
        }
        let store = &self.store.of(request.body().caller().clone());
        // What reads answers HEAD too, and leaves its body out at the end.
        let verb = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        match (route, verb) {
            (Route::Alive, "GET") => Ok(site::alive()),
            (Route::Ready, "GET") => Ok(site::ready(&self.state)),
            (Route::OpenApi, "GET") => Ok(site::openapi()),
            (Route::Console(file), "GET") => console::file(file),
            (Route::Describe, "GET") => site::describe(store, &request),
            (Route::Entries, "GET") => several::list(store, request).await,
            (Route::Entries, "DELETE") => several::delete_range(store, request).await,
            (Route::Entry(key), "GET") => entry::get(store, request, named(key)?).await,
            (Route::Entry(key), "PUT") => entry::put(store, request, named(key)?).await,
            (Route::Entry(key), "DELETE") => entry::delete(store, request, named(key)?).await,
            (Route::Increment(key), "POST") => entry::increment(store, request, named(key)?).await,
            (Route::Touch(key), "POST") => entry::touch(store, request, named(key)?).await,
            (Route::Batch, "POST") => several::batch(store, request).await,
            (Route::Transact, "POST") => several::transact(store, request).await,
            (Route::Watch, "GET") => events::watch(store, request).await,
            (Route::TutorialSet(key, value), "POST") => {
                let value = decoded(value, "value")?;
                tutorial::set(store, &request, named(key)?, value).await
            }
            (Route::TutorialGet(key), "GET") => tutorial::get(store, named(key)?).await,
            (Route::TutorialDelete(key), "DELETE") => tutorial::delete(store, named(key)?).await,
            (Route::Grpc, "POST") => Err(problem::unsupported_media("application/grpc")),
            (route, _) => Ok(problem::method_not_allowed(route.allow())),
        }
    }
}

fn named(key: &str) -> Result<String, Failure> {
    Ok(decoded(key, "key")?)
}

fn options(route: Route<'_>) -> Response<Body> {
    let mut response = body::empty(StatusCode::NO_CONTENT);
    let allow = HeaderValue::from_static(route.allow());
    response.headers_mut().insert(header::ALLOW, allow);
    response
}
