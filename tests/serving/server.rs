//! A server in this process, on the memory engine with a clock that is held.

use std::net::SocketAddr;

use nanokv::{
    engine::memory::{self, Memory},
    gate::{self, call::Gate, opening::Opening, state::State},
    grpc,
    model::clock::held::HeldClock,
    model::time::UnixMillis,
    serve::{
        self,
        bind::bind,
        connection::Context,
        error::Error,
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tokio::task::JoinHandle;

use crate::serving::{client::Client, soon};

/// The limits that a test may change.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) serve: serve::config::Config,
    pub(crate) gate: gate::config::Config,
    pub(crate) grpc: grpc::Config,
}

/// A server that serves until it is dropped, or asked to stop.
pub(crate) struct Server {
    address: SocketAddr,
    stop: StopHandle,
    ended: JoinHandle<Result<(), Error>>,
}

impl Server {
    /// Starts one with the limits that `change` leaves, on one worker.
    pub(crate) fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        limits.serve.workers = 1;
        limits.serve.listen.set_port(0);
        change(&mut limits);
        let (opening, state) = (Opening::new(), State::new());
        let context = Context {
            config: limits.serve,
            services: grpc::services(opening.clone(), state.clone(), limits.grpc),
            gate: Gate::new(limits.gate, state, grpc::wire()),
        };
        let bound = bind(limits.serve.listen).unwrap();
        let address = bound.address();
        let (handle, stop) = Stop::new();
        let clock = HeldClock::at(UnixMillis::new(1_767_225_600_000));
        let open = async { Ok(Memory::open(memory::Config::default(), clock)) };
        Self {
            address,
            stop: handle,
            ended: tokio::spawn(run(bound, context, opening, open, stop)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to stop.
    pub(crate) fn stop(&self) -> &StopHandle {
        &self.stop
    }

    /// What it ends with; it must end.
    pub(crate) async fn ended(self) -> Result<(), Error> {
        soon(self.ended).await.unwrap()
    }

    /// Must still serve: a call on a new connection is answered.
    pub(crate) async fn is_alive(&self) {
        let client = Client::connect(self.address).await;
        soon(async {
            while client.get("alive").await.code() != Some(0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
