//! `Timestamp` and `Duration` to whole milliseconds, rounded up, and back.

use prost_types::{Duration, Timestamp};

use crate::model::{
    error::{Invalid, Rule},
    time::UnixMillis,
};

// The ranges that protobuf itself gives these two: 0001-01-01T00:00:00Z to
// 9999-12-31T23:59:59Z, and 10,000 years to either side.
const TIMESTAMP_SECONDS_MIN: i64 = -62_135_596_800;
const TIMESTAMP_SECONDS_MAX: i64 = 253_402_300_799;
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;
const NANOS_PER_MILLI: i32 = 1_000_000;

/// The milliseconds of a time to live, rounded up; above 0.
///
/// # Errors
/// An [`Invalid`] for the field `ttl` that protobuf does not allow, or that is
/// not above 0.
pub fn ttl(ttl: &Duration) -> Result<u64, Invalid> {
    let seconds_and_nanos_agree = match ttl.seconds {
        0 => true,
        1.. => ttl.nanos >= 0,
        _ => ttl.nanos <= 0,
    };
    let in_range = (-DURATION_SECONDS_MAX..=DURATION_SECONDS_MAX).contains(&ttl.seconds)
        && (1 - NANOS_PER_SECOND..NANOS_PER_SECOND).contains(&ttl.nanos);
    if !in_range || !seconds_and_nanos_agree {
        return Err(Invalid::new(
            "ttl",
            Rule::Malformed,
            "a Duration has seconds within 10,000 years and nanos below a second, of one sign",
        ));
    }
    match millis(ttl.seconds, ttl.nanos) {
        0 => Err(Invalid::new("ttl", Rule::OutOfRange, "a ttl is above 0")),
        millis => Ok(millis),
    }
}

/// The milliseconds of a point in time, rounded up; the epoch for an earlier
/// one, which is no less in the past.
///
/// # Errors
/// An [`Invalid`] for the field `expire_time` that protobuf does not allow.
pub fn expire_time(time: &Timestamp) -> Result<UnixMillis, Invalid> {
    let in_range = (TIMESTAMP_SECONDS_MIN..=TIMESTAMP_SECONDS_MAX).contains(&time.seconds)
        && (0..NANOS_PER_SECOND).contains(&time.nanos);
    if !in_range {
        return Err(Invalid::new(
            "expire_time",
            Rule::Malformed,
            "a Timestamp lies in the years 1 to 9999 and has nanos from 0 to 999,999,999",
        ));
    }
    Ok(UnixMillis::new(millis(time.seconds, time.nanos)))
}

/// A point in time as the contract says it.
#[must_use]
pub fn timestamp(time: UnixMillis) -> Timestamp {
    let (seconds, nanos) = seconds_and_nanos(time.get());
    Timestamp { seconds, nanos }
}

/// A length of time as the contract says it.
#[must_use]
pub fn duration(millis: u64) -> Duration {
    let (seconds, nanos) = seconds_and_nanos(millis);
    Duration { seconds, nanos }
}

/// Rounded up, and 0 for what is negative. The ranges above keep it far from
/// overflow.
fn millis(seconds: i64, nanos: i32) -> u64 {
    // Division truncates towards 0, so what is negative is rounded up already.
    let rest = nanos / NANOS_PER_MILLI + i32::from(nanos % NANOS_PER_MILLI > 0);
    let millis = seconds.saturating_mul(1000).saturating_add(i64::from(rest));
    u64::try_from(millis).unwrap_or(0)
}

fn seconds_and_nanos(millis: u64) -> (i64, i32) {
    // A thousandth of any u64 fits, and so does less than a second of nanos.
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000).map_or(0, |rest| rest * NANOS_PER_MILLI);
    (seconds, nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ttl_of(seconds: i64, nanos: i32) -> Result<u64, Rule> {
        ttl(&Duration { seconds, nanos }).map_err(|invalid| invalid.rule)
    }

    fn time_of(seconds: i64, nanos: i32) -> Result<u64, Rule> {
        expire_time(&Timestamp { seconds, nanos })
            .map(UnixMillis::get)
            .map_err(|invalid| invalid.rule)
    }

    #[test]
    fn a_ttl_is_rounded_up_to_whole_milliseconds() {
        assert_eq!(ttl_of(0, 1), Ok(1));
        assert_eq!(ttl_of(0, 1_000_000), Ok(1));
        assert_eq!(ttl_of(0, 1_000_001), Ok(2));
        assert_eq!(ttl_of(1, 999_999_999), Ok(2000));
        assert_eq!(ttl_of(DURATION_SECONDS_MAX, 0), Ok(315_576_000_000_000));
    }

    #[test]
    fn a_ttl_of_0_or_less_is_out_of_range() {
        for (seconds, nanos) in [(0, 0), (0, -1), (-1, 0), (-1, -999_999_999)] {
            assert_eq!(ttl_of(seconds, nanos), Err(Rule::OutOfRange));
        }
    }

    #[test]
    fn a_ttl_that_protobuf_forbids_is_malformed() {
        for (seconds, nanos) in [
            (1, -1),
            (-1, 1),
            (0, 1_000_000_000),
            (0, -1_000_000_000),
            (DURATION_SECONDS_MAX + 1, 0),
            (-DURATION_SECONDS_MAX - 1, 0),
            (i64::MAX, i32::MAX),
            (i64::MIN, i32::MIN),
        ] {
            assert_eq!(ttl_of(seconds, nanos), Err(Rule::Malformed));
        }
    }

    #[test]
    fn an_expire_time_is_rounded_up_and_the_past_before_1970_is_the_epoch() {
        assert_eq!(time_of(1, 1), Ok(1001));
        assert_eq!(time_of(1, 999_999_999), Ok(2000));
        assert_eq!(time_of(-1, 0), Ok(0));
        assert_eq!(time_of(TIMESTAMP_SECONDS_MIN, 0), Ok(0));
        assert_eq!(
            time_of(TIMESTAMP_SECONDS_MAX, 999_999_999),
            Ok(253_402_300_800_000)
        );
    }

    #[test]
    fn an_expire_time_that_protobuf_forbids_is_malformed() {
        for (seconds, nanos) in [
            (0, -1),
            (0, 1_000_000_000),
            (TIMESTAMP_SECONDS_MIN - 1, 0),
            (TIMESTAMP_SECONDS_MAX + 1, 0),
            (i64::MAX, 0),
            (i64::MIN, 0),
        ] {
            assert_eq!(time_of(seconds, nanos), Err(Rule::Malformed));
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_comes_back(millis in 0..253_402_300_800_000_u64) {
            let time = UnixMillis::new(millis);
            prop_assert_eq!(expire_time(&timestamp(time)), Ok(time));
            if (1..=315_576_000_000_000).contains(&millis) {
                prop_assert_eq!(ttl(&duration(millis)), Ok(millis));
            }
        }

        #[test]
        fn no_number_panics(seconds: i64, nanos: i32) {
            let _ = ttl_of(seconds, nanos);
            let _ = time_of(seconds, nanos);
        }

        #[test]
        fn a_ttl_is_never_shortened_nor_a_millisecond_longer(
            seconds in 0..=DURATION_SECONDS_MAX,
            nanos in 0..NANOS_PER_SECOND,
        ) {
            prop_assume!((seconds, nanos) != (0, 0));
            let given = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            let taken = i128::from(ttl_of(seconds, nanos).unwrap()) * 1_000_000;
            prop_assert!((0..1_000_000).contains(&(taken - given)));
        }

        #[test]
        fn any_stored_time_can_be_told(millis: u64) {
            let told = timestamp(UnixMillis::new(millis));
            prop_assert!(told.seconds >= 0 && (0..NANOS_PER_SECOND).contains(&told.nanos));
            let told = duration(millis);
            prop_assert!(told.seconds >= 0 && (0..NANOS_PER_SECOND).contains(&told.nanos));
        }
    }
}
