//! Why a backup cannot be read, or a store be made of it.

use std::{fmt, io, path::PathBuf};

use crate::engine::journal::error::{Fault, OpenError};

/// Why a backup cannot be read, or a store be made of it.
#[derive(Debug)]
pub enum Error {
    /// It cannot be what was written.
    Damaged {
        /// From which byte on, or before.
        offset: u64,
        /// How it shows.
        what: &'static str,
    },
    /// A later nanokv has written it.
    Newer {
        /// The version of its format.
        found: u32,
        /// The latest one known here.
        known: u32,
    },
    /// It cannot be read on.
    Read(io::Error),
    /// The directory is not empty.
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// One of the files in it.
        found: String,
    },
    /// The store cannot be written, or cannot be read as it was written.
    Store(OpenError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { offset, what } => {
                write!(f, "the backup is damaged at byte {offset}: {what}")
            }
            Self::Newer { found, known } => write!(
                f,
                "the backup has format {found}, and this nanokv knows formats up to {known}: \
                 use the nanokv that wrote it, or a later one"
            ),
            Self::Read(error) => write!(f, "the backup cannot be read: {error}"),
            Self::NotEmpty { dir, found } => write!(
                f,
                "{} is not empty, there is {found}: a backup is restored into a directory of its own",
                dir.display()
            ),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}
