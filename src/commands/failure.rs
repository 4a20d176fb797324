//! Why a command failed, and its exit code.

use std::{error, fmt, io, process::ExitCode};

use tonic::Code;

use crate::{client, commands::json, config::fault::Faults};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The settings are wrong.
    Usage(Faults),
    /// It was asked for something wrong.
    Misused(String),
    /// It could not be done.
    Failed(Box<dyn error::Error + Send + Sync>),
    /// It could not be done, and the log says why.
    Logged,
    /// Nothing is there. Empty when that was told already.
    Missed(String),
    /// What was asked for must not be done as things are. Empty when that was
    /// told already.
    Unmet(String),
    /// Nobody reads on, `head` for example, which is no failure.
    Unread,
    /// What a server said, or that it could not be reached.
    Told {
        /// Where it is, or should be; empty when that is not known yet.
        address: String,
        /// What it said.
        error: client::error::Error,
        /// Whether the caller wants JSON.
        json: bool,
    },
}

impl Failure {
    /// 0 done, 1 failed, 2 wrong usage, 3 nothing is there, 4 a condition is not met, 5
    /// the server cannot be reached or did not answer in time.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Unread => 0,
            Self::Failed(_) | Self::Logged => 1,
            Self::Usage(_) | Self::Misused(_) => 2,
            Self::Missed(_) => 3,
            Self::Unmet(_) => 4,
            Self::Told { error, .. } if error.is_refused_condition() => 4,
            Self::Told { error, .. } => match error.code() {
                Code::InvalidArgument => 2,
                Code::Unavailable | Code::DeadlineExceeded => 5,
                _ => 1,
            },
        })
    }

    /// What could not be done, in words.
    #[must_use]
    pub fn failed(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// What was asked for that is wrong, in words.
    #[must_use]
    pub fn misused(what: impl Into<String>) -> Self {
        Self::Misused(what.into())
    }

    /// Where it happened, and how it is to be told.
    #[must_use]
    pub fn at(self, address: &str, json: bool) -> Self {
        match self {
            Self::Told { error, .. } => Self::Told {
                address: address.to_owned(),
                error,
                json,
            },
            other => other,
        }
    }

    /// Tells it on stderr.
    pub fn tell(&self) {
        match self {
            Self::Told {
                error, json: true, ..
            } => eprintln!("{}", json::error(error)),
            Self::Unread | Self::Logged => {}
            Self::Missed(what) | Self::Unmet(what) if what.is_empty() => {}
            told => eprintln!("nanokv: {told}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(faults) => faults.fmt(formatter),
            Self::Misused(what) | Self::Missed(what) | Self::Unmet(what) => {
                formatter.write_str(what)
            }
            Self::Failed(error) => error.fmt(formatter),
            Self::Unread | Self::Logged => Ok(()),
            Self::Told { address, error, .. } => match error.code() {
                Code::Unavailable | Code::DeadlineExceeded => {
                    write!(formatter, "{address}: {error}")
                }
                _ => error.fmt(formatter),
            },
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Usage(faults)
    }
}

impl From<client::error::Error> for Failure {
    fn from(error: client::error::Error) -> Self {
        Self::Told {
            address: String::new(),
            error,
            json: false,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Unread
        } else {
            Self::failed(error)
        }
    }
}
