//! A server in this process: the true one, or any other services behind the
//! same gate.

use std::net::SocketAddr;

use hyper::body::Incoming;
use nanokv::{
    client::{Client, config::Config, retry::Policy},
    engine::{
        journal,
        memory::{self, Memory},
    },
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
use tempfile::TempDir;
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
    _dir: Option<TempDir>,
}

/// Where a store is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Memory,
    /// In a directory too, with every answer on the disk.
    Kept,
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

    /// A store of this configuration.
    pub(crate) fn store_with(place: Place, memory: memory::Config) -> Self {
        let services = |opening, state| grpc::services(opening, state, grpc::Config::default());
        match place {
            Place::Memory => Self::start_with(START, |clock| Memory::open(memory, clock), services),
            Place::Kept => {
                let dir = TempDir::new().unwrap();
                let journal = journal::Config {
                    dir: dir.path().to_owned(),
                    // So that files are changed and snapshots taken meanwhile.
                    segment_bytes: 64 << 10,
                    snapshot_log_bytes_min: 64 << 10,
                    disk_free_bytes_min: 0,
                    ..journal::Config::default()
                };
                let load = |clock| Memory::load(memory, journal, clock, &mut |_| {}).unwrap();
                Self {
                    _dir: Some(dir),
                    ..Self::start_with(START, load, services)
                }
            }
        }
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
        let open = |clock| Memory::open(memory::Config::default(), clock);
        Self::start_with(opened, open, services)
    }

    fn start_with<S: Services>(
        opened: u64,
        open: impl FnOnce(HeldClock) -> Memory<HeldClock>,
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
        let store = open(clock.clone());
        let open = async { Ok(store) };
        let (handle, stop) = Stop::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { run(bound, context, opening, open, stop).await.unwrap() });
        Self {
            address,
            clock,
            _stop: handle,
            _tasks: tasks,
            _dir: None,
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
