//! A server in this process, with a clock that is held.

use std::{net::SocketAddr, sync::Arc};

use nanokv::{
    calls,
    engine::{Engine, memory},
    gate::{
        self,
        access::{Access, roster::Roster},
        call::Gate,
        opening::Opening,
        rate::{meter::Now, meters::Meters},
        state::{Phase, State},
    },
    grpc,
    http::door::closed,
    model::{clock::held::HeldClock, expiry::ExpiryRules},
    serve::{
        self,
        bind::bind,
        connection::Context,
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tokio::{sync::watch, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

use crate::support::{plain::PlainEngine, words::START};

/// What differs from a server as it comes.
pub(crate) struct Settings {
    pub(crate) memory_max: u64,
    pub(crate) request_ids_max: usize,
    pub(crate) pipelines_max: usize,
    pub(crate) watches: calls::watch::Limits,
    pub(crate) backups: calls::backup::Limits,
    pub(crate) history_events_max: usize,
    pub(crate) health_watches_max: usize,
    pub(crate) gate: gate::config::Config,
    pub(crate) connections_max: usize,
    pub(crate) opens: bool,
    /// Whether [`Server::channel`] is to a port for health alone.
    pub(crate) health_port: bool,
    /// Who may do what; `None`: everybody may everything.
    pub(crate) identities: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_max: 1 << 30,
            request_ids_max: 8,
            pipelines_max: 8,
            watches: calls::watch::Limits::default(),
            backups: calls::backup::Limits::default(),
            history_events_max: 100,
            health_watches_max: 8,
            gate: gate::config::Config::default(),
            connections_max: 8,
            opens: true,
            health_port: false,
            identities: None,
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
        let requests = memory::requests::Config {
            ids_max: settings.request_ids_max,
            ..Default::default()
        };
        let history = memory::history::Config {
            events_max: settings.history_events_max,
            ..Default::default()
        };
        let (clock, rules) = (HeldClock::at(START), ExpiryRules::default());
        let engine = PlainEngine::new(clock, rules, settings.memory_max, None);
        let engine = engine.keeping(history).remembering(requests);
        Self::start_on(settings, engine).await
    }

    /// On this engine.
    pub(crate) async fn start_on<E: Engine>(settings: Settings, engine: E) -> Self {
        let (opening, state) = (Opening::new(), State::new());
        let config = grpc::Config {
            pipelines_max: settings.pipelines_max,
            watches: settings.watches,
            backups: settings.backups,
            health_watches_max: settings.health_watches_max,
            guarded: settings.identities.is_some(),
            ..grpc::Config::default()
        };
        let services = grpc::services(opening.clone(), state.clone(), config);
        let now: Now = Arc::new(|| START);
        let meters = Meters::new(settings.gate.rates, Arc::clone(&now));
        let gate = Gate::new(settings.gate, state.clone(), grpc::wire());
        let mut gate = gate.with_meters(meters.clone());
        if let Some(identities) = settings.identities {
            let roster = Roster::parse(identities.as_bytes()).unwrap();
            let (_, roster) = watch::channel(Arc::new(roster));
            let access = Access::new(roster, &settings.gate, meters.clone(), now);
            gate = gate.with_access(access);
        }
        let context = Context {
            config: serve::config::Config {
                workers: 1,
                connections_max: settings.connections_max,
                ..serve::config::Config::default()
            },
            door: closed(&gate),
            services,
            gate,
        };
        let bound = || bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (bound, health) = (bound(), bound());
        let address = if settings.health_port {
            health.address()
        } else {
            bound.address()
        };
        let bound = bound.with_health(Some(health));
        let (stop_handle, stop) = Stop::new();
        let opens = settings.opens;
        let open = async move {
            if !opens {
                std::future::pending::<()>().await;
            }
            Ok(engine)
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
