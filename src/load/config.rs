//! What load is wanted.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    client::credentials::Credentials,
    load::{
        keys::{Keys, key_digits},
        mix::{Kind, Mix},
    },
};

/// Streams that a run may have, all connections together.
pub const STREAMS_MAX: usize = 1_000_000;

/// What load is wanted.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is, `HOST:PORT`.
    pub address: String,
    /// Who calls, and by what the server is known.
    pub credentials: Credentials,
    /// Connections, all threads together.
    pub connections: usize,
    /// Streams of each connection: calls that are under way at once.
    pub streams: usize,
    /// Threads that make the calls; not more than there are connections.
    pub threads: usize,
    /// How operations become calls.
    pub shape: Shape,
    /// Which operations, and how often each.
    pub mix: Mix,
    /// Which keys.
    pub keys: Keys,
    /// Bytes of a value that is stored; a range is drawn from evenly.
    pub value_bytes: RangeInclusive<usize>,
    /// Time to live of what is stored; without one, what the server has as its
    /// default.
    pub ttl: Option<Duration>,
    /// Entries of a page that List asks for.
    pub page_entries: i32,
    /// Calls a second, all threads together; without it each stream makes its
    /// next call when the last one is answered.
    pub rate: Option<u64>,
    /// How long it goes on.
    pub extent: Extent,
    /// How long calls are made before any is counted.
    pub warm_up: Duration,
    /// Whether every key is stored first.
    pub prefill: bool,
    /// How long a call may take; then it has failed.
    pub call_timeout: Duration,
    /// What the random numbers begin with; the same seed asks for the same
    /// keys, as far as the answers take turns in the same way.
    pub seed: u64,
}

/// How operations become calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each is a call of its own.
    Unary,
    /// So many make a Batch.
    Batch {
        /// Operations of a list.
        operations: usize,
    },
    /// So many make a list of a Pipeline.
    Pipeline {
        /// Operations of a list.
        operations: usize,
        /// Lists of a stream that are under way at once.
        lists_in_flight: usize,
    },
}

/// How long a run goes on, after its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So long.
    For(Duration),
    /// So many calls.
    Calls(u64),
}

impl Config {
    /// What does not go together, in words.
    ///
    /// # Errors
    /// The first such thing, with the names of the flags that say it.
    pub fn check(&self) -> Result<(), String> {
        let streams = self.connections.saturating_mul(self.streams);
        if streams > STREAMS_MAX {
            return Err(format!(
                "--connections x --streams is {streams}, and {STREAMS_MAX} is the most"
            ));
        }
        if self.shape != Shape::Unary && self.mix.has(Kind::List) {
            return Err(
                "--mix: list is a call of its own, not an operation of a list; leave out --batch \
                 and --pipeline, or list"
                    .to_owned(),
            );
        }
        let least = self.keys.prefix.len() + 1 + key_digits(self.keys.count);
        if self.keys.bytes < least {
            return Err(format!(
                "--key-bytes: {} given, and {} keys that begin with {:?} need {least}",
                self.keys.bytes, self.keys.count, self.keys.prefix
            ));
        }
        Ok(())
    }
}
