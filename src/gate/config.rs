//! The limits of all calls together.

/// What the gate holds every call to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Calls at once on the whole server, health apart.
    pub calls_in_flight_max: usize,
    /// Bytes of requests and replies at once on the whole server.
    pub bytes_in_flight_max: usize,
    /// Bytes of a request message; held by the codec, told by the gate.
    pub message_bytes_max: usize,
    /// Milliseconds that a unary request may take to arrive.
    pub request_read_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            calls_in_flight_max: 16_384,
            bytes_in_flight_max: 256 << 20,
            message_bytes_max: 4 << 20,
            request_read_ms_max: 30_000,
        }
    }
}
