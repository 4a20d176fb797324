//! Everything that can be chosen: the one list that flags, variables, files,
//! `nanokv config` and the docs come from.

use crate::{
    config::setting::{Group, Kind, NumberPlace, Place, Setting, Unit},
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
        "workers",
        number!(Count, 1, 1 << 12, serve.workers),
        "Threads that serve connections",
    )
    .or("one a core"),
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
        number!(Count, 1, 1 << 20, grpc.limits.batch_operations_max),
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
        "watchers_max",
        number!(Count, 0, 1 << 20, grpc.watchers_max),
        "Watches at once",
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
        "Milliseconds until it has said that it speaks HTTP/2",
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
            Kind::File | Kind::Address(_) | Kind::Format(_) | Kind::Levels(_) => None,
        }
    }
}
