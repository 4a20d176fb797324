//! Why the journal says no.

use std::{fmt, io, path::PathBuf, sync::Arc};

use crate::engine::journal::disk::Disk;

/// The journal has stopped for good: a write or a sync has failed. What was not
/// durable then may be there after a restart, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What has failed, with the file.
    pub why: Arc<str>,
}

/// Why there is no turn now. Nothing has been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many changes wait as may: `queue_changes_max`.
    QueueChanges {
        /// The limit.
        queue_changes_max: usize,
    },
    /// As many bytes wait as may: `queue_bytes_max`.
    QueueBytes {
        /// The limit.
        queue_bytes_max: usize,
    },
    /// The disk is nearly full, and the change would grow the store; or it is
    /// full, and there is no room for any change.
    DiskFull {
        /// What stays free: the limit.
        disk_free_bytes_min: u64,
    },
    /// What would be kept together has no room in a segment: only with small
    /// segments and large messages.
    TurnTooLarge {
        /// How many bytes have room.
        bytes_max: usize,
    },
    /// It has failed, or was closed.
    Failed(Failed),
}

/// Why a store cannot be opened. Nothing in its directory was lost by trying.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it open.
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// A later nanokv has written it.
    Newer {
        /// The file that says so.
        file: PathBuf,
        /// The version of its format.
        found: u32,
        /// The latest one known here.
        known: u32,
    },
    /// What is there cannot be what was written.
    Damaged {
        /// Where.
        file: PathBuf,
        /// From which byte on.
        offset: u64,
        /// How it shows.
        what: String,
    },
    /// The system has refused something.
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        file: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// A backup was being restored into the directory, and not to the end.
    Restoring {
        /// The directory.
        dir: PathBuf,
    },
    /// Whoever was given the entries could not take them.
    Load(String),
    /// A setting is out of its range.
    Config(&'static str),
}

/// A call to the disk that has failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) doing: &'static str,
    pub(super) file: PathBuf,
    pub(super) error: io::Error,
}

impl Fault {
    /// Makes one of an error, for `map_err`.
    pub(super) fn of(
        disk: &dyn Disk,
        doing: &'static str,
        name: &str,
    ) -> impl FnOnce(io::Error) -> Self {
        // Most calls succeed: the path is made for those that do not.
        move |error| Self {
            doing,
            file: disk.path(name),
            error,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, file, error } = self;
        write!(f, "cannot {doing} {}: {error}", file.display())
    }
}

impl From<Fault> for OpenError {
    fn from(Fault { doing, file, error }: Fault) -> Self {
        Self::Io { doing, file, error }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self {
            why: fault.to_string().into(),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal has stopped: {}", self.why)
    }
}

impl std::error::Error for Failed {}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => {
                write!(f, "{} is in use by another process", dir.display())
            }
            Self::Newer { file, found, known } => write!(
                f,
                "{} has format {found}, and this nanokv knows formats up to {known}: \
                 open it with the nanokv that wrote it, or a later one",
                file.display()
            ),
            Self::Damaged { file, offset, what } => write!(
                f,
                "{} is damaged at byte {offset}: {what}. Nothing was changed. \
                 Restore a backup into another directory, or put back the file as it was",
                file.display()
            ),
            Self::Io { doing, file, error } => {
                write!(f, "cannot {doing} {}: {error}", file.display())
            }
            Self::Restoring { dir } => write!(
                f,
                "a backup was not restored into {} to its end: restore it again, \
                 which begins anew, or empty the directory",
                dir.display()
            ),
            Self::Load(why) => write!(f, "the entries cannot be loaded: {why}"),
            Self::Config(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}
