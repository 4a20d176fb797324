//! The life of a server: open, serve, drain.

use std::{error, future::pending, time::Duration};

use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use crate::{
    engine::Engine,
    gate::{
        opening::Opening,
        state::{Phase, State},
    },
    serve::{
        accept::accept,
        bind::Bound,
        config::Config,
        connection::{Context, Services},
        error::Error,
        seats::Seats,
        stop::{Stop, Urgency},
        worker::Worker,
    },
};

/// Serves `bound` until `stop` says otherwise. Answers from the start; the
/// store is there, in `opening`, as soon as `open` gives it.
///
/// When it is asked to stop: health says so; a grace, in which everything is
/// still served; then connections are asked to go and no new ones are taken,
/// but for health, which is answered until the end; calls under way are given
/// `drain_ms_max`.
///
/// # Errors
/// [`Error::Worker`], [`Error::Open`], [`Error::Fault`] after a panic beside the
/// calls, or [`Error::Aborted`] when a second demand cut off calls.
pub async fn run<E: Engine, S: Services>(
    bound: Bound,
    context: Context<S>,
    opening: Opening<E>,
    open: impl Future<Output = Result<E, Box<dyn error::Error + Send + Sync>>>,
    mut stop: Stop,
) -> Result<(), Error> {
    let (config, state) = (context.config, context.gate.state().clone());
    let seats = Seats::new(&context.config);
    // Ends with this function, and the workers and their connections with it.
    let mut beside = JoinSet::new();
    let listener = TcpListener::from_std(bound.listener).map_err(Error::Worker)?;
    let workers = (0..context.config.workers)
        .map(|number| Worker::start(number, context.clone()))
        .collect::<Result<_, _>>()
        .map_err(Error::Worker)?;
    beside.spawn(accept(listener, workers, seats.clone(), state.clone()));

    tokio::select! {
        opened = open => {
            opening.fill(opened.map_err(Error::Open)?);
            beside.spawn(tend(opening));
            state.set(Phase::Ready);
            tracing::info!("ready");
        }
        _ = stop.asked(Urgency::Gracefully) => {}
    }

    let (urgency, fault) = tokio::select! {
        urgency = stop.asked(Urgency::Gracefully) => (urgency, false),
        // Without it expired entries would stay for ever, or nobody get in:
        // what is under way is finished, and a new process does better.
        () = panicked(&mut beside) => (Urgency::Now, true),
    };
    tokio::select! {
        () = drain(&config, &state, &seats, urgency) => {
            tracing::info!("stopped");
            if fault { Err(Error::Fault) } else { Ok(()) }
        }
        _ = stop.asked(Urgency::Abort) => Err(Error::Aborted),
    }
}

/// Returns when one of `tasks` has panicked.
async fn panicked(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a fault beside the calls");
            return;
        }
    }
    pending::<()>().await;
}

async fn tend<E: Engine>(opening: Opening<E>) {
    if let Ok(engine) = opening.engine() {
        engine.tend().await;
    }
}

async fn drain(config: &Config, state: &State, seats: &Seats, urgency: Urgency) {
    let grace = match urgency {
        Urgency::Gracefully => Duration::from_millis(config.drain_grace_ms),
        Urgency::Stay | Urgency::Now | Urgency::Abort => Duration::ZERO,
    };
    let patience = Duration::from_millis(config.drain_ms_max);
    tracing::info!(?grace, ?patience, "draining");
    state.set(Phase::Draining);
    sleep(grace).await;
    state.set(Phase::Stopping);
    tokio::select! {
        () = seats.emptied() => {}
        () = sleep(patience) => {
            tracing::warn!(connections = seats.ordinary(), "drain_ms_max has passed: calls cut off");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_panic_beside_the_calls_is_a_fault() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        let patience = Duration::from_hours(1);
        let ended = timeout(patience, panicked(&mut tasks)).await;
        assert!(ended.is_err(), "tending may be over");
        tasks.spawn(pending());
        tasks.spawn(async { panic!("on purpose") });
        let ended = timeout(patience, panicked(&mut tasks)).await;
        assert!(ended.is_ok());
    }
}
