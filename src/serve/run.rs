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
        accept::{Entrance, accept},
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
/// [`Error::Worker`], [`Error::Open`], [`Error::Close`], [`Error::Fault`] after a panic beside the
/// calls, or [`Error::Aborted`] when a second demand cut off calls.
pub async fn run<E: Engine, S: Services>(
    bound: Bound,
    context: Context<S>,
    opening: Opening<E>,
    open: impl Future<Output = Result<E, Box<dyn error::Error + Send + Sync>>>,
    stop: Stop,
) -> Result<(), Error> {
    let seats = Seats::new(&context.config);
    run_seated(bound, context, seats, opening, open, stop).await
}

/// As [`run`], for whoever wants to know how many `seats` are taken.
///
/// # Errors
/// Those of [`run`].
pub async fn run_seated<E: Engine, S: Services>(
    bound: Bound,
    context: Context<S>,
    seats: Seats,
    opening: Opening<E>,
    open: impl Future<Output = Result<E, Box<dyn error::Error + Send + Sync>>>,
    mut stop: Stop,
) -> Result<(), Error> {
    let (config, state) = (context.config, context.gate.state().clone());
    // Ends with this function, and the workers and their connections with it.
    let mut beside = JoinSet::new();
    let listener = TcpListener::from_std(bound.listener).map_err(Error::Worker)?;
    let workers = (0..context.config.workers)
        .map(|number| Worker::start(number, context.clone()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::Worker)?;
    if let Some(health) = bound.health {
        let health = TcpListener::from_std(health).map_err(Error::Worker)?;
        let seats = Seats::of_health_port(&context.config);
        let entrance = Entrance { seats, tls: None };
        beside.spawn(accept(health, workers.clone(), entrance, state.clone()));
    }
    let entrance = Entrance {
        seats: seats.clone(),
        tls: bound.tls,
    };
    beside.spawn(accept(listener, workers, entrance, state.clone()));

    tokio::select! {
        opened = open => {
            opening.fill(opened.map_err(Error::Open)?);
            beside.spawn(tend(opening.clone()));
            state.set(Phase::Ready);
            tracing::info!("ready");
            beside.spawn(mind(opening.clone(), state.clone()));
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
        closed = async {
            drain(&config, &state, &seats, urgency).await;
            close(&opening).await
        } => {
            closed?;
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

/// Says so when the store can take no change any more.
async fn mind<E: Engine>(opening: Opening<E>, state: State) {
    if let Ok(engine) = opening.engine() {
        engine.failed().await;
        state.advance(Phase::Failed);
    }
}

/// Ends the store, if it is open.
async fn close<E: Engine>(opening: &Opening<E>) -> Result<(), Error> {
    match opening.engine() {
        Ok(engine) => engine.close().await.map_err(|_| Error::Close),
        Err(_) => Ok(()),
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
