//! The date of an answer, written anew once a second.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use httpdate::HttpDate;

/// Bytes of a date, as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
const BYTES: usize = 29;

/// The date, as it was written last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Date {
    /// Of which second since 1970 it is; `None`: of none yet.
    seconds: Option<u64>,
    text: [u8; BYTES],
}

impl Date {
    /// The date of this second.
    pub fn now(&mut self) -> &[u8] {
        self.at(wall())
    }

    fn at(&mut self, time: SystemTime) -> &[u8] {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
        if self.seconds != Some(seconds) {
            // All dates are of the same length: there is room.
            let _ = write!(&mut self.text[..], "{}", HttpDate::from(time));
            self.seconds = Some(seconds);
        }
        &self.text
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "when an answer was made is asked of the wall clock, as hyper does; nothing goes by it"
)]
fn wall() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_written_as_http_has_it_whenever_the_second_is_another() {
        let mut date = Date::default();
        for (millis, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778_000, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(date.at(time), text.as_bytes());
        }
    }
}
