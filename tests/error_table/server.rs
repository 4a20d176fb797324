//! A server in this process, with a clock that is held.

use std::net::SocketAddr;

use nanokv::{
    engine::memory,
    gate::{
        self,
        call::Gate,
        opening::Opening,
        state::{Phase, State},
    },
    grpc,
    model::{clock::held::HeldClock, expiry::ExpiryRules},
    serve::{
        self,
        bind::bind,
        connection::Context,
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::support::{plain::PlainEngine, words::START};

/// What differs from a server as it comes.
pub(crate) struct Settings {
    pub(crate) memory_max: u64,
    pub(crate) request_ids_max: usize,
    pub(crate) pipelines_max: usize,
    pub(crate) watchers_max: usize,
    pub(crate) history_events_max: usize,
    pub(crate) health_watches_max: usize,
    pub(crate) gate: gate::config::Config,
    pub(crate) connections_max: usize,
    pub(crate) opens: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_max: 1 << 30,
            request_ids_max: 8,
            pipelines_max: 8,
            watchers_max: 8,
            history_events_max: 100,
            health_watches_max: 8,
            gate: gate::config::Config::default(),
            connections_max: 8,
            opens: true,
        }
    }
}

/// A server, which serves until it is dropped, and a connection to it.
pub(crate) struct Server {
    address: SocketAddr,
    channel: Channel,
    state: State,
    _stop: StopHandle,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(settings: Settings) -> Self {
        let (opening, state) = (Opening::new(), State::new());
        let config = grpc::Config {
            pipelines_max: settings.pipelines_max,
            watchers_max: settings.watchers_max,
            health_watches_max: settings.health_watches_max,
            ..grpc::Config::default()
        };
        let context = Context {
            config: serve::config::Config {
                workers: 1,
                connections_max: settings.connections_max,
                ..serve::config::Config::default()
            },
            services: grpc::services(opening.clone(), state.clone(), config),
            gate: Gate::new(settings.gate, state.clone(), grpc::wire()),
        };
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.address();
        let (stop_handle, stop) = Stop::new();
        let (opens, memory_max) = (settings.opens, settings.memory_max);
        let requests = memory::requests::Config {
            ids_max: settings.request_ids_max,
            ..Default::default()
        };
        let events_max = settings.history_events_max;
        let open = async move {
            if !opens {
                std::future::pending::<()>().await;
            }
            let clock = HeldClock::at(START);
            let rules = ExpiryRules::default();
            let history = memory::history::Config {
                events_max,
                ..Default::default()
            };
            Ok(PlainEngine::new(clock, rules, memory_max, None)
                .keeping(history)
                .remembering(requests))
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { run(bound, context, opening, open, stop).await.unwrap() });
        if opens {
            state.reached(Phase::Ready).await;
        }
        Self {
            address,
            channel: connect(address).await,
            state,
            _stop: stop_handle,
            _tasks: tasks,
        }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) async fn another_channel(&self) -> Channel {
        connect(self.address).await
    }

    /// As when the server has been asked to stop.
    pub(crate) fn stopping(&self) {
        self.state.set(Phase::Stopping);
    }
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}
