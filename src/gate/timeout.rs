//! The caller's deadline: the header `grpc-timeout`.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::gate::refusal::Refusal;

/// Its name.
pub(super) const NAME: HeaderName = HeaderName::from_static("grpc-timeout");
const DIGITS_MAX: usize = 8;

/// How long the caller waits.
///
/// # Errors
/// [`Refusal::TimeoutMalformed`] for anything but 1 to 8 digits and a unit,
/// [`Refusal::Deadline`] for no time at all: nobody waits any more.
pub fn of(value: &HeaderValue) -> Result<Duration, Refusal> {
    match parse(value) {
        None => Err(Refusal::TimeoutMalformed),
        Some(Duration::ZERO) => Err(Refusal::Deadline),
        Some(wait) => Ok(wait),
    }
}

fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let well_formed = (1..=DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| well_formed)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &str) -> Result<Duration, Refusal> {
        of(&text.parse().unwrap())
    }

    #[test]
    fn every_unit_is_read() {
        let second = Duration::from_secs(1);
        for (text, expected) in [
            ("1H", second * 3600),
            ("1M", second * 60),
            ("99999999S", second * 99_999_999),
            ("1000m", second),
            ("1000000u", second),
            ("1n", Duration::from_nanos(1)),
        ] {
            assert_eq!(timeout(text), Ok(expected), "{text}");
        }
        assert_eq!(timeout("0H"), Err(Refusal::Deadline));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1 S",
            "123456789S",
            "1.5S",
            "1µ",
        ] {
            assert_eq!(timeout(text), Err(Refusal::TimeoutMalformed), "{text}");
        }
    }
}
