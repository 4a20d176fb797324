//! Where to listen, and the limits of connections.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread::available_parallelism,
};

use crate::serve::metrics;

/// What a server holds its connections to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// An address on which health alone is answered, without TLS.
    pub health_listen: Option<SocketAddr>,
    /// Milliseconds between two looks at files of certificates and identities.
    pub credentials_reload_ms: u64,
    /// Threads that serve connections.
    pub workers: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections above `connections_max` that are answered for health alone.
    pub health_connections_reserved: usize,
    /// Calls at once on one connection.
    pub streams_per_connection_max: u32,
    /// Bytes of the headers of a call.
    pub header_list_bytes_max: u32,
    /// Streams of one connection that its client has reset and that the server
    /// has not yet looked at; one more ends the connection.
    pub reset_streams_pending_max: usize,
    /// Milliseconds until a connection has said that it speaks HTTP/2, or asked
    /// something in HTTP/1.1.
    pub handshake_ms_max: u64,
    /// Milliseconds between two requests of a connection that speaks HTTP/1.1,
    /// until the head of the next is there.
    pub http1_idle_ms_max: u64,
    /// Milliseconds that what a stream has sent may wait without any of it
    /// leaving, until the stream is reset; a connection of which nothing leaves
    /// for so long is closed.
    pub stream_unread_ms_max: u64,
    /// Milliseconds after which a connection is asked to go, a tenth more or
    /// less; 0: never.
    pub connection_age_ms_max: u64,
    /// Milliseconds between pings; 0: none are sent.
    pub keepalive_interval_ms: u64,
    /// Milliseconds that a ping may stay unanswered.
    pub keepalive_timeout_ms: u64,
    /// Milliseconds between saying that the server will stop and asking
    /// connections to go.
    pub drain_grace_ms: u64,
    /// Milliseconds that calls under way are given after that.
    pub drain_ms_max: u64,
    /// Where metrics are told.
    pub metrics: metrics::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            health_listen: None,
            credentials_reload_ms: 1_000,
            workers: available_parallelism().map_or(1, usize::from),
            connections_max: 10_000,
            health_connections_reserved: 16,
            streams_per_connection_max: 1024,
            header_list_bytes_max: 16 << 10,
            reset_streams_pending_max: 64,
            handshake_ms_max: 5_000,
            http1_idle_ms_max: 60_000,
            stream_unread_ms_max: 60_000,
            connection_age_ms_max: 0,
            keepalive_interval_ms: 60_000,
            keepalive_timeout_ms: 20_000,
            drain_grace_ms: 2_000,
            drain_ms_max: 10_000,
            metrics: metrics::Config::default(),
        }
    }
}
