//! A server in this process, on the memory engine with a clock that is held.

use std::{net::SocketAddr, sync::Arc};

use nanokv::{
    engine::memory::{self, Memory},
    gate::{
        self,
        access::{Access, roster::Roster},
        call::Gate,
        opening::Opening,
        rate::{meter::Now, meters::Meters},
        state::State,
    },
    grpc::{self, services::Services},
    http::{self, door::door},
    model::{
        clock::{Clock, held::HeldClock},
        time::UnixMillis,
    },
    serve::{
        self,
        bind::bind,
        connection::Context,
        error::Error,
        run::run,
        stop::{Stop, StopHandle},
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::serving::{client::Client, soon};

/// The limits that a test may change.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) serve: serve::config::Config,
    pub(crate) gate: gate::config::Config,
    pub(crate) grpc: grpc::Config,
    pub(crate) http: http::Config,
    /// Who may do what, as the file of identities says; empty: everybody may do
    /// everything.
    pub(crate) identities: String,
}

/// What a server consists of, before it is open.
pub(crate) struct Parts {
    pub(crate) context: Context<Services<Memory<HeldClock>>>,
    pub(crate) opening: Opening<Memory<HeldClock>>,
    pub(crate) clock: HeldClock,
    roster: watch::Sender<Arc<Roster>>,
}

/// A server that serves until it is dropped, or asked to stop.
pub(crate) struct Server {
    address: SocketAddr,
    clock: HeldClock,
    roster: watch::Sender<Arc<Roster>>,
    stop: StopHandle,
    ended: JoinHandle<Result<(), Error>>,
}

impl Parts {
    /// With the limits that `change` leaves.
    pub(crate) fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        limits.serve.workers = 1;
        limits.serve.listen.set_port(0);
        change(&mut limits);
        let (opening, state) = (Opening::new(), State::new());
        limits.grpc.guarded = !limits.identities.is_empty();
        let services = grpc::services(opening.clone(), state.clone(), limits.grpc);
        let clock = HeldClock::at(UnixMillis::new(1_767_225_600_000));
        let now = clock.clone();
        let now: Now = Arc::new(move || now.now());
        let meters = Meters::new(limits.gate.rates, Arc::clone(&now));
        let (roster, known) = watch::channel(who(&limits.identities));
        let gate = Gate::new(limits.gate, state, grpc::wire());
        let mut gate = gate.with_meters(meters.clone());
        if !limits.identities.is_empty() {
            gate = gate.with_access(Access::new(known, &limits.gate, meters, now));
        }
        let context = Context {
            config: limits.serve,
            door: door(&gate, services.store(), limits.http),
            services,
            gate,
        };
        Self {
            context,
            opening,
            clock,
            roster,
        }
    }
}

impl Server {
    /// Starts one with the limits that `change` leaves, on one worker.
    pub(crate) fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let Parts {
            context,
            opening,
            clock,
            roster,
        } = Parts::new(change);
        let bound = bind(context.config.listen).unwrap();
        let address = bound.address();
        let (handle, stop) = Stop::new();
        let time = clock.clone();
        let open = async { Ok(Memory::open(memory::Config::default(), time)) };
        Self {
            address,
            clock,
            roster,
            stop: handle,
            ended: tokio::spawn(run(bound, context, opening, open, stop)),
        }
    }

    /// By which it goes, and which stands still.
    pub(crate) fn clock(&self) -> &HeldClock {
        &self.clock
    }

    /// Lets the file of identities say something else.
    pub(crate) fn identify(&self, identities: &str) {
        self.roster.send_replace(who(identities));
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

fn who(identities: &str) -> Arc<Roster> {
    Arc::new(Roster::parse(identities.as_bytes()).unwrap())
}
