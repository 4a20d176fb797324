//! `nanokv serve`: opens a store and serves it until a signal.

use std::{
    error,
    io::{Write, stdout},
    net::SocketAddr,
    sync::Arc,
    thread,
    time::Duration,
};

use clap::ArgMatches;
use tokio::{runtime, sync::oneshot};
use tracing::Level;

use crate::{
    commands::{
        failure::Failure,
        open::{roster, warn_if_open},
    },
    config::{
        Config, flags,
        load::{Loaded, load},
    },
    engine::{
        Engine,
        journal::{self, OpenError, Progress},
        memory::{self, Memory},
    },
    gate::{
        access::Access,
        call::Gate,
        opening::Opening,
        rate::{meter::Now, meters::Meters},
        state::State,
    },
    grpc::{self, services::Services},
    http::door::door,
    model::{
        clock::{Clock, store::StoreClock},
        figure::{Figure, Value},
        time::UnixMillis,
    },
    serve::{
        bind::{Bound, bind},
        connection::Context,
        files::raise_open_files,
        metrics::{self, Figures},
        reload::keep,
        run::run_seated as serve_bound,
        seats::Seats,
        stop::{Stop, signals},
        tls::Tls,
    },
    telemetry::{config::Format, events, process},
};

/// How far it has come is told of stores that have more bytes than this: the
/// others are there at once.
const TOLD_BYTES_MIN: u64 = 64 << 20;

/// Serves until a signal asks to stop.
///
/// # Errors
/// What is wrong with the settings, why it cannot serve, or that a second
/// signal cut off calls.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let loaded = load(flags::read(typed))?;
    let events = events::start(&loaded.config.telemetry).map_err(Failure::Failed)?;
    let is_json = loaded.config.telemetry.format == Format::Json;
    tell(&loaded);
    // Accepts, sweeps and waits for signals; connections have threads of their
    // own.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let served = runtime.block_on(serve(loaded.config));
    let served = served.map_err(|error| {
        if !is_json || !tracing::enabled!(Level::ERROR) {
            return Failure::Failed(error);
        }
        // For a reader of lines of JSON, which words alone are not.
        tracing::error!(%error, "ended");
        Failure::Logged
    });
    // After the last call.
    events.finish();
    served
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
    warn_if_open(&config);
    let config = within_open_files(config);
    let tls = Tls::load(&config.tls)?;
    let (tls, certificates) = tls.unzip();
    let bound = bind(config.serve.listen)?.with_tls(tls);
    let health = config.serve.health_listen.map(bind).transpose()?;
    let health_address = health.as_ref().map(Bound::address);
    let bound = bound.with_health(health);
    let roster = config.identities.as_deref().map(roster).transpose()?;
    let (identities, roster) = roster.unzip();
    let kept = certificates.into_iter().chain(identities).collect();
    let every = Duration::from_millis(config.serve.credentials_reload_ms);
    let metrics = config.serve.metrics.listen.map(bind).transpose()?;

    let (opening, state) = (Opening::new(), State::new());
    let mut gate = Gate::new(config.gate, state.clone(), grpc::wire());
    if metrics.is_some() {
        gate = gate.counting();
    }
    if roster.is_some() || !config.gate.rates.is_none() {
        // Not the store's, which may be ahead of everybody's after a restart.
        let clock = StoreClock::new(UnixMillis::default());
        tokio::spawn(clock.clone().discipline());
        let now: Now = Arc::new(move || clock.now());
        let meters = Meters::new(config.gate.rates, Arc::clone(&now));
        gate = gate.with_meters(meters.clone());
        if let Some(roster) = roster {
            gate = gate.with_access(Access::new(roster, &config.gate, meters, now));
        }
    }
    let services = grpc::services(opening.clone(), state, config.grpc);
    let context = Context {
        door: door(&gate, services.store(), config.http),
        services,
        gate,
        config: config.serve,
    };
    let seats = Seats::new(&context.config);
    if let Some(metrics) = metrics {
        tracing::info!(address = %metrics.address(), "metrics listening");
        let figures = figures(&context, &seats);
        let hosts = context.door.hosts().clone();
        tokio::spawn(metrics::serve(
            metrics,
            config.serve.metrics,
            hosts,
            figures,
        ));
    }
    let open = open(config.memory, config.journal, opening.clone());
    let (stop_handle, stop) = Stop::new();
    tokio::select! {
        // Signals first: who has read our line may send one.
        biased;
        ended = signals(stop_handle) => ended.map_err(Into::into),
        ended = keep(kept, every) => ended.map_err(Into::into),
        served = async {
            announce(bound.address(), health_address);
            serve_bound(bound, context, seats, opening, open, stop).await
        } => served.map_err(Into::into),
    }
}

/// The same with no more connections than there are files for: a journal that
/// finds none left stops for good.
fn within_open_files(config: Config) -> Config {
    let Some(open_files_max) = raise_open_files() else {
        return config;
    };
    let wanted = config.serve.connections_max;
    let config = config.fitting(open_files_max);
    let connections_max = config.serve.connections_max;
    if connections_max < wanted {
        tracing::warn!(
            connections_max,
            wanted,
            open_files_max,
            "connections_max is lowered: no more files may be open"
        );
    }
    config
}

/// What metrics tell: what each part tells of itself.
fn figures<E: Engine>(context: &Context<Services<E>>, seats: &Seats) -> Figures {
    let Context {
        gate,
        services,
        door,
        ..
    } = context.clone();
    let seats = seats.clone();
    let version = [(env!("CARGO_PKG_VERSION"), Value::Gauge(1))];
    let build = Figure::labelled("nanokv_build_info", "Always 1", "version", version);
    Figures::new(move || {
        [
            vec![build.clone()],
            gate.figures(),
            door.figures(),
            seats.figures(),
            services.figures(),
            process::figures(),
        ]
        .concat()
    })
}

/// Opens the engine that the configuration chooses. What is kept is read by a
/// thread of its own, since calls are answered meanwhile.
///
/// # Errors
/// Why it cannot be opened.
async fn open(
    memory: memory::Config,
    journal: journal::Config,
    opening: Opening<Memory<StoreClock>>,
) -> Result<Memory<StoreClock>, Box<dyn error::Error + Send + Sync>> {
    let clock = StoreClock::new(UnixMillis::default());
    let is_kept = !journal.dir.as_os_str().is_empty();
    let engine = if is_kept {
        let (sender, receiver) = oneshot::channel();
        let clock = clock.clone();
        thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                // Nobody waits for it any more when the server stops.
                let _ = sender.send(load_kept(memory, journal, clock, &opening));
            })?;
        receiver.await??
    } else {
        tracing::info!("kept in memory alone: what is stored is gone with the process");
        Memory::open(memory, clock.clone())
    };
    // From here on nobody else moves the clock.
    tokio::spawn(clock.discipline());
    Ok(engine)
}

/// Reads what is kept, and tells how far that is.
fn load_kept(
    memory: memory::Config,
    journal: journal::Config,
    clock: StoreClock,
    opening: &Opening<Memory<StoreClock>>,
) -> Result<Memory<StoreClock>, OpenError> {
    let (dir, durability) = (journal.dir.clone(), journal.durability.name());
    tracing::info!(dir = %dir.display(), durability, "opening the store");
    let mut tenths = 0;
    let loaded = Memory::load(memory, journal, clock, &mut |progress: Progress| {
        let Progress {
            bytes_done,
            bytes_total,
        } = progress;
        opening.progress(bytes_done, bytes_total);
        let now = bytes_done.saturating_mul(10) / bytes_total.max(1);
        if now > tenths && bytes_total > TOLD_BYTES_MIN {
            tenths = now;
            tracing::info!(bytes_done, bytes_total, "reading the store");
        }
    })?;
    let entries = loaded.memory().entries;
    tracing::info!(dir = %dir.display(), entries, "the store is read");
    Ok(loaded)
}

/// Says where it listens, for whoever started it. Nobody may be there to read,
/// and the store is served all the same.
fn announce(address: SocketAddr, health: Option<SocketAddr>) {
    let mut out = stdout().lock();
    let said = writeln!(out, "listening on {address}").and_then(|()| out.flush());
    if let Err(error) = said {
        tracing::warn!(%error, "stdout cannot be written to");
    }
    tracing::info!(%address, "listening");
    if let Some(address) = health {
        tracing::info!(%address, "listening for health alone");
    }
}
