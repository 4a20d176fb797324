//! Streams that make one call at a time: operations of their own, and batches.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::{
    client::error::Error,
    load::{
        connection::{Connection, Stub},
        plan::Plan,
        source::{Request, Source},
        tally::{Label, Outcome, Tally},
    },
    proto::{self as pb, operation, operation_result},
};

/// A stream that makes one call at a time.
#[derive(Debug)]
pub(super) struct Caller {
    /// Where.
    pub(super) connection: Connection,
    /// What.
    pub(super) source: Source,
    /// Operations of each call; none for calls of their own.
    pub(super) batch: Option<usize>,
    /// How long each may take.
    pub(super) call_timeout: Duration,
}

impl Caller {
    /// Makes its calls until the plan has no more.
    pub(super) async fn work(mut self, plan: Arc<Plan>, tally: Arc<Mutex<Tally>>) {
        let mut stub = None;
        while let Some(intended) = plan.next().await {
            let (label, outcome) = self.call(&mut stub).await;
            let now = Instant::now();
            if plan.counts(intended) {
                let latency = now.saturating_duration_since(intended);
                tally.lock().count(label, latency, outcome, now);
            }
        }
    }

    async fn call(&mut self, kept: &mut Option<Stub>) -> (Label, Outcome) {
        let (label, request) = if let Some(count) = self.batch {
            (Label::Batch, Request::Batch(self.source.operations(count)))
        } else {
            let (kind, request) = self.source.call();
            (Label::One(kind), request)
        };
        let operations = self.batch.map_or(1, operations);
        let mut stub = match kept.take() {
            Some(stub) => stub,
            None => match self.connection.stub().await {
                Ok(stub) => stub,
                Err(error) => return (label, Outcome::refused(&error, operations)),
            },
        };
        let error = match timeout(self.call_timeout, made(&mut stub, request)).await {
            Ok(Ok(outcome)) => {
                *kept = Some(stub);
                return (label, outcome);
            }
            Ok(Err(status)) => Error::from(status),
            Err(_) => Error::deadline(),
        };
        // Who was answered by the server has still a connection to it.
        if error.reason().is_some() {
            *kept = Some(stub);
        }
        (label, Outcome::refused(&error, operations))
    }
}

/// How many operations, as they are counted.
pub(super) fn operations(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What came of a list.
pub(super) fn outcome_of(results: &[pb::OperationResult]) -> Outcome {
    let mut outcome = Outcome::default();
    for result in results {
        match &result.kind {
            Some(operation_result::Kind::Failure(failure)) => {
                outcome.failed.push((failure.reason.clone(), 1));
            }
            Some(operation_result::Kind::Get(found)) if found.entry.is_none() => {
                outcome.operations += 1;
                outcome.missed += 1;
            }
            _ => outcome.operations += 1,
        }
    }
    outcome
}

async fn made(stub: &mut Stub, request: Request) -> Result<Outcome, Status> {
    let mut outcome = Outcome {
        operations: 1,
        ..Outcome::default()
    };
    match request {
        Request::Operation(operation::Kind::Get(get)) => {
            let found = stub.get(get).await?.into_inner();
            outcome.missed = u64::from(found.entry.is_none());
        }
        Request::Operation(operation::Kind::Set(set)) => drop(stub.set(set).await?),
        Request::Operation(operation::Kind::Delete(delete)) => drop(stub.delete(delete).await?),
        Request::Operation(operation::Kind::Increment(add)) => drop(stub.increment(add).await?),
        Request::Operation(operation::Kind::Touch(touch)) => drop(stub.touch(touch).await?),
        Request::List(list) => drop(stub.list(list).await?),
        Request::Batch(operations) => {
            let answer = stub.batch(pb::BatchRequest { operations }).await?;
            outcome = outcome_of(&answer.into_inner().results);
        }
    }
    Ok(outcome)
}
