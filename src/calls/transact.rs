//! Checks and operations that are decoded, and answered, as one.

use crate::{
    calls::{
        failure::Failure,
        permit, status,
        wire::{once, request, response},
    },
    engine::Engine,
    gate::access::caller::Caller,
    model::{
        error::Error,
        limits::Limits,
        once::Content,
        operation::Operation,
        transaction::{Check, Transacted, Transaction, TransactionError},
    },
    proto,
};

/// How many bytes of a reply are set aside for each operation, for what it
/// answers beside an entry: numbers and times.
const RESULT_BYTES_MAX: usize = 64;

/// How many bytes of a reply are set aside for the version of the whole.
const VERSION_BYTES_MAX: usize = 16;

/// A transaction that was decoded.
#[derive(Debug)]
pub struct Transact<'a> {
    given: &'a proto::TransactRequest,
    checks: Vec<Check<'a>>,
    operations: Vec<Operation<'a>>,
    /// What the whole reply may have.
    reply_bytes_max: usize,
}

impl<'a> Transact<'a> {
    /// Decodes all of it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the first field that breaks a rule, with
    /// `operation_index` where it is one of an operation.
    pub fn decode(given: &'a proto::TransactRequest, limits: &Limits) -> Result<Self, Failure> {
        request::transact(given, limits)?;
        let checks = given.checks.iter().enumerate().map(|(index, check)| {
            let check = request::check(check, limits);
            check
                .map_err(|error| Failure::from(request::within(error, &format!("checks[{index}]"))))
        });
        let operations = given.operations.iter().enumerate();
        let operations = operations.map(|(index, operation)| {
            let operation = request::own_operation(operation, limits);
            operation.map_err(|error| {
                let error = request::within(error, &format!("operations[{index}]"));
                Failure::from(&error).with_operation(index)
            })
        });
        Ok(Self {
            given,
            checks: checks.collect::<Result<_, _>>()?,
            operations: operations.collect::<Result<_, _>>()?,
            reply_bytes_max: limits.reply_bytes_max,
        })
    }

    /// Whether `caller` may ask for it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for the first check or operation that they may not.
    pub fn permit(&self, caller: &Caller) -> Result<(), Failure> {
        for (index, check) in self.checks.iter().enumerate() {
            let permitted = permit::read(caller, check.key);
            permitted.map_err(|denied| denied.with("check_index", &index))?;
        }
        for (index, operation) in self.operations.iter().enumerate() {
            let permitted = permit::operation(caller, operation);
            permitted.map_err(|denied| denied.with_operation(index))?;
        }
        Ok(())
    }

    /// Has it carried out.
    ///
    /// # Errors
    /// What it is refused with.
    pub async fn run<E: Engine>(&self, engine: &E) -> Result<proto::TransactResponse, Failure> {
        let transacted = self.ask(engine).await;
        let transacted = transacted.map_err(|error| self.refused(error))?;
        Ok(self.reply(transacted))
    }

    async fn ask<E: Engine>(&self, engine: &E) -> Result<Transacted, TransactionError> {
        let transaction = Transaction::new(&self.checks, &self.operations)?;
        let results = self.operations.len().saturating_mul(RESULT_BYTES_MAX);
        let set_aside = results.saturating_add(VERSION_BYTES_MAX);
        let Some(entries_bytes_max) = self.reply_bytes_max.checked_sub(set_aside) else {
            return Err(TransactionError::Whole(Error::ReplyTooLarge {
                reply_bytes_max: self.reply_bytes_max,
            }));
        };
        let request_id = &self.given.request_id;
        let once = once::of(request_id, || Content::of_transaction(&transaction));
        match once.map_err(|invalid| TransactionError::Whole(invalid.into()))? {
            None => engine.transact(transaction, entries_bytes_max).await,
            Some(once) => {
                let transacted = engine.transact_once(once, transaction, entries_bytes_max);
                transacted.await
            }
        }
    }

    fn reply(&self, transacted: Transacted) -> proto::TransactResponse {
        let results = self.operations.iter().zip(transacted.outcomes);
        proto::TransactResponse {
            results: results
                .map(|(operation, outcome)| response::result(operation, outcome))
                .collect(),
            version: response::number(transacted.version),
        }
    }

    fn refused(&self, error: TransactionError) -> Failure {
        match error {
            TransactionError::Check { index, error } => match self.checks.get(index) {
                Some(check) => status::of_check(&error, index, check.key),
                None => Failure::from(&error),
            },
            TransactionError::Operation { index, error } => {
                let error = self.named(error, index);
                let failure = match self.operations.get(index) {
                    Some(operation) => status::of_key(&error, operation.key()),
                    None => Failure::from(&error),
                };
                failure.with_operation(index)
            }
            TransactionError::Whole(error) => Failure::from(&error),
        }
    }

    /// The error of an operation, with the names that this wire has.
    fn named(&self, error: Error, index: usize) -> Error {
        let reply_bytes_max = self.reply_bytes_max;
        let kind = self
            .given
            .operations
            .get(index)
            .and_then(|it| it.kind.as_ref());
        let path = match kind {
            Some(kind) => format!("operations[{index}].{}", request::kind_name(kind)),
            None => format!("operations[{index}]"),
        };
        match error {
            // The engine knows what was left for entries only.
            Error::ReplyTooLarge { .. } => Error::ReplyTooLarge { reply_bytes_max },
            other => request::within(other, &path),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::{
        model::{
            entry::Entry,
            operation::{Applied, Outcome},
            time::UnixMillis,
            value::Value,
            version::Version,
        },
        proto::operation,
    };

    fn operations() -> [operation::Kind; 5] {
        let key = "k".to_owned();
        let value = Some(proto::Value {
            kind: Some(proto::value::Kind::Number(1)),
        });
        [
            operation::Kind::Get(proto::GetRequest {
                key: key.clone(),
                omit_value: false,
            }),
            operation::Kind::Set(proto::SetRequest {
                key: key.clone(),
                value,
                ..Default::default()
            }),
            operation::Kind::Delete(proto::DeleteRequest {
                key: key.clone(),
                ..Default::default()
            }),
            operation::Kind::Increment(proto::IncrementRequest {
                key: key.clone(),
                ..Default::default()
            }),
            operation::Kind::Touch(proto::TouchRequest {
                key,
                ..Default::default()
            }),
        ]
    }

    #[test]
    fn what_an_answer_has_beside_its_entry_fits_what_is_set_aside() {
        let (version, late) = (Version::new(i64::MAX), Some(UnixMillis::new((1 << 48) - 1)));
        let value = Value::Data(vec![7; 1 << 20].into());
        let entry = Entry::new("k".repeat(1024), Some(value), version.unwrap(), late);
        let entry_bytes = entry.reply_bytes();
        for kind in operations() {
            let given = proto::TransactRequest {
                operations: vec![proto::Operation { kind: Some(kind) }],
                ..Default::default()
            };
            let transact = Transact::decode(&given, &Limits::default()).unwrap();
            let outcome = match transact.operations.first() {
                Some(Operation::Read(_)) => Outcome::Read(Some(entry.clone())),
                _ => Outcome::Applied(Applied {
                    version,
                    deadline: late,
                    number: Some(-1),
                    retimed: true,
                    entry: Some(entry.clone()),
                }),
            };
            let reply = transact.reply(Transacted {
                outcomes: vec![outcome],
                version,
            });
            let bytes = reply.encoded_len();
            assert!(
                bytes <= entry_bytes + RESULT_BYTES_MAX + VERSION_BYTES_MAX,
                "{bytes} for {:?}",
                transact.operations
            );
        }
    }
}
