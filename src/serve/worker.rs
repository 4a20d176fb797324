//! A thread with a runtime of its own, for the connections that it is given.

use std::{io, net::TcpStream, thread};

use tokio::{runtime, sync::mpsc};

use crate::serve::{
    connection::{self, Context, Services},
    seats::Seat,
    tls::Tls,
};

/// Connections that may wait to be taken up by a worker.
const WAITING_MAX: usize = 256;

/// Gives connections to a worker. When it and its clones are dropped, the worker
/// ends at once, and what it serves with it.
#[derive(Clone, Debug)]
pub struct Worker(mpsc::Sender<Arrived>);

/// A connection that was accepted.
#[derive(Debug)]
pub struct Arrived {
    /// The connection.
    pub stream: TcpStream,
    /// Its place.
    pub seat: Seat,
    /// What it passes first.
    pub tls: Option<Tls>,
}

impl Worker {
    /// Starts a worker. A connection stays with its worker: work that moves
    /// between threads costs more than it gains here.
    ///
    /// # Errors
    /// What the system says of the thread or the runtime.
    pub fn start<S: Services>(number: usize, context: Context<S>) -> io::Result<Self> {
        let (sender, mut given) = mpsc::channel(WAITING_MAX);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let gate = context.gate.of_worker();
        let context = Context {
            door: context.door.of_worker(&gate),
            gate,
            ..context
        };
        let work = async move {
            while let Some(Arrived { stream, seat, tls }) = given.recv().await {
                match tokio::net::TcpStream::from_std(stream) {
                    Ok(stream) => {
                        tokio::spawn(connection::serve(context.clone(), stream, tls, seat));
                    }
                    Err(error) => tracing::warn!(%error, "connection lost on its way to a worker"),
                }
            }
        };
        thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || runtime.block_on(work))?;
        Ok(Self(sender))
    }

    /// Gives it a connection, as soon as it has room.
    pub async fn give(&self, arrived: Arrived) {
        if self.0.send(arrived).await.is_err() {
            tracing::error!("a worker is gone");
        }
    }
}
