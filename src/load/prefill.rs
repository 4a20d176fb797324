//! Stores every key, so that reads find what they ask for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    client::error::Error,
    load::{connection::Connection, source::Source},
    proto::{self as pb, operation_result},
};

/// Keys of a Batch, and about how many bytes it may have.
const LIST_KEYS_MAX: u64 = 256;
const LIST_BYTES_MAX: u64 = 1 << 20;

/// Batches that a connection has under way.
const LISTS_IN_FLIGHT: u64 = 4;

/// What the threads share of it.
#[derive(Clone, Debug)]
pub(super) struct Prefill {
    /// How many keys there are to be.
    pub(super) keys: u64,
    /// The first key that nobody has taken on.
    pub(super) next: Arc<AtomicU64>,
    /// Keys that are stored.
    pub(super) stored: Arc<AtomicU64>,
    /// Bytes of one key with its value, about.
    pub(super) entry_bytes: u64,
    /// How long a Batch may take.
    pub(super) call_timeout: Duration,
}

impl Prefill {
    /// Stores keys on these connections, with others, until all are.
    ///
    /// # Errors
    /// The first key that could not be stored.
    pub(super) async fn work(
        self,
        connections: &[Connection],
        source: &Source,
    ) -> Result<(), Error> {
        let mut streams = JoinSet::new();
        for connection in connections {
            for _ in 0..LISTS_IN_FLIGHT {
                let (connection, source) = (connection.clone(), source.clone());
                streams.spawn(self.clone().stream(connection, source));
            }
        }
        while let Some(ended) = streams.join_next().await {
            ended.map_err(|error| Error::answer(&error.to_string()))??;
        }
        Ok(())
    }

    async fn stream(self, connection: Connection, mut source: Source) -> Result<(), Error> {
        let list = (LIST_BYTES_MAX / self.entry_bytes.max(1)).clamp(1, LIST_KEYS_MAX);
        let mut stub = connection.stub().await?;
        loop {
            let first = self.next.fetch_add(list, Relaxed);
            let numbers = first..self.keys.min(first.saturating_add(list));
            if numbers.is_empty() {
                return Ok(());
            }
            let operations = numbers.map(|number| source.set(number)).collect();
            let answer = stub.batch(pb::BatchRequest { operations });
            let answer = timeout(self.call_timeout, answer).await;
            let results = answer.map_err(|_| Error::deadline())??.into_inner().results;
            let mut stored = 0;
            for result in results {
                if let Some(operation_result::Kind::Failure(failure)) = result.kind {
                    return Err(failure.into());
                }
                stored += 1;
            }
            self.stored.fetch_add(stored, Relaxed);
        }
    }
}
