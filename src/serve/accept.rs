//! Connections as they come in, to each worker in turn.

use std::{io, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use crate::{
    gate::state::{Phase, State},
    serve::{seats::Seats, worker::Worker},
};

/// How long to wait when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections; never returns. Where no seat is free a connection is
/// closed at once.
pub async fn accept(listener: TcpListener, workers: Vec<Worker>, seats: Seats, state: State) {
    let mut turns = workers.iter().cycle();
    let mut failing = false;
    loop {
        let stream = match listener
            .accept()
            .await
            .and_then(|(stream, _)| stream.into_std())
        {
            Ok(stream) => stream,
            Err(error) if concerns_peer(&error) => continue,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "cannot accept connections, trying on");
                }
                failing = true;
                sleep(PAUSE).await;
                continue;
            }
        };
        failing = false;
        let ordinary = state.get() < Phase::Stopping;
        if let (Some(seat), Some(worker)) = (seats.take(ordinary), turns.next()) {
            worker.give(stream, seat).await;
        }
    }
}

/// Whether the connection has failed, and not the socket that accepts.
fn concerns_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
