//! Connections as they come in, to each worker in turn.

use std::{io, time::Duration};

use tokio::{net::TcpListener, time::sleep};

use crate::{
    gate::state::{Phase, State},
    serve::{
        seats::Seats,
        tls::Tls,
        worker::{Arrived, Worker},
    },
};

/// How long to wait when the system has no room for another connection.
pub const PAUSE: Duration = Duration::from_millis(100);

/// What connections of one port come in by.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// Where there is room for them.
    pub seats: Seats,
    /// What they pass first.
    pub tls: Option<Tls>,
}

/// Accepts connections; never returns. Where no seat is free a connection is
/// closed at once.
pub async fn accept(listener: TcpListener, workers: Vec<Worker>, entrance: Entrance, state: State) {
    let Entrance { seats, tls } = entrance;
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
            let tls = tls.clone();
            worker.give(Arrived { stream, seat, tls }).await;
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
