//! Connections on pipes in memory, in time that is held, where the other end
//! takes as much as a test says.

use std::net::SocketAddr;

use nanokv::{
    engine::memory::{self, Memory},
    gate::state::Phase,
    grpc::services::Services,
    model::clock::held::HeldClock,
    serve::{
        connection::{Context, serve_on},
        seats::Seats,
    },
};
use tokio::{io::DuplexStream, task::JoinHandle};

use crate::serving::server::{Limits, Parts};

/// A server without a socket.
pub(crate) struct Piped {
    context: Context<Services<Memory<HeldClock>>>,
    seats: Seats,
}

impl Piped {
    /// One that is open, with the limits that `change` leaves.
    pub(crate) fn open(change: impl FnOnce(&mut Limits)) -> Self {
        let parts = Parts::new(change);
        let engine = Memory::open(memory::Config::default(), parts.clock);
        parts.opening.fill(engine);
        parts.context.gate.state().set(Phase::Ready);
        Self {
            seats: Seats::new(&parts.context.config),
            context: parts.context,
        }
    }

    /// Serves the connection whose other end the client has.
    pub(crate) fn serve(&self, stream: DuplexStream) -> JoinHandle<()> {
        let seat = self.seats.take(true).unwrap();
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        tokio::spawn(serve_on(self.context.clone(), stream, from, None, seat))
    }
}
