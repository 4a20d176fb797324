//! The words by which errors say what went wrong.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What went wrong, in a word: `ErrorInfo.reason` of the domain
        /// `nanokv`. A server newer than this client may say others.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A word that this client does not know.
            Other(String),
        }

        impl Reason {
            /// The word on the wire, `UPPER_SNAKE_CASE`.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for Reason {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$name,)*
                    _ => Self::Other(word),
                }
            }
        }
    };
}

reasons! {
    /// A required field is not given.
    FieldMissing = "FIELD_MISSING",
    /// A field has more bytes or items than a limit allows.
    FieldTooLarge = "FIELD_TOO_LARGE",
    /// A number or a time lies outside what is allowed.
    FieldOutOfRange = "FIELD_OUT_OF_RANGE",
    /// A field has not the form that it must have.
    FieldMalformed = "FIELD_MALFORMED",
    /// A field does not go together with another one.
    FieldConflict = "FIELD_CONFLICT",
    /// A message is not the protobuf of the contract.
    MessageMalformed = "MESSAGE_MALFORMED",
    /// The request is larger than the server takes.
    MessageTooLarge = "MESSAGE_TOO_LARGE",
    /// The condition "absent" is not met.
    KeyExists = "KEY_EXISTS",
    /// The condition "present" is not met.
    KeyNotFound = "KEY_NOT_FOUND",
    /// The condition on the version is not met.
    VersionMismatch = "VERSION_MISMATCH",
    /// A check of a transaction does not hold.
    CheckFailed = "CHECK_FAILED",
    /// Increment met a value that is not a number.
    WrongKind = "WRONG_KIND",
    /// The result would pass `min` or `max` of the request.
    CounterOutOfBounds = "COUNTER_OUT_OF_BOUNDS",
    /// The result would not fit into 64 bits.
    CounterOverflow = "COUNTER_OVERFLOW",
    /// The store is full, and the change would grow it.
    MemoryFull = "MEMORY_FULL",
    /// As many changes wait for the disk as may.
    JournalFull = "JOURNAL_FULL",
    /// The disk is nearly full, and the change would grow the store.
    DiskFull = "DISK_FULL",
    /// A write to the disk has failed: the server must be started anew.
    JournalFailed = "JOURNAL_FAILED",
    /// The answer would be larger than the server gives.
    ReplyTooLarge = "REPLY_TOO_LARGE",
    /// The request id was used before, for another request.
    RequestIdReused = "REQUEST_ID_REUSED",
    /// A watch would begin before what is kept of the changes.
    VersionCompacted = "VERSION_COMPACTED",
    /// A watch would begin after a version that is not given out yet.
    VersionAhead = "VERSION_AHEAD",
    /// A watch was read so slowly that changes are no longer kept.
    WatchTooSlow = "WATCH_TOO_SLOW",
    /// A backup was read so slowly that what it has yet to read is not kept as
    /// it was.
    BackupTooSlow = "BACKUP_TOO_SLOW",
    /// There are as many backups as the server allows.
    TooManyBackups = "TOO_MANY_BACKUPS",
    /// There are as many watches as the server allows.
    TooManyWatchers = "TOO_MANY_WATCHERS",
    /// The server does not do what was asked for.
    Unsupported = "UNSUPPORTED",
    /// The server has no such method.
    MethodUnknown = "METHOD_UNKNOWN",
    /// The server takes no compressed requests.
    EncodingUnknown = "ENCODING_UNKNOWN",
    /// Health knows no such name.
    ServiceUnknown = "SERVICE_UNKNOWN",
    /// The deadline that was sent cannot be read.
    TimeoutMalformed = "TIMEOUT_MALFORMED",
    /// The deadline of the call has passed.
    DeadlineExceeded = "DEADLINE_EXCEEDED",
    /// The request did not arrive in time.
    RequestTooSlow = "REQUEST_TOO_SLOW",
    /// The store is not open yet.
    Opening = "OPENING",
    /// The server is stopping.
    Draining = "DRAINING",
    /// There are as many connections as the server allows.
    TooManyConnections = "TOO_MANY_CONNECTIONS",
    /// The caller has no right to do this here.
    PermissionDenied = "PERMISSION_DENIED",
    /// No right covers the method.
    MethodNotGranted = "METHOD_NOT_GRANTED",
    /// The caller does not say who they are.
    CredentialsMissing = "CREDENTIALS_MISSING",
    /// Nobody is known by the credentials.
    CredentialsInvalid = "CREDENTIALS_INVALID",
    /// The credentials have expired.
    CredentialsExpired = "CREDENTIALS_EXPIRED",
    /// Too many calls from this address did not say rightly who makes them.
    TooManyFailedLogins = "TOO_MANY_FAILED_LOGINS",
    /// The caller has had all calls or bytes of this moment.
    RateLimited = "RATE_LIMITED",
    /// The port answers for health alone.
    HealthOnly = "HEALTH_ONLY",
    /// There are as many calls as the server allows.
    TooManyCalls = "TOO_MANY_CALLS",
    /// There are as many bytes under way as the server allows.
    TooManyBytes = "TOO_MANY_BYTES",
    /// There are as many health watches as the server allows.
    TooManyHealthWatches = "TOO_MANY_HEALTH_WATCHES",
    /// There are as many pipelines as the server allows.
    TooManyPipelines = "TOO_MANY_PIPELINES",
    /// A fault of the server.
    Internal = "INTERNAL",
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_or_kept() {
        assert_eq!(Reason::from("KEY_EXISTS".to_owned()), Reason::KeyExists);
        let newer = Reason::from("OF_LATER".to_owned());
        assert_eq!(newer, Reason::Other("OF_LATER".to_owned()));
        assert_eq!(newer.as_str(), "OF_LATER");
    }

    #[test]
    fn every_reason_of_the_documented_table_is_known() {
        let table = include_str!("../../docs/errors.md");
        let words: Vec<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(word, _)| word)
            .collect();
        assert!(words.len() > 20, "the table is found: {words:?}");
        for word in words {
            let reason = Reason::from(word.to_owned());
            assert!(!matches!(reason, Reason::Other(_)), "{word} is not known");
        }
    }
}
