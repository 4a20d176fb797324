//! What can be chosen about a server: defaults, then a file, then the
//! environment, then flags. Gathers the `Config` that each part owns.

pub mod check;
pub mod environment;
pub mod fault;
pub mod file;
pub mod flags;
pub mod load;
pub mod print;
pub mod registry;
pub mod setting;
pub mod source;
pub mod value;

use crate::{engine::memory, gate, grpc, serve, telemetry};

/// Everything that can be chosen.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Events.
    pub telemetry: telemetry::config::Config,
    /// The socket, its connections, and the end.
    pub serve: serve::config::Config,
    /// All calls together.
    pub gate: gate::config::Config,
    /// One call.
    pub grpc: grpc::Config,
    /// The memory engine.
    pub memory: memory::Config,
}

impl Config {
    /// Tells each part what another part was told and it has to know as well.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.gate.message_bytes_max = self.grpc.limits.message_bytes_max;
        self.memory.expiry = self.grpc.expiry;
        // Beside the entries, which may fill all of it.
        let share = usize::try_from(self.memory.memory_max / 16).unwrap_or(usize::MAX);
        let requests = &mut self.memory.requests;
        requests.bytes_max = requests.bytes_max.min(share);
        let requests = *requests;
        let told = &mut self.grpc.others;
        told.request_ids_max = wire(requests.ids_max);
        told.request_ids_bytes_max = wire(requests.bytes_max);
        told.request_id_window_ms = wire(requests.window_ms);
        let history = self.memory.history;
        told.watch_history_events_max = wire(history.events_max);
        told.watch_history_bytes_max = wire(history.bytes_max);
        told.watch_history_armed_ms = wire(history.armed_ms);
        told.connections_max = wire(self.serve.connections_max);
        told.health_connections_reserved = wire(self.serve.health_connections_reserved);
        told.streams_per_connection_max = wire(self.serve.streams_per_connection_max);
        told.header_list_bytes_max = wire(self.serve.header_list_bytes_max);
        told.reset_streams_pending_max = wire(self.serve.reset_streams_pending_max);
        told.handshake_ms_max = wire(self.serve.handshake_ms_max);
        told.connection_age_ms_max = wire(self.serve.connection_age_ms_max);
        told.drain_ms_max = wire(self.serve.drain_ms_max);
        told.calls_in_flight_max = wire(self.gate.calls_in_flight_max);
        told.bytes_in_flight_max = wire(self.gate.bytes_in_flight_max);
        told.request_read_ms_max = wire(self.gate.request_read_ms_max);
        self
    }
}

fn wire(limit: impl TryInto<i64>) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}
