//! Why a command failed, and its exit code.

use std::{error, fmt, process::ExitCode};

use crate::config::fault::Faults;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for something wrong.
    Usage(Faults),
    /// It could not be done.
    Failed(Box<dyn error::Error + Send + Sync>),
}

impl Failure {
    /// 1 failed, 2 wrong usage.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }

    /// What could not be done, in words.
    #[must_use]
    pub fn failed(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(faults) => faults.fmt(formatter),
            Self::Failed(error) => error.fmt(formatter),
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Usage(faults)
    }
}
