//! A server in this process: the true one, or any other services behind the
//! same gate.

use std::net::SocketAddr;

use hyper::body::Incoming;
use nanokv::{
    client::{Client, config::Config, retry::Policy},
    engine::memory::{self, Memory},
    gate::{self, call::Gate, opening::Opening, request::RequestBody, state::State},
    grpc::{self, hot::Body},
    http::door::closed,
    model::{clock::held::HeldClock, time::UnixMillis},
    serve::{
        self,
        bind::bind,
        connection::{Context, Services},
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tokio::task::JoinSet;
use tonic::{codegen::http::Request, service::Routes};
use tower::ServiceExt;

/// 2026-01-01.
pub(crate) const START: u64 = 1_767_225_600_000;

/// Serves until it is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    clock: HeldClock,
    _stop: StopHandle,
    _tasks: JoinSet<()>,
}

impl Served {
    /// A memory store.
    pub(crate) fn store() -> Self {
        Self::store_at(START)
    }

    /// A memory store that is opened at this time, in Unix milliseconds. Ten
    /// entries are removed in one step.
    pub(crate) fn store_at(opened: u64) -> Self {
        let mut config = grpc::Config::default();
        config.limits.delete_range_entries_max = 10;
        Self::start(opened, |opening, state| {
            grpc::services(opening, state, config)
        })
    }

    /// A memory store of this configuration.
    pub(crate) fn store_with(memory: memory::Config) -> Self {
        Self::start_with(START, memory, |opening, state| {
            grpc::services(opening, state, grpc::Config::default())
        })
    }

    /// Other services.
    pub(crate) fn routes(routes: Routes) -> Self {
        // The router's own future cannot be moved.
        type Call = Request<RequestBody<Incoming>>;
        Self::start(START, |_, _| {
            ServiceExt::<Call>::map_future(routes, |reply| {
                Box::pin(async { reply.await.map(|reply| reply.map(Body::from)) })
            })
        })
    }

    fn start<S: Services>(
        opened: u64,
        services: impl FnOnce(Opening<Memory<HeldClock>>, State) -> S,
    ) -> Self {
        Self::start_with(opened, memory::Config::default(), services)
    }

    fn start_with<S: Services>(
        opened: u64,
        memory: memory::Config,
        services: impl FnOnce(Opening<Memory<HeldClock>>, State) -> S,
    ) -> Self {
        let (opening, state) = (Opening::new(), State::new());
        let gate = Gate::new(gate::config::Config::default(), state.clone(), grpc::wire());
        let context = Context {
            config: serve::config::Config {
                workers: 1,
                ..serve::config::Config::default()
            },
            door: closed(&gate),
            services: services(opening.clone(), state),
            gate,
        };
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.address();
        let clock = HeldClock::at(UnixMillis::new(opened));
        let open = {
            let clock = clock.clone();
            async move { Ok(Memory::open(memory, clock)) }
        };
        let (handle, stop) = Stop::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { run(bound, context, opening, open, stop).await.unwrap() });
        Self {
            address,
            clock,
            _stop: handle,
            _tasks: tasks,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn clock(&self) -> &HeldClock {
        &self.clock
    }

    pub(crate) fn client(&self) -> Client {
        client(self.address)
    }
}

/// A client that does not wait long between its attempts.
pub(crate) fn client(address: SocketAddr) -> Client {
    Client::with_config(address.to_string(), impatient()).unwrap()
}

pub(crate) fn impatient() -> Config {
    let millisecond = std::time::Duration::from_millis(1);
    Config {
        retry: Policy {
            backoff: millisecond,
            backoff_max: millisecond,
            ..Policy::default()
        },
        // What is waited for comes long before; only what is broken passes it.
        call_timeout: std::time::Duration::from_mins(1),
        ..Config::default()
    }
}
