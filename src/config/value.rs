//! How numbers, sizes and times are written and read.

use std::time::Duration;

use bytesize::ByteSize;

use crate::{config::setting::Unit, telemetry::config::Format};

/// The units of a size and of a time that divide each other, largest first.
const SIZES: [(u64, &str); 4] = [
    (1 << 40, "TiB"),
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
];
const TIMES: [(u64, &str); 4] = [
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1000, "s"),
];

/// A number as it would be given: exact, in the largest unit that divides it.
pub(in crate::config) fn written(unit: Unit, number: u64) -> String {
    match unit {
        Unit::Count | Unit::Millis => number.to_string(),
        Unit::Bytes => in_units(number, &SIZES, "B"),
        Unit::Time if number == 0 => "0".to_owned(),
        Unit::Time => in_units(number, &TIMES, "ms"),
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
        Unit::Bytes => format!("a size from {least} to {most}, such as 64KiB or 1MiB"),
        Unit::Time => format!("a time from {least} to {most}, such as 90s or 1h30m"),
    }
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
        assert_eq!(written(Unit::Time, 1500), "1500ms");
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
