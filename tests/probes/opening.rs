//! A server in this process whose store never opens.

use std::{
    error::Error,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
};

use nanokv::{
    engine::memory::Memory,
    gate::{self, call::Gate, opening, state::State},
    grpc,
    http::{self, door::door},
    model::clock::store::StoreClock,
    serve::{self, bind::bind, connection::Context, run::run, stop::Stop},
};
use tokio::task::JoinSet;

/// Serves until it is dropped.
pub(crate) struct Opening {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Opening {
    pub(crate) fn start() -> Self {
        let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = bound.address();
        let (opening, state) = (opening::Opening::new(), State::new());
        let services = grpc::services(opening.clone(), state.clone(), grpc::Config::default());
        let gate = Gate::new(gate::config::Config::default(), state, grpc::wire());
        let context = Context {
            door: door(&gate, services.store(), http::Config::default()),
            services,
            gate,
            config: serve::config::Config::default(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (_nobody_asks, stop) = Stop::new();
            let open = pending::<Result<Memory<StoreClock>, Box<dyn Error + Send + Sync>>>();
            run(bound, context, opening, open, stop).await.unwrap();
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
