//! What is wrong with what was chosen.

use std::{error, fmt, path::PathBuf};

use crate::config::source::Source;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A value is not what its setting may be.
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        given: String,
        /// Where.
        source: Source,
        /// What would be right.
        right: String,
    },
    /// Two settings do not go together.
    Together {
        /// The one to change, as it is and with where it came from.
        name: &'static str,
        /// What it is.
        given: String,
        /// Where that came from.
        source: Source,
        /// What would be right, and because of what.
        right: String,
    },
    /// A file cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Who named it.
        source: Source,
        /// What the system says.
        reason: String,
    },
    /// A file is not TOML.
    Syntax {
        /// The line.
        place: Source,
        /// What the parser says.
        reason: String,
    },
    /// A file names what is no setting.
    UnknownKey {
        /// The name.
        name: String,
        /// The line.
        place: Source,
        /// What it may have meant.
        nearest: Option<&'static str>,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                name,
                given,
                source,
                right,
            } => write!(formatter, "{name} = {given:?} ({source}): is not {right}"),
            Self::Together {
                name,
                given,
                source,
                right,
            } => write!(formatter, "{name} = {given:?} ({source}): {right}"),
            Self::Unreadable {
                path,
                source,
                reason,
            } => write!(
                formatter,
                "config = {:?} ({source}): cannot be read: {reason}",
                path.display().to_string()
            ),
            Self::Syntax { place, reason } => write!(formatter, "{place}: {reason}"),
            Self::UnknownKey {
                name,
                place,
                nearest,
            } => {
                write!(formatter, "{place}: {name:?} is no setting")?;
                match nearest {
                    Some(nearest) => write!(formatter, "; is {nearest} meant?"),
                    None => formatter.write_str("; `nanokv config` prints them all"),
                }
            }
        }
    }
}

/// Everything that is wrong; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("wrong configuration")?;
        self.0
            .iter()
            .try_for_each(|fault| write!(formatter, "\n  {fault}"))
    }
}

impl error::Error for Faults {}
