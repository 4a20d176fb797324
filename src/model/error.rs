//! Why something was refused, named by what the caller can do about it.

use std::{borrow::Cow, fmt};

use crate::model::{value::Kind, version::Version};

/// Why an operation was refused. Whatever it is, nothing has changed, unless it
/// says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request breaks a rule: mend it.
    Invalid(Invalid),
    /// The key should be absent, and an entry of this version is there.
    KeyPresent {
        /// The version that is there.
        current: Version,
    },
    /// The key should be present, and is not.
    KeyAbsent,
    /// The entry should have another version: read again, then decide.
    VersionMismatch {
        /// The version that is there; `None`: the key is absent.
        current: Option<Version>,
    },
    /// Increment met a value that is not a number.
    WrongKind {
        /// What it is.
        kind: Kind,
    },
    /// The result of an Increment would pass a bound of the request.
    CounterOutOfBounds {
        /// The number that is stored, or the initial one.
        number: i64,
        /// The smallest result allowed.
        min: i64,
        /// The largest result allowed.
        max: i64,
    },
    /// The result of an Increment would not fit into 64 bits.
    CounterOverflow {
        /// The number that is stored, or the initial one.
        number: i64,
    },
    /// The store holds as much as it may: remove something, or wait for
    /// deadlines.
    MemoryFull {
        /// How many bytes it may hold.
        memory_max: u64,
    },
    /// More changes wait to be written to the disk than may: try later.
    JournalFull {
        /// The name of the limit.
        limit: &'static str,
        /// How many changes or bytes may wait.
        value: u64,
    },
    /// The disk is nearly full: remove something, or give it more room.
    DiskFull {
        /// How many bytes stay free.
        disk_free_bytes_min: u64,
    },
    /// A write to the disk has failed, and nothing more is written until the
    /// server has been started anew. A change that was under way may be there
    /// then, or not.
    JournalFailed,
    /// The answer would be too large: ask for less at once.
    ReplyTooLarge {
        /// How many bytes a reply may have.
        reply_bytes_max: usize,
    },
    /// The id of the request was given to another one within the window.
    RequestIdReused,
    /// A watch would begin before what is kept of the changes: begin later, or
    /// with a snapshot.
    VersionCompacted {
        /// The oldest version that a watch can begin after.
        oldest: Version,
    },
    /// A watch would begin after a version that was not given out yet: it is of
    /// another store.
    VersionAhead {
        /// The last version that was given out.
        current: Version,
    },
    /// A watch was read so slowly that changes it had yet to tell are no longer
    /// kept.
    WatchTooSlow {
        /// All events up to here were told; `None`: a snapshot was under way.
        resume: Option<Version>,
        /// The oldest version that a watch can begin after.
        oldest: Version,
    },
    /// A backup was read so slowly, or so much was changed meanwhile, that what
    /// it has yet to read cannot be kept as it was.
    BackupTooSlow {
        /// The limit.
        backup_held_bytes_max: usize,
    },
    /// The engine or this version of the server does not do this.
    Unsupported {
        /// What was asked for: the name of an rpc or a field.
        capability: &'static str,
    },
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Which kind of rule a field breaks. Its reason word on the wire is
/// `FIELD_` and the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is required, and not given or empty.
    Missing,
    /// It has more bytes or items than a limit allows.
    TooLarge,
    /// Its number or time lies outside what is allowed.
    OutOfRange,
    /// It is not of the form that it must have.
    Malformed,
    /// It does not go together with another field.
    Conflict,
}

/// A field of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The path of the field, as in `operations[3].set.key`.
    pub field: Cow<'static, str>,
    /// The kind of rule.
    pub rule: Rule,
    /// The rule in words, with what was given where that is short.
    pub description: Cow<'static, str>,
    /// The name and value of the limit that was passed, if it was one.
    pub limit: Option<(&'static str, u64)>,
}

impl Invalid {
    /// A broken rule without a named limit.
    #[must_use]
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        rule: Rule,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field: field.into(),
            rule,
            description: description.into(),
            limit: None,
        }
    }

    /// A field of `given` bytes or items where `limit` are allowed.
    #[must_use]
    pub fn too_large(
        field: impl Into<Cow<'static, str>>,
        given: usize,
        name: &'static str,
        limit: usize,
    ) -> Self {
        Self {
            field: field.into(),
            rule: Rule::TooLarge,
            description: format!("{given} given, {name} is {limit}").into(),
            limit: Some((name, u64::try_from(limit).unwrap_or(u64::MAX))),
        }
    }

    /// The same inside another message: `key` within `set` is `set.key`.
    #[must_use]
    pub fn within(mut self, parent: impl fmt::Display) -> Self {
        self.field = format!("{parent}.{}", self.field).into();
        self
    }
}
