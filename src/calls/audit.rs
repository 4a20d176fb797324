//! Who changed what: a line in the log for each change that is asked for, where
//! that is wished. It tells who, from where, below which prefix and with what
//! outcome; never a value, and of a key no more than is needed to look it up.

use std::net::SocketAddr;

use tonic::Code;

use crate::{
    calls::failure::{Failure, cut},
    gate::access::{
        caller::Caller,
        identity::{Identity, Right},
    },
    proto::{
        self, BatchRequest, DeleteRangeRequest, DeleteRangeResponse, TransactRequest,
        TransactResponse, operation::Kind, operation_result,
    },
};

/// Where no prefix is granted so much of a key is shown at most, and never more
/// than half of it: below which prefix it lies, and not which it is.
const SHOWN_BYTES_MAX: usize = 16;

/// How a change came out: at which version, or why not.
enum Outcome<'a> {
    Done {
        version: Option<i64>,
        deleted_count: Option<i64>,
    },
    Refused {
        code: Code,
        reason: &'a str,
    },
}

/// Tells of the change of one key by the call `method`.
pub fn single<A>(
    caller: &Caller,
    method: &'static str,
    key: &str,
    answer: &Result<A, Failure>,
    version: impl FnOnce(&A) -> i64,
) {
    let Some(peer) = caller.audited() else {
        return;
    };
    let outcome = match answer {
        Ok(answer) => done(version(answer)),
        Err(failure) => refused(failure),
    };
    tell(caller, peer, method, method, prefix(caller, key), &outcome);
}

/// Tells of the changes in a list that came by `call`, as it was answered.
pub fn list(
    caller: &Caller,
    call: &'static str,
    operations: &[proto::Operation],
    results: &[proto::OperationResult],
) {
    let Some(peer) = caller.audited() else {
        return;
    };
    for (operation, result) in operations.iter().zip(results) {
        if let Some((method, key)) = change(operation) {
            let prefix = prefix(caller, key);
            tell(caller, peer, call, method, prefix, &outcome(result));
        }
    }
}

/// Tells of a list that was refused, or of a transaction.
pub fn whole(
    caller: &Caller,
    call: &'static str,
    operations: &[proto::Operation],
    failure: &Failure,
) {
    let Some(peer) = caller.audited() else {
        return;
    };
    for (method, key) in operations.iter().filter_map(change) {
        let prefix = prefix(caller, key);
        tell(caller, peer, call, method, prefix, &refused(failure));
    }
}

/// Tells of the changes of a Batch.
pub fn batch(
    caller: &Caller,
    given: &BatchRequest,
    answer: &Result<proto::BatchResponse, Failure>,
) {
    match answer {
        Ok(answer) => list(caller, "Batch", &given.operations, &answer.results),
        Err(failure) => whole(caller, "Batch", &given.operations, failure),
    }
}

/// Tells of the changes of a transaction.
pub fn transaction(
    caller: &Caller,
    given: &TransactRequest,
    answer: &Result<TransactResponse, Failure>,
) {
    match answer {
        Ok(answer) => list(caller, "Transact", &given.operations, &answer.results),
        Err(failure) => whole(caller, "Transact", &given.operations, failure),
    }
}

/// Tells of the removal of a range.
pub fn range(
    caller: &Caller,
    given: &DeleteRangeRequest,
    answer: &Result<DeleteRangeResponse, Failure>,
) {
    let Some(peer) = caller.audited() else {
        return;
    };
    let begins = given.range.as_ref().map_or("", |range| {
        if range.prefix.is_empty() {
            &range.start
        } else {
            &range.prefix
        }
    });
    let outcome = match answer {
        Ok(answer) => Outcome::Done {
            version: Some(answer.version).filter(|version| *version > 0),
            deleted_count: answer.deleted_count,
        },
        Err(failure) => refused(failure),
    };
    let method = "DeleteRange";
    tell(
        caller,
        peer,
        method,
        method,
        prefix(caller, begins),
        &outcome,
    );
}

fn tell(
    caller: &Caller,
    peer: SocketAddr,
    call: &'static str,
    method: &'static str,
    prefix: &str,
    outcome: &Outcome<'_>,
) {
    let identity = caller.identity().map(Identity::name);
    let (version, deleted_count, code, reason) = match outcome {
        Outcome::Done {
            version,
            deleted_count,
        } => (*version, *deleted_count, Code::Ok, None),
        Outcome::Refused { code, reason } => (None, None, *code, Some(*reason)),
    };
    tracing::info!(
        target: "audit",
        identity,
        %peer,
        call,
        method,
        prefix,
        version,
        deleted_count,
        ?code,
        reason,
        "change"
    );
}

/// What is shown of a key: the prefix that was granted, or else its beginning.
fn prefix<'a>(caller: &'a Caller, key: &'a str) -> &'a str {
    let granted = caller
        .identity()
        .and_then(|identity| identity.granted(Right::Write, key));
    granted
        .filter(|prefix| !prefix.is_empty())
        .unwrap_or_else(|| cut(key, SHOWN_BYTES_MAX.min(key.len() / 2)))
}

fn change(operation: &proto::Operation) -> Option<(&'static str, &str)> {
    match operation.kind.as_ref()? {
        Kind::Get(_) => None,
        Kind::Set(set) => Some(("Set", &set.key)),
        Kind::Delete(delete) => Some(("Delete", &delete.key)),
        Kind::Increment(increment) => Some(("Increment", &increment.key)),
        Kind::Touch(touch) => Some(("Touch", &touch.key)),
    }
}

fn outcome(result: &proto::OperationResult) -> Outcome<'_> {
    match &result.kind {
        Some(operation_result::Kind::Set(answer)) => done(answer.version),
        Some(operation_result::Kind::Delete(answer)) => done(answer.version),
        Some(operation_result::Kind::Increment(answer)) => done(answer.version),
        Some(operation_result::Kind::Failure(failure)) => Outcome::Refused {
            code: Code::from_i32(failure.code),
            reason: &failure.reason,
        },
        Some(operation_result::Kind::Touch(_) | operation_result::Kind::Get(_)) | None => done(0),
    }
}

/// What changed nothing has no version.
fn done(version: i64) -> Outcome<'static> {
    Outcome::Done {
        version: Some(version).filter(|version| *version > 0),
        deleted_count: None,
    }
}

fn refused(failure: &Failure) -> Outcome<'static> {
    Outcome::Refused {
        code: failure.code(),
        reason: failure.reason(),
    }
}
