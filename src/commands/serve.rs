//! `nanokv serve`: opens a store and serves it until a signal.

use std::{
    error,
    io::{Write, stdout},
    net::SocketAddr,
};

use clap::ArgMatches;
use tokio::runtime;

use crate::{
    commands::failure::Failure,
    config::{
        Config, flags,
        load::{Loaded, load},
    },
    engine::memory::Memory,
    gate::{call::Gate, opening::Opening, state::State},
    grpc,
    model::{clock::store::StoreClock, time::UnixMillis},
    serve::{
        bind::bind,
        connection::Context,
        run::run as serve_bound,
        stop::{Stop, signals},
    },
    telemetry::events,
};

/// Serves until a signal asks to stop.
///
/// # Errors
/// What is wrong with the settings, why it cannot serve, or that a second
/// signal cut off calls.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let loaded = load(flags::read(typed))?;
    events::start(&loaded.config.telemetry);
    tell(&loaded);
    // Accepts, sweeps and waits for signals; connections have threads of their
    // own.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime
        .block_on(serve(loaded.config))
        .map_err(Failure::Failed)
}

fn tell(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if loaded.injected > 0 {
        tracing::debug!(
            variables = loaded.injected,
            "passed over what Kubernetes says of Services"
        );
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn error::Error + Send + Sync>> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let bound = bind(config.serve.listen)?;
    let clock = StoreClock::new(UnixMillis::default());
    tokio::spawn(clock.clone().discipline());

    let (opening, state) = (Opening::new(), State::new());
    let context = Context {
        services: grpc::services(opening.clone(), state.clone(), config.grpc),
        gate: Gate::new(config.gate, state, grpc::wire()),
        config: config.serve,
    };
    let open = async { Ok(Memory::open(config.memory, clock)) };
    let (stop_handle, stop) = Stop::new();
    tokio::select! {
        // Signals first: who has read our line may send one.
        biased;
        ended = signals(stop_handle) => ended.map_err(Into::into),
        served = async {
            announce(bound.address());
            serve_bound(bound, context, opening, open, stop).await
        } => served.map_err(Into::into),
    }
}

/// Says where it listens, for whoever started it. Nobody may be there to read,
/// and the store is served all the same.
fn announce(address: SocketAddr) {
    let mut out = stdout().lock();
    let said = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    if let Err(error) = said {
        tracing::warn!(%error, "stdout cannot be written to");
    }
    tracing::info!(%address, "listening");
}
