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

use std::path::PathBuf;

use crate::{
    engine::{
        journal,
        memory::{self, Eviction},
    },
    gate, grpc, http, serve, telemetry,
};

/// Everything that can be chosen.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Events.
    pub telemetry: telemetry::config::Config,
    /// The socket, its connections, and the end.
    pub serve: serve::config::Config,
    /// Certificates and keys.
    pub tls: serve::tls::Files,
    /// The file of identities; `None`: nobody is asked who they are.
    pub identities: Option<PathBuf>,
    /// All calls together.
    pub gate: gate::config::Config,
    /// One call.
    pub grpc: grpc::Config,
    /// Plain HTTP.
    pub http: http::Config,
    /// The memory engine.
    pub memory: memory::Config,
    /// What keeps it on the disk, if its directory is not empty.
    pub journal: journal::Config,
}

impl Config {
    /// Whether the store is kept on the disk.
    #[must_use]
    pub fn keeps(&self) -> bool {
        !self.journal.dir.as_os_str().is_empty()
    }

    /// The same with no more connections than there are files for, where so many may
    /// be open; at least one.
    #[must_use]
    pub fn fitting(mut self, open_files_max: u64) -> Self {
        let serve = &mut self.serve;
        let reserved = serve.health_connections_reserved * 2 + serve.metrics.connections_max;
        let beside = STORE_FILES_MAX + WORKER_FILES_MAX * serve.workers + reserved;
        let fitting = usize::try_from(open_files_max).unwrap_or(usize::MAX);
        let fitting = fitting.saturating_sub(beside).max(1);
        serve.connections_max = serve.connections_max.min(fitting);
        self.shared()
    }

    /// Tells each part what another part was told and it has to know as well.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.grpc.guarded = self.identities.is_some();
        self.gate.audit = self.telemetry.audit;
        self.gate.message_bytes_max = self.grpc.limits.message_bytes_max;
        self.memory.expiry = self.grpc.expiry;
        // Beside the entries, which may fill all of it.
        let share = usize::try_from(self.memory.memory_max / 16).unwrap_or(usize::MAX);
        let requests = &mut self.memory.requests;
        requests.bytes_max = requests.bytes_max.min(share);
        let requests = *requests;
        let is_kept = self.keeps();
        let told = &mut self.grpc.others;
        told.request_ids_max = wire(requests.ids_max);
        told.request_ids_bytes_max = wire(requests.bytes_max);
        told.request_id_window_ms = wire(requests.window_ms);
        if self.memory.eviction != Eviction::None {
            told.eviction_entries_max = wire(self.memory.eviction_entries_max);
        }
        let history = self.memory.history;
        told.watch_history_events_max = wire(history.events_max);
        told.watch_history_bytes_max = wire(history.bytes_max);
        told.watch_history_armed_ms = wire(history.armed_ms);
        self.journal.segment_bytes = self.journal.segment_bytes.next_multiple_of(SECTOR_BYTES);
        told.backup_held_bytes_max = wire(self.memory.backup_held_bytes_max);
        if is_kept {
            told.durability_interval_ms = wire(self.journal.interval_ms);
            told.journal_queue_changes_max = wire(self.journal.queue_changes_max);
            told.journal_queue_bytes_max = wire(self.journal.queue_bytes_max);
            told.disk_free_bytes_min = wire(self.journal.disk_free_bytes_min);
        }
        told.connections_max = wire(self.serve.connections_max);
        told.health_connections_reserved = wire(self.serve.health_connections_reserved);
        told.streams_per_connection_max = wire(self.serve.streams_per_connection_max);
        told.header_list_bytes_max = wire(self.serve.header_list_bytes_max);
        told.reset_streams_pending_max = wire(self.serve.reset_streams_pending_max);
        told.handshake_ms_max = wire(self.serve.handshake_ms_max);
        told.http1_idle_ms_max = wire(self.serve.http1_idle_ms_max);
        told.connection_age_ms_max = wire(self.serve.connection_age_ms_max);
        told.drain_ms_max = wire(self.serve.drain_ms_max);
        told.calls_in_flight_max = wire(self.gate.calls_in_flight_max);
        told.bytes_in_flight_max = wire(self.gate.bytes_in_flight_max);
        told.watch_bytes_in_flight_max = wire(self.gate.watch_bytes_in_flight_max);
        told.stream_unread_ms_max = wire(self.serve.stream_unread_ms_max);
        told.metrics_connections_max = wire(self.serve.metrics.connections_max);
        told.otlp_spans_waiting_max = wire(self.telemetry.otlp_spans_waiting_max);
        told.metrics_ms_max = wire(self.serve.metrics.ms_max);
        told.failed_logins_per_minute_max = wire(self.gate.failed_logins_per_minute_max);
        told.calls_per_second_max = wire(self.gate.rates.calls_per_second_max);
        told.bytes_per_second_max = wire(self.gate.rates.bytes_per_second_max);
        told.request_read_ms_max = wire(self.gate.request_read_ms_max);
        self
    }
}

/// Files that a server has open for itself and its store, also while that is opened,
/// written and backed up, and for each of its workers.
const STORE_FILES_MAX: usize = 64;
const WORKER_FILES_MAX: usize = 8;

/// A file of the log has a multiple of so many bytes.
const SECTOR_BYTES: u64 = 4096;

fn wire(limit: impl TryInto<i64>) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}
