//! Everything that can be chosen: the one list that flags, variables, files,
//! `nanokv config` and the docs come from.

use crate::{
    config::setting::{Group, Kind, NumberPlace, Place, Setting, Unit},
    gate::rate,
    model::key::Key,
};

/// [`Key::BYTES_LIMIT`] as a number of this list.
const KEY_BYTES_LIMIT: u64 = 2047;
const _: () = assert!(Key::BYTES_LIMIT == 2047, "the two say the same");

/// Bytes of the largest value that an engine can store.
const VALUE_BYTES_LIMIT: u64 = (1 << 24) - 1;

/// What no size in bytes passes, so that sums of some never overflow.
const BYTES_LIMIT: u64 = 1 << 50;

/// A day, and 1000 years as times are read, of 365.25 days.
const DAY_MS: u64 = 86_400_000;
const YEARS_1000_MS: u64 = 365_250 * DAY_MS;

macro_rules! place {
    ($($field:ident).+) => {
        Place {
            of: |config| &config.$($field).+,
            of_mut: |config| &mut config.$($field).+,
        }
    };
}

macro_rules! number {
    ($unit:ident, $min:expr, $max:expr, $($field:ident).+) => {
        Kind::Number {
            unit: Unit::$unit,
            min: $min,
            max: $max,
            place: NumberPlace {
                get: |config| wide(config.$($field).+),
                set: |config, number| narrow(number, &mut config.$($field).+),
            },
        }
    };
}

/// All settings, in the order in which they are told.
pub static SETTINGS: &[Setting] = &[
    general(
        "listen",
        Kind::Address(place!(serve.listen)),
        "The address to listen on; port 0 picks a free one",
    ),
    general(
        "config",
        Kind::File,
        "A file of settings, in TOML: names as in `nanokv config`",
    )
    .or("none"),
    general(
        "log",
        Kind::Format(place!(telemetry.format)),
        "How events are written to stderr: pretty or json",
    )
    .or("pretty on a terminal, json otherwise"),
    general(
        "log_level",
        Kind::Levels(place!(telemetry.levels)),
        "Which events: a level, or a list such as warn,nanokv=debug",
    ),
    general(
        "audit",
        Kind::Switch(place!(telemetry.audit)),
        "Whether each change that is asked for is written, whatever the level: who, from where, \
         below which prefix, and with what outcome",
    ),
    general(
        "otlp_endpoint",
        Kind::CollectorOrNone(place!(telemetry.otlp_endpoint)),
        "The collector that spans of calls are sent to, as OTLP over gRPC; needs the feature otlp",
    )
    .or("none"),
    general(
        "metrics_listen",
        Kind::AddressOrNone(place!(serve.metrics.listen)),
        "The address that Prometheus reads metrics from, as HTTP on /metrics",
    )
    .or("none"),
    general(
        "default_ttl",
        number!(Time, 0, YEARS_1000_MS, grpc.expiry.default_ttl_ms),
        "When an entry expires that is stored without an expiry; 0: never",
    ),
    general(
        "memory_max",
        number!(Bytes, 1 << 20, BYTES_LIMIT, memory.memory_max),
        "Bytes that the store may take up in memory",
    )
    .or("60 % of the memory of the container or machine"),
    general(
        "eviction",
        Kind::Eviction(place!(memory.eviction)),
        "What happens at memory_max: none, what would grow the store is refused; sieve, entries \
         that nobody has asked for in a while make room",
    ),
    general(
        "data_dir",
        Kind::Folder(place!(journal.dir)),
        "The directory that keeps the store; one process at a time may have it",
    )
    .or("none: what is stored is gone with the process"),
    general(
        "workers",
        number!(Count, 1, 1 << 12, serve.workers),
        "Threads that serve connections",
    )
    .or("one a core"),
    general(
        "tutorial_routes",
        Kind::Switch(place!(http.tutorial_routes)),
        "Whether POST /set/KEY/VALUE, GET /get/KEY and DELETE /delete/KEY are answered",
    ),
    general(
        "console",
        Kind::Switch(place!(http.console)),
        "Whether a page to look at the store with is served at /console",
    ),
    general(
        "cors_origins",
        Kind::Origins(place!(http.cors_origins)),
        "Pages of which other origins may ask, in JSON and in gRPC-Web: a list, or * for all",
    )
    .or("none"),
    general(
        "http_hosts",
        Kind::Hosts(place!(http.http_hosts)),
        "Names by which JSON, gRPC-Web and the page of metrics may be asked, beside localhost and \
         addresses: a list, or * for all. With TLS, or where callers are asked who they are, the \
         page of metrics alone",
    )
    .or("none on 127.0.0.1 and ::1, else all"),
    access(
        "tls_cert",
        Kind::PathOrNone(place!(tls.cert)),
        "The certificate of this server and those above it, in PEM; with it there is TLS",
    )
    .or("none"),
    access(
        "tls_key",
        Kind::PathOrNone(place!(tls.key)),
        "The private key to it, in PEM",
    )
    .or("none"),
    access(
        "tls_client_ca",
        Kind::PathOrNone(place!(tls.client_ca)),
        "The authorities of clients, in PEM; with it a client must have a certificate",
    )
    .or("none"),
    access(
        "identities",
        Kind::PathOrNone(place!(identities)),
        "Who may do what, in TOML; without it everybody may do everything",
    )
    .or("none"),
    access(
        "failed_logins_per_minute_max",
        number!(Count, 1, 1 << 20, gate.failed_logins_per_minute_max),
        "Calls a minute from one address that fail to say who they are",
    ),
    access(
        "calls_per_second_max",
        number!(Count, 0, rate::CALLS_LIMIT, gate.rates.calls_per_second_max),
        "Calls of one identity in a second, or of one address where nobody is asked who they \
         are; 0: no limit. The file of identities can say otherwise",
    ),
    access(
        "bytes_per_second_max",
        number!(Bytes, 0, rate::BYTES_LIMIT, gate.rates.bytes_per_second_max),
        "Bytes of their requests and replies, in the same way",
    ),
    access(
        "health_listen",
        Kind::AddressOrNone(place!(serve.health_listen)),
        "An address for health alone, without TLS: for probes",
    )
    .or("none"),
    access(
        "credentials_reload_ms",
        number!(Millis, 1, DAY_MS, serve.credentials_reload_ms),
        "Milliseconds between two looks at whether these files have changed",
    ),
    kept(
        "durability",
        Kind::Durability(place!(journal.durability)),
        "What an acknowledged change survives: always a power cut; interval and os the end of \
         the process, and a power cut but for the last durability_interval_ms, or for what the \
         system had not written",
    ),
    kept(
        "durability_interval_ms",
        number!(Millis, 1, DAY_MS, journal.interval_ms),
        "Milliseconds between syncs, where durability is interval",
    ),
    kept(
        "journal_queue_changes_max",
        number!(Count, 1, 1 << 18, journal.queue_changes_max),
        "Changes that wait to be written",
    ),
    kept(
        "journal_queue_bytes_max",
        number!(Bytes, 1 << 20, BYTES_LIMIT, journal.queue_bytes_max),
        "Bytes of the changes that wait to be written",
    ),
    kept(
        "journal_segment_bytes",
        number!(Bytes, 64 << 10, 256 << 20, journal.segment_bytes),
        "Bytes of one file of the log, rounded up to 4KiB",
    ),
    kept(
        "disk_free_bytes_min",
        number!(Bytes, 0, BYTES_LIMIT, journal.disk_free_bytes_min),
        "Bytes that stay free on the disk: with less, the store refuses to grow",
    ),
    kept(
        "snapshot_log_bytes_min",
        number!(Bytes, 64 << 10, BYTES_LIMIT, journal.snapshot_log_bytes_min),
        "Bytes of log after which a snapshot is taken; also as many as the last one has",
    ),
    kept(
        "snapshot_bytes_per_second",
        number!(
            Bytes,
            64 << 10,
            BYTES_LIMIT,
            journal.snapshot_bytes_per_second
        ),
        "Bytes of a snapshot that are written in a second",
    ),
    call(
        "key_bytes_max",
        number!(Bytes, 1, KEY_BYTES_LIMIT, grpc.limits.key_bytes_max),
        "Bytes of a key",
    ),
    call(
        "value_bytes_max",
        number!(Bytes, 1, VALUE_BYTES_LIMIT, grpc.limits.value_bytes_max),
        "Bytes of a value",
    ),
    call(
        "message_bytes_max",
        number!(Bytes, 1 << 10, 1 << 30, grpc.limits.message_bytes_max),
        "Bytes of a request message",
    ),
    call(
        "reply_bytes_max",
        number!(Bytes, 1 << 10, 1 << 30, grpc.limits.reply_bytes_max),
        "Bytes of the entries in one reply",
    ),
    call(
        "batch_operations_max",
        number!(Count, 1, 1 << 16, grpc.limits.batch_operations_max),
        "Operations in one list",
    ),
    call(
        "page_entries_max",
        number!(Count, 1, 1 << 20, grpc.limits.page_entries_max),
        "Entries in one page",
    ),
    call(
        "delete_range_entries_max",
        number!(Count, 1, 1 << 24, grpc.limits.delete_range_entries_max),
        "Entries that one DeleteRange removes",
    ),
    call(
        "pipeline_lists_in_flight_max",
        number!(Count, 1, 1 << 10, grpc.limits.pipeline_lists_in_flight_max),
        "Lists of one pipeline at once",
    ),
    call(
        "watch_ranges_max",
        number!(Count, 1, 1 << 16, grpc.limits.watch_ranges_max),
        "Ranges of one watch",
    ),
    call(
        "ttl_max",
        number!(Time, 1, YEARS_1000_MS, grpc.expiry.ttl_ms_max),
        "How far ahead a deadline may lie",
    ),
    call(
        "request_read_ms_max",
        number!(Millis, 1, DAY_MS, gate.request_read_ms_max),
        "Milliseconds that a request may take to arrive",
    ),
    call(
        "stream_unread_ms_max",
        number!(Millis, 1, DAY_MS, serve.stream_unread_ms_max),
        "Milliseconds that a reply, or all that a connection is sent, may wait to be taken, and that a reflection stream may ask nothing",
    ),
    server(
        "connections_max",
        number!(Count, 1, 1 << 20, serve.connections_max),
        "Connections at once",
    ),
    server(
        "health_connections_reserved",
        number!(Count, 0, 1 << 16, serve.health_connections_reserved),
        "Connections above connections_max, answered for health alone",
    ),
    server(
        "pipelines_max",
        number!(Count, 0, 1 << 20, grpc.pipelines_max),
        "Pipelines at once",
    ),
    server(
        "request_ids_max",
        number!(Count, 0, 1 << 24, memory.requests.ids_max),
        "Requests with a request_id that are remembered; 0: none can have one",
    ),
    server(
        "request_ids_bytes_max",
        number!(Bytes, 1 << 10, BYTES_LIMIT, memory.requests.bytes_max),
        "Bytes of these and of their replies; at most a sixteenth of memory_max",
    ),
    server(
        "request_id_window_ms",
        number!(Millis, 1, 365 * DAY_MS, memory.requests.window_ms),
        "Milliseconds for which they are remembered at most",
    ),
    server(
        "eviction_entries_max",
        number!(Count, 1, 1 << 24, memory.eviction_entries_max),
        "Entries that make room for one change, where eviction is not none",
    ),
    server(
        "watchers_max",
        number!(Count, 0, 1 << 20, grpc.watches.watchers_max),
        "Watches at once",
    ),
    server(
        "watch_ranges_bytes_max",
        number!(Bytes, 0, 1 << 30, grpc.watches.ranges_bytes_max),
        "Bytes of the ranges of all watches",
    ),
    server(
        "watch_history_events_max",
        number!(Count, 1, 1 << 30, memory.history.events_max),
        "Events that are kept for watches to resume from",
    ),
    server(
        "watch_history_bytes_max",
        number!(Bytes, 1 << 10, BYTES_LIMIT, memory.history.bytes_max),
        "Bytes of the events that are kept, within memory_max",
    ),
    server(
        "watch_history_armed_ms",
        number!(Millis, 1, 365 * DAY_MS, memory.history.armed_ms),
        "Milliseconds after the last Watch or List for which events are kept",
    ),
    server(
        "backups_max",
        number!(Count, 0, 1 << 10, grpc.backups.backups_max),
        "Backups at once",
    ),
    server(
        "backup_chunk_bytes_max",
        number!(Bytes, 1 << 10, 1 << 21, grpc.backups.chunk_bytes_max),
        "Bytes of one message of a backup",
    ),
    server(
        "backup_held_bytes_max",
        number!(Bytes, 0, BYTES_LIMIT, memory.backup_held_bytes_max),
        "Bytes that each keeps of what is changed before it was read, beside memory_max",
    ),
    server(
        "health_watches_max",
        number!(Count, 0, 1 << 20, grpc.health_watches_max),
        "Health watches at once",
    ),
    server(
        "calls_in_flight_max",
        number!(Count, 1, 1 << 24, gate.calls_in_flight_max),
        "Calls at once",
    ),
    server(
        "bytes_in_flight_max",
        number!(Bytes, 1 << 10, BYTES_LIMIT, gate.bytes_in_flight_max),
        "Bytes of requests and replies at once",
    ),
    server(
        "watch_bytes_in_flight_max",
        number!(Bytes, 1 << 10, BYTES_LIMIT, gate.watch_bytes_in_flight_max),
        "Bytes of the replies of watches and backups at once, apart from those",
    ),
    server(
        "otlp_spans_waiting_max",
        number!(Count, 1, 1 << 20, telemetry.otlp_spans_waiting_max),
        "Spans that may wait to be sent to the collector; others are dropped",
    ),
    server(
        "metrics_connections_max",
        number!(Count, 1, 1 << 10, serve.metrics.connections_max),
        "Connections at once that read metrics",
    ),
    server(
        "metrics_ms_max",
        number!(Millis, 1, DAY_MS, serve.metrics.ms_max),
        "Milliseconds that reading metrics may take",
    ),
    connection(
        "streams_per_connection_max",
        number!(Count, 1, 1 << 20, serve.streams_per_connection_max),
        "Calls at once",
    ),
    connection(
        "header_list_bytes_max",
        number!(Bytes, 1 << 10, 1 << 20, serve.header_list_bytes_max),
        "Bytes of the headers of a call",
    ),
    connection(
        "reset_streams_pending_max",
        number!(Count, 1, 1 << 16, serve.reset_streams_pending_max),
        "Streams that the client has reset and the server has not looked at",
    ),
    connection(
        "handshake_ms_max",
        number!(Millis, 1, DAY_MS, serve.handshake_ms_max),
        "Milliseconds until it has said what it speaks",
    ),
    connection(
        "http1_idle_ms_max",
        number!(Millis, 1, DAY_MS, serve.http1_idle_ms_max),
        "Milliseconds between two requests of HTTP/1.1",
    ),
    connection(
        "connection_age_ms_max",
        number!(Millis, 0, 365 * DAY_MS, serve.connection_age_ms_max),
        "Milliseconds after which it is asked to go, a tenth more or less; 0: never",
    ),
    connection(
        "keepalive_interval_ms",
        number!(Millis, 0, DAY_MS, serve.keepalive_interval_ms),
        "Milliseconds between pings; 0: none are sent",
    ),
    connection(
        "keepalive_timeout_ms",
        number!(Millis, 1, DAY_MS, serve.keepalive_timeout_ms),
        "Milliseconds that a ping may stay unanswered",
    ),
    drain(
        "drain_grace_ms",
        number!(Millis, 0, DAY_MS, serve.drain_grace_ms),
        "Milliseconds between saying that the server will stop and asking connections to go",
    ),
    drain(
        "drain_ms_max",
        number!(Millis, 0, DAY_MS, serve.drain_ms_max),
        "Milliseconds that calls under way are given after that",
    ),
];

/// The setting of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const fn general(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::General, name, kind, help)
}

const fn access(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Access, name, kind, help)
}

const fn kept(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Kept, name, kind, help)
}

const fn call(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Call, name, kind, help)
}

const fn server(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Server, name, kind, help)
}

const fn connection(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Connection, name, kind, help)
}

const fn drain(name: &'static str, kind: Kind, help: &'static str) -> Setting {
    setting(Group::Drain, name, kind, help)
}

const fn setting(group: Group, name: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting {
        name,
        group,
        help,
        default_in_words: None,
        kind,
    }
}

impl Setting {
    /// Says the default in words.
    const fn or(self, words: &'static str) -> Self {
        Self {
            default_in_words: Some(words),
            ..self
        }
    }
}

fn wide(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

fn narrow<T: TryFrom<u64>>(number: u64, place: &mut T) -> bool {
    T::try_from(number).map(|number| *place = number).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;

    #[test]
    fn every_default_is_one_that_could_be_given() {
        for setting in SETTINGS.iter().filter(|setting| setting.in_file()) {
            let mut config = Config::default();
            let default = setting.read(&config);
            if default.is_empty() && matches!(setting.kind, Kind::Folder(_) | Kind::PathOrNone(_)) {
                assert!(!setting.write(&mut config, ""), "{}", setting.name);
                continue;
            }
            assert!(
                setting.write(&mut config, &default),
                "{} = {default} is not {}",
                setting.name,
                setting.accepts()
            );
            assert_eq!(setting.read(&config), default, "{}", setting.name);
        }
    }

    #[test]
    fn every_number_is_kept_in_a_place_of_its_own() {
        let mut config = Config::default();
        let numbers = || SETTINGS.iter().filter_map(number_of);
        for (number, (_, min, place)) in (0..).zip(numbers()) {
            assert!((place.set)(&mut config, min + number));
        }
        for (number, (name, min, place)) in (0..).zip(numbers()) {
            assert_eq!((place.get)(&config), min + number, "{name}");
        }
    }

    #[test]
    fn the_largest_number_fits_where_it_is_kept() {
        for setting in SETTINGS {
            if let Kind::Number { max, place, .. } = &setting.kind {
                assert!(
                    (place.set)(&mut Config::default(), *max),
                    "{}",
                    setting.name
                );
            }
        }
    }

    #[test]
    fn names_are_unique_and_none_is_one_that_kubernetes_takes() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for name in names {
            let taken = |word: &str| ["port", "host", "service"].contains(&word);
            assert!(!name.split('_').any(taken), "{name}");
        }
    }

    fn number_of(setting: &'static Setting) -> Option<(&'static str, u64, &'static NumberPlace)> {
        match &setting.kind {
            Kind::Number { min, place, .. } => Some((setting.name, *min, place)),
            Kind::File
            | Kind::Address(_)
            | Kind::AddressOrNone(_)
            | Kind::PathOrNone(_)
            | Kind::CollectorOrNone(_)
            | Kind::Origins(_)
            | Kind::Hosts(_)
            | Kind::Switch(_)
            | Kind::Format(_)
            | Kind::Levels(_)
            | Kind::Folder(_)
            | Kind::Durability(_)
            | Kind::Eviction(_) => None,
        }
    }
}
