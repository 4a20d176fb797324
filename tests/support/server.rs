//! A server to be: which engine, with what rules; and one that runs.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use nanokv::{
    engine::{
        Engine, journal,
        memory::{self, Memory},
    },
    gate::{self, call::Gate, opening::Opening, state::State},
    grpc,
    http::{self, door::door},
    model::{clock::held::HeldClock, expiry::ExpiryRules, limits::Limits, time::UnixMillis},
    serve::{
        self,
        bind::bind,
        connection::Context,
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{fault::Fault, kv::Kv, plain::PlainEngine, unswept::Unswept, words::START};

/// A server that is not started yet.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    engine: EngineChoice,
    swept: bool,
    limits: Limits,
    rules: ExpiryRules,
    memory_max: u64,
    eviction: memory::Eviction,
    requests: memory::requests::Config,
    history: memory::history::Config,
    backup_held_bytes_max: usize,
    began: UnixMillis,
    is_json: bool,
}

#[derive(Clone, Copy)]
enum EngineChoice {
    Memory,
    /// In a directory, with every answer on the disk.
    Kept,
    Plain(Option<Fault>),
}

/// Serves until it is dropped.
pub(crate) struct Running {
    address: SocketAddr,
    patience: Duration,
    is_json: bool,
    _tasks: JoinSet<()>,
    _stop: StopHandle,
    _dir: Option<TempDir>,
}

impl Server {
    pub(crate) fn on_memory() -> Self {
        Self::on(EngineChoice::Memory)
    }

    /// On a store that is kept in a directory.
    pub(crate) fn on_kept() -> Self {
        Self::on(EngineChoice::Kept)
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
            eviction: memory::Eviction::None,
            requests: memory::requests::Config::default(),
            history: memory::history::Config::default(),
            backup_held_bytes_max: 64 << 20,
            began: START,
            is_json: false,
        }
    }

    /// The same, whose calls on a single key are made in JSON.
    pub(crate) fn in_json(self) -> Self {
        Self {
            is_json: true,
            ..self
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

    /// Entries make room when it is full.
    pub(crate) fn evicting(self) -> Self {
        let eviction = memory::Eviction::Sieve;
        Self { eviction, ..self }
    }

    /// How many requests are remembered, and for how long.
    pub(crate) fn requests(mut self, change: impl FnOnce(&mut memory::requests::Config)) -> Self {
        change(&mut self.requests);
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Its clock starts so much later.
    pub(crate) fn later(self, span: Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap();
        Self {
            began: self.began.plus(millis),
            ..self
        }
    }

    /// How much of the past is kept.
    pub(crate) fn history(mut self, change: impl FnOnce(&mut memory::history::Config)) -> Self {
        change(&mut self.history);
        self
    }

    /// Starts it, with a clock that stands still, and connects to it.
    pub(crate) async fn start(self) -> Kv {
        let clock = HeldClock::at(self.began);
        let (expiry, memory_max, history) = (self.rules, self.memory_max, self.history);
        let requests = self.requests;
        let config = memory::Config {
            memory_max,
            requests,
            expiry,
            shards: 64,
            history,
            backup_held_bytes_max: self.backup_held_bytes_max,
            eviction: self.eviction,
            ..memory::Config::default()
        };
        let running = match self.engine {
            EngineChoice::Memory => self.run(Memory::open(config, clock.clone())),
            EngineChoice::Kept => {
                let dir = TempDir::new().unwrap();
                let journal = journal::Config {
                    dir: dir.path().to_owned(),
                    // As little as holds the largest message.
                    segment_bytes: 8 << 20,
                    disk_free_bytes_min: 0,
                    ..journal::Config::default()
                };
                let store = Memory::load(config, journal, clock.clone(), &mut |_| {});
                Running {
                    _dir: Some(dir),
                    ..self.run(store.unwrap())
                }
            }
            EngineChoice::Plain(fault) => {
                let engine = PlainEngine::new(clock.clone(), expiry, memory_max, fault);
                self.run(engine.keeping(history).remembering(requests))
            }
        };
        Kv::connect(Arc::new(running), clock).await
    }

    fn run<E: Engine>(self, engine: E) -> Running {
        if self.swept {
            self.serve(engine)
        } else {
            self.serve(Unswept(engine))
        }
    }

    fn serve<E: Engine>(self, engine: E) -> Running {
        let (opening, state) = (Opening::new(), State::new());
        let config = grpc::Config {
            limits: self.limits,
            expiry: self.rules,
            ..grpc::Config::default()
        };
        let gate_config = gate::config::Config {
            message_bytes_max: self.limits.message_bytes_max,
            ..gate::config::Config::default()
        };
        let mut services = grpc::services(opening.clone(), state.clone(), config);
        // So that the suite goes both ways: memory the hot one, plain the other.
        if matches!(self.engine, EngineChoice::Plain(None)) {
            services = services.generated_only();
        }
        let gate = Gate::new(gate_config, state, grpc::wire());
        let context = Context {
            door: door(&gate, services.store(), http::Config::default()),
            config: serve::config::Config {
                // So that callers at once truly are at once.
                workers: 2,
                ..serve::config::Config::default()
            },
            services,
            gate,
        };
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.address();
        let (stop_handle, stop) = Stop::new();
        let mut tasks = JoinSet::new();
        let open = async { Ok(engine) };
        tasks.spawn(async move { run(bound, context, opening, open, stop).await.unwrap() });
        Running {
            address,
            patience: self.patience(),
            is_json: self.is_json,
            _tasks: tasks,
            _stop: stop_handle,
            _dir: None,
        }
    }

    /// How long a state is waited for that must come: generous, since only
    /// what is broken passes it, and short where that is so on purpose.
    fn patience(self) -> Duration {
        match self.engine {
            EngineChoice::Plain(Some(_)) => Duration::from_secs(1),
            EngineChoice::Plain(None) | EngineChoice::Memory | EngineChoice::Kept => {
                Duration::from_secs(20)
            }
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

    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }
}
