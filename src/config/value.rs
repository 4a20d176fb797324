//! How numbers, sizes and times are written and read.

use std::time::Duration;

use bytesize::ByteSize;

use crate::{
    config::setting::Unit,
    engine::{journal::Durability, memory::Eviction},
    telemetry::config::Format,
};

/// The units of a size and of a time that divide each other, largest first.
const SIZES: [(u64, &str); 4] = [
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
];
const SECOND_MS: u64 = 1000;
const TIMES: [(u64, &str); 4] = [
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (SECOND_MS, "s"),
];

/// A number as it would be given: exact, in the largest unit that divides it.
pub(in crate::config) fn written(unit: Unit, number: u64) -> String {
    match unit {
        Unit::Count | Unit::Millis => number.to_string(),
        Unit::Bytes => in_units(number, &SIZES, "B"),
        Unit::Time if number == 0 => "0".to_owned(),
        Unit::Time if number < SECOND_MS => format!("{number}ms"),
        // So many milliseconds alone may be too many to be read again.
        Unit::Time => match number % SECOND_MS {
            0 => in_units(number, &TIMES, "ms"),
            millis => format!("{}s{millis}ms", number / SECOND_MS),
        },
    }
}

/// A number, if `text` is one in this unit. Part of a millisecond counts whole.
pub(in crate::config) fn read(unit: Unit, text: &str) -> Option<u64> {
    match unit {
        Unit::Count | Unit::Millis => text.parse().ok(),
        Unit::Bytes => text.parse().ok().map(|ByteSize(bytes)| bytes),
        Unit::Time if text == "0" => Some(0),
        Unit::Time => humantime::parse_duration(text).ok().and_then(millis),
    }
}

/// Which numbers are right.
pub(in crate::config) fn accepted(unit: Unit, min: u64, max: u64) -> String {
    let (least, most) = (written(unit, min), written(unit, max));
    match unit {
        Unit::Count => format!("a whole number from {least} to {most}"),
        Unit::Millis => format!("whole milliseconds from {least} to {most}"),
        Unit::Bytes => format!("a size from {least} to {most}, in B, KiB, MiB or GiB"),
        Unit::Time => format!("a time from {least} to {most}, such as 90s or 1h30m"),
    }
}

/// Whether `text` is a URI by which a collector can be reached, without TLS.
pub(in crate::config) fn is_collector(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.port().is_some())
}

/// On or off, by its name.
pub(in crate::config) fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

/// The name of on or off.
pub(in crate::config) const fn switch_name(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A format, by its name.
pub(in crate::config) fn format(name: &str) -> Option<Format> {
    [Format::Pretty, Format::Json]
        .into_iter()
        .find(|format| format_name(*format) == name)
}

/// The name of a format.
pub(in crate::config) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Pretty => "pretty",
        Format::Json => "json",
    }
}

/// A durability, by its name.
pub(in crate::config) fn durability(name: &str) -> Option<Durability> {
    [Durability::Always, Durability::Interval, Durability::Os]
        .into_iter()
        .find(|durability| durability.name() == name)
}

/// A way to make room, by its name.
pub(in crate::config) fn eviction(name: &str) -> Option<Eviction> {
    [Eviction::None, Eviction::Sieve]
        .into_iter()
        .find(|eviction| eviction.name() == name)
}

fn in_units(number: u64, units: &[(u64, &str)], smallest: &str) -> String {
    units
        .iter()
        .find(|(size, _)| number > 0 && number.is_multiple_of(*size))
        .map_or_else(
            || format!("{number}{smallest}"),
            |(size, name)| format!("{}{name}", number / size),
        )
}

fn millis(time: Duration) -> Option<u64> {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_size_or_time_is_written_exactly_in_its_largest_unit() {
        assert_eq!(written(Unit::Bytes, 1 << 20), "1MiB");
        assert_eq!(written(Unit::Bytes, (1 << 20) + 1), "1048577B");
        assert_eq!(written(Unit::Time, 600_000), "10m");
        assert_eq!(written(Unit::Time, 15), "15ms");
        assert_eq!(written(Unit::Time, 1015), "1s15ms");
        assert_eq!(written(Unit::Time, 36_500 * 86_400_000), "36500d");
    }

    #[test]
    fn part_of_a_millisecond_counts_whole() {
        assert_eq!(read(Unit::Time, "1us"), Some(1));
        assert_eq!(read(Unit::Time, "1ms 1ns"), Some(2));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in 0..1_u64 << 50) {
            for unit in [Unit::Count, Unit::Bytes, Unit::Millis, Unit::Time] {
                prop_assert_eq!(read(unit, &written(unit, number)), Some(number));
            }
        }
    }
}
