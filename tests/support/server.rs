//! A server to be: which engine, with what rules; and one that runs.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use nanokv::{
    engine::Engine,
    gate::{
        opening::Opening,
        state::{Phase, State},
    },
    grpc,
    model::{clock::held::HeldClock, expiry::ExpiryRules, limits::Limits},
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::support::{fault::Fault, kv::Kv, plain::PlainEngine, unswept::Unswept, words::START};

/// A server that is not started yet.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    engine: EngineChoice,
    swept: bool,
    limits: Limits,
    rules: ExpiryRules,
    memory_max: u64,
}

#[derive(Clone, Copy)]
enum EngineChoice {
    Memory,
    Plain(Option<Fault>),
}

/// Serves until it is dropped.
pub(crate) struct Running {
    address: SocketAddr,
    patience: Duration,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) fn on_memory() -> Self {
        Self::on(EngineChoice::Memory)
    }

    /// On the plain engine, with something wrong with it or not.
    pub(crate) fn on_plain(fault: Option<Fault>) -> Self {
        Self::on(EngineChoice::Plain(fault))
    }

    fn on(engine: EngineChoice) -> Self {
        Self {
            engine,
            swept: true,
            limits: Limits::default(),
            rules: ExpiryRules::default(),
            memory_max: 1 << 30,
        }
    }

    /// What has expired stays where it is.
    pub(crate) fn unswept(self) -> Self {
        Self {
            swept: false,
            ..self
        }
    }

    pub(crate) fn default_ttl(mut self, ttl: Duration) -> Self {
        self.rules.default_ttl_ms = u64::try_from(ttl.as_millis()).unwrap();
        self
    }

    pub(crate) fn memory_max(self, memory_max: u64) -> Self {
        Self { memory_max, ..self }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Starts it, with a clock that stands still, and connects to it.
    pub(crate) async fn start(self) -> Kv {
        let clock = HeldClock::at(START);
        let running = match self.engine {
            EngineChoice::Memory => todo!(),
            EngineChoice::Plain(fault) => {
                let (rules, memory_max) = (self.rules, self.memory_max);
                let engine = PlainEngine::new(clock.clone(), rules, memory_max, fault);
                self.run(engine).await
            }
        };
        Kv::connect(Arc::new(running), clock).await
    }

    async fn run<E: Engine>(self, engine: E) -> Running {
        if self.swept {
            self.serve(engine).await
        } else {
            self.serve(Unswept(engine)).await
        }
    }

    async fn serve<E: Engine>(self, engine: E) -> Running {
        let (opening, state) = (Opening::new(), State::new());
        opening.fill(engine);
        state.set(Phase::Ready);
        let config = grpc::Config {
            limits: self.limits,
            expiry: self.rules,
            ..grpc::Config::default()
        };
        let routes = grpc::routes(opening.clone(), state, config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { opening.engine().unwrap().tend().await });
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let service = TowerToHyperService::new(routes.clone());
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let connection = http.serve_connection(TokioIo::new(socket), service);
                connections.spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Running {
            address,
            patience: self.patience(),
            _tasks: tasks,
        }
    }

    /// How long a state is waited for that must come: generous, since only
    /// what is broken passes it, and short where that is so on purpose.
    fn patience(self) -> Duration {
        match self.engine {
            EngineChoice::Plain(Some(_)) => Duration::from_secs(1),
            EngineChoice::Plain(None) | EngineChoice::Memory => Duration::from_secs(20),
        }
    }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }
}
