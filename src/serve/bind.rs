//! The listening socket.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::serve::{error::Error, tls::Tls};

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// A socket that listens: connections wait in its backlog until it is served.
#[derive(Debug)]
pub struct Bound {
    pub(in crate::serve) listener: TcpListener,
    pub(in crate::serve) health: Option<TcpListener>,
    pub(in crate::serve) tls: Option<Tls>,
    address: SocketAddr,
}

impl Bound {
    /// The address that it listens on, with the port that was picked.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, with a port beside it on which health alone is answered, never
    /// through TLS.
    #[must_use]
    pub fn with_health(self, health: Option<Self>) -> Self {
        Self {
            health: health.map(|health| health.listener),
            ..self
        }
    }

    /// The same, with what connections pass before anything else.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }
}

/// Listens on `address`; port 0 picks a free one.
///
/// # Errors
/// [`Error::Bind`], with what the system says.
pub fn bind(address: SocketAddr) -> Result<Bound, Error> {
    listen(address).map_err(|source| Error::Bind { address, source })
}

fn listen(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // So that a restart need not wait for the connections of the one before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok(Bound {
        listener,
        health: None,
        tls: None,
        address,
    })
}
