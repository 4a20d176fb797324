//! The limits of all calls together.

use crate::gate::rate::Rates;

/// What the gate holds every call to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Calls at once on the whole server, health apart.
    pub calls_in_flight_max: usize,
    /// Bytes of requests and replies at once on the whole server, but for the
    /// replies of watches.
    pub bytes_in_flight_max: usize,
    /// Bytes of the replies of all watches at once. One reply may pass it on
    /// each worker.
    pub watch_bytes_in_flight_max: usize,
    /// Bytes of a request message; held by the codec, told by the gate.
    pub message_bytes_max: usize,
    /// Calls a minute from one address that fail to say who they are.
    pub failed_logins_per_minute_max: u32,
    /// What each identity may have in a second, where the file of them says
    /// nothing else; each address, where nobody is asked who they are.
    pub rates: Rates,
    /// Whether each change is told in the log.
    pub audit: bool,
    /// Milliseconds that a unary request may take to arrive.
    pub request_read_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            calls_in_flight_max: 16_384,
            bytes_in_flight_max: 256 << 20,
            watch_bytes_in_flight_max: 64 << 20,
            message_bytes_max: 4 << 20,
            failed_logins_per_minute_max: 60,
            rates: Rates::default(),
            audit: false,
            request_read_ms_max: 30_000,
        }
    }
}
