//! Why a server did not start, or stopped.

use std::{error, fmt, io, net::SocketAddr};

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// The address cannot be listened on.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of certificates, keys or identities is not as it should be.
    Credentials {
        /// What was to be made of it.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A thread or its runtime could not be started.
    Worker(io::Error),
    /// The engine could not be opened.
    Open(Box<dyn error::Error + Send + Sync>),
    /// Not all of what was stored could be written to the disk.
    Close,
    /// The work beside the calls came to an end that it should not: a fault.
    Fault,
    /// A second signal asked to stop at once.
    Aborted,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => {
                write!(formatter, "cannot listen on {address}: {source}")
            }
            Self::Credentials { what, reason } => write!(formatter, "{what}: {reason}"),
            Self::Worker(source) => write!(formatter, "cannot start a worker: {source}"),
            Self::Open(source) => write!(formatter, "cannot open the store: {source}"),
            Self::Close => formatter.write_str("not all of the store could be written to the disk"),
            Self::Fault => formatter.write_str("a fault of the server, which cannot go on"),
            Self::Aborted => formatter.write_str("stopped at once, calls under way were cut off"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Worker(source) => Some(source),
            Self::Open(source) => Some(&**source),
            Self::Credentials { .. } | Self::Close | Self::Fault | Self::Aborted => None,
        }
    }
}
